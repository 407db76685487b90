"""Check deposits that end after validation, without an error anywhere; and what looks the same and is not."""

from __future__ import annotations

import contextlib
import io
import json
import random
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

from baton.analysis import analyze, expect, pair_up
from baton.cli import main
from baton.journal.record import Record
from baton.ownership.catalog import EMPTY
from baton.schema import JOURNEY_KEYS, OUTAGES
from baton.wire.decode import decode
from baton.wire.otlp_json import to_protobuf
from deposits import DECLINED, STOPPED, Deposits
from simulator import SECOND, START

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

AFTER = 100_000.0
BEGIN, END, UNTIL = 300, 500, 700
CLEARING = ["clearing"]


def broken(at: float) -> bool:
    """The third party's certificate has expired."""
    return BEGIN <= at < END


def steps(requests: Iterable[bytes], as_of: float = AFTER, outages: pl.DataFrame | None = None) -> list[dict[str, Any]]:
    """Rows of kind step, by what the same spans teach."""
    spans = decode([Record(1, "default", to_protobuf(request)) for request in requests]).lazy()
    as_of_ns = START + int(as_of * SECOND)
    paired = pair_up(spans, EMPTY, as_of_ns, outages)
    rows = analyze(paired, expect(paired), EMPTY, JOURNEY_KEYS, as_of_ns).handoffs
    return rows.filter(pl.col("kind") == "step").to_dicts()


def words(rows: list[dict[str, Any]]) -> set[tuple[str, str, str, str, str]]:
    """What is said of them, once."""
    names = ("from_service", "to_service", "verdict", "cause", "confidence")
    return {tuple(row[name] for name in names) for row in rows}  # type: ignore[misc]


STOP = ("validation", "clearing", "dropped", "silent_stop", "inferred")


# --- the incident, through the commands


OWNERS = """\
teams:
  - name: deposits
    escalation: deposits-oncall
    owns: {services: [app, validation]}
  - name: core
    owns: {services: [clearing, ledger]}
journey_types:
  - name: check-deposit
    entry: {service: app, span: "POST /deposits"}
    owner: deposits
    criticality: critical
"""


@pytest.fixture(scope="module")
def bank() -> Deposits:
    """Four hours, scaled down: three parts in a hundred are declined throughout, and for a while all else stops."""
    return Deposits(stops=broken).run(range(UNTIL))


@pytest.fixture(scope="module")
def ask(bank: Deposits, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., str]:
    """Asks a store that was loaded with its spans."""
    folder: Path = tmp_path_factory.mktemp("deposits")
    (folder / "ownership.yaml").write_text(OWNERS)
    (folder / "spans.jsonl").write_bytes(b"\n".join(bank.requests()))
    known = ["--store", str(folder / "store"), "--owners", str(folder / "ownership.yaml")]

    def asked(*arguments: str) -> str:
        printed = io.BytesIO()
        with contextlib.redirect_stdout(io.TextIOWrapper(printed, encoding="utf-8", write_through=True)):
            assert main([*arguments, *known]) == 0
            return printed.getvalue().decode()

    asked("load", str(folder / "spans.jsonl"))
    return lambda *arguments: asked(*arguments, "--as-of", "2027-01-01T00:00:00Z")


def test_each_deposit_that_stopped_is_a_row_and_nothing_else_is(bank: Deposits, ask: Callable[..., str]) -> None:
    """Declined ones, which stop as well, are accused neither before nor during the incident."""
    rows = [json.loads(line) for line in ask("drops", "--format", "ndjson").splitlines()]
    assert words(rows) == {STOP}
    assert {row["trace_id"] for row in rows} == {trace for trace, fate in bank.fates.items() if fate == STOPPED}
    assert {row["accountable_team"] for row in rows} == {"deposits"}
    assert {row["journey_type"] for row in rows} == {"check-deposit"}
    assert len({row["finding_id"] for row in rows}) == 1


def test_the_onset_and_the_usual_rate_are_told(bank: Deposits, ask: Callable[..., str]) -> None:
    """The first sentence has the figures: how many of how many, since when, and how many usually."""
    row = json.loads(ask("drops", "--format", "ndjson").splitlines()[0])
    stopped = [at for at in range(BEGIN, END) if list(bank.fates.values())[at] == STOPPED]
    assert row["evidence"][0] == (
        f"{len(stopped)} of the {len(stopped)} journeys that took validation POST /validate with "
        "deposit.outcome=approved from 2026-09-21T14:18:20Z to 2026-09-21T14:21:39Z ended there, and well; usually 0 "
        "of 455 do, and clearing process comes next"
    )
    assert row["evidence"][1] == (
        "app, which else hands over to clearing, was heard in this journey, and sent it nothing"
    )


def test_the_report_and_the_journey_say_where_it_stopped(bank: Deposits, ask: Callable[..., str]) -> None:
    """In words: the step after which it ended, the one that never began."""
    count = list(bank.fates.values()).count(STOPPED)
    assert f"{count} journeys ended at validation, before clearing: silent_stop (inferred)" in " ".join(
        ask("report").split()
    )
    (trace, *_) = (trace for trace, fate in bank.fates.items() if fate == STOPPED)
    assert "Stopped: after validation, clearing never began: dropped, silent_stop (inferred)" in ask("journey", trace)
    (trace, *_) = (trace for trace, fate in bank.fates.items() if fate == DECLINED)
    assert "No handoff of this journey was dropped" in ask("journey", trace)


# --- the incident in other forms


def test_while_it_goes_on_it_is_told() -> None:
    """Nothing has gone on since; that the app was heard and sent nothing convicts all the same."""
    bank = Deposits(stops=broken).run(range(END))
    assert words(steps(bank.requests(), as_of=END + 1)) == {STOP}


def test_deposits_found_by_their_id_need_one_that_went_on_later() -> None:
    """Nobody hands over: while none goes on, clearing may be late; once one has, those before it were left out."""
    bank = Deposits(stops=broken, by_key=True).run(range(UNTIL)).beat(CLEARING, UNTIL + 60)
    during, after = steps(bank.requests(), as_of=END), steps(bank.requests())
    assert words(during) == {("validation", "clearing", "stuck", "silent_stop", "suspected")}
    assert words(after) == {STOP}
    assert {row["trace_id"] for row in after} == {trace for trace, fate in bank.fates.items() if fate == STOPPED}


def test_where_many_stop_anyway_each_is_but_suspected() -> None:
    """Declined ones look the same here: some of those that stop would have."""
    bank = Deposits(declined=0.06, told=False, stops=lambda at: at >= BEGIN and at % 3 == 0).run(range(1200))
    rows = steps(bank.requests())
    assert {row["confidence"] for row in rows} == {"suspected"}
    assert {row["accountable_team"] for row in rows} == {None}
    assert "nothing tells which" in " ".join(rows[0]["evidence"])


# --- what looks the same


def lost(bank: Deposits, service: str, begin: float, end: float) -> Deposits:
    """The spans that a service ends between two moments never arrive."""
    bank.telemetry.keep(lambda one, _, __, at: one != service or not begin <= at < end)
    return bank


def mixed(at: float) -> str:
    """The version that a deposit meets while a release is rolled out."""
    return "v2" if random.Random(at).random() < (at - 250) / 200 else "v1"


CALM: dict[str, Callable[[], list[dict[str, Any]]]] = {
    "fewer at night": lambda: steps(
        Deposits().run([*range(300), *range(300, 1500, 60), *range(1500, 1800)]).requests()
    ),
    "late, and comes": lambda: steps(
        Deposits(wait=lambda at: 300.0 if broken(at) else 0.2).run(range(UNTIL)).requests()
    ),
    "late, seen meanwhile": lambda: steps(
        Deposits(wait=lambda at: 300.0 if broken(at) else 0.2).run(range(UNTIL)).requests(), as_of=END
    ),
    "ever later, seen meanwhile": lambda: steps(
        Deposits(by_key=True, wait=lambda at: max(0.2, at - BEGIN)).run(range(900)).beat(CLEARING, 900).requests(), 700
    ),
    "clearing unheard": lambda: steps(lost(Deposits().run(range(UNTIL)), "clearing", BEGIN, END).requests()),
    "declines only": lambda: steps(
        [
            *Deposits(name="").run(range(BEGIN)).requests(),
            *Deposits(seed=2, declined=1.0).run(range(BEGIN, END)).requests(),
            *Deposits(seed=3).run(range(END, UNTIL)).requests(),
        ]
    ),
}


@pytest.mark.parametrize("name", CALM)
def test_nothing_stopped(name: str) -> None:
    """Where no deposit was lost no step is missed."""
    assert CALM[name]() == []


@pytest.mark.parametrize("end", [END, AFTER])
def test_what_clearings_telemetry_does_not_cover_is_a_blind_spot(end: float) -> None:
    """Nobody hands over, and clearing is unheard: that it did nothing is as far as anyone can tell."""
    bank = lost(Deposits(by_key=True).run(range(UNTIL)).beat(CLEARING, UNTIL + 60), "clearing", BEGIN, end)
    rows = steps(bank.requests())
    assert {(row["verdict"], row["cause"]) for row in rows} == {("unobserved", None)}
    assert rows[0]["evidence"][0] == "the telemetry of clearing does not cover it"


def test_what_baton_itself_missed_is_a_blind_spot() -> None:
    """An outage of its own may have swallowed send and receipt alike."""
    outage = {"start_ns": START, "end_ns": START + UNTIL * SECOND, "kind": "down", "reason": "", "requests": 0}
    bank = Deposits(stops=broken).run(range(UNTIL))
    requests = [Record(START + 400 * SECOND, "default", to_protobuf(one)) for one in bank.requests()]
    as_of_ns = START + int(AFTER * SECOND)
    paired = pair_up(decode(requests).lazy(), EMPTY, as_of_ns, pl.DataFrame([outage], schema=OUTAGES.schema))
    rows = analyze(paired, expect(paired), EMPTY, JOURNEY_KEYS, as_of_ns).handoffs.filter(pl.col("kind") == "step")
    assert rows["verdict"].unique().to_list() == ["unobserved"]


@pytest.mark.parametrize(
    ("version", "says"),
    [
        (lambda at: "v2" if at >= BEGIN else "v1", "those that ended there took validation v2, those that went on v1"),
        (mixed, "those that ended there took validation v2, those that went on v1"),
    ],
    ids=["at once", "rolled out"],
)
def test_a_release_that_leaves_the_step_out_is_but_suspected(version: Callable[[float], str], says: str) -> None:
    """The version is named; whether it was meant so, its team knows."""
    rows = steps(Deposits(stops=lambda at: version(at) == "v2", version=version).run(range(UNTIL)).requests())
    assert words(rows) == {("validation", "clearing", "dropped", "silent_stop", "suspected")}
    assert says in rows[0]["evidence"]


def test_of_a_hundred_kinds_of_journeys_none_has_a_false_episode() -> None:
    """Each has its own rate of declines, told or not."""
    rng = random.Random(1)
    requests = []
    for number in range(100):
        bank = Deposits(number, declined=rng.uniform(0, 0.09), told=number % 2 == 0, name=f"t{number}-")
        requests += bank.run(rng.uniform(0, 600) for _ in range(80)).requests()
    assert steps(requests) == []
