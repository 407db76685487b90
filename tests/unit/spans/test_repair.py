from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from baton.schema import SPANS
from baton.spans.repair import repair
from recording import CLIENT, LATER, SECOND, SERVER, START, Recording, Span, ns

if TYPE_CHECKING:
    import polars as pl

FORGED = Span("a" * 32, "b" * 16)


def repaired(recording: Recording, at: float = LATER) -> pl.DataFrame:
    """The spans, repaired as of `at`."""
    return repair(recording.frame().lazy(), ns(at)).whole()


def test_nothing_is_repaired_to_nothing() -> None:
    """Without spans there are no rows, and the columns are those promised."""
    empty = repaired(Recording())
    assert empty.is_empty()
    assert sorted(empty.columns) == sorted(
        ["row", *SPANS.names, "parent_row", "skew_ns", "place", "linked", "trace_high"]
    )


def test_a_span_is_seen_from_its_end_on() -> None:
    """A span counts from the moment of its end, itself included, and not before."""
    recording = Recording()
    recording.span("a", 10, took=5)
    assert repaired(recording, 15).height == 1
    assert repaired(recording, 14.999).height == 0


def test_an_old_state_can_be_asked_again() -> None:
    """A twin that ended after `as_of` does not replace the one that was there then."""
    recording = Recording()
    recording.span("a", 10, "early", took=1, own=FORGED)
    recording.span("a", 10, "late", took=9, own=FORGED)
    assert repaired(recording, 15)["name"].to_list() == ["early"]
    assert repaired(recording, 20)["name"].to_list() == ["late"]


def test_equal_twins_are_one_span() -> None:
    """The same span three times is one span, taken when it first came."""
    recording = Recording()
    for _ in range(3):
        recording.span("a", 10, own=FORGED)
    spans = repaired(recording)
    assert spans["ingested_at"].to_list() == [START]


def test_of_conflicting_twins_the_later_end_wins() -> None:
    """The content that ends last stands, whichever came first or more often."""
    told = [("short", 1.0), ("long", 2.0), ("short", 1.0)]
    for order in (told, told[::-1], told[1:] + told[:1]):
        recording = Recording()
        for name, took in order:
            recording.span("a", 10, name, took=took, own=FORGED)
        assert repaired(recording)["name"].to_list() == ["long"]


def test_of_twins_with_one_end_the_greater_content_wins() -> None:
    """Where the ends are equal the content decides, and never the order of arrival."""
    for order in (("alpha", "beta"), ("beta", "alpha")):
        recording = Recording()
        for name in order:
            recording.span("a", 10, name, own=FORGED)
        assert repaired(recording)["name"].to_list() == ["beta"]


def test_twins_differ_by_any_content() -> None:
    """Attributes, links and events tell twins apart as names do: exactly one of the two stays."""
    recording = Recording()
    recording.span("a", 10, own=FORGED, attributes={"b": 1})
    recording.span("a", 10, own=FORGED, links=[FORGED])
    recording.span("a", 10, own=FORGED, exception="Boom")
    assert repaired(recording).height == 1


@pytest.mark.parametrize("other", [Span("a" * 32, "c" * 16), Span("f" * 16 + "a" * 16, "b" * 16)])
def test_a_surrogate_alone_makes_no_twins(other: Span) -> None:
    """Spans that share a trace, or only the surrogates of their ids, are two spans."""
    recording = Recording()
    recording.span("a", own=FORGED)
    recording.span("a", own=other)
    assert repaired(recording).height == 2


def test_tenants_share_no_twins_and_no_parents() -> None:
    """Ids forged to equal another tenant's replace nothing there and find no parent there."""
    recording = Recording()
    recording.span("a", tenant="acme", own=FORGED)
    recording.span("b", tenant="evil", own=FORGED)
    recording.span("c", tenant="evil", under=Span(FORGED.trace, "0" * 15 + "9"))
    recording.span("d", tenant="acme", own=Span(FORGED.trace, "0" * 15 + "9"))
    spans = repaired(recording)
    assert spans["tenant"].to_list() == ["evil", "acme", "acme", "evil"]
    assert spans["parent_row"].to_list() == [None] * 4


def test_rows_follow_the_ids_and_not_the_arrival() -> None:
    """Shuffled spans get the same dense rows."""
    recording = Recording()
    for at in range(6):
        recording.span("a", at)
    forward = repaired(recording)
    recording.bodies.reverse()
    backward = repaired(recording)
    assert forward["row"].to_list() == list(range(6))
    assert forward.drop("ingested_at", "place").equals(backward.drop("ingested_at", "place"))


def test_a_parent_is_found_by_its_full_id() -> None:
    """A parent in the same trace is resolved; an absent one, and one of another trace, are not."""
    recording = Recording()
    parent = recording.span("a")
    recording.span("b", under=parent)
    recording.span("c", under=Span(parent.trace, "9" * 16))
    recording.span("d", under=Span("9" * 32, parent.id))
    spans = repaired(recording).sort("service")
    row = spans["row"][0]
    assert spans["parent_row"].to_list() == [None, row, None, None]


def test_forged_parents_are_kept_as_they_are() -> None:
    """A span that is its own parent, or two that are each other's, lose no row."""
    recording = Recording()
    first, second = Span("a" * 32, "1" * 16), Span("a" * 32, "2" * 16)
    recording.span("a", own=first, under=second)
    recording.span("b", own=second, under=first)
    recording.span("c", own=FORGED, under=FORGED)
    assert repaired(recording)["parent_row"].to_list() == [1, 0, 2]


def skew_of(start: float, took: float, *, kind: int = SERVER, service: str = "api", above: int = CLIENT) -> int | None:
    """The skew found for an answer to a call from second 10 to 12."""
    recording = Recording()
    call = recording.span("web", 10, kind=above, took=2)
    recording.span(service, start, kind=kind, took=took, under=call)
    return repaired(recording).sort("parent_row")["skew_ns"][1]


def test_skew_is_the_distance_of_the_middles() -> None:
    """An answer of one second that begins 3 s before its call of two: the middles are 3.5 s apart."""
    assert skew_of(7, 1) == -3_500_000_000
    assert skew_of(20, 1) == 9_500_000_000
    assert skew_of(7, 2) == -3_000_000_000


def test_an_enclosed_answer_shows_no_skew() -> None:
    """A call that encloses its answer, to the edge, leaves the clocks unaccused."""
    assert skew_of(10, 2) is None
    assert skew_of(10.5, 1) is None


def test_what_bounds_no_clock_shows_no_skew() -> None:
    """A longer answer, a consumer (waiting is not skew), a call within one instance, and no client tell nothing."""
    assert skew_of(11, 5) is None
    assert skew_of(7, 1, kind=5) is None
    assert skew_of(7, 1, service="web") is None
    assert skew_of(7, 1, above=4) is None


def test_skew_leaves_the_times_raw() -> None:
    """Marked, not mended: start and end stay what the sender said."""
    recording = Recording()
    call = recording.span("web", 10, kind=CLIENT, took=2)
    recording.span("api", 7, kind=SERVER, took=1, under=call)
    spans = repaired(recording).sort("parent_row")
    assert spans["start_ns"].to_list() == [ns(10), ns(7)]
    assert (spans["end_ns"] - spans["start_ns"]).to_list() == [2 * SECOND, SECOND]
