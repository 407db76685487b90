"""`make bench-ingest`: one table of what the endpoint does on this machine, with what was asked of it."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from bench import compaction, decode, ingest, rotel, startup
from bench.table import as_json, as_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.table import Row

WORK = Path(".work")
FORMATS = {"table": as_text, "json": as_json}


def main(arguments: Sequence[str] | None = None) -> None:
    """Measures, and prints."""
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("--format", choices=FORMATS, default="table", help="Form of the answer.")
    parser.add_argument("--scale", type=float, default=1.0, help="Size of the loads; 1 takes about four minutes.")
    parser.add_argument("--rotel", type=Path, default=Path(".venv-rotel"), help="A virtual environment with rotel.")
    asked = parser.parse_args(arguments)
    # Here, not where temporary files lie: that may be memory, where a sync costs nothing.
    WORK.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="bench-", dir=WORK, ignore_cleanup_errors=True) as folder:
        rows = measured(Path(folder), asked.scale, rotel.agent(asked.rotel))
    sys.stdout.write(FORMATS[asked.format](rows))


def measured(folder: Path, scale: float, yardstick: Path | None) -> list[Row]:
    """All rows, in the order in which they were measured."""
    rows: list[Row] = []
    for name, measure in (
        ("decode", lambda: decode.rows(scale)),
        ("acknowledgement", lambda: ingest.acknowledgement(folder, scale, yardstick)),
        ("table", lambda: ingest.table(folder, scale)),
        ("compaction", lambda: compaction.rows(folder / "drained", ingest.drained_spans(scale))),
        ("latency", lambda: ingest.latency(folder, scale)),
        ("startup", lambda: startup.rows(folder, cold=scale >= 1)),
    ):
        sys.stderr.write(f"bench: {name}\n")
        rows += measure()
    return rows


if __name__ == "__main__":
    main()
