from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

from baton.ownership.sources import load_catalog
from baton.schema import SPANS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from baton.ownership.catalog import Catalog


@pytest.fixture
def catalog(tmp_path: Path) -> Callable[[str], Catalog]:
    """Loads a catalog from YAML, through a file named ownership.yaml."""

    def load(text: str) -> Catalog:
        path = tmp_path / "ownership.yaml"
        path.write_text(text, encoding="utf-8")
        return load_catalog(path)

    return load


@pytest.fixture
def spans() -> Callable[..., pl.LazyFrame]:
    """Makes a frame of `schema.SPANS` of one dict a span; columns left out are null."""

    def make(*rows: dict[str, Any]) -> pl.LazyFrame:
        return pl.DataFrame(list(rows), schema=SPANS.schema).lazy()

    return make
