"""One process writes to a store at a time; the lock ends with the process, however it ends."""

from __future__ import annotations

import fcntl
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

from baton.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Holds the lock file at `path`, with this process's id in it.

    Raises:
        StoreError: another process holds it; the message names its id.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.read(descriptor, 32).strip()
            name = f"process {holder.decode()}" if holder.isdigit() else "another process"
            raise StoreError(
                f"the store at {path.parent} is in use by {name} (`baton serve` or another that writes): stop it, "
                "send to its endpoint instead, or name another store with --store"
            ) from error
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(descriptor)
