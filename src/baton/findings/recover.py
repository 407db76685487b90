"""The work list of the next morning: what to send again or repair, where it is now, and whom to tell.

`replay` is `yes` only where nothing suggests that sending it again could make two of it. The first that holds decides:

| replay | because |
| --- | --- |
| no | the customer's own resubmission, or another send of the same message, was delivered |
| no | it waits in its queue: it will be received |
| check | it was dead-lettered or parked: move it from there, sending it anew makes two |
| check | it may still wait: nothing proves that it is lost |
| check | the receiver took it and failed on it: part of the work may be done |
| check | another subscription received it: send it to the queue that lost it, not to the channel |
| check | a later send of the same message, correlation id or journey may stand in its stead, lost or not |
| check | a call, or a step that was not taken: whoever owns it knows how to take it up again |
| check | its cause is only suspected |
| yes | nobody received it, and nothing stands in its stead |
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import polars as pl

from baton.findings.episodes import CAME
from baton.findings.impact import amount, currency
from baton.findings.said import JOURNEY, said
from baton.limits import RECOVERY_KEYS_MAX
from baton.schema import RECOVERY, STRINGS, UNOWNED

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from baton.looks import Spans

_PLACE = ["tenant", "environment", "channel"]
_SEND = ["tenant", "environment", "trace_id", "span_id"]


def recover(
    lost: pl.DataFrame, rows: pl.DataFrame, measured: pl.DataFrame, keys: pl.DataFrame, notify: Mapping[str, str]
) -> pl.DataFrame:
    """The work list of some lost handoffs.

    Args:
        lost: HANDOFFS rows, dropped or stuck, and `journey_owner` (String, null without a declared journey type).
        rows: HANDOFFS, all of them.
        measured: the frame of `impact.measured` of their journeys.
        keys: the frame of `business_keys` of their journeys.
        notify: team -> whom to wake, of the teams that say so.

    Returns:
        RECOVERY, by the time sent.
    """
    told = _others(lost, rows)
    for more in (measured, keys):
        told = told.join(more, on=JOURNEY, how="left", nulls_equal=True, maintain_order="left")
    holds = [(pl.when(one.when.fill_null(value=False)), one) for one in _ADVICE]
    made = told.with_columns(
        pl.coalesce(*(when.then(pl.lit(one.replay)) for when, one in holds)).alias("replay"),
        pl.coalesce(*(when.then(one.why) for when, one in holds)).alias("why"),
        pl.col("keys").fill_null([]),
        pl.Series("notify", [_notified(row, notify) for row in told.iter_rows(named=True)], dtype=STRINGS),
        pl.Series("amount", [_amount(text) for text in told["amount"]], dtype=pl.String),
        pl.Series("currency", [currency(text) for text in told["currency"]], dtype=pl.String),
    )
    return made.select(pl.col(column.name).cast(column.dtype) for column in RECOVERY.columns).sort(
        "sent_at", "handoff_id"
    )


def business_keys(hit: pl.DataFrame, spans: Spans, journeys: pl.DataFrame, names: Sequence[str]) -> pl.DataFrame:
    """The journey keys that journeys bear; arguments as of `said.said`.

    Returns:
        JOURNEY columns and `keys` (List(String)): `name=value`, at most RECOVERY_KEYS_MAX.
    """
    pair = pl.concat_str("key", pl.lit("="), "value")
    return (
        said(hit, spans, journeys, names)
        .select(*JOURNEY, pair.alias("pair"))
        .unique(maintain_order=True)
        .group_by(JOURNEY, maintain_order=True)
        .agg(pl.col("pair").head(RECOVERY_KEYS_MAX).alias("keys"))
    )


class Advice(NamedTuple):
    """One row of the table above: whether to replay it, when that holds (Boolean, null is no), and why."""

    replay: str
    when: pl.Expr
    why: pl.Expr


_ADVICE = (
    Advice("no", pl.col("resubmitted_by").is_not_null(), pl.lit("the customer's own resubmission was delivered")),
    Advice(
        "no",
        pl.col("_again").is_not_null(),
        pl.format("another send of this message was delivered to {}", "_again"),
    ),
    Advice("no", pl.col("disposition") == "waiting", pl.lit("it waits in its queue: it will be received")),
    Advice(
        "check",
        pl.col("disposition").is_in(["dead_lettered", "parked"]),
        pl.format(
            "it lies in {}: move it from there, for a new send makes two of it",
            pl.col("held_at").fill_null("another queue"),
        ),
    ),
    Advice("check", pl.col("verdict") == "stuck", pl.lit("it may still wait: nothing proves that it is lost")),
    Advice(
        "check",
        pl.col("receive_span_id").is_not_null(),
        pl.format("{} took it and failed on it: part of the work may be done", pl.col("to_service").fill_null("it")),
    ),
    Advice(
        "check",
        pl.col("_elsewhere").is_not_null(),
        pl.format("{} received it: send it to the queue that lost it, and to no other", "_elsewhere"),
    ),
    Advice(
        "check",
        pl.col("_later").fill_null(value=False),
        pl.lit("a later send of the same message, correlation id or journey may stand in its stead"),
    ),
    Advice("check", pl.col("kind") == "call", pl.lit("a call: its caller knows whether it may be made again")),
    Advice("check", pl.col("kind") == "step", pl.lit("nothing was sent: the step before it has to be taken up again")),
    Advice("check", pl.col("confidence") == "suspected", pl.lit("why it was lost is only suspected")),
    Advice("yes", pl.col("disposition") == "gone", pl.lit("nobody received it, and nothing stands in its stead")),
    Advice(
        "yes",
        pl.lit(value=True),
        pl.lit("nobody received it, and nothing stands in its stead; where it is now, the spans do not tell"),
    ),
)


def _others(lost: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
    """Adds what else came: `_again` (receiver of another send of it), `_elsewhere` (another receiver), `_later`."""
    here = rows.join(lost.select(_PLACE).unique(), on=_PLACE, how="semi", nulls_equal=True)
    came = here.filter(pl.col("verdict").is_in(CAME))
    numbered = lost.with_row_index("_number")
    again = _other(numbered.drop_nulls("message_id"), came, [*_PLACE, "message_id"])
    other_send = pl.any_horizontal(pl.col(name) != pl.col(f"{name}_other") for name in ("trace_id", "span_id"))
    elsewhere = _other(numbered, came, _SEND)
    found = (
        numbered.join(_first(again.filter(other_send), "_again"), on="_number", how="left")
        .join(_first(elsewhere, "_elsewhere"), on="_number", how="left")
        .with_columns(pl.lit(value=False).alias("_later"))
    )
    for bond in (["message_id"], ["correlation_id"], ["from_service", "journey_id"]):
        by = [*_PLACE, *bond]
        # One that was lost as well is on a work list itself: of two that may be the same, the last is sent again.
        last = here.drop_nulls(bond).group_by(by).agg(pl.col("sent_at").max().alias("_last"))
        found = (
            found.join(last, on=by, how="left", nulls_equal=True)
            .with_columns(pl.col("_later") | (pl.col("_last") > pl.col("sent_at")).fill_null(value=False))
            .drop("_last")
        )
    return found.sort("_number")


def _other(lost: pl.DataFrame, came: pl.DataFrame, by: list[str]) -> pl.DataFrame:
    columns = ("trace_id", "span_id", "to_service")
    others = came.select(*by, *(pl.col(name).alias(f"{name}_other") for name in columns))
    return lost.join(others, on=by, nulls_equal=True)


def _first(found: pl.DataFrame, name: str) -> pl.DataFrame:
    return found.group_by("_number").agg(
        pl.col("to_service_other").fill_null("its receiver").sort().first().alias(name)
    )


def _notified(row: Mapping[str, Any], notify: Mapping[str, str]) -> list[str]:
    """Who is accountable, whose the journey is, and who waits for it, each with whom to wake."""
    teams = dict.fromkeys(row[name] for name in ("accountable_team", "journey_owner", "to_team"))
    known = [team for team in teams if team not in {None, UNOWNED}]
    return [f"{team} {notify[team]}" if team in notify else team for team in known]


def _amount(text: str | None) -> str | None:
    value = None if text is None else amount(text)
    return None if value is None else f"{value:f}"
