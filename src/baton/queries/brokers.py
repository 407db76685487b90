"""What brokers say of their queues."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from baton.limits import TIME_NS_MAX
from baton.store.reader import Store

if TYPE_CHECKING:
    from pathlib import Path


def broker_queues(store: Path, tenant: str | None) -> pl.DataFrame:
    """What is known of brokers' queues now, the newest word on each, by name.

    Args:
        store: the store's folder.
        tenant: only this tenant's; null for all.

    Returns:
        FACTS's columns, its rows of queues that are there, and `looked_ns` (Int64): when they were looked at last.

    Raises:
        NotFoundError: there is no store.
        StoreError: it is damaged.
    """
    from baton.brokers.history import held, latest  # noqa: PLC0415 - only this question needs it

    place, names = (
        ["tenant", "environment", "broker", "source", "vhost"],
        ["tenant", "environment", "broker", "vhost", "name"],
    )
    known = Store(store).facts()
    if tenant is not None:
        known = known.filter(pl.col("tenant") == tenant)
    looked = latest(known).filter(pl.col("fact") == "snapshot", pl.col("name") == "queue")
    return (
        held(known, TIME_NS_MAX)
        .filter(pl.col("fact") == "queue")
        .join(looked.select(*place, looked_ns="at_ns"), on=place, how="left", nulls_equal=True)
        .sort("looked_ns", maintain_order=True)
        .unique(names, keep="last")
        .sort(names)
    )
