"""The endpoint's sign of life: a file that says when it last took requests."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_DIGITS = 20


def beat(path: Path, now_ns: int) -> None:
    """Writes the time, in place: the file is as long at every moment, and there is nothing of it to lose.

    It is not synced: after a power cut it may be older by what the system still held (30 s by default), and the outage
    is told longer than it was. Too long a blind spot excuses; too short a one accuses.

    Raises:
        OSError: the disk refused.
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT, 0o644)
    try:
        os.pwrite(descriptor, f"{now_ns:0{_DIGITS}}\n".encode(), 0)
    finally:
        os.close(descriptor)


def last_beat(path: Path) -> int | None:
    """When it was written last, ns since 1970; null if never, or where it cannot be read."""
    try:
        return int(path.read_bytes())
    except (OSError, ValueError):
        return None
