"""The kernels compiled for this machine: when Baton is installed, or at the first start, never while a request waits.

`python -m baton.wire.warm` is the last step of an installation.
"""

from __future__ import annotations

import subprocess
import sys

from numba.core import config

from baton import jit
from baton.settings import RedactionRules
from baton.wire import kernel, otlp_json
from baton.wire.redaction import KEY_BYTES_MIN, Redactor

_COMPLETE = jit.FOLDER / jit.COMPLETE


def warm() -> None:
    """Loads every kernel, compiled before if need be.

    A process of its own compiles: that takes more memory than the endpoint may ever hold.
    """
    if not config.DISABLE_JIT and not _COMPLETE.exists():  # type: ignore[attr-defined] # numba sets it by name
        # If it fails, what is missing is compiled here.
        subprocess.run([sys.executable, "-m", __name__], check=False)  # noqa: S603 - it is this module
    _load()


def _load() -> None:
    kernel.warm()
    otlp_json.warm()
    Redactor(RedactionRules(), bytes(KEY_BYTES_MIN))


if __name__ == "__main__":
    _load()
    _COMPLETE.touch()
