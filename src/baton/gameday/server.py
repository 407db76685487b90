"""`baton serve` as a process of its own, on free ports of the loopback."""

from __future__ import annotations

import subprocess
import sys
from contextlib import contextmanager
from threading import Timer
from typing import TYPE_CHECKING

from baton.errors import UnavailableError
from baton.limits import SERVER_READY_S_MAX, SERVER_STOP_S_MAX

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

COMMAND = (sys.executable, "-P", "-m", "baton")
"""How this very installation is started, whatever `baton` means on the path or in the working folder."""

_ANY_PORT = "127.0.0.1:0"
_GRPC = "OTLP/gRPC "
_READY = "ready"


@contextmanager
def serving(store: Path, owners: Path) -> Iterator[str]:
    """Serves a store from `with` to its end, and then stops as SIGTERM does: everything drained and learned.

    Args:
        store: its folder; created if there is none.
        owners: the ownership file.

    Yields:
        HOST:PORT of OTLP/gRPC.

    Raises:
        UnavailableError: it ended by itself, was not ready in time, or did not stop well.
    """
    arguments = ("serve", "--store", store, "--owners", owners, "--grpc", _ANY_PORT, "--http", _ANY_PORT)
    # A session of its own: Ctrl-C is for the bank, which exports its last spans before the endpoint is stopped.
    with subprocess.Popen(  # noqa: S603 - ours
        [*COMMAND, *arguments], stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        try:
            yield _ready(process)
        except BaseException:
            process.terminate()
            raise
        _stop(process)


def _ready(process: subprocess.Popen[str]) -> str:
    """The gRPC address, once it is ready."""
    alarm = Timer(SERVER_READY_S_MAX, process.kill)
    alarm.start()
    try:
        said = list(_until_ready(process))
    finally:
        alarm.cancel()
    if not said or said[-1] != _READY:
        raise UnavailableError(
            f"`baton serve` ended with exit code {process.wait()} before it was ready (it has {SERVER_READY_S_MAX:.0f} "
            "s for that): what it wrote above says why"
        )
    return next(line.removeprefix(_GRPC) for line in said if line.startswith(_GRPC))


def _until_ready(process: subprocess.Popen[str]) -> Iterator[str]:
    for line in process.stdout or ():
        yield line.rstrip("\n")
        if line.rstrip("\n") == _READY:
            return


def _stop(process: subprocess.Popen[str]) -> None:
    process.terminate()
    try:
        code = process.wait(SERVER_STOP_S_MAX)
    except subprocess.TimeoutExpired as error:
        process.kill()
        raise UnavailableError(
            f"`baton serve` did not stop within {SERVER_STOP_S_MAX:.0f} s and was killed: look at what it wrote above"
        ) from error
    if code:
        raise UnavailableError(f"`baton serve` stopped with exit code {code}: what it wrote above says why")
