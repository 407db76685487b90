"""May Baton accuse, boundary by boundary?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from baton.brokers.history import held, latest
from baton.ownership import declared
from baton.queries.answer import judged
from baton.trust.trust import trust as trusted
from baton.trust.ways import Seen

if TYPE_CHECKING:
    from baton.analysis import Analysis, Paired
    from baton.ownership.catalog import Catalog
    from baton.queries.question import Question

_TEAMS = ("from_team", "to_team", "channel_team")


def trust(question: Question) -> pl.DataFrame:
    """TRUST of the boundaries that the window's handoffs crossed, those where Baton may not accuse first.

    Args:
        question: of it the window, the tenant and the team are heard: who sends, receives, or owns the channel.

    Raises:
        NotFoundError, StoreError, InputError: as `handoffs`.
    """
    given, paired = judged(question)
    rows = given.analysis.judged.filter(_about(question))
    return trusted(rows, seen(given.analysis, paired, given.catalog))


def seen(analysis: Analysis, paired: Paired, catalog: Catalog) -> Seen:
    """What an analysis was judged by, as trust reads it."""
    services = paired.spans.looks.lazy().select("environment", "service").unique()
    channels = paired.sends.lazy().select("environment", "channel").unique()
    return Seen(
        spans=paired.spans,
        sends=paired.sends,
        pairs=paired.pairs,
        unnamed=paired.unnamed,
        receipts=paired.receipts,
        calls=paired.calls,
        expectations=analysis.expectations,
        tails=declared.tail_sampled(services, catalog).filter("tail").drop("tail").collect(),
        deadlines=declared.deadlines(channels, catalog).drop_nulls("declared_ns").drop("declared_ns").collect(),
        timed=tuple(kind.name for kind in catalog.journey_types if kind.deadline_ns is not None),
        hot=analysis.hot,
        looks=_looks(analysis.facts, analysis.as_of_ns),
        as_of_ns=analysis.as_of_ns,
    )


def _about(question: Question) -> pl.Expr:
    """Whether a judged row is one that the question is about."""
    wanted = pl.lit(value=True)
    if question.since_ns is not None:
        wanted &= pl.col("sent_ns") >= question.since_ns
    if question.until_ns is not None:
        wanted &= pl.col("sent_ns") < question.until_ns
    if question.team is not None:
        wanted &= pl.any_horizontal(pl.col(team) == question.team for team in _TEAMS).fill_null(value=False)
    return wanted


def _looks(facts: pl.DataFrame, as_of_ns: int) -> pl.DataFrame:
    """See `Seen.looks`: the last look at each queue, or topic with a group's offsets, of FACTS as a history.

    What a queue counts settles verdicts (`brokers.counts`); offsets do not.
    """
    place = ["tenant", "environment", "broker", "source", "vhost", "fact"]
    known = facts.filter(pl.col("at_ns") <= as_of_ns)
    marks = latest(known).filter(pl.col("fact") == "snapshot").with_columns(fact="name", looked_ns="at_ns")
    topics = pl.col("fact") == "subscription"
    return (
        held(known, as_of_ns)
        .filter((pl.col("fact") == "queue") | topics)
        .join(marks.select(*place, "looked_ns"), on=place, how="left", nulls_equal=True)
        .select(
            *("tenant", "environment", "broker"),
            pl.when(topics).then("to").otherwise("name").alias("name"),
            pl.max_horizontal("looked_ns", "at_ns").alias("looked_ns"),
            pl.all_horizontal(pl.col("published", "acknowledged").is_not_null()).alias("counters"),
        )
    )
