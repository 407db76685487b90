"""Replayed queues -> what `baton whatif` prints: alternatives, and one change with its owner.

All functions are pure; `queries` gives them an analysis.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from baton.errors import NotFoundError
from baton.findings import whatif
from baton.findings.pools import REJECT_PUBLISH
from baton.findings.replayed import described
from baton.limits import NAMES_MAX, REPLAY_FIT_MIN, REPLAY_LOST_MIN, REPLAY_MESSAGES_MAX
from baton.ownership.assign import owners
from baton.ownership.escalation import escalation
from baton.reports.model import Saving, WhatIf
from baton.schema import UNOWNED

if TYPE_CHECKING:
    from collections.abc import Iterator

    from baton.analysis import Analysis
    from baton.findings.replay import Found
    from baton.ownership.catalog import Catalog


_PLACE = ("tenant", "environment", "channel", "to_service")
_SIZES = ("messaging.message.envelope.size", "messaging.message.body.size")
"""What sends may say of their size (OpenTelemetry semantic conventions for messaging), in bytes."""


def savings(
    analysis: Analysis, catalog: Catalog, rows: pl.DataFrame, queue: str | None, finding: str | None
) -> list[WhatIf]:
    """Every replayed queue that lost any of these handoffs, the one that lost the most first.

    Args:
        analysis: with its replays.
        catalog: the ownership file.
        rows: HANDOFFS that are asked about.
        queue: only the queue of this name, or with this channel.
        finding: only queues that lost messages of the finding of this id; they are then the flow to be protected,
            unless journey types are declared critical.

    Raises:
        NotFoundError: no replayed queue has that name, or lost messages of that finding.
    """
    lost = rows.filter(pl.col("finding_id").is_not_null())
    if finding is not None:
        lost = lost.filter(pl.col("finding_id") == finding)
    every = analysis.spans.rows["row"]
    ids = analysis.spans.ids(every).with_columns(every.alias("send"))
    sends = lost.select("trace_id", "span_id").unique().join(ids, on=["trace_id", "span_id"])["send"]
    named = {
        name: found
        for name, found in analysis.losses.replayed.queues.items()
        if queue is None or _is(found, name, queue)
    }
    if queue is not None and not named:
        shown = ", ".join(list(analysis.losses.replayed.queues)[:NAMES_MAX]) or "none was"
        raise NotFoundError(f"no queue {queue!r} was replayed; replayed: {shown}")
    about = {name: found for name, found in named.items() if _lost(found, sends).any()}
    if finding is not None and not about:
        raise NotFoundError(f"no replay explains the losses of the finding {finding!r}: {silence(lost, analysis)}")
    told = [_told(name, found, analysis, catalog, sends if finding else None) for name, found in about.items()]
    return sorted(told, key=lambda one: (-one.lost_critical, -one.lost, one.queue))


def parting(one: WhatIf) -> bool | None:
    """Whether a queue of its own saves some of the critical flow; None where there is none, or it was not tried."""
    lost = {saving.alternative: saving.lost_critical for saving in one.savings}
    parted = [left for name in (whatif.SEPARATE, whatif.HALVES) if (left := lost.get(name)) is not None]
    was = one.savings[0].lost_critical
    return None if was is None or not parted else min(parted) < was


def silence(rows: pl.DataFrame, analysis: Analysis) -> str:
    """Why no queue is replayed that lost any of these HANDOFFS."""
    lost = rows.filter((pl.col("verdict") == "dropped") & (pl.col("kind") == "message"))
    if lost.is_empty():
        unseen = rows.filter(pl.col("verdict") == "unobserved")["evidence"].list.first()
        if analysis.estimates.height or unseen.str.contains("sampl").any():
            return "spans are sampled, so no single message is known to be lost"
        return "no message was dropped"
    most = max(lost.group_by(*_PLACE).len()["len"])
    if most < REPLAY_LOST_MIN:
        return (
            f"too few messages were lost, {most} at most on one channel to one receiver: from {REPLAY_LOST_MIN} on a "
            f"full queue can be told from chance"
        )
    if analysis.losses.replayed.queues:
        return "the queue that was replayed did not lose them"
    return (
        f"no model queue, with a limit or a TTL, loses just the messages that are missing (a fit of "
        f"{REPLAY_FIT_MIN} is needed)"
    )


def frame(answers: list[WhatIf]) -> pl.DataFrame:
    """The alternatives as rows for programs, `recommended` and its `owner` among them."""
    schema = {
        "queue": pl.String,
        "alternative": pl.String,
        "setting": pl.String,
        "lost": pl.Int64,
        "lost_critical": pl.Int64,
        "held": pl.Int64,
        "late": pl.Int64,
        "peak": pl.Int64,
        "peak_bytes": pl.Int64,
        "wait_max_ms": pl.Float64,
        "recommended": pl.Boolean,
        "owner": pl.String,
        "agreement": pl.Float64,
    }
    rows = [
        (
            *(one.queue, saving.alternative, saving.setting, saving.lost),
            *(saving.lost_critical, saving.held, saving.late, saving.peak, _bytes(one, saving), saving.wait_ns / 1e6),
            *(saving.alternative == one.best, one.owner if saving.alternative == one.best else None, one.agreement),
        )
        for one in answers
        for saving in one.savings
    ]
    return pl.DataFrame(rows, schema=schema, orient="row")


def _bytes(answer: WhatIf, saving: Saving) -> int | None:
    return None if answer.sized is None else saving.peak * answer.sized[0]


def _is(found: Found, name: str, queue: str) -> bool:
    return queue == name or queue in found.pool.rows["channel"].unique() or queue in found.pool.rows["queue"].unique()


def _lost(found: Found, sends: pl.Series) -> pl.Series:
    return found.pool.rows["send"].is_in(sends.implode()) & pl.Series(found.pool.lost)


def _told(name: str, found: Found, analysis: Analysis, catalog: Catalog, sends: pl.Series | None) -> WhatIf:
    rows = found.pool.rows
    declared = sorted(kind.name for kind in catalog.journey_types if kind.criticality == "critical")
    mask = rows["journey_type"].is_in(declared).fill_null(value=False)
    flow = ", ".join(kind for kind in declared if (rows["journey_type"] == kind).any())
    if not mask.any() and sends is not None:
        senders = rows.filter(_lost(found, sends))["service"].unique().sort()
        mask, flow = rows["service"].is_in(senders.implode()), ", ".join(senders)
    critical = mask.to_numpy()
    tried = whatif.tried(found, critical)
    crowd = tuple(_crowd(found, analysis, catalog, mask))
    team = _team(rows, catalog, analysis.as_of_ns)
    owner = team if team != UNOWNED else next((its for _, its, _ in crowd if its != UNOWNED), None)
    if tried.best == whatif.RETRY and found.best.hypothesis.policy == REJECT_PUBLISH:
        owner = _senders(found, catalog, analysis.as_of_ns) or owner
    saved = tuple(_saving(row) for row in tried.outcomes.iter_rows(named=True))
    return WhatIf(
        queue=name,
        team=team,
        escalation=escalation(owner, catalog),
        described=described(found.best.hypothesis),
        fit=found.best.fit,
        messages=tried.messages,
        critical=tried.critical,
        flow=flow,
        lost=tried.lost,
        lost_critical=int((found.pool.lost & critical).sum()),
        crowding=crowd,
        agreement=tried.agreement,
        savings=saved,
        unlimited=next((one for one in saved if one.alternative == whatif.UNLIMITED), None),
        best=tried.best,
        why=tried.why,
        owner=owner if tried.best else None,
        sized=_sized(rows["send"].head(REPLAY_MESSAGES_MAX), analysis),
    )


def _sized(sends: pl.Series, analysis: Analysis) -> tuple[int, int] | None:
    """The mean size of the messages whose sends say one, in bytes, and how many do; None where none does."""
    said = (
        analysis.spans.held("attributes", sends.unique())
        .filter(pl.col("key").is_in(_SIZES))
        .with_columns(pl.col("value").cast(pl.Int64, strict=False).alias("bytes"))
        .filter(pl.col("bytes") >= 0)
        # The envelope, which holds the body, goes first.
        .sort("row", "key", descending=[False, True])
        .unique("row", keep="first")
    )
    mean = said["bytes"].mean()
    return (round(mean), said.height) if isinstance(mean, float) else None


def _saving(row: dict[str, Any]) -> Saving:
    return Saving(
        alternative=row["alternative"],
        setting=row["setting"],
        lost=row["lost"],
        lost_critical=row["lost_critical"],
        held=row["held"],
        late=row["late"],
        peak=row["peak"],
        wait_ns=round(row["wait_max_ms"] * 1e6),
    )


def _crowd(found: Found, analysis: Analysis, catalog: Catalog, critical: pl.Series) -> Iterator[tuple[str, str, float]]:
    """Who held the queue while it lost messages of the critical flow; where it lost none of these, any."""
    lost = pl.Series(found.pool.lost)
    chosen = found.pool.rows.filter(lost & critical) if (lost & critical).any() else found.pool.rows.filter(lost)
    held = analysis.losses.replayed.occupants.filter(pl.col("send").is_in(chosen["send"].implode()))
    shares = held.group_by("sender").agg(pl.col("held").sum()).sort("held", "sender", descending=[True, False])
    teams = owners(shares["sender"].to_list(), "service", catalog, analysis.as_of_ns)
    total = shares["held"].sum()
    for sender, count in shares.iter_rows():
        yield sender, teams.get(sender, UNOWNED), count / total


def _senders(found: Found, catalog: Catalog, at_ns: int) -> str | None:
    """Whoever owns the sender that was refused the most."""
    refused = found.pool.rows.filter(pl.Series(found.pool.lost))["service"].value_counts(sort=True)["service"].to_list()
    teams = owners(refused, "service", catalog, at_ns)
    return next((teams[one] for one in refused if teams[one] != UNOWNED), None)


def _team(rows: pl.DataFrame, catalog: Catalog, at_ns: int) -> str:
    """The one owner of the queue, else of those of its channels, or queues of their names, that anybody owns."""
    queue, channels = (rows[name].drop_nulls().unique().sort().to_list() for name in ("queue", "channel"))
    known = set(owners(queue, "queue", catalog, at_ns).values()) - {UNOWNED}
    if not known:
        queues, named = (owners(channels, kind, catalog, at_ns) for kind in ("queue", "channel"))
        known = {queues[one] if queues[one] != UNOWNED else named[one] for one in channels} - {UNOWNED}
    return known.pop() if len(known) == 1 else UNOWNED
