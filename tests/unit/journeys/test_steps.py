from __future__ import annotations

from collections import Counter
from random import Random
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

from baton.analysis import expect
from baton.journeys import steps
from baton.limits import STEP_STOPS_MIN
from baton.schema import EXPECTATIONS
from recording import CLIENT, SERVER, Recording, Span, paired

if TYPE_CHECKING:
    from collections.abc import Mapping


def call(
    recording: Recording,
    caller: str,
    callee: str,
    at: float,
    under: Span | None = None,
    attributes: Mapping[str, str | int] = {},
    **server: Any,  # noqa: ANN401 - the parts of `Recording.span`
) -> Span:
    """A call and its answer; says the server's span."""
    client = recording.span(caller, at, "POST", kind=CLIENT, took=0.1, under=under)
    named = {"name": f"POST /{callee}", "kind": SERVER, "took": 0.05, "attributes": attributes, **server}
    return recording.span(callee, at + 0.01, under=client, **named)


def journey(recording: Recording, at: float, services: str = "abc", **server: Any) -> None:  # noqa: ANN401 - as `call`
    """A job that calls service after service, one after the other."""
    job = recording.span("job", at, "run", took=9)
    for number, service in enumerate(services, start=1):
        call(recording, "job", service, at + number, job, **server)


def learned(recording: Recording) -> pl.DataFrame:
    """The expectations of steps."""
    return expect(paired(recording)).filter(pl.col("kind") == "step")


def followed(recording: Recording) -> set[tuple[str, str]]:
    """(service, next service)."""
    rows = learned(recording)
    return {(row["step"]["service"], row["services"][0]) for row in rows.to_dicts()}


def test_steps_follow_each_other_in_order() -> None:
    """Each is led to by the nearest before it; figures and words are those of its journeys."""
    recording = Recording()
    for at in range(100):
        journey(recording, at)
    assert followed(recording) == {("job", "a"), ("a", "b"), ("b", "c")}
    row = learned(recording).row(0, named=True)
    assert (row["channel"], row["subscription"]) == ("job run: a POST /a", "b POST /b")
    assert (row["sends"], row["pairs"], row["deadline_ns"]) == (77, 77, 30_000_000_000)
    assert row["step"]["via"] == ["job"]
    assert learned(recording).schema == EXPECTATIONS.schema


def test_too_few_journeys_teach_nothing() -> None:
    """Fewer than support an expectation, of a kind that has just begun."""
    recording = Recording()
    for at in range(49):
        journey(recording, at)
    assert followed(recording) == set()


def test_kinds_of_journeys_are_learned_apart() -> None:
    """Of one root a leads to b, of another to c."""
    recording = Recording()
    for at in range(100):
        for root, services in (("one", "ab"), ("two", "ac")):
            start = recording.span(root, at, "run", took=9)
            for number, service in enumerate(services, start=1):
                call(recording, root, service, at + number, start)
    names = {
        (row["step"]["journey"], row["step"]["service"], row["services"][0]) for row in learned(recording).to_dicts()
    }
    assert names == {
        ("one run", "one", "a"),
        ("one run", "a", "b"),
        ("two run", "two", "a"),
        ("two run", "a", "c"),
    }


def test_what_is_not_nearly_always_next_is_no_step() -> None:
    """Every third journey ends after b, and nothing says why."""
    recording = Recording()
    for at in range(150):
        journey(recording, at, "abc" if at % 3 else "ab")
    assert ("b", "c") not in followed(recording)
    assert ("a", "b") in followed(recording)


@pytest.mark.parametrize("key", ["deposit.outcome", "kyc_result", "decision", "http.response.status_code"])
def test_an_outcome_says_after_which_values_it_goes_on(key: str) -> None:
    """Every third is declined and ends; of the others nearly all go on. Attributes that say nothing are passed over."""
    recording = Recording()
    for at in range(200):
        good = bool(at % 3)
        value: str | int = (200 if good else 202) if key.startswith("http") else ("ok" if good else "no")
        journey(recording, at, "abc" if good else "ab", attributes={key: value, "shop.status": f"s{at % 2}", "id": at})
    (row,) = (one for one in learned(recording).to_dicts() if one["services"] == ["c"])
    assert (row["step"]["outcome_key"], row["step"]["outcome"]) == (key, "200" if key.startswith("http") else "ok")
    assert row["channel"].endswith(f"b POST /b with {key}={row['step']['outcome']}")


def test_a_step_that_failed_says_nothing_of_the_next() -> None:
    """Journeys that end with an error end where it is seen."""
    recording = Recording()
    for at in range(150):
        job = recording.span("job", at, "run", took=9)
        bad = at % 3 == 0
        call(recording, "job", "a", at + 1, job, error="no" if bad else None)
        if not bad:
            call(recording, "job", "b", at + 2, job)
    (row,) = (one for one in learned(recording).to_dicts() if one["services"] == ["b"])
    assert row["sends"] == row["pairs"]


def test_what_was_seen_before_an_incident_is_usual() -> None:
    """For most of what is learned from journeys ended after a: what is left says that they go on."""
    recording = Recording()
    for at in range(400):
        journey(recording, at, "ab" if at < 100 else "a")
    (row,) = (one for one in learned(recording).to_dicts() if one["services"] == ["b"])
    assert (row["sends"], row["pairs"]) == (100, 100)


def test_habitual_bursts_are_no_episodes() -> None:
    """Every evening the rest waits for another day: four times in what is learned from."""
    recording = Recording()
    for at in range(600):
        journey(recording, at, "a" if at % 120 >= 80 else "ab")
    assert ("a", "b") not in followed(recording)


def test_a_service_that_samples_is_no_step() -> None:
    """Its spans are missing at random, and say nothing of its work."""
    recording = Recording()
    for at in range(300):
        job = recording.span("job", at, "run", took=9)
        a = call(recording, "job", "a", at + 1, job)
        send = recording.send("a", at + 1.02, under=a)
        if at * 7919 % 97 % 2:
            recording.receive("b", at + 1.1, under=send)
    assert {pair for pair in followed(recording) if "b" in pair} == set()


@pytest.mark.parametrize(("kinds", "places"), [(3, 12), (1, 80)])
def test_who_is_passed_over_missed_nothing(kinds: int, places: int) -> None:
    """Of journeys at random, in two traces each, all that missed a step are found, be its next ones few or many."""
    rng = Random(places)
    steps_ = [(rng.randrange(kinds), at, rng.choice([None, *range(at)])) for at in range(places) for _ in range(2)]
    links = pl.DataFrame(
        [(number, *step) for number, step in enumerate(steps_)],
        schema=dict.fromkeys(("link", "kind", "place", "to_place"), pl.UInt32),
        orient="row",
    )
    visits = [
        (key, key % kinds, rng.randrange(places))
        for key in [*range(200), *range(200)]
        for _ in range(rng.choice([1, 3, places]))
    ]
    ahead = set(steps._ahead(links).select("link", "place").iter_rows())
    beyond = {(key, link) for key, _, place in visits for link in range(len(steps_)) if (link, place) in ahead}
    missed = [
        (link, row)
        for row, (key, kind, place) in enumerate(visits)
        for link, step in enumerate(steps_)
        if step[:2] == (kind, place) and (key, link) not in beyond
    ]
    stops = Counter(link for link, _ in missed)
    rows = pl.DataFrame(
        [(row, *visit, row, 0) for row, visit in enumerate(visits)],
        schema={
            "row": pl.UInt32, "key": pl.Int64, "kind": pl.UInt32, "place": pl.UInt32, "start_ns": pl.Int64,
            "status_code": pl.Int8,
        },
        orient="row",
    )  # fmt: skip
    found = list(steps._missed(rows, links).select("link", "row").iter_rows())
    assert sorted(found) == [one for one in sorted(missed) if stops[one[0]] >= STEP_STOPS_MIN] != []
