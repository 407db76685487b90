"""File descriptors: enough for all connections, and a word in the log when the gRPC door is full.

gRPC closes connections beyond its limit without telling anybody. Descriptors can be counted from outside.
"""

from __future__ import annotations

import asyncio
import logging
import resource
from pathlib import Path
from typing import TYPE_CHECKING

from baton.limits import CONNECTIONS_MAX, FILES_BESIDE

if TYPE_CHECKING:
    from baton.serve.otlp_http import HttpServer

_log = logging.getLogger(__name__)

NEEDED = 2 * CONNECTIONS_MAX + FILES_BESIDE
_LOOK_S = 1.0
_DESCRIPTORS = Path("/proc/self/fd")


def raise_limit() -> None:
    """Raises the soft limit of open files to what the connections need; says so where the hard limit forbids it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = NEEDED if hard == resource.RLIM_INFINITY else min(NEEDED, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    if wanted < NEEDED:
        _log.warning(
            "%d files may be open, and %d connections need %d: raise the limit (ulimit -n, LimitNOFILE)",
            wanted,
            2 * CONNECTIONS_MAX,
            NEEDED,
        )


async def watch_grpc(web: HttpServer) -> None:
    """Logs once when the gRPC door is full, and again after it was half empty; until cancelled."""
    beside = _open_files() - web.connections
    told = False
    while True:
        await asyncio.sleep(_LOOK_S)
        connections = _open_files() - web.connections - beside
        if connections >= CONNECTIONS_MAX and not told:
            told = True
            _log.warning("OTLP/gRPC: %d connections are open, the limit: further ones are closed", CONNECTIONS_MAX)
        elif connections < CONNECTIONS_MAX // 2:
            told = False


def _open_files() -> int:
    """How many there are; 0 where the system has no /proc, and then nothing is told."""
    try:
        return sum(1 for _ in _DESCRIPTORS.iterdir())
    except OSError:
        return 0
