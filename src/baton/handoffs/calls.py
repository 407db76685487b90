"""Verdicts of calls: from a client span to the server span that answers it.

A call with a server span is delivered, even if it answered an error. A call without one is accused only where that
server is known to be instrumented, was heard from before and after, and the caller itself says that the call failed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from baton.handoffs.estimates import touched
from baton.handoffs.outages import shadows, told
from baton.handoffs.signs import open_receipts
from baton.handoffs.telemetry import INSTANCE, SERVICE, Watched
from baton.limits import (
    INSTANT_NS_MAX,
    OPEN_RECEIPT_NS_MAX,
    PROCESSING_MARGIN,
    SILENCE_TAIL_NS,
    SILENT_FOR_GOOD_NS,
)

if TYPE_CHECKING:
    from baton.looks import Spans

GATEWAY_STATUSES = (502, 503, 504)
"""HTTP answers that a proxy gives in the place of a server that did not."""

_SIDECAR = r"(?i)x-envoy|upstream connect error|upstream request timeout|http2? (header with )?status"
"""How Envoy, and gRPC's clients of what a proxy sent them, say that an HTTP answer came."""

CLAUSES: dict[str, str] = {
    "received": "delivered",
    "resent": "retried",
    "tail sampled": "unobserved",
    "unknown receiver": "unobserved",
    "sampled": "unobserved",
    "answered": "unobserved",
    "lost receipt": "unobserved",
    "open": "pending",
    "silent": "unobserved",
    "blind": "unobserved",
    "awaited": "pending",
    "lost": "dropped",
}


def judge(
    calls: pl.DataFrame,
    expectations: pl.DataFrame,
    spans: Spans,
    watched: Watched,
    as_of_ns: int,
) -> pl.DataFrame:
    """One row a call with its verdict.

    Args:
        calls: CALLS, with `live` (see `outages.came_live`).
        expectations: EXPECTATIONS.
        spans: SPANS and SIGHTINGS.
        watched: what is known of the servers' telemetry.
        as_of_ns: event time of the judgement.

    Returns:
        Rows in the words of `verdict.judge`, of kind call: `row` and `receiver` are the server span's, `subscription`
        the expected servers (null where none is known), `channel` is null, `deadline_at_ns` the end of the client
        span: by then the caller had given up.
    """
    known = expectations.filter(pl.col("kind") == "call").select(
        "tenant", "environment", "channel", "subscription", "services", "tossed", "processing_ns"
    )
    rows = calls.join(known, on=["tenant", "environment", "channel"], how="left").with_columns(
        pl.coalesce("subscription", "to_service").alias("subscription"), pl.col("tossed").fill_null(value=False)
    )
    missing = rows.filter(pl.col("receive").is_null() & pl.col("failed") & pl.col("services").is_not_null())
    rows = rows.join(_heard(missing, watched, as_of_ns), on="send", how="left")
    windows = missing.select("send", "live", pl.col("sent_ns").alias("lo_ns"), _answered_ns().alias("hi_ns"))
    rows = rows.join(shadows(windows, watched.outages), on="send", how="left")
    rows = rows.join(open_receipts(missing.select("send", "services", "sent_ns"), spans), on="send", how="left")
    rows = rows.join(_made_good(rows), on="send", how="left")
    rows = rows.join(touched(rows.filter(pl.col("receive").is_null()), ["send"], watched.tails), on="send", how="left")
    rows = rows.with_columns(pl.col("send").is_in(_answered_by_proxy(missing, spans).implode()).alias("proxied"))
    answered = pl.col("http_status").is_not_null() & ~pl.col("http_status").is_in(GATEWAY_STATUSES)
    clause = (
        pl.when(pl.col("receive").is_not_null())
        .then(pl.lit("received"))
        .when(pl.col("failed") & pl.col("made_good").is_not_null())
        .then(pl.lit("resent"))
        .when(pl.col("tail_services").is_not_null())
        .then(pl.lit("tail sampled"))
        .when(pl.col("services").is_null())
        .then(pl.lit("unknown receiver"))
        .when(pl.col("tossed"))
        .then(pl.lit("sampled"))
        .when(~pl.col("failed") | answered | pl.col("proxied"))
        .then(pl.lit("answered"))
        .when(pl.col("open_ns") < as_of_ns - OPEN_RECEIPT_NS_MAX)
        .then(pl.lit("lost receipt"))
        .when(pl.col("open_ns").is_not_null())
        .then(pl.lit("open"))
        .when(pl.col("silent").fill_null(value=True))
        .then(pl.lit("silent"))
        .when(pl.col("blind_from_ns").is_not_null())
        .then(pl.lit("blind"))
        .when(pl.col("awaited"))
        .then(pl.lit("awaited"))
        .otherwise(pl.lit("lost"))
    )
    return (
        rows.with_columns(clause.alias("proof"))
        .with_columns(pl.col("proof").replace_strict(CLAUSES).alias("verdict"))
        .with_columns(
            pl.lit("call").alias("kind"),
            pl.lit("expected").alias("relation"),
            pl.when(pl.col("services").is_not_null()).then(pl.lit("learned")).alias("expected_by"),
            pl.when(pl.col("receive").is_not_null()).then(pl.lit("received")).alias("step"),
            pl.lit(None, dtype=pl.String).alias("channel"),
            pl.col("sent_end_ns").alias("deadline_at_ns"),
            _evidence().alias("evidence"),
        )
        .rename({"receive": "row", "to_service": "receiver"})
        .drop("silent", "awaited", "open_ns", "parent_row", "name", "http_status", "processing_ns", "live", "proxied")
    )


def _heard(missing: pl.DataFrame, watched: Watched, as_of_ns: int) -> pl.DataFrame:
    """Whether the server's telemetry vouches for the time of each unanswered failed call.

    `silent`: no instance vouches for it, or one of them fell silent, or paused, around it. `awaited`: one may still
    report.
    """
    wanted = missing.select(
        "send",
        "tenant",
        "environment",
        pl.col("services").alias("service"),
        "sent_ns",
        _answered_ns().alias("sent_end_ns"),
    )
    seen = wanted.explode("service").join(watched.telemetry, on=SERVICE)
    alive = (pl.col("watermark_ns") >= pl.col("sent_end_ns")) & (pl.col("first_ns") <= pl.col("sent_ns"))
    near = (pl.col("watermark_ns") < pl.col("sent_end_ns")) & (
        pl.col("watermark_ns") + SILENCE_TAIL_NS >= pl.col("sent_ns")
    )
    for_good = as_of_ns - pl.col("watermark_ns") > SILENT_FOR_GOOD_NS
    paused = (
        seen.sort("sent_end_ns")
        .join_asof(
            watched.pauses,
            left_on="sent_end_ns",
            right_on="gap_from_ns",
            by=INSTANCE,
            strategy="backward",
            check_sortedness=False,
        )
        .with_columns((pl.col("gap_until_ns") >= pl.col("sent_ns")).fill_null(value=False).alias("paused"))
    )
    return paused.group_by("send").agg(
        ((near & for_good) | pl.col("paused")).any().or_(~(alive | near).any()).alias("silent"),
        (near & ~for_good).any().alias("awaited"),
    )


def _answered_by_proxy(missing: pl.DataFrame, spans: Spans) -> pl.Series:
    """Sends of the failed calls that a sidecar answered.

    gRPC's UNAVAILABLE comes from a client that found nobody, and from a proxy that did; the proxy's bears an HTTP
    status, Envoy's words or its headers. What the server made of the call, it does not say.
    """
    calls = spans[missing["send"].sort()].select(
        "row", "http_status", "status_message", pl.coalesce("rpc_service", "rpc_method").alias("rpc")
    )
    words = pl.concat_str(pl.col("key"), pl.col("value").fill_null(""))
    said = spans.held("attributes", calls["row"]).filter(words.str.contains(_SIDECAR))
    answers = (pl.col("rpc").is_not_null() & pl.col("http_status").is_not_null()) | pl.col(
        "status_message"
    ).str.contains(_SIDECAR).fill_null(value=False)
    return pl.concat([calls.filter(answers)["row"], said["row"]]).unique()


def _answered_ns() -> pl.Expr:
    """When the server's span came at the latest: a caller may give up long before the server ends."""
    usual_ns = (pl.col("processing_ns") * PROCESSING_MARGIN).cast(pl.Int64)
    return pl.col("sent_end_ns").clip(upper_bound=INSTANT_NS_MAX) + usual_ns


def _made_good(rows: pl.DataFrame) -> pl.DataFrame:
    """A failed call and a later one under the same parent that succeeded, of the same name, to the same servers.

    Where the servers are not known, the target stands for them: a client may balance over many addresses.
    """
    by = ["parent_row", "name", "_servers"]
    rows = rows.with_columns(pl.coalesce("subscription", "channel").alias("_servers"))
    good = rows.filter(~pl.col("failed") & pl.col("parent_row").is_not_null()).select(
        *by, "sent_ns", pl.col("send").alias("made_good")
    )
    return (
        rows.filter(pl.col("failed") & pl.col("receive").is_null() & pl.col("parent_row").is_not_null())
        .select("send", "sent_ns", *by)
        .sort("sent_ns", "send")
        .join_asof(
            good.sort("sent_ns", "made_good"),
            on="sent_ns",
            by=by,
            strategy="forward",
            allow_exact_matches=False,
            check_sortedness=False,
        )
        .filter(pl.col("made_good").is_not_null())
        .select("send", "made_good")
    )


def _evidence() -> pl.Expr:
    proof, who = pl.col("proof"), pl.col("services").list.join(", ")

    def when(clause: str, sentence: pl.Expr) -> pl.Expr:
        return pl.when(proof == clause).then(sentence)

    return pl.concat_list(
        when("resent", pl.lit("a later call of the same kind succeeded")),
        when(
            "tail sampled",
            pl.format(
                "traces of {} are sampled by tail, so no single loss is named", pl.col("tail_services").list.join(", ")
            ),
        ),
        when("unknown receiver", pl.lit("no server span ever answered this caller and target: it is not instrumented")),
        when("sampled", pl.format("server spans of {} are often missing: it samples its spans", who)),
        when("answered", pl.format("an answer came, but no server span of {} arrived", who)),
        when("lost receipt", pl.format("spans under the missing answer exist: {} took the call", who)),
        when("open", pl.format("spans under an open answer exist: {} is still at it", who)),
        when("silent", pl.format("the telemetry of {} does not cover the call", who)),
        when("blind", told()),
        when("awaited", pl.format("the telemetry of {} has not moved past the call", who)),
        when("lost", pl.format("the call failed: {}", pl.col("failure").fill_null("an error status"))),
        when(
            "lost",
            pl.format("{} answers such calls with server spans and was heard before and after, but not here", who),
        ),
    ).list.drop_nulls()
