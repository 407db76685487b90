"""rotel, an OTLP collector in Rust, as one that accepts and throws away: the yardstick of the endpoint."""

from __future__ import annotations

import socket
import subprocess
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

READY_S_MAX = 30.0


def agent(venv: Path) -> Path | None:
    """The program in a virtual environment that has the package `rotel`; None if there is none."""
    return next(iter(venv.glob("lib/python*/site-packages/rotel/rotel-agent")), None)


@contextmanager
def serving(program: Path) -> Iterator[tuple[int, str]]:
    """A rotel that listens: its process id and HOST:PORT of OTLP/gRPC."""
    address, other = _free_address(), _free_address()
    with subprocess.Popen(
        [
            program,
            "start",
            "--exporter=blackhole",
            f"--otlp-grpc-endpoint={address}",
            f"--otlp-http-endpoint={other}",
            "--otlp-grpc-max-recv-msg-size-mib=64",
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            _wait(address)
            yield process.pid, address
        finally:
            process.kill()


def _free_address() -> str:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return f"127.0.0.1:{server.getsockname()[1]}"


def _wait(address: str) -> None:
    host, _, port = address.rpartition(":")
    deadline = time.monotonic() + READY_S_MAX
    while time.monotonic() < deadline:
        try:
            socket.create_connection((host, int(port))).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise TimeoutError(f"rotel does not listen on {address} after {READY_S_MAX:.0f} s")
