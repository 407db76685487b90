"""How much memory the process holds, and giving back what it does not need.

glibc keeps freed memory for later, in an arena a thread: after a burst of large requests most of a gigabyte. Told to
map large blocks on their own, it gives each back when it is freed.
"""

from __future__ import annotations

import ctypes
import os
from contextlib import suppress
from pathlib import Path

_STATM = Path("/proc/self/statm")
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
# mallopt(3).
_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3
_M_ARENA_MAX = -8
_LARGE_BYTES = 8 * 1024 * 1024
# Of a heap's free end: less, and every group of requests would be paged in anew.
_KEPT_BYTES = 32 * 1024 * 1024
_ARENAS_MAX = 2


def resident_bytes() -> int:
    """The process's resident set; 0 where the system has no /proc, and then memory bounds nothing."""
    try:
        return int(_STATM.read_bytes().split()[1]) * _PAGE_BYTES
    except OSError:
        return 0


def set_up_allocator() -> None:
    """Tells glibc to keep little; other C libraries are left as they are."""
    with suppress(OSError, AttributeError):
        libc = ctypes.CDLL(None)
        libc.mallopt(_M_MMAP_THRESHOLD, _LARGE_BYTES)
        libc.mallopt(_M_TRIM_THRESHOLD, _KEPT_BYTES)
        libc.mallopt(_M_ARENA_MAX, _ARENAS_MAX)


def give_back() -> None:
    """Returns free memory to the system, where the C library can."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
