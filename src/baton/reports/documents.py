"""A document for programs, such as one answer of many parts, as JSON."""

from __future__ import annotations

import json
from typing import Any

from baton.reports.text import json_escaped
from baton.reports.times import rfc3339

_TIME = "_ns"


def as_json(document: object) -> str:
    """JSON, indented by one; hidden characters are spelled, and the values are the raw ones.

    A time, which is what a key ends in `_ns` for, is RFC 3339 under the key without: `since_ns` is `since`.
    """
    text = json.dumps(_told(document), ensure_ascii=False, indent=1, allow_nan=False)
    return "".join(f"{json_escaped(line)}\n" for line in text.split("\n"))


def _told(document: Any) -> object:  # noqa: ANN401 - whatever JSON can hold
    """The document with its times as text."""
    if isinstance(document, list | tuple):
        return [_told(one) for one in document]
    if not isinstance(document, dict):
        return document
    return dict(_item(name, value) for name, value in document.items())


def _item(name: str, value: object) -> tuple[str, object]:
    if not name.endswith(_TIME):
        return name, _told(value)
    return name.removesuffix(_TIME), rfc3339(value) if isinstance(value, int) else value
