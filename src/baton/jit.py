"""numba as Baton uses it: machine code without the GIL, compiled once and kept.

numba keys its cache by the source file of the function alone: a function that calls a changed one in another file, or
one compiled without bounds checks, would be taken from it as it is. So the cache's folder bears a digest of every
source of the wire kernels, which call each other across files, and of what else decides the code; a change of any of
them compiles anew. A kernel elsewhere calls nothing outside its own file.
"""

from __future__ import annotations

import atexit
import hashlib
import os
import shutil
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import numba
from numba.core import config, event

if TYPE_CHECKING:
    from collections.abc import Callable

VARIABLE = "BATON_KERNEL_CACHE"
"""Names the folder that a process without a cache of its own made, to its children."""
COMPLETE = "complete"
"""A file of this name lies in the cache when every kernel does."""

_F = TypeVar("_F", bound="Callable[..., Any]")


def jit_lean(function: _F) -> _F:
    """Compiles at the first call, or takes the machine code that an earlier process compiled.

    With NUMBA_DISABLE_JIT=1 the function stays Python, for fuzzers that look into it: write it so that both agree,
    with every integer of a `uint64` made by `np.uint64(...)` before it is shifted, added or compared.

    It makes no array and calls only its like: there are no reference counts, whose atomic adds at every call that
    passes an array cost several times the work of a small kernel.
    """
    # nogil=True: other threads go on. error_model numpy: no branch for a division by zero.
    compiled = numba.njit(cache=True, nogil=True, error_model="numpy", _nrt=False)(function)  # type: ignore[call-overload] # numba declares no such option, and has it
    return cast("_F", compiled)


def inlined(function: _F) -> _F:
    """`jit_lean` for a function at the bottom of loops: its code stands in each caller's.

    A call passes seven words an array; without it the walk over a request takes twice as long.
    """
    compiled = numba.njit(cache=True, nogil=True, error_model="numpy", _nrt=False, forceinline=True)(function)  # type: ignore[call-overload] # as above
    return cast("_F", compiled)


def expanded(function: _F) -> _F:
    """`jit_lean` for a function with one caller: it becomes part of it before anything is compiled.

    numba compiles each function by itself, and all that it calls with it: a chain of them is compiled over and over.
    """
    compiled = numba.njit(inline="always", cache=True, nogil=True, error_model="numpy", _nrt=False)(function)  # type: ignore[call-overload] # as above
    return cast("_F", compiled)


def _digest() -> str:
    parts = [numba.__version__, sys.version, os.environ.get("NUMBA_BOUNDSCHECK", "")]
    sources = [Path(__file__), *sorted((Path(__file__).parent / "wire").glob("*.py"))]
    return hashlib.sha256(b"\0".join([*(p.encode() for p in parts), *(s.read_bytes() for s in sources)])).hexdigest()


def _cache_folder() -> Path:
    """Beside the code, else in the user's cache, else for this process and its children: never where others may write.

    What an installer compiled beside the code is copied, where it may be read only: numba wants to write.
    """
    name = f"kernel-{_digest()[:16]}"
    installed = Path(__file__).parent / "__pycache__" / name
    user = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")  # noqa: PTH111 - Path's fails without a home
    for folder in (installed, Path(user) / "baton" / name, Path(os.environ.get(VARIABLE, "")) / name):
        if not folder.is_absolute():
            continue
        with suppress(OSError):
            folder.mkdir(parents=True, exist_ok=True)
            if os.access(folder, os.W_OK) and folder.stat().st_uid == os.geteuid():
                return folder
    parent = Path(tempfile.mkdtemp(prefix="baton-kernel-"))
    atexit.register(shutil.rmtree, parent, ignore_errors=True)
    os.environ[VARIABLE] = str(parent)
    with suppress(OSError):
        if (installed / COMPLETE).exists() and installed.stat().st_uid == 0:
            shutil.copytree(installed, parent / name)
    (parent / name).mkdir(exist_ok=True)
    return parent / name


class _Notice(event.Listener):
    """Says, once, that this process compiles the wire kernels; others take a second, and nobody has to know."""

    def __init__(self) -> None:
        self._said = False

    def on_start(self, event: event.Event) -> None:
        if not self._said and event.data["dispatcher"].py_func.__module__.startswith("baton.wire"):
            self._said = True
            sys.stderr.write("baton: compiling the wire kernel for this machine (once, about a minute)\n")

    def on_end(self, event: event.Event) -> None:
        """Nothing to say."""


FOLDER = _cache_folder()
config.CACHE_DIR = str(FOLDER)  # type: ignore[attr-defined] # numba sets it by name
event.register("numba:compile", _Notice())  # type: ignore[no-untyped-call] # numba ships no types
