"""Orphans: spans whose parent, of the same service, never arrived. Where their share rises, spans are being lost.

A receipt's span is as likely to be lost then as any other. So a loss is held to be a true one only where far more
messages lack their receipt than spans lack their parent. Lost span batches are commonest in floods, just when messages
are lost as well.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from baton.handoffs.beside import PLACE, beside, unseen
from baton.limits import ORPHANS_BUCKET_NS, ORPHANS_MIN, ORPHANS_Z_MIN, SPAN_LOSS_SHARE_MAX
from baton.schema import SUBSCRIPTION

if TYPE_CHECKING:
    from baton.looks import Spans

_SERVICE = ["tenant", "home", "service"]
_REMOTE_KNOWN, _REMOTE = 0x100, 0x200  # OTLP's SpanFlags
_LOCAL_KINDS = (1, 3, 4)  # internal, client, producer: what stands under another span of the same service
_CALM_BUCKETS_MIN = 4


def span_loss(spans: Spans, services: pl.DataFrame) -> pl.DataFrame:
    """When spans of a service were being lost, and how many.

    Args:
        spans: SPANS and SIGHTINGS.
        services: `tenant`, `home` (environment), `service`: those to look at.

    Returns:
        The same columns with `loss_from_ns`, `loss_until_ns` (Int64: a bucket and its neighbours) and `span_loss`
        (Float64: the share of spans lost, above what is usual for the service), sorted by `loss_from_ns`.
    """
    said = (pl.col("flags").fill_null(0) & _REMOTE_KNOWN) > 0
    local = pl.when(said).then((pl.col("flags") & _REMOTE) == 0).otherwise(pl.col("kind").is_in(_LOCAL_KINDS))
    share = pl.col("orphans") / pl.col("children")
    calm = pl.when(pl.len() >= _CALM_BUCKETS_MIN).then(share.median()).otherwise(share.min()).over(_SERVICE)
    expected = pl.col("children") * pl.col("calm")
    rise = pl.col("orphans") > expected + ORPHANS_Z_MIN * expected.sqrt()
    return (
        spans.where(local & pl.col("service").is_in(services["service"].implode()))
        .lazy()
        .filter(pl.col("parent_key").is_not_null())
        .select("tenant", "service", "parent_row", "end_ns", home="environment")
        .join(services.lazy(), on=_SERVICE, how="semi")
        .group_by(*_SERVICE, pl.col("end_ns") // ORPHANS_BUCKET_NS)
        .agg(pl.len().alias("children"), pl.col("parent_row").is_null().sum().alias("orphans"))
        .with_columns(calm.alias("calm"))
        .filter((pl.col("orphans") >= ORPHANS_MIN) & rise)
        .select(
            *_SERVICE,
            ((pl.col("end_ns") - 1) * ORPHANS_BUCKET_NS).alias("loss_from_ns"),
            ((pl.col("end_ns") + 2) * ORPHANS_BUCKET_NS).alias("loss_until_ns"),
            ((share - pl.col("calm")) / (1 - pl.col("calm"))).alias("span_loss"),
        )
        .sort("loss_from_ns")
        .collect()
    )


def thinned(rows: pl.DataFrame, spans: Spans) -> pl.DataFrame:
    """Adds where span loss may be all that is behind a missing receipt.

    Args:
        rows: the frame of `telemetry.vouch`, with `lo_ns` and `hi_ns`.
        spans: SPANS and SIGHTINGS.

    Returns:
        The rows with `span_loss`, `missing_share` (Float64: of spans, and of the subscription's messages meanwhile) and
        `loss_from_ns` (Int64); null where there is a receipt, and where the losses are far more than spans were lost.
    """
    wanted = unseen(rows).select(PLACE, *SUBSCRIPTION, "services", "home", "lo_ns", "hi_ns")
    wanted = wanted.with_columns(pl.coalesce("home", "environment").alias("home"))
    wanted = wanted.explode("services").rename({"services": "service"})
    lossy = span_loss(spans, wanted.select(_SERVICE).unique()) if wanted.height else None
    if lossy is None or lossy.is_empty():
        empty = {"span_loss": pl.Float64, "missing_share": pl.Float64, "loss_from_ns": pl.Int64}
        return rows.with_columns(pl.lit(None, dtype=dtype).alias(name) for name, dtype in empty.items())
    near = (
        wanted.sort("hi_ns")
        .join_asof(
            lossy, left_on="hi_ns", right_on="loss_from_ns", by=_SERVICE, strategy="backward", check_sortedness=False
        )
        .filter(pl.col("loss_until_ns") >= pl.col("lo_ns"))
    )
    spell = [*SUBSCRIPTION, "loss_from_ns", "loss_until_ns"]
    taken = (
        rows.lazy()
        .filter(pl.col("first_ns").is_not_null())
        .select(*SUBSCRIPTION, "first_ns")
        .join(near.lazy().select(spell).unique(), on=SUBSCRIPTION)
        .filter(pl.col("first_ns").is_between("loss_from_ns", "loss_until_ns"))
        .group_by(spell)
        .agg(pl.len().alias("taken"))
        .collect()
    )
    share = pl.col("lacking") / (pl.col("lacking") + pl.col("taken").fill_null(0))
    found = (
        near.with_columns(pl.col(PLACE).n_unique().over(spell).alias("lacking"))
        .join(taken, on=spell, how="left")
        .with_columns(share.alias("missing_share"))
        .filter(pl.col("span_loss") > SPAN_LOSS_SHARE_MAX * pl.col("missing_share"))
        .sort("span_loss", descending=True)
        .unique(PLACE, keep="first", maintain_order=True)
        .select(PLACE, "span_loss", "missing_share", "loss_from_ns")
    )
    return beside(rows, found)
