from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from baton.errors import StoreError
from baton.store.lock import locked

if TYPE_CHECKING:
    from pathlib import Path


def test_a_second_holder_is_refused_and_told_who_has_it(tmp_path: Path) -> None:
    """The message names the process and how to go on; once it is free the next may have it."""
    path = tmp_path / "lock"
    path.write_text("4294967295 of an earlier holder\n")
    with locked(path), pytest.raises(StoreError, match=rf"in use by process {os.getpid()} .*--store"), locked(path):
        pass
    with locked(path):
        assert path.read_text() == f"{os.getpid()}\n"
