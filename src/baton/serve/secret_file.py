"""Files that hold secrets: the tokens, the private key."""

from __future__ import annotations

from typing import TYPE_CHECKING

from baton.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

# A group may read: Kubernetes gives a mounted secret to the pod's.
_OTHERS = 0o007


def refuse_if_open(path: Path) -> None:
    """Refuses a file that everybody on the machine may read or change.

    Raises:
        InputError: they may, or it cannot be looked at.
    """
    try:
        mode = path.stat().st_mode
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}; name a file that can be read") from error
    if mode & _OTHERS:
        raise InputError(f"{path}: holds secrets, and others may use it (mode {mode & 0o777:o}); `chmod o= {path}`")
