from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

from baton.limits import TIME_NS_MAX
from baton.ownership.sources import load_catalog
from baton.schema import SPANS
from baton.spans.repair import repair

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from baton.looks import Spans
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


@pytest.fixture
def mended(spans: Callable[..., pl.LazyFrame]) -> Callable[..., Spans]:
    """Makes repaired spans of one dict a span, as `spans` does; their rows are in the dicts' order."""

    def make(*rows: dict[str, Any]) -> Spans:
        plain = {"tenant": "bank", "environment": "", "service_instance": "", "start_ns": 0, "end_ns": 0}
        told = [
            plain | {"trace_id": bytes(16), "span_id": at.to_bytes(8, "big"), "trace_key": 0, "span_key": at} | row
            for at, row in enumerate(rows, 1)
        ]
        return repair(spans(*told), TIME_NS_MAX)

    return make
