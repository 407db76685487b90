"""What replays say of lossy subscriptions, as frames: the fits, the moments of loss, who crowded them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from baton.findings import occupants, whatif
from baton.findings.pools import REJECT_PUBLISH, pools
from baton.findings.queues import crowding, limits
from baton.findings.replay import TTL, Found, Hypothesis, investigate
from baton.limits import REPLAY_SUPPORT_MIN, SENDERS_MAX
from baton.schema import SUBSCRIPTION

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    import numpy as np

FITS = pl.Schema(
    {
        **dict.fromkeys(SUBSCRIPTION, pl.String()),
        "scope": pl.String(),
        "survivors": pl.UInt32(),
        "depth": pl.Float64(),
        "depth_iqr": pl.Float64(),
        "policy": pl.String(),
        "limit": pl.Int64(),
        "ttl_ns": pl.Int64(),
        "prefetch": pl.Int64(),
        "first": pl.String(),
        "fit": pl.Float64(),
        "runner_up": pl.String(),
        "runner_up_fit": pl.Float64(),
        "replayed": pl.String(),
        "mixed": pl.String(),
        "remedy": pl.String(),
    }
)
"""One row a subscription whose losses something explains.

`scope` (own, pool or queue) says which messages share the queue. `survivors`, `depth` and `depth_iqr` are of the
messages that came through amid the losses; null for a TTL. `policy` (drop-head, reject-publish, ttl), `limit`,
`ttl_ns`, `prefetch` (messages that the consumers have in hand), `first` (the kind of message with the higher priority;
null where none has), `fit`, `runner_up` (the best hypothesis of another policy) and its fit are the replay's, null
where only the depths of the survivors tell. `replayed` says it in a sentence; `mixed`, which flows share the queue.
`remedy` is sender where the queue refuses, and by the replay no change of it but only its senders' retries would have
saved what it refused; else queue.
"""


@dataclass(frozen=True, slots=True)
class Replayed:
    """Everything that replays say.

    Attributes:
        fits: FITS.
        moments: see `occupants.moments`, of the subscriptions that a replay convicts.
        crowding: see `queues.crowding`.
        occupants: occupants.OCCUPANTS.
        depths: occupants.DEPTHS.
        queues: name -> what was found, one a replayed queue that convicts.
    """

    fits: pl.DataFrame
    moments: pl.DataFrame
    crowding: pl.DataFrame
    occupants: pl.DataFrame
    depths: pl.DataFrame
    queues: dict[str, Found]


def replayed(
    rows: pl.DataFrame, pressures: pl.DataFrame, services: pl.DataFrame, critical: Collection[str]
) -> Replayed:
    """Replays every lossy subscription.

    Args:
        rows: judged message rows, with `journey_type`.
        pressures: PRESSURE.
        services: SUBSCRIPTION columns and `services` (List(String)).
        critical: journey types that are declared critical.
    """
    found = [item for wanted, readings in pools(rows, services) for item in investigate(wanted, readings).items()]
    convicted = {subscription: one for subscription, one in found if one.convicts}
    estimates = limits(pressures, services)
    supported = {subscription for subscription, one in found if not _supports(one)} | set(convicted)
    estimates = estimates.filter(~pl.struct(SUBSCRIPTION).is_in(_structs(supported))) if supported else estimates
    fits = pl.concat(
        [FITS.to_frame(), *(_row(name, one, critical) for name, one in convicted.items()), estimates], how="diagonal"
    ).sort(SUBSCRIPTION)
    moments, held, deep, queues = _states(convicted)
    crowds = pl.concat([_shares(held), crowding(rows, estimates)])
    return Replayed(fits, moments, crowds, held, deep, queues)


def _supports(found: Found) -> bool:
    """Whether a replay that does not convict leaves room for what the survivors' depths say."""
    return found.best.hypothesis.policy != TTL and found.best.fit >= REPLAY_SUPPORT_MIN


def _structs(subscriptions: Collection[tuple[str, ...]]) -> list[dict[str, str]]:
    return [dict(zip(SUBSCRIPTION, one, strict=True)) for one in sorted(subscriptions)]


def _row(subscription: tuple[str, ...], found: Found, critical: Collection[str]) -> pl.DataFrame:
    best, rival = found.best, found.rival
    policy, bound = best.hypothesis.policy, best.hypothesis.bound
    depths = best.depths if policy != TTL else None
    row = {
        **dict(zip(SUBSCRIPTION, subscription, strict=True)),
        "scope": best.pool.scope,
        "survivors": len(best.depths),
        "depth": None if depths is None else float(bound - 1),
        "depth_iqr": None if depths is None else _iqr(depths),
        "policy": policy,
        "limit": None if policy == TTL else bound,
        "ttl_ns": bound if policy == TTL else None,
        "prefetch": best.hypothesis.prefetch,
        "first": None if best.hypothesis.first is None else best.hypothesis.first[1],
        "fit": best.fit,
        "runner_up": None if rival is None else rival.hypothesis.policy,
        "runner_up_fit": None if rival is None else rival.fit,
        "replayed": _sentence(found),
        "mixed": _mixed(found, critical),
        "remedy": _remedy(found, critical),
    }
    return pl.DataFrame([row], schema=FITS)


def _iqr(depths: np.ndarray[tuple[int], np.dtype[np.int64]]) -> float:
    ordered = pl.Series(depths)
    return float((ordered.quantile(0.75, "linear") or 0.0) - (ordered.quantile(0.25, "linear") or 0.0))


def _sentence(found: Found) -> str:
    lost, modelled, both = found.best.told
    rival = found.rival
    said = (
        f"replayed through {described(found.best.hypothesis)}, the same sends lose {both:,} of the {lost:,} that are "
        f"missing and {modelled - both:,} that are not (fit {found.best.fit:.2f}"
    )
    if rival is None:
        return f"{said}; no other policy could be tried)"
    return f"{said}; runner-up: {described(rival.hypothesis)}, fit {rival.fit:.2f})"


def described(hypothesis: Hypothesis) -> str:
    """A hypothesis in words."""
    if hypothesis.policy == TTL:
        return f"a queue whose messages expire after {hypothesis.bound / 1e6:,.0f} ms"
    refuses = hypothesis.policy == REJECT_PUBLISH
    acts = "refuses what comes (reject-publish)" if refuses else "evicts its oldest (drop-head)"
    if hypothesis.first is None:
        return f"a queue that holds {hypothesis.bound:,} and {acts}"
    value = hypothesis.first[1]
    if refuses:
        return f"a queue that holds {hypothesis.bound:,}, {acts} and delivers {value} first"
    return f"a queue that holds {hypothesis.bound:,} and evicts the highest priority, {value}, first (drop-head)"


def _mixed(found: Found, critical: Collection[str]) -> str | None:
    """That critical and other messages share a bounded queue which nothing protects."""
    if found.best.hypothesis.policy == TTL or found.best.hypothesis.first is not None:
        return None
    types = found.pool.rows["journey_type"]
    first = sorted(set(types.drop_nulls()) & set(critical))
    others = found.pool.rows.filter(~types.is_in(first).fill_null(value=False))["service"].unique().sort().to_list()
    held = found.pool.rows["proof"] == "sidelined"
    guarded = found.pool.known.guarded
    if not first or not others or held.any() or guarded:
        return None
    word = "as far as spans tell" if guarded is None else "by the broker's word"
    return (
        f"{', '.join(first)} (critical) and other messages of {', '.join(others[:SENDERS_MAX])} share this queue; it "
        f"is bounded and, {word}, knows no priorities and has no dead-letter exchange"
    )


def _remedy(found: Found, critical: Collection[str]) -> str:
    mine = found.pool.rows["journey_type"].is_in(list(critical)).fill_null(value=False).to_numpy()
    # A queue that evicts is its owner's to change, before any sender can know of a loss.
    if found.best.hypothesis.policy == REJECT_PUBLISH and whatif.tried(found, mine).best == whatif.RETRY:
        return "sender"
    return "queue"


def _states(
    convicted: dict[tuple[str, ...], Found],
) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame, dict[str, Found]]:
    """Moments, occupants and depths of each replayed queue, once a queue; and the queues by name."""
    queues: dict[str, Found] = {}
    for name, one in _named(convicted):
        if all(one.pool is not other.pool for other in queues.values()):
            queues[name if name not in queues else f"{name} {len(queues)}"] = one
    lost = [pl.DataFrame(schema={**dict.fromkeys(SUBSCRIPTION, pl.String()), "send": pl.UInt32, "moment_ns": pl.Int64})]
    held, deep = [occupants.OCCUPANTS.to_frame()], [occupants.DEPTHS.to_frame()]
    for name, one in queues.items():
        run = one.run()
        lost.append(occupants.moments(one.pool, run))
        held.append(occupants.occupants(one.pool, run, lost[-1]))
        deep.append(occupants.depths(name, one.pool, run))
    mine = _structs(convicted)
    about = pl.struct(SUBSCRIPTION).is_in(mine) if mine else pl.lit(value=False)
    return pl.concat(lost).filter(about), pl.concat(held).filter(about), pl.concat(deep), queues


def _named(convicted: dict[tuple[str, ...], Found]) -> Iterator[tuple[str, Found]]:
    """Each with a name for its queue: by facts or the receiver's word, else its channels."""
    for one in convicted.values():
        queues = one.pool.rows["queue"].drop_nulls().unique()
        names = queues if len(queues) == 1 else one.pool.rows["channel"].unique().sort()
        yield " + ".join(names[:SENDERS_MAX]), one


def _shares(held: pl.DataFrame) -> pl.DataFrame:
    """The frame of `queues.crowding`: shares of all places at all moments of loss, by subscription and sender."""
    return (
        held.group_by(*SUBSCRIPTION, "sender")
        .agg(pl.col("held").sum())
        .with_columns((pl.col("held") / pl.col("held").sum().over(SUBSCRIPTION)).alias("share"))
        .sort(*SUBSCRIPTION, "share", "sender", descending=[*[False] * len(SUBSCRIPTION), True, False])
        .group_by(SUBSCRIPTION, maintain_order=True)
        .head(SENDERS_MAX)
        .select(*SUBSCRIPTION, "sender", "share")
    )
