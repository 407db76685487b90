"""Compaction in a process of its own: it takes as much memory as a million spans.

Run as a module, this is that process: `python -m baton.serve.compactor STORE [KEPT_FROM_NS]` writes new files beside
the old ones and tells them on standard output; the endpoint, which holds the lock, commits them.
"""

from __future__ import annotations

import sys
from pathlib import Path

from baton.limits import COMPACT_S_MAX
from baton.serve.child import give_way, run_child
from baton.store.layout import Layout
from baton.store.rewrite import Rewrite, compact


async def compacted(store: Path, kept_from_ns: int | None) -> Rewrite:
    """New files for the table of spans; without those ingested before `kept_from_ns`, if it is given.

    Raises:
        UnavailableError: the process failed, was killed, or took longer than `COMPACT_S_MAX`.
    """
    arguments = [str(store)] if kept_from_ns is None else [str(store), str(kept_from_ns)]
    return Rewrite.from_json(await run_child(__name__, arguments, COMPACT_S_MAX))


def main(arguments: list[str]) -> None:
    """Compacts, and writes what it did to standard output."""
    give_way()
    store, *kept_from_ns = arguments
    done = compact(Layout(Path(store)).spans, int(kept_from_ns[0]) if kept_from_ns else None, everything=False)
    sys.stdout.buffer.write(done.to_json())


if __name__ == "__main__":
    main(sys.argv[1:])
