"""What became of a message after it failed or went missing: an onward hop in its stead, a later send that made good."""

from __future__ import annotations

import polars as pl

from baton.handoffs.beside import PLACE, beside
from baton.limits import CORRELATION_WINDOW_NS, HOP_LAG_NS_MAX, HOP_LEAD_NS_MAX, MESSAGE_ID_WINDOW_NS
from baton.schema import CHANNEL, RETRY_NAME

_ANY = pl.lit(value=True)


def sidelined(rows: pl.DataFrame) -> pl.DataFrame:
    """Marks the expected rows whose message went to a dead-letter or parking place (`sidelined`, `held_at`).

    One that its receiver then took well from a retry place was made up for (`mended`). Else it is held against the one
    subscription that has no receipt; where all have one, against the one that failed it, or the only one. Where several
    could have sent it there, none is named. A receipt that began after the onward hop made up for it.
    """
    retried = pl.col("place").str.contains(RETRY_NAME) & ~pl.col("lapsed")
    hops = (
        rows.filter((pl.col("relation") == "onward") & pl.col("row").is_not_null())
        .sort("first_ns", "subscription")
        .group_by("send", maintain_order=True)
        .agg(
            pl.coalesce("queue", "destination").last().alias("held_at"),
            pl.col("first_ns").first().alias("hop_ns"),
            pl.col("first_ns").last().alias("last_hop_ns"),
            pl.col("receiver").filter(retried).alias("_retriers"),
        )
    )
    # Most messages go nowhere else: only those that did are looked at.
    hopped = rows.with_row_index(PLACE).join(hops, on="send")
    return beside(rows, _sidelined(hopped)).with_columns(pl.col("sidelined", "mended").fill_null(value=False))


def _sidelined(hopped: pl.DataFrame) -> pl.DataFrame:
    """PLACE, `sidelined`, `mended`, `held_at` of those of which there is something to say."""
    expected = pl.col("relation") == "expected"
    suspect = (
        expected
        & pl.col("hop_ns").is_not_null()
        & pl.col("subscription").is_not_null()
        & ~(pl.col("received_ns") > pl.col("hop_ns")).fill_null(value=False)
    )
    mended = (expected & (pl.col("_retriers").list.set_intersection("services").list.len() > 0)).fill_null(value=False)
    suspect &= ~mended.any().over("send")
    # A receipt that looks well is held to have been refused only if the hop began as it ended.
    lag_ns = pl.col("hop_ns") - pl.col("done_ns")
    well = pl.col("row").is_not_null() & ~pl.col("lapsed").fill_null(value=False)
    suspect &= ~well | lag_ns.is_between(-HOP_LEAD_NS_MAX, HOP_LAG_NS_MAX).fill_null(value=False)
    missing = suspect & pl.col("row").is_null()
    lapsed = suspect & pl.col("lapsed").fill_null(value=False)

    def one(which: pl.Expr) -> pl.Expr:
        return which & (which.sum().over("send") == 1)

    named = (
        pl.when(missing.any().over("send"))
        .then(one(missing))
        .otherwise(pl.when(lapsed.any().over("send")).then(one(lapsed)).otherwise(one(suspect)))
    )
    return (
        hopped.with_columns(named.fill_null(value=False).alias("sidelined"), mended.alias("mended"))
        # A hop that failed in its turn went on as well, to the last one.
        .with_columns(
            ((pl.col("relation") == "onward") & pl.col("lapsed") & (pl.col("first_ns") < pl.col("last_hop_ns"))).alias(
                "_went_on"
            )
        )
        .filter(pl.any_horizontal("sidelined", "mended", "_went_on"))
        .select(
            PLACE,
            "sidelined",
            "mended",
            pl.when(pl.any_horizontal("sidelined", "_went_on")).then("held_at").alias("held_at"),
        )
    )


def made_good(rows: pl.DataFrame) -> pl.DataFrame:
    """Adds `made_good`: a later delivered send of the same message.

    Same message id; else same channel, span name and correlation id, where that id was delivered once (an id that a
    whole session shares names no message) within a day's talk (ids recur). Without either, a failed
    send and a later one under the same span.
    """
    talk = [*CHANNEL, "service", "span_name", "correlation_id"]
    narrow = rows.lazy().select(
        *talk,
        "message_id",
        "under",
        "send",
        "sent_ns",
        "failed",
        "row",
        "relation",
        "unnamed_sent",
        "lapsed",
        "sidelined",
    )
    well = pl.col("row").is_not_null() & ~pl.col("lapsed").fill_null(value=False) & ~pl.col("sidelined")
    bad = (
        narrow.with_row_index(PLACE)
        .filter((pl.col("relation") == "expected") & (pl.col("failed") | pl.col("row").is_null()))
        .collect()
    )
    good = narrow.filter(well)
    nameless = pl.col("message_id").is_null() & pl.col("correlation_id").is_null()
    once = pl.col("send").n_unique().over(talk) == 1
    found = pl.concat(
        [
            _later(bad, good, [*CHANNEL, "message_id"]),
            _later(bad.filter(pl.col("unnamed_sent").is_null()), good, talk, once, CORRELATION_WINDOW_NS),
            _later(bad.filter(nameless & pl.col("failed")), good, [*CHANNEL, "service", "span_name", "under"]),
        ]
    )
    return beside(rows, found.unique(PLACE, keep="first", maintain_order=True))


def _later(
    bad: pl.DataFrame,
    good: pl.LazyFrame,
    by: list[str],
    only: pl.Expr = _ANY,
    within_ns: int = MESSAGE_ID_WINDOW_NS,
) -> pl.DataFrame:
    """PLACE, `made_good`: the next of the good ones that agrees in these columns, among those of which `only` holds."""
    named = bad.filter(pl.col(by[-1]).is_not_null())
    # Whatever agrees bears an id of theirs: of most messages no more than that is looked at.
    later = (
        good.filter(pl.col(by[-1]).is_in(named[by[-1]].unique().implode()))
        .filter(only)
        .select(*by, pl.col("sent_ns").alias("made_good_ns"), pl.col("send").alias("made_good"))
        .collect()
    )
    return (
        named.sort("sent_ns", "send")
        .join_asof(
            later.sort("made_good_ns", "made_good"),
            left_on="sent_ns",
            right_on="made_good_ns",
            by=by,
            strategy="forward",
            tolerance=within_ns,
            allow_exact_matches=False,
            check_sortedness=False,
        )
        .filter(pl.col("made_good").is_not_null())
        .select(PLACE, "made_good")
    )
