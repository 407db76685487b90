"""What of the fixture a machine writes: `PYTHONPATH=tests python -m gray.record FOLDER`."""

from __future__ import annotations

import gzip
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from gray.day import run
from gray.facts import facts
from gray.truth import expected

if TYPE_CHECKING:
    from gray.day import Day


def made(day: Day) -> dict[str, bytes]:
    """File name -> content, not compressed."""
    return {
        "traces.jsonl": b"".join(body + b"\n" for _, body in day.bank.telemetry.requests()),
        "broker.json": _json(facts(day)),
        "expected.json": _json(expected(day)),
    }


def main(folder: Path) -> None:
    """Writes them."""
    files = made(run())
    (folder / "traces.jsonl.gz").write_bytes(gzip.compress(files.pop("traces.jsonl"), mtime=0))
    for name, content in files.items():
        (folder / name).write_bytes(content)


def _json(value: object) -> bytes:
    return json.dumps(value, indent=1).encode() + b"\n"


if __name__ == "__main__":
    main(Path(sys.argv[1]))
