"""Dangers in brokers' set-ups, before anything is lost."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple

import polars as pl

from baton.errors import NotFoundError
from baton.limits import TIME_NS_MAX
from baton.queries.answer import catalog_of, judged
from baton.queries.question import about
from baton.schema import DEFAULT_TENANT, FACTS, HANDOFFS, SENDS
from baton.store.reader import Store

if TYPE_CHECKING:
    from pathlib import Path

    from baton.lint.subjects import Replayed
    from baton.ownership.catalog import Catalog
    from baton.queries.answer import Answer
    from baton.queries.question import Question


class _Traffic(NamedTuple):
    """What was sent in the window: the mix of it, HANDOFFS as a query, queue -> what a replay recommends."""

    mix: pl.DataFrame
    handoffs: pl.LazyFrame
    replayed: dict[str, Replayed]


def lint(question: Question, definitions: Path | None = None, *, stored: bool = True) -> pl.DataFrame:
    """LINT: what brokers' set-ups will lose under the traffic that is seen, the gravest first.

    Args:
        question: whose traffic, when; its narrowing to teams or types is not heard.
        definitions: a saved file of broker facts that stands for the store's.
        stored: whether to read the store; without it nothing is known of traffic, and facts are the file's.

    Raises:
        NotFoundError: there is no store, or no facts are known.
        StoreError: the store cannot be read.
        InputError: a file has a fault.
    """
    from baton.brokers.flows import laid, newest, sent  # noqa: PLC0415 - only this question needs it
    from baton.brokers.history import held  # noqa: PLC0415
    from baton.brokers.outlets import letters, untaken  # noqa: PLC0415
    from baton.lint.lint import Known  # noqa: PLC0415
    from baton.lint.lint import lint as stage  # noqa: PLC0415
    from baton.lint.traffic import traffic  # noqa: PLC0415
    from baton.ownership.assign import owners  # noqa: PLC0415

    catalog = catalog_of(question.owners)
    as_of_ns = time.time_ns() if question.as_of_ns is None else question.as_of_ns
    seen = _seen(question) if stored else _Traffic(sent(_NOTHING, SENDS.empty()), HANDOFFS.empty().lazy(), {})
    tenants = _tenants(question, seen)
    facts = _facts(question, catalog, definitions, tenants, as_of_ns)
    known = held(facts, as_of_ns)
    queues = newest(known)
    flows = laid(seen.mix, known, {kind.name: kind.criticality for kind in catalog.journey_types})
    nowhere = untaken(seen.mix, facts, as_of_ns)
    exchanges = {*known.filter(pl.col("fact") == "route")["name"], *flows["channel"], *nowhere["exchange"]}
    return stage(
        Known(
            facts=known,
            queues=queues,
            letters=letters(facts, as_of_ns),
            untaken=nowhere,
            flows=flows,
            traffic=traffic(seen.handoffs, flows, _ttls(queues)),
            replayed=seen.replayed,
            queue_owners=owners(queues["name"].to_list(), "queue", catalog, as_of_ns),
            channel_owners=owners(exchanges, "channel", catalog, as_of_ns),
        )
    )


def lint_rules() -> list[tuple[str, str, str]]:
    """Name, gravest severity and meaning of every rule of `lint`."""
    from baton.lint.rules import every  # noqa: PLC0415 - only this question needs it

    return [(rule.name, rule.severities.partition(",")[0], rule.finds) for rule in every()]


_JUDGED = {
    "send": pl.UInt32(),
    **dict.fromkeys(("kind", "relation", "queue", "from_team", "journey_type"), pl.String()),
}
"""Columns of judged rows that flows are made of."""
_NOTHING = pl.DataFrame(schema=_JUDGED)


def _seen(question: Question) -> _Traffic:
    from baton.brokers.flows import sent  # noqa: PLC0415 - only this question needs it

    answer, paired = judged(question)
    since_ns, until_ns = question.since_ns, question.until_ns
    within = pl.col("sent_ns").is_between(
        -TIME_NS_MAX if since_ns is None else since_ns, TIME_NS_MAX if until_ns is None else until_ns - 1
    )
    rows = answer.analysis.judged.filter(within).select(list(_JUDGED))
    handoffs = answer.analysis.told.filter(about(question))
    return _Traffic(sent(rows, paired.sends), handoffs, _replayed(answer, handoffs))


def _replayed(answer: Answer, handoffs: pl.LazyFrame) -> dict[str, Replayed]:
    """Queue -> what a replay of the traffic that it lost recommends; replays know queues by name alone."""
    from baton import savings  # noqa: PLC0415 - only this question needs it
    from baton.lint.subjects import Replayed  # noqa: PLC0415

    lost = handoffs.filter(pl.col("cause").is_in(["overflow", "expired"]))
    rows = lost.select("tenant", "environment", "finding_id", "trace_id", "span_id").collect()
    # Of several tenants or environments nobody can tell whose queue a name is.
    if rows.select("tenant", "environment").n_unique() != 1:
        return {}
    found = savings.savings(answer.analysis, answer.catalog, rows, None, None)
    return {one.queue: Replayed(one.best, one.why, savings.parting(one)) for one in found}


def _tenants(question: Question, seen: _Traffic) -> list[str]:
    """Whose facts a file or ownership.yaml tells: the one that is asked about, else all that send."""
    if question.tenant is not None:
        return [question.tenant]
    return seen.mix["tenant"].unique().sort().to_list() or [DEFAULT_TENANT]


def _facts(
    question: Question, catalog: Catalog, definitions: Path | None, tenants: list[str], as_of_ns: int
) -> pl.DataFrame:
    """FACTS, as a history: the file's, else the store's; and what ownership.yaml declares."""
    from baton.ownership import declared  # noqa: PLC0415 - only this question needs it

    if definitions is None:
        told = Store(question.store).facts(as_of_ns)
        if question.tenant is not None:
            told = told.filter(pl.col("tenant") == question.tenant)
    else:
        told = pl.concat([_of_file(definitions, tenant) for tenant in tenants])
    facts = pl.concat([told, declared.facts(catalog, tenants) if catalog.queues else FACTS.empty()])
    if not facts["fact"].is_in(["queue", "route"]).any():
        place = question.store if definitions is None else definitions
        raise NotFoundError(
            f"{place}: nothing is known of any broker's queues: keep what one says with `baton broker snapshot` or "
            f"`baton broker load`, or name a saved file with --definitions"
        )
    return facts


def _of_file(path: Path, tenant: str) -> pl.DataFrame:
    """The file's facts: nobody says when they held, so they always do."""
    from baton.brokers.document import Place, load  # noqa: PLC0415 - only this question needs it

    return load(path, Place(at_ns=0, tenant=tenant, environment=None, address=None))


def _ttls(queues: pl.DataFrame) -> pl.DataFrame:
    """`tenant`, `queue`, `ttl_ns` of names that only one queue has."""
    one = queues.filter(pl.len().over("tenant", "name") == 1)
    return one.select("tenant", pl.col("name").alias("queue"), "ttl_ns")
