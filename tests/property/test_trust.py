"""Trust and the law never contradict each other: in simulated banks, and in what a real RabbitMQ lost."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl
import pytest

from bank import calm, losses
from bank.catalogue import SCENARIOS
from bank.judge import LONG_AFTER
from bank.telemetry import SECOND, START
from baton.analysis import analyze, expect, pair_up
from baton.brokers.document import Place, load
from baton.journal.record import Record
from baton.limits import TIME_NS_MAX
from baton.ownership.catalog import EMPTY
from baton.queries.trust import seen
from baton.reports.times import parse
from baton.schema import FACTS, JOURNEY_KEYS, UNOWNED
from baton.trust.trust import BY_PROGRESS, trust
from baton.trust.ways import BOUNDARY
from baton.wire.decode import decode
from baton.wire.otlp_json import to_protobuf

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

assert losses
assert calm

BANKS = {
    "overflow_drop_head_pika": "yes",
    "calls_lost": "yes",
    "overflow_by_ids_only": "yes",
    "head_sampling_with_parents": "yes",
    "overflow_by_correlation_only": "limited",
    "overflow_without_instance_ids": "limited",
    "overflow_while_consumers_are_replaced": "limited",
    "flood_thins_the_receivers_spans": "limited",
    "one_worker_hangs_with_its_prefetch": "limited",
    "receiver_samples_on_its_own": "no",
    "overflow_with_links_sampled": "no",
    "overflow_under_one_session_id": "no",
    "uninstrumented_receiver": "no",
}
"""Simulated bank -> what may be said of its boundaries."""

RECORDINGS = Path(__file__).parents[3] / "shared" / "data" / "rabbitmq"
RECORDED = sorted(path.parent.name for path in RECORDINGS.glob("*/truth.json"))
FACTS_NS = parse("2026-11-23T18:00:00Z", 0)


def trusted(
    requests: Mapping[str, Iterable[bytes]], as_of_ns: int, facts: pl.DataFrame | None = None
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Judged rows and TRUST of several recordings, each a tenant of one store."""
    records = [Record(START, tenant, to_protobuf(body)) for tenant, bodies in requests.items() for body in bodies]
    paired = pair_up(decode(records).lazy(), EMPTY, as_of_ns)
    analysis = analyze(paired, expect(paired), EMPTY, JOURNEY_KEYS, as_of_ns, facts=facts)
    return analysis.judged, trust(analysis.judged, seen(analysis, paired, EMPTY))


def convicted(rows: pl.DataFrame) -> pl.DataFrame:
    """BOUNDARY columns and `convicted`: how many the law calls dropped because a receipt is missing."""
    sides = (("from_team", "from_service"), ("to_team", "to_service"))
    return (
        rows.filter((pl.col("verdict") == "dropped") & pl.col("proof").is_in(BY_PROGRESS))
        .with_columns(pl.when(pl.col(team) == UNOWNED).then(service).alias(service) for team, service in sides)
        .group_by(BOUNDARY)
        .agg(pl.len().alias("convicted"))
    )


def contradictions(rows: pl.DataFrame, told: pl.DataFrame) -> list[dict[str, object]]:
    """Boundaries where more was convicted than trust says can be, or that trust has no row for."""
    laid = convicted(rows).join(told, on=BOUNDARY, how="left", nulls_equal=True)
    agrees = (pl.col("convicted") <= pl.col("accusable")) & pl.col("may_accuse").is_in(["yes", "limited"])
    return laid.filter(~agrees.fill_null(value=False)).to_dicts()


@pytest.fixture(scope="module")
def banks() -> dict[str, list[tuple[float, bytes]]]:
    """The requests of the banks, each with when it arrives."""
    return {one.name: list(one.run(0).telemetry.requests()) for one in SCENARIOS if one.name in BANKS}


def told_at(banks: Mapping[str, list[tuple[float, bytes]]], moment: float) -> pl.DataFrame:
    """TRUST of the banks at a moment (seconds), which nothing that the law says then contradicts."""
    requests = {name: [body for at, body in bodies if at <= moment] for name, bodies in banks.items()}
    rows, told = trusted(requests, START + int(moment * SECOND))
    assert convicted(rows).height
    assert contradictions(rows, told) == []
    return told


def test_in_the_middle_of_a_run_nothing_is_accused_that_may_not_be(banks: dict[str, list[tuple[float, bytes]]]) -> None:
    """With only the spans that have arrived, whatever is convicted by progress may be accused there."""
    assert told_at(banks, 60.0).height


def test_long_after_each_bank_is_trusted_as_far_as_its_spans_go(banks: dict[str, list[tuple[float, bytes]]]) -> None:
    """Nothing is accused that may not be, and every boundary of a bank is what the bank was built to be."""
    told = told_at(banks, LONG_AFTER)
    assert {name: set(some["may_accuse"]) for (name,), some in told.group_by("tenant")} == {
        name: {may} for name, may in BANKS.items()
    }


@pytest.mark.skipif(not RECORDED, reason="the recordings ../shared/data/rabbitmq are not here")
@pytest.mark.parametrize("known", [False, True], ids=["spans alone", "with the broker's word"])
def test_in_no_recording_is_accused_what_may_not_be(known: bool) -> None:  # noqa: FBT001
    """A real broker's losses, judged with and without what it says: all that is convicted may be accused."""
    requests = {
        name: gzip.decompress((RECORDINGS / name / "traces.jsonl.gz").read_bytes()).splitlines() for name in RECORDED
    }
    said = [load(RECORDINGS / name / "broker.json.gz", Place(FACTS_NS, name, None, None)) for name in RECORDED]
    rows, told = trusted(requests, TIME_NS_MAX, pl.concat([FACTS.empty(), *said]) if known else None)
    assert convicted(rows).height
    assert contradictions(rows, told) == []
    assert told["facts_at"].is_not_null().any() is known
