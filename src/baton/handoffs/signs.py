"""Small signs that bear on a missing receipt: an open one, an empty queue, a correlation id that names nobody."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import polars as pl

from baton import sampling
from baton.handoffs.beside import PLACE, beside, unseen
from baton.handoffs.delays import delays
from baton.limits import IDLE_POLLS_MIN, INSTANT_NS_MAX, ORPHAN_SERVERS_SHARE_MAX
from baton.schema import SUBSCRIPTION

if TYPE_CHECKING:
    from baton.looks import Spans


def signs(rows: pl.DataFrame, spans: Spans, unnamed: pl.DataFrame) -> pl.DataFrame:
    """Adds `open_ns`, `idle_ns`, `unnamed_sent`, `unnamed_received`, null where not so.

    Args:
        rows: the frame of `order.overtaken`.
        spans: SPANS and SIGHTINGS.
        unnamed: UNNAMED.

    Returns:
        The rows with `open_ns` (Int64, see `open_receipts`), `idle_ns` (Int64: until when every instance that takes
        from the place had polled it IDLE_POLLS_MIN times and found nothing, null if one did not), the two counts, and
        `unsampled` (Boolean: the send's flags say that its trace is not sampled).
    """
    counts = unnamed.rename({"sent": "unnamed_sent", "received": "unnamed_received"})
    sends = rows.select("send").with_row_index(PLACE)
    missing = unseen(rows)
    held = delays(missing["send"].unique().sort(), spans)
    return beside(
        _held(rows, sends.join(held, on="send").drop("send")),
        open_receipts(missing.select(PLACE, "send", "services", "sent_ns"), spans).drop("send"),
        _idle(rows, missing, spans),
        sends.join(counts, on="send").drop("send"),
        missing.select(PLACE, "send").join(_unsampled(missing, spans), on="send").drop("send"),
    ).with_columns(pl.col("unsampled").fill_null(value=False))


def _held(rows: pl.DataFrame, held: pl.DataFrame) -> pl.DataFrame:
    """Puts the deadline of what the broker was to hold back after that; what overtook it meanwhile proves nothing."""
    if held.is_empty():
        return rows
    until_ns = pl.col("held_until_ns").clip(upper_bound=INSTANT_NS_MAX)
    return (
        beside(rows, held)
        .with_columns(
            pl.max_horizontal("deadline_at_ns", until_ns + pl.col("deadline_ns")).alias("deadline_at_ns"),
            pl.when(pl.col("held_until_ns").is_null()).then("overtaken_ns").alias("overtaken_ns"),
        )
        .drop("held_until_ns")
    )


def _unsampled(missing: pl.DataFrame, spans: Spans) -> pl.DataFrame:
    """Sends whose flags say that their trace is not sampled.

    Some SDKs (Python's exporter) say whether the parent is remote and leave W3C's flags out: a service counts as saying
    them where any span of it is said to be sampled.
    """
    known, kept = (pl.col("flags") & sampling.KNOWS) > 0, (pl.col("flags") & sampling.KEPT) > 0
    service = ["tenant", "environment", "service"]
    clear = (
        spans[missing["send"].unique().sort()]
        .filter((known & ~kept).fill_null(value=False))
        .select(pl.col("row").alias("send"), *service)
    )
    if clear.is_empty():
        return clear.select("send", pl.lit(value=True).alias("unsampled"))
    says = spans.where(kept).lazy().select(service).join(clear.lazy(), on=service, how="semi").unique().collect()
    return clear.join(says, on=service, how="semi").select("send", pl.lit(value=True).alias("unsampled"))


def open_receipts(missing: pl.DataFrame, spans: Spans) -> pl.DataFrame:
    """Receipts, or answers, that are under way: a child was exported, its parent ends last and comes last.

    Args:
        missing: `send`, `services` (who should have received it), `sent_ns`, and any further key columns.
        spans: SPANS and SIGHTINGS.

    Returns:
        The key columns and `open_ns` (Int64): the last end of a span of the receiver's in the send's trace, after the
        send, whose parent has not arrived. A server span of its own is no child of a receipt: somebody called. One of
        another service is, where that service's callers are seen as a rule: the caller's span is open, or lost.
    """
    key = [name for name in missing.columns if name not in ("services", "sent_ns")]
    if missing.is_empty():
        return missing.select(*key, pl.lit(None, dtype=pl.Int64).alias("open_ns"))
    sent = spans.at(missing["send"]).select(pl.col("tenant").alias("_tenant"), "trace_high", "trace_key")
    # Of millions of spans few stand in a trace of theirs and lack their parent: looks and ids are asked of those.
    orphan = pl.col("parent_row").is_null() & pl.col("parent_key").is_not_null()
    near = spans.rows.lazy().filter(orphan & pl.col("trace_key").is_in(sent["trace_key"].unique().implode()))
    orphans = (
        replace(spans, rows=near.collect())
        .lazy()
        .select(
            *("role", "trace_high", "trace_key", "start_ns", "end_ns"),
            _tenant="tenant",
            _home="environment",
            _service="service",
        )
        .collect()
    )
    found = (
        missing.hstack(sent)
        .join(orphans, on=["_tenant", "trace_high", "trace_key"])
        .filter(pl.col("start_ns") >= pl.col("sent_ns"))
        .with_columns(
            (pl.col("role") == "server").fill_null(value=False).alias("_called"),
            pl.col("_service").is_in("services").alias("_own"),
        )
        .filter(pl.col("_called") != pl.col("_own"))
    )
    called = found.filter("_called").select("_tenant", "_home", "_service").unique()
    strangers = _strangers(called, spans)
    return (
        found.join(strangers, on=["_tenant", "_home", "_service"], how="anti")
        .group_by(key)
        .agg(pl.col("end_ns").max().alias("open_ns"))
    )


def _strangers(servers: pl.DataFrame, spans: Spans) -> pl.DataFrame:
    """Of these services, those whose callers are often without telemetry: their orphans are no sign of anything."""
    if servers.is_empty():
        return servers
    orphan = pl.col("parent_row").is_null() & pl.col("parent_key").is_not_null()
    return (
        spans.where(pl.col("role") == "server")
        .lazy()
        .select(orphan.alias("orphan"), _tenant="tenant", _home="environment", _service="service")
        .join(servers.lazy(), on=["_tenant", "_home", "_service"], how="semi")
        .group_by("_tenant", "_home", "_service")
        .agg(pl.col("orphan").mean())
        .filter(pl.col("orphan") > ORPHAN_SERVERS_SHARE_MAX)
        .drop("orphan")
        .collect()
    )


def _idle(rows: pl.DataFrame, missing: pl.DataFrame, spans: Spans) -> pl.DataFrame:
    """PLACE, `idle_ns`: empty polls, per instance that takes from the subscription.

    Polls of one partition say nothing of others.
    """
    empty = (pl.col("step") == "receive") & (pl.col("batch_count") == 0) & pl.col("partition").is_null()
    polls = (
        spans.where(empty)
        .lazy()
        .group_by("tenant", "environment", "service", "service_instance", "channel")
        .agg(pl.col("start_ns").sort(descending=True).head(IDLE_POLLS_MIN).alias("idle_ns"))
        .filter(pl.col("idle_ns").list.len() >= IDLE_POLLS_MIN)
        .with_columns(pl.col("idle_ns").list.min())
        .collect()
    )
    if polls.is_empty():
        return missing.select(PLACE, pl.lit(None, dtype=pl.Int64).alias("idle_ns")).clear()
    takers = (
        rows.lazy()
        .filter(pl.col("row").is_not_null() & pl.col("subscription").is_in(missing["subscription"].unique().implode()))
        .select(
            *SUBSCRIPTION,
            pl.col("receiver").alias("service"),
            pl.col("instance").alias("service_instance"),
            pl.col("receiver_home").alias("home"),
            pl.col("place"),
        )
        .unique()
        .collect()
    )
    idle = (
        takers.join(
            polls,
            left_on=["tenant", "home", "service", "service_instance", "place"],
            right_on=["tenant", "environment", "service", "service_instance", "channel"],
            how="left",
        )
        .group_by(SUBSCRIPTION)
        .agg(pl.when(pl.col("idle_ns").is_not_null().all()).then(pl.col("idle_ns").min()).alias("idle_ns"))
    )
    return missing.select(PLACE, *SUBSCRIPTION).join(idle, on=SUBSCRIPTION).select(PLACE, "idle_ns")
