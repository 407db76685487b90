"""Contracts against what was seen, and drafts of those that are missing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from baton import sampling
from baton.brokers.flows import flows
from baton.brokers.history import held
from baton.contracts.check import check
from baton.contracts.outcome import Known
from baton.findings.rows import explained
from baton.queries.answer import judged
from baton.queries.question import about
from baton.schema import SEPARATOR, SEVERAL, TIME, TRAFFIC, UNSAID

if TYPE_CHECKING:
    from baton.analysis import Analysis, Paired
    from baton.contracts.contract import Agreed
    from baton.looks import Spans
    from baton.queries.answer import Answer
    from baton.queries.question import Question


_NACK = r"(?i)nack"
"""How clients say that the broker refused a publish: pika's NackError, AMQP's basic.nack, Spring's nack."""


def contracts(question: Question) -> tuple[pl.DataFrame, tuple[str, ...]]:
    """Every clause of every contract, and notes on what of the files is not used.

    Returns:
        CONTRACTS, and the notes.

    Raises:
        NotFoundError: there is no store.
        StoreError: it cannot be read.
        InputError: a contracts file, an ownership file or baton.toml has a fault.
    """
    answer, paired = judged(question)
    agreed = answer.contracts
    rows = traffic(answer.analysis, paired, question)
    found = check(rows, agreed.all, _known(answer, paired), answer.analysis.spans.trace_ids)
    return found, (*agreed.notes, *_notes(agreed, answer))


def draft(question: Question) -> tuple[str, int]:
    """A contracts.yaml for the boundaries that have no contract, and how many they are; raises as `contracts`."""
    from baton.contracts.draft import draft as drafted  # noqa: PLC0415 - only this question needs it

    answer, paired = judged(question)
    return drafted(traffic(answer.analysis, paired, question), answer.contracts.all, _known(answer, paired))


def _known(answer: Answer, paired: Paired) -> Known:
    facts = held(answer.analysis.facts, answer.as_of_ns)
    criticality = {kind.name: kind.criticality for kind in answer.catalog.journey_types}
    flowing = flows(answer.analysis.judged, paired.sends, facts, criticality)
    return Known(facts, flowing, answer.as_of_ns)


def _notes(agreed: Agreed, answer: Answer) -> tuple[str, ...]:
    """What the contracts say that nothing else knows of."""
    teams = set(answer.catalog.owners)
    strangers = [one for one in agreed.all if one.owner is not None and one.owner not in teams]
    empty = [one for one in agreed.all if not one.clauses.said]
    return (
        *(f"{one.name}: its owner {one.owner} is no team of the ownership files" for one in strangers),
        *(f"{one.name} has no clause: nothing of it is checked" for one in empty),
    )


def traffic(analysis: Analysis, paired: Paired, question: Question) -> pl.DataFrame:
    """TRAFFIC that the question is about."""
    spans, rows = analysis.spans, analysis.judged
    if not analysis.losses.named.is_empty():
        rows = explained(rows, analysis.losses.convicted)
    untold = [name for name in ("cause", "accountable_team") if name not in rows.columns]
    sent = pl.col("sent_ns").cast(TIME).alias("sent_at")
    expected = (pl.col("relation") == "expected").fill_null(value=False) & (pl.col("kind") != "step")
    rows = (
        rows.lazy()
        .filter(expected)
        .with_columns(pl.lit(None, dtype=pl.String).alias(name) for name in untold)
        .with_columns(sent)
        .filter(about(question))
        .collect()
    )
    nacked = pl.col("failure").str.contains(_NACK).fill_null(value=False).alias("nacked")
    keys = paired.sends.select("send", "broker", "routing_key", nacked)
    rows = rows.join(keys, on="send", how="left", maintain_order="left")
    looks = spans.rows["look"]
    told = {name: spans.looks[name] for name in ("name", "rpc_service", "rpc_method", "http_route", "service_instance")}
    at, to = looks.gather(rows["send"]), looks.gather(rows["row"])
    names = pl.DataFrame(
        {
            "instance": told["service_instance"].gather(at),
            "client": told["name"].gather(at),
            "rpc": (told["rpc_service"] + "/" + told["rpc_method"]).gather(at),
            "server": told["name"].gather(to),
            "sent_end_ns": spans.rows["end_ns"].gather(rows["send"]),
            "parent": spans.rows["parent_row"].gather(rows["send"]).cast(pl.String),
            "peer": spans.looks["peer_service"].gather(at),
            "skew_ns": _skews(spans, at, to),
            "sampled": _sampled(spans, at, to),
        }
    )
    return rows.hstack(names).select(_columns())


def _skews(spans: Spans, at: pl.Series, to: pl.Series) -> pl.Series:
    """How far the clocks of two looks' instances were seen to differ at most, by calls that they made and answered."""
    instance = ["tenant", "service", "service_instance"]
    numbers, values = spans.numbered(instance)
    seen = spans.rows.select("look", pl.col("skew_ns").abs()).drop_nulls()
    seen = seen.with_columns(numbers.gather(seen["look"]).alias("place")).group_by("place").agg(pl.col("skew_ns").max())
    by_place = values.select("place").join(seen, on="place", how="left", maintain_order="left")["skew_ns"].fill_null(0)
    by_look = by_place.gather(numbers)
    return by_look.gather(at) + by_look.gather(to).fill_null(0)


def _sampled(spans: Spans, at: pl.Series, to: pl.Series) -> pl.Series:
    """Whether either look's service is known to leave out spans: by tracestate, or by the ids of those it kept."""
    numbers, _ = spans.numbered(["tenant", "service"])
    by_service = (
        spans.rows.select("trace_state", "trace_key", numbers.gather(spans.rows["look"]).alias("place"))
        .group_by("place")
        .agg(((sampling.threshold() > 0).any() | sampling.cut(pl.col("trace_key"))).alias("sampled"))
    )
    sampled = numbers.is_in(by_service.filter("sampled")["place"].implode())
    return sampled.gather(at) | sampled.gather(to).fill_null(value=False)


def _columns() -> list[pl.Expr]:
    """TRAFFIC's columns of judged rows and of what their spans say."""
    call = pl.col("kind") == "call"
    names = pl.concat_str("client", "rpc", "server", separator=SEPARATOR, ignore_nulls=True)
    said = ~pl.col("channel").str.starts_with(UNSAID)
    elsewhere = pl.when(pl.col("place") != pl.col("channel")).then("place")
    made = {
        "channel": pl.when(said).then("channel"),
        "operation": pl.when(call).then(names),
        "to_service": pl.coalesce("to_service", pl.when(call).then("peer")).str.replace_all(
            SEVERAL, SEPARATOR, literal=True
        ),
        "queue": pl.coalesce("queue", elsewhere),
        "failed": pl.col("failed").fill_null(value=False),
        "nacked": pl.col("nacked").fill_null(value=False),
        "correlated": pl.col("correlation_id").is_not_null(),
        "attempt": pl.when(call).then(pl.concat_str("parent", pl.lit(" "), "client")).otherwise(pl.col("message_id")),
    }
    return [
        made.get(column.name, pl.col(column.name)).cast(column.dtype).alias(column.name) for column in TRAFFIC.columns
    ]
