from __future__ import annotations

import socket
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from baton.errors import UnavailableError
from baton.gameday.demo import OWNERS
from baton.gameday.server import serving

if TYPE_CHECKING:
    from pathlib import Path


def test_the_endpoint_listens_while_it_serves_and_not_after(tmp_path: Path) -> None:
    """The address that it yields takes connections, and refuses them once `with` has ended."""
    with serving(tmp_path / "store", OWNERS) as address:
        host, _, port = address.rpartition(":")
        socket.create_connection((host, int(port))).close()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((host, int(port)))


def test_a_server_that_cannot_start_is_told(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """A store that is a file: the server says so itself, and the error points there."""
    store = tmp_path / "store"
    store.write_text("no folder")
    with (
        pytest.raises(UnavailableError, match=r"exit code \d+ before it was ready"),
        serving(store, OWNERS),
    ):
        pytest.fail("it served a file")
    assert str(store) in capfd.readouterr().err


def test_an_error_in_the_block_stops_the_server(tmp_path: Path) -> None:
    """Nothing stays behind, and the error is the one that is seen."""
    server = ExitStack()
    address = server.enter_context(serving(tmp_path / "store", OWNERS))
    with pytest.raises(ZeroDivisionError), server:
        raise ZeroDivisionError
    host, _, port = address.rpartition(":")
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((host, int(port)))
