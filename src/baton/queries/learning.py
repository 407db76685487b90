"""What is learned from the store's history."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import polars as pl

from baton.analysis import WANTED, expect, pair_up
from baton.limits import LEARN_SPANS_MAX, TIME_NS_MAX
from baton.queries.answer import catalog_of
from baton.settings import keys, load_settings
from baton.store.reader import Store

if TYPE_CHECKING:
    from pathlib import Path


def learn(store: Path, owners: tuple[Path, ...]) -> bytes:
    """EXPECTATIONS learned from the newest spans of the store, as an Arrow IPC file.

    However long a store is fed, learning from it takes as much memory: the `LEARN_SPANS_MAX` spans that came last,
    and those that came with the first of them.

    Raises:
        StoreError, InputError: as `handoffs`.
    """
    catalog = catalog_of(owners)
    settings = load_settings(store)
    joining = keys(catalog, settings).journey
    spans = _newest(Store(store).spans()).select(WANTED)
    learned = expect(pair_up(spans, catalog, TIME_NS_MAX, owner_attributes=settings.owner_attributes), catalog, joining)
    buffer = io.BytesIO()
    learned.write_ipc(buffer)
    return buffer.getvalue()


def _newest(spans: pl.LazyFrame) -> pl.LazyFrame:
    came = spans.select("ingested_at").collect().get_column("ingested_at")
    if len(came) <= LEARN_SPANS_MAX:
        return spans
    return spans.filter(pl.col("ingested_at") >= came.top_k(LEARN_SPANS_MAX).min())
