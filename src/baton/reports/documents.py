"""A document for programs, such as one answer of many parts, as JSON."""

from __future__ import annotations

import json

from baton.reports.text import json_escaped


def as_json(document: object) -> str:
    """JSON, indented by one; hidden characters are spelled, and the values are the raw ones."""
    text = json.dumps(document, ensure_ascii=False, indent=1, allow_nan=False)
    return "".join(f"{json_escaped(line)}\n" for line in text.split("\n"))
