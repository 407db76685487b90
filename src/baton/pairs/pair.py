"""Send <-> receive, strongest evidence first.

1. `parent`      the receive's parent chain reaches the send, through spans that are no service's entry.
2. `link`        a link of the receive names the send.
3. `message_id`  the same message id on the same system, near in time.
4. `correlation` the same correlation id, in time order, where nothing finer tells the messages apart.

Destination names never decide a pair: RabbitMQ's sender names an exchange, its receiver may name a queue. Among
candidates with the same id an equal name is preferred, nothing more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
import polars as pl

from baton.limits import CORRELATION_WINDOW_NS, MESSAGE_ID_WINDOW_NS, PARENT_CHAIN_MAX, SKEW_NS_MAX, SKEW_NS_USUAL
from baton.looks import KEYS, high

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from baton.looks import Spans

_SYSTEM = ["tenant", "environment", "messaging_system"]
_PAIR = pl.Schema({"send": pl.UInt32(), "receive": pl.UInt32(), "method": pl.String()})
_ID_STEPS: tuple[tuple[Literal["backward", "forward"], int], ...] = (
    ("backward", SKEW_NS_MAX),
    ("forward", SKEW_NS_USUAL),
    ("backward", MESSAGE_ID_WINDOW_NS),
)
_RECEIVE = [
    *_SYSTEM,
    "row",
    "role",
    "service",
    "channel",
    "message_id",
    "correlation_id",
    "batch_count",
    "start_ns",
    "linked",
]
_TALKED = ["send", "receive", "at_ns", "at_ns_right"]
_ROLES = {"send": 1, "receive": 2, "settle": 3, "server": 4}
_STRENGTH = {"parent": 0, "link": 1, "message_id": 2, "correlation": 3}


def pair(spans: Spans, sends: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Pairs every receiving span with the sends it took.

    Args:
        spans: SPANS after `conventions.normalise`, with `row` and `parent_row`.
        sends: SENDS.

    Returns:
        PAIRS and UNNAMED.
    """
    lazy = spans.lazy()
    receives = (
        spans.where(pl.col("role").is_in(["receive", "settle"]))
        .select(_RECEIVE)
        .with_columns(pl.col("messaging_system").fill_null(""))
    )
    chained, under = _by_parent(spans, sends)
    found = pl.concat([chained, _by_link(receives, spans, sends)])
    found = pl.concat([found, _by_message_id(_rest(receives, found), sends)])
    if len(under):
        found = pl.concat([found, _inherited(lazy, _rest(receives, found), under, found)])
    correlated, unnamed = _by_correlation(_rest(receives, found), sends, found)
    found = pl.concat([found, correlated])
    counted = receives.select(pl.col("row").alias("receive"), "batch_count")
    several = (pl.len().over("receive") > 1) | (pl.col("batch_count") > 1).fill_null(value=False)
    return _strongest(found).join(counted, on="receive", maintain_order="left").select(
        *_PAIR, several.alias("batched")
    ), unnamed


def _strongest(found: pl.DataFrame) -> pl.DataFrame:
    """Each pair once, by its strongest method; in the order of the receives, and of each one's sends."""
    once = pl.col("receive").is_unique()
    found = found.with_columns(once.alias("_once"))
    again = (
        found.filter(~pl.col("_once"))
        .with_columns(pl.col("method").replace_strict(_STRENGTH, return_dtype=pl.Int8).alias("_strength"))
        .sort("receive", "send", "_strength")
        .unique(["receive", "send"], keep="first", maintain_order=True)
    )
    return pl.concat([found.filter("_once").select(*_PAIR), again.select(*_PAIR)]).sort("receive", maintain_order=True)


def _rest(receives: pl.DataFrame, found: pl.DataFrame) -> pl.DataFrame:
    return receives.join(found.select(pl.col("receive").alias("row")), on="row", how="anti")


def _by_parent(spans: Spans, sends: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Climbs all parent chains at once, one level a turn.

    A chain ends at a send (a pair), at another receive (one receipt of two spans: `under`) and at a server span, where
    another service's work begins.
    """
    numbers = spans.looks["role"].replace_strict(_ROLES, default=0, return_dtype=pl.Int8)
    roles = numbers.gather(spans.rows["look"]).to_numpy()
    parents = spans.rows["parent_row"].cast(pl.Int64).fill_null(-1).to_numpy()
    send, receive, settle, server = _ROLES.values()
    start = np.flatnonzero((roles == receive) | (roles == settle))
    origin, here = start, parents[start]
    hits: list[tuple[NDArray[np.intp], NDArray[np.int64]]] = []
    nested: list[tuple[NDArray[np.intp], NDArray[np.int64]]] = []
    for _ in range(PARENT_CHAIN_MAX):
        alive = here >= 0
        origin, here = origin[alive], here[alive]
        role = roles[here]
        hits.append((origin[role == send], here[role == send]))
        nested.append((origin[role == receive], here[role == receive]))
        onward = (role != send) & (role != receive) & (role != server)
        origin, here = origin[onward], parents[here[onward]]
    reached = _rows(hits, "receive", "member")
    # The parent may be an outer span of a nest; over one message it names it, over a batch it names none.
    alone = _alone(sends).rename({"row": "member"})
    chained = reached.join(alone, on="member").select("send", "receive", pl.lit("parent").alias("method"))
    return chained.cast(_PAIR), _rows(nested, "receive", "upper")


def _rows(parts: list[tuple[NDArray[np.intp], NDArray[np.int64]]], left: str, right: str) -> pl.DataFrame:
    return pl.DataFrame(
        {
            left: np.concatenate([part[0] for part in parts]),
            right: np.concatenate([part[1] for part in parts]),
        }
    ).cast(pl.UInt32)


def _alone(sends: pl.DataFrame) -> pl.DataFrame:
    """(send, row): the spans of every nest that stand in no other."""
    members = sends.select("send", pl.col("nest").alias("row")).explode("row")
    return members.filter(pl.col("row").is_unique())


def _by_link(receives: pl.DataFrame, spans: Spans, sends: pl.DataFrame) -> pl.DataFrame:
    linked = receives.filter(pl.col("linked") > 0).select("row", "tenant")
    if linked.is_empty():
        return pl.DataFrame(schema=_PAIR)
    ids = ["tenant", *KEYS]
    named = spans.where(pl.col("role") == "send").lazy().select("row", *ids).join(_alone(sends).lazy(), on="row")
    return (
        linked.lazy()
        .join(spans.held("links", linked["row"]).lazy(), on="row")
        .with_columns(high().alias("trace_high"))
        .select(pl.col("row").alias("receive"), *ids)
        .join(named, on=ids)
        .select("send", "receive", pl.lit("link").alias("method"))
        .cast(_PAIR)
        .collect()
    )


def _by_message_id(receives: pl.DataFrame, sends: pl.DataFrame) -> pl.DataFrame:
    """The latest send of that id at or before the receive; where there is none near, one shortly after it (skew).

    Ids come again: producers restart their counters, so a send within a second after the receive is likelier its own
    than one of an hour ago. Ids travel on: a service that forwards a message may keep its id, so of several sends the
    one with the receive's own destination is preferred, and a later send by the receiving service itself is its next
    hop, not its origin.
    """
    key = [*_SYSTEM, "message_id"]
    found = pl.DataFrame(schema=_PAIR)
    rest = (
        receives.filter(pl.col("message_id").is_not_null())
        .select(*key, "channel", pl.col("row").alias("receive"), "start_ns", "service")
        .sort("start_ns", "receive")
    )
    sent = (
        sends.filter(pl.col("message_id").is_not_null())
        .select(*key, "channel", "send", "sent_ns", pl.col("service").alias("_sender"))
        .join(rest.select("message_id").unique(), on="message_id", how="semi")
        .sort("sent_ns", "send")
    )
    named = [*key, "channel"]
    for by, strategy, tolerance_ns in (
        *((by, *step) for by in (named, key) for step in _ID_STEPS),
        (named, "forward", SKEW_NS_MAX),
        (key, "forward", SKEW_NS_MAX),
    ):
        near = rest.join_asof(
            sent,
            left_on="start_ns",
            right_on="sent_ns",
            by=by,
            strategy=strategy,
            tolerance=tolerance_ns,
            check_sortedness=False,
        ).filter(pl.col("send").is_not_null())
        if strategy == "forward":
            near = near.filter(pl.col("service") != pl.col("_sender"))
        found = pl.concat([found, near.select("send", "receive", pl.lit("message_id").alias("method"))])
        rest = rest.join(near.select("receive"), on="receive", how="anti", maintain_order="left")
    return found


def _inherited(spans: pl.LazyFrame, receives: pl.DataFrame, under: pl.DataFrame, found: pl.DataFrame) -> pl.DataFrame:
    """A `process` under a `receive` (or a settlement under either) of one message is part of its receipt.

    Only within one service, and from one place: another service's receive under it took a message that was sent there.
    """
    single = found.filter(pl.len().over("receive") == 1).select("send", pl.col("receive").alias("upper"))
    place = spans.select(
        pl.col("row").alias("upper"), pl.col("service").alias("_service"), pl.col("channel").alias("_channel")
    )
    return (
        under.lazy()
        .join(receives.lazy().select(pl.col("row").alias("receive"), "service", "channel"), on="receive")
        .join(single.lazy(), on="upper")
        .join(place, on="upper")
        .filter(
            (pl.col("service") == pl.col("_service")) & (pl.col("channel") == pl.col("_channel")).fill_null(value=True)
        )
        .select("send", "receive", pl.lit("parent").alias("method"))
        .cast(_PAIR)
        .collect()
    )


def _by_correlation(
    receives: pl.DataFrame, sends: pl.DataFrame, found: pl.DataFrame
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The i-th receive of a correlation id took the i-th send of it, if there are as many of both.

    Only messages that nothing finer tells apart take part: a talk in which both sides bear message ids, none of them
    shared, is not theirs. Conversations of the same id more than CORRELATION_WINDOW_NS apart are different ones. Where
    more or fewer were received than sent (a redelivery, a loss), none is named; of a single send all are receipts.
    """
    key = [*_SYSTEM, "correlation_id", "channel"]
    talk = [*key, "talk"]
    told = sends.join(found.select("send"), on="send", how="anti")
    sent = _talks(
        told.filter(pl.col("correlation_id").is_not_null()).select(*key, "send", "message_id", at_ns="sent_ns"),
        key,
    )
    taken = receives.filter(pl.col("correlation_id").is_not_null() & (pl.col("role") == "receive"))
    taken = _as_sent(taken, sent)
    taken = taken.select(*key, "service", pl.col("row").alias("receive"), "message_id", at_ns="start_ns")
    in_talk = taken.sort("at_ns").join_asof(
        sent.select(*key, "talk", "at_ns").sort("at_ns"),
        on="at_ns",
        by=key,
        strategy="backward",
        tolerance=CORRELATION_WINDOW_NS,
        check_sortedness=False,
    )
    ranked = in_talk.filter(pl.col("talk").is_not_null()).with_columns(
        pl.col("at_ns").rank("ordinal").over([*talk, "service"]).alias("nth"),
        pl.len().over([*talk, "service"]).alias("received"),
        pl.col("message_id").is_not_null().any().over([*talk, "service"]).alias("received_ids"),
    )
    numbered = sent.with_columns(
        pl.col("at_ns").rank("ordinal").over(talk).alias("nth"),
        pl.len().over(talk).alias("sent"),
        pl.col("message_id").is_not_null().any().over(talk).alias("sent_ids"),
    )
    both = numbered.join(
        ranked.select(*talk, "service", "received", "received_ids").unique(), on=talk, nulls_equal=True
    ).filter(~(pl.col("sent_ids") & pl.col("received_ids")))
    even = pl.col("received") == pl.col("sent")
    one = both.filter(pl.col("sent") == 1).join(ranked.drop("nth"), on=[*talk, "service"], nulls_equal=True)
    each = both.filter(even & (pl.col("sent") > 1)).join(ranked, on=[*talk, "service", "nth"], nulls_equal=True)
    pairs = pl.concat([one.select(_TALKED), each.select(_TALKED)]).filter(
        pl.col("at_ns_right") >= pl.col("at_ns") - SKEW_NS_MAX
    )
    unnamed = (
        both.filter(~even & (pl.col("sent") > 1)).group_by("send").agg(pl.col("sent").first(), pl.col("received").max())
    )
    return pairs.select("send", "receive", pl.lit("correlation").alias("method")).cast(_PAIR), unnamed.join(
        pairs.select("send"), on="send", how="anti"
    )


def _talks(frame: pl.DataFrame, key: list[str]) -> pl.DataFrame:
    """Numbers the conversations of one id: a new one begins after CORRELATION_WINDOW_NS of quiet."""
    quiet = (pl.col("at_ns").diff() > CORRELATION_WINDOW_NS).fill_null(value=False)
    return frame.sort("at_ns").with_columns(quiet.cum_sum().over(key).alias("talk"))


def _as_sent(receives: pl.DataFrame, sent: pl.DataFrame) -> pl.DataFrame:
    """Receives with their destination told in the sender's words.

    A name that some sender uses stays. For another name the channel with which it shares the most correlation ids is
    taken; this orders candidates that correlate already, and decides no pair by itself.
    """
    strange = receives.join(sent.select(*_SYSTEM, "channel").unique(), on=[*_SYSTEM, "channel"], how="anti")
    shared = (
        strange.select(*_SYSTEM, "correlation_id", pl.col("channel").alias("destination"))
        .join(sent.select(*_SYSTEM, "correlation_id", "channel"), on=[*_SYSTEM, "correlation_id"])
        .unique()
        .group_by(*_SYSTEM, "destination", "channel")
        .len()
        .sort("len", "channel", descending=[True, False])
        .unique([*_SYSTEM, "destination"], keep="first", maintain_order=True)
    )
    told = receives.join(
        shared.select(*_SYSTEM, pl.col("destination").alias("channel"), pl.col("channel").alias("_told")),
        on=[*_SYSTEM, "channel"],
        how="left",
        nulls_equal=True,
    )
    return told.with_columns(pl.coalesce("_told", "channel").alias("channel")).drop("_told")
