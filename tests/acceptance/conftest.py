from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from load.server import serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from load.server import Server


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The store of the one server that all tests of a module ask."""
    return tmp_path_factory.mktemp("otlp") / "store"


@pytest.fixture(scope="module")
def server(store: Path) -> Iterator[Server]:
    """It, ready."""
    with serving(store) as ready:
        yield ready
