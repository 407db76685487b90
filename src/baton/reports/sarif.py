"""LINT as SARIF 2.1.0 (OASIS, "Static Analysis Results Interchange Format"), for code scanning and pipelines.

A queue has no line in a file, so a result names it as a logical location; where the facts came from a file, the result
lies in that file too. Names are percent-encoded where they stand in a name's path or a URI.
"""

from __future__ import annotations

import hashlib
import json
import string
from typing import TYPE_CHECKING, Any

from baton import __version__
from baton.reports.lint import objects, place
from baton.reports.text import json_escaped

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    import polars as pl

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"

_UNRESERVED = string.ascii_letters + string.digits + "-._~"
_PLACE = ("tenant", "environment", "broker", "vhost")


def as_sarif(frame: pl.DataFrame, rules: Iterable[tuple[str, str, str]], file: str | None = None) -> str:
    """LINT as a SARIF log with one run.

    Args:
        frame: LINT.
        rules: name, gravest severity and meaning of every rule.
        file: URI of the file that was checked, see `uri`; None for the store's facts.
    """
    described = [
        {
            "id": name,
            "shortDescription": {"text": meaning.partition(". ")[0].rstrip(".") + "."},
            "fullDescription": {"text": meaning},
            "defaultConfiguration": {"level": severity},
        }
        for name, severity, meaning in rules
    ]
    index = {str(rule["id"]): number for number, rule in enumerate(described)}
    results = [_result(row, index, file) for row in objects(frame)]
    driver = {"name": "baton", "version": __version__, "rules": described}
    log = {"$schema": SCHEMA, "version": "2.1.0", "runs": [{"tool": {"driver": driver}, "results": results}]}
    return "\n".join(json_escaped(one) for one in json.dumps(log, ensure_ascii=False, indent=1).split("\n")) + "\n"


def uri(path: Path, working: Path) -> str:
    """The file as a URI reference: relative to the working folder where it lies within."""
    if not path.is_absolute():
        return _encoded(path.as_posix(), "/")
    if path.is_relative_to(working):
        return _encoded(path.relative_to(working).as_posix(), "/")
    return path.as_uri()


def _result(row: Mapping[str, Any], index: Mapping[str, int], file: str | None) -> dict[str, object]:
    parts = [row[name] for name in (*_PLACE, "exchange", "queue")]
    qualified = "/".join(_encoded(part) for part in parts if part)
    location: dict[str, object] = {
        "logicalLocations": [{"name": place(row), "fullyQualifiedName": qualified, "kind": "resource"}]
    }
    if file is not None:
        location["physicalLocation"] = {"artifactLocation": {"uri": file}}
    digest = hashlib.sha256(f"{row['rule']}\n{place(row)}\n{qualified}".encode()).hexdigest()
    return {
        "ruleId": row["rule"],
        "ruleIndex": index[row["rule"]],
        "level": row["severity"],
        "message": {"text": f"{row['message']}. Change: {row['change']}."},
        "locations": [location],
        "partialFingerprints": {"place/v1": digest},
        "properties": {name: value for name, value in row.items() if name not in ("rule", "severity", "message")},
    }


def _encoded(name: str, kept: str = "") -> str:
    """The name with everything percent-encoded but RFC 3986's unreserved characters and what is kept."""
    return "".join(
        chr(byte) if chr(byte) in _UNRESERVED + kept else f"%{byte:02X}" for byte in name.encode(errors="replace")
    )
