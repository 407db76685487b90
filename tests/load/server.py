"""`baton serve` as a process that a test may kill, starve and measure."""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from baton.limits import SERVER_STOP_S_MAX

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

READY_S_MAX = 120.0
"""A cold start on a busy machine; no test waits that long unless something is broken."""
ANY_PORT = "127.0.0.1:0"

# How the lines begin by which it says how far it is.
LISTENS, READY = "OTLP/HTTP", "ready"

_COMMAND = "import sys; from baton import limits; {changes}from baton.cli import main; sys.exit(main())"


class Server:
    """A `baton serve`, started and not waited for.

    Attributes:
        store: its store.
        process: the process.
    """

    def __init__(
        self, store: Path, grpc: str = ANY_PORT, http: str = ANY_PORT, options: Sequence[str] = (), **limits: float
    ) -> None:
        """Starts it.

        Args:
            store: its store.
            grpc: where its gRPC door shall listen.
            http: where its HTTP door shall.
            options: further options of the command line.
            limits: bounds of `baton.limits` that this process shall have instead, so that what takes minutes takes
                moments. Users have no such switch.
        """
        changes = "".join(f"limits.{name} = {value!r}; " for name, value in limits.items())
        serve = ["serve", "--store", str(store), "--grpc", grpc, "--http", http, *options]
        self.store = store
        self._errors = tempfile.TemporaryFile("a+")  # noqa: SIM115 - as long as the process; a full pipe would stop it
        self.process = subprocess.Popen(
            [sys.executable, "-c", _COMMAND.format(changes=changes), *serve],
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
        )
        self._said: dict[str, str] = {}
        self._heard = {line: threading.Event() for line in (LISTENS, READY)}
        self._listener = threading.Thread(target=self._listen)
        self._listener.start()

    @property
    def grpc(self) -> str:
        """HOST:PORT of OTLP/gRPC, once it is ready."""
        return self._said["OTLP/gRPC"]

    @property
    def http(self) -> str:
        """HOST:PORT of OTLP/HTTP, once it is ready."""
        return self._said["OTLP/HTTP"]

    def wait_listening(self) -> Server:
        """Returns when its doors are open, whether or not it is ready; errors as of `wait_ready`."""
        return self._wait(LISTENS)

    def wait_ready(self) -> Server:
        """Returns when it is ready; an AssertionError tells what it said if it ended before that."""
        return self._wait(READY)

    def is_ready(self, seconds: float) -> bool:
        """Whether it is ready within the time."""
        return self._heard[READY].wait(seconds) and READY in self._said

    def kill(self) -> None:
        """SIGKILL, at once; returns when it is gone."""
        self.process.kill()
        self.end()

    def stop(self, number: signal.Signals = signal.SIGTERM) -> tuple[int, str]:
        """Sends the signal; returns the exit code and what it said on standard error."""
        self.process.send_signal(number)
        return self.end()

    def end(self) -> tuple[int, str]:
        """Waits for its end; returns the exit code and what it said on standard error."""
        code = self.process.wait(SERVER_STOP_S_MAX)
        self._listener.join()
        assert self.process.stdout is not None
        self.process.stdout.close()
        return code, self.errors()

    def errors(self) -> str:
        """What it said on standard error so far."""
        self._errors.seek(0)
        return self._errors.read()

    def close(self) -> None:
        """Kills it if it still runs, and lets go of its files."""
        self.kill()
        self._errors.close()

    def _wait(self, line: str) -> Server:
        assert self._heard[line].wait(READY_S_MAX), f"it did not say {line!r} in time"
        assert line in self._said, f"it ended before it said {line!r}: {self.end()[1]}"
        return self

    def _listen(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            name, _, value = line.strip().partition(" ")
            self._said[name] = value
            if name in self._heard:
                self._heard[name].set()
        # It ended: nobody need wait any longer.
        for event in self._heard.values():
            event.set()


@contextmanager
def serving(store: Path, **limits: float) -> Iterator[Server]:
    """A server that is ready, and killed at the end if it still runs."""
    with starting(store, **limits) as server:
        yield server.wait_ready()


@contextmanager
def starting(store: Path, grpc: str = ANY_PORT, http: str = ANY_PORT, **limits: float) -> Iterator[Server]:
    """A server that may not be ready yet, and is killed at the end if it still runs; arguments as of Server."""
    server = Server(store, grpc, http, **limits)
    try:
        yield server
    finally:
        server.close()
