"""Accountable: the team that can most effectively prevent it, not the closest and not the most expert.

| cause | who, and why |
| --- | --- |
| overflow | the queue's owner: its limit and its isolation decide; where nobody owns it, the largest crowding sender |
| overflow, refused | the sender, where by the replay its retries save all and no change of the queue does |
| expired | the receiver, where so many more came than it took; else the queue's owner, who set the limit of time |
| broker_lost | the queue's owner, who runs it |
| rejected, receiver_down, call_lost | the receiver |
| publish_failed | the sender: it knew, and did not retry |
| silent_stop | the owner of the step after which journeys end: it answered well, and nothing followed |
| unroutable | the channel's owner, who binds it; where nobody owns it, the sender, who was told |

Nobody is accountable for an unknown or suspected cause, nor where the accountable thing is unowned or may be one of
several: then `next_to_ask` says whom to ask, and why. The journey's owner stands beside whoever is accountable: it is
their customer, and seldom their fault.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from baton.limits import EXPIRED_ARRIVALS_MIN, EXPIRED_SLOW_RATIO_MIN
from baton.schema import SEVERAL, SUBSCRIPTION, UNOWNED

if TYPE_CHECKING:
    from collections.abc import Mapping


def hold(lost: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
    """Adds `accountable_team` and `next_to_ask`.

    Args:
        lost: convicted rows with `from_team`, `to_team`, `channel_team`, `crowder` and `crowder_team` (String, the
            largest sender in the queue, null without one), `remedy` (see `replayed.FITS`).
        rows: all judged rows of messages.

    Returns:
        The rows that were lost; both columns are null unless dropped or stuck.
    """
    lost = _slow(lost, rows)

    def owned(team: str) -> pl.Expr:
        one = (pl.col(team) != UNOWNED) & ~pl.col(team).str.contains(SEVERAL, literal=True)
        return pl.when(one).then(team)

    cause = pl.col("cause")
    candidate = (
        pl.when(cause == "overflow")
        .then(
            pl.coalesce(
                pl.when(pl.col("remedy") == "sender").then(owned("from_team")),
                owned("channel_team"),
                owned("crowder_team"),
            )
        )
        .when(cause == "expired")
        .then(pl.when(pl.col("_slow")).then(owned("to_team")).otherwise(owned("channel_team")))
        .when(cause == "broker_lost")
        .then(owned("channel_team"))
        .when(cause.is_in(["rejected", "receiver_down", "call_lost"]))
        .then(owned("to_team"))
        .when(cause.is_in(["publish_failed", "silent_stop"]))
        .then(owned("from_team"))
        .when(cause == "unroutable")
        .then(pl.coalesce(owned("channel_team"), owned("from_team")))
    )
    team = pl.when(pl.col("confidence") != "suspected").then(candidate)
    accused = pl.col("verdict").is_in(["dropped", "stuck"])
    stopped = pl.when(cause == "silent_stop")
    ask = pl.coalesce(
        stopped.then(pl.format("{}: they own {}, after which it ended", owned("from_team"), "from_service")),
        pl.format("{}: they own {}, where it was last seen to go", owned("channel_team"), "channel"),
        pl.format("{}: they own {}, which should have received it", owned("to_team"), "to_service"),
        pl.format("{}: they own {}, which sent it", owned("from_team"), "from_service"),
        pl.lit("nobody: sender, channel and receiver are all unowned"),
    )
    return (
        lost.with_columns(pl.when(accused).then(team).alias("accountable_team"))
        .with_columns(pl.when(accused & pl.col("accountable_team").is_null()).then(ask).alias("next_to_ask"))
        .drop("_slow")
    )


def _slow(lost: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
    """Adds `_slow`, and to the evidence of what expired how many came and were taken meanwhile."""
    expired = lost.filter(pl.col("cause") == "expired")
    if expired.is_empty():
        return lost.with_columns(pl.lit(value=False).alias("_slow"))
    spans = expired.group_by(SUBSCRIPTION).agg(
        pl.col("sent_ns").min().alias("_from"), pl.col("sent_ns").max().alias("_until")
    )
    within = rows.filter(pl.col("relation") == "expected").join(spans, on=SUBSCRIPTION)
    window = (pl.col("_from"), pl.col("_until"))
    figures = within.group_by(SUBSCRIPTION).agg(
        pl.col("sent_ns").is_between(*window).sum().alias("_arrived"),
        pl.col("first_ns").is_between(*window).sum().alias("_taken"),
    )
    slow = (pl.col("_arrived") >= EXPIRED_ARRIVALS_MIN) & (
        pl.col("_arrived") >= EXPIRED_SLOW_RATIO_MIN * pl.col("_taken")
    )
    told = pl.when((pl.col("cause") == "expired") & (pl.col("_arrived") >= EXPIRED_ARRIVALS_MIN)).then(
        pl.format("while messages expired {} came and {} were taken", "_arrived", "_taken")
    )
    return (
        lost.join(figures, on=SUBSCRIPTION, how="left", nulls_equal=True, maintain_order="left")
        .with_columns(
            slow.fill_null(value=False).alias("_slow"),
            pl.concat_list("evidence", told).list.drop_nulls().alias("evidence"),
        )
        .drop("_arrived", "_taken")
    )


def because(found: pl.DataFrame) -> pl.DataFrame:
    """Adds `accountable_why` to findings: a sentence why it is they, and what part the others have in it.

    Args:
        found: FINDINGS columns but this one.
    """
    why = [_why(finding) for finding in found.iter_rows(named=True)]
    return found.with_columns(pl.Series("accountable_why", why, dtype=pl.String))


def _why(finding: Mapping[str, Any]) -> str | None:
    team = finding["accountable_team"]
    if team is None:
        return None
    return f"{team} {_REASONS.get(finding['cause'], _plain)(finding)}"


def _plain(finding: Mapping[str, Any]) -> str:
    return f"can most effectively prevent {finding['cause']}"


def _overflow(finding: Mapping[str, Any]) -> str:
    place, crowd = _place(finding), finding["crowding"]
    shares = ", ".join(f"{_sender(one)} {one['share']:.0%}" for one in crowd[1:])
    most = f"; at those moments {_sender(crowd[0])} held {crowd[0]['share']:.0%} of it" if crowd else ""
    held = f"{most}, {shares}" if shares else most
    team = finding["accountable_team"]
    if team == finding["channel_team"]:
        return f"owns {place}: its limit and its isolation decide what is lost{held}"
    if finding["channel_team"] in {None, UNOWNED} and not (crowd and crowd[0]["team"] != team):
        return f"sends most into {place}, which nobody owns{held}"
    return (
        f"owns {_services(finding, 'from')}: by the replay, retries would have saved what was refused, and no change "
        f"of {_theirs(finding)} would{held}"
    )


def _sender(one: Mapping[str, Any]) -> str:
    urgency = f", {one['criticality']}" if one["criticality"] else ""
    return f"{one['service']} ({one['team']}{urgency})"


def _expired(finding: Mapping[str, Any]) -> str:
    if finding["accountable_team"] == finding["channel_team"]:
        return f"owns {_place(finding)}, which lets messages expire"
    return f"owns {_services(finding, 'to')}, which took fewer than came; {_theirs(finding)} lets messages expire"


def _lost(finding: Mapping[str, Any]) -> str:
    return f"owns {_place(finding)}, which lost what it held"


def _refused(finding: Mapping[str, Any]) -> str:
    return (
        f"owns {_services(finding, 'to')}, which refused or failed {finding['count']:,} of the "
        f"{finding['during']:,} that were sent meanwhile"
    )


def _down(finding: Mapping[str, Any]) -> str:
    return f"owns {_services(finding, 'to')}, which took none of them; {_theirs(finding)} keeps what it can hold"


def _unanswered(finding: Mapping[str, Any]) -> str:
    return f"owns {_services(finding, 'to')}, which never saw {finding['count']:,} of {finding['during']:,} calls"


def _unretried(finding: Mapping[str, Any]) -> str:
    theirs = "" if finding["channel"] is None else f"; {_theirs(finding)} did not take them"
    sender = _services(finding, "from")
    return f"owns {sender}, which knew that {finding['count']:,} sends failed, and sent none again{theirs}"


def _stopped(finding: Mapping[str, Any]) -> str:
    return f"owns {_services(finding, 'from')}, after which {finding['journeys']:,} journeys stopped"


def _unbound(finding: Mapping[str, Any]) -> str:
    if finding["accountable_team"] == finding["channel_team"]:
        return f"owns {_place(finding)}, and no binding of it takes what {_services(finding, 'from')} sends"
    return f"was told that no binding of {_place(finding)} takes what it sends; nobody owns that"


_REASONS = {
    "overflow": _overflow,
    "expired": _expired,
    "broker_lost": _lost,
    "rejected": _refused,
    "receiver_down": _down,
    "call_lost": _unanswered,
    "publish_failed": _unretried,
    "silent_stop": _stopped,
    "unroutable": _unbound,
}


def _place(finding: Mapping[str, Any]) -> str:
    return str(finding["queue"] or finding["channel"] or "the channel")


def _services(finding: Mapping[str, Any], side: str) -> str:
    return ", ".join(finding[f"{side}_services"]) or "it"


def _theirs(finding: Mapping[str, Any]) -> str:
    """The queue with its owner."""
    owner = finding["channel_team"]
    whose = "nobody's" if owner in {None, UNOWNED} else f"{owner}'s"
    return f"{whose} {_place(finding)}"
