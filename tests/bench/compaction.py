"""What compaction costs, apart from taking spans in."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

from bench.table import Row

if TYPE_CHECKING:
    from pathlib import Path

GROUP = "compaction, apart"


def rows(store: Path, spans: int) -> list[Row]:
    """`baton compact` on a store that nobody serves.

    Args:
        store: its folder.
        spans: how many it holds.
    """
    with subprocess.Popen(
        [sys.executable, "-m", "baton", "compact", "--store", str(store)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        errors = process.stderr.read().strip()
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    what = "baton compact"
    if process.returncode:
        return [Row(GROUP, what, None, "spans/CPU-s", how=errors.rpartition("\n")[2])]
    return [
        Row(GROUP, what, spans / (used.ru_utime + used.ru_stime), "spans/CPU-s", how=f"{spans:,} spans"),
        Row(GROUP, "peak memory of its process", used.ru_maxrss / 1000, "MB"),
    ]
