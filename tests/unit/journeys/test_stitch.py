from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from baton.journeys.stitch import stitch
from baton.limits import HOT_KEY_TRACES_MAX
from baton.schema import JOURNEY_KEYS
from recording import Recording, Span, paired

if TYPE_CHECKING:
    from collections.abc import Iterable

ORDER = {"order.id": "o-1"}


def stitched(recording: Recording, keys: tuple[str, ...] = JOURNEY_KEYS) -> tuple[dict[str, str], pl.DataFrame]:
    """Name of each span -> journey id (hex), and the hot keys."""
    known = paired(recording)
    journeys, hot = stitch(known.spans, known.pairs, keys)
    named = journeys.join(known.spans.select("row", "name"), on="row")
    assert journeys.height == known.spans.height
    return dict(named.select("name", pl.col("journey_id").bin.encode("hex")).iter_rows()), hot


def groups(recording: Recording, keys: tuple[str, ...] = JOURNEY_KEYS) -> set[frozenset[str]]:
    """The names of the spans, a set a journey."""
    return _partition(stitched(recording, keys)[0].items())


def _partition(named: Iterable[tuple[str, str]]) -> set[frozenset[str]]:
    members: dict[str, set[str]] = {}
    for name, journey in named:
        members.setdefault(journey, set()).add(name)
    return set(map(frozenset, members.values()))


def test_no_spans_make_no_journeys() -> None:
    """Nothing in, nothing out, nothing hot."""
    assert stitched(Recording())[0] == {}


def test_a_trace_is_a_journey() -> None:
    """Spans of one trace belong together, whatever their services; two traces are two journeys."""
    recording = Recording()
    root = recording.span("a", name="root")
    recording.span("b", name="child", under=root)
    recording.span("a", name="other")
    assert groups(recording) == {frozenset({"root", "child"}), frozenset({"other"})}


def test_a_pair_joins_its_traces() -> None:
    """A message that crossed into another trace takes the journey along, over any number of hops."""
    recording = Recording()
    first = recording.send("a", 0, name="s1")
    second = recording.send("b", 2, name="s2", under=recording.receive("b", 1, links=[first], name="r1"))
    recording.receive("c", 3, links=[second], name="r2")
    assert groups(recording) == {frozenset({"s1", "r1", "s2", "r2"})}


def test_a_batch_merges_nothing() -> None:
    """Neither its links nor the keys seen in its trace join the journeys of its messages."""
    recording = Recording()
    linked = [recording.send(name=name, more={"order.id": f"o-{name}"}) for name in "ab"]
    recording.receive(links=linked, name="batch", more={"order.id": "o-a"})
    assert groups(recording) == {frozenset({"a"}), frozenset({"b"}), frozenset({"batch"})}


def test_a_trace_that_gathers_merges_nothing() -> None:
    """A poll with a `process` for each message takes messages of several traces together, and joins none of them."""
    recording = Recording()
    linked = [recording.send(name=name, more={"order.id": f"o-{name}"}) for name in "ab"]
    poll = recording.span("notify", 1, "poll")
    for name, send in zip("ab", linked, strict=True):
        recording.receive(at=1, under=poll, links=[send], name=f"r {name}", more={"order.id": f"o-{name}"})
    assert groups(recording) == {frozenset({"a"}), frozenset({"b"}), frozenset({"poll", "r a", "r b"})}


def test_a_trace_that_takes_twice_from_one_other_is_its_journey() -> None:
    """Two messages of one trace are one undertaking's."""
    recording = Recording()
    root = recording.span("trading", name="root")
    linked = [recording.send(name=name, under=root) for name in "ab"]
    poll = recording.span("notify", 1, "poll")
    for name, send in zip("ab", linked, strict=True):
        recording.receive(at=1, under=poll, links=[send], name=f"r {name}")
    assert groups(recording) == {frozenset({"root", "a", "b", "poll", "r a", "r b"})}


def test_a_journey_key_joins_traces() -> None:
    """The same order in two traces is one undertaking; another order is not."""
    recording = Recording()
    recording.span("a", name="1", attributes=ORDER)
    recording.span("b", name="2", attributes=ORDER)
    recording.span("b", name="3", attributes={"order.id": "o-2"})
    assert groups(recording) == {frozenset({"1", "2"}), frozenset({"3"})}


def test_keys_of_two_names_are_two_keys() -> None:
    """Order 7 and trade 7 have nothing in common, and an empty value is none."""
    recording = Recording()
    recording.span("a", name="1", attributes={"order.id": "7"})
    recording.span("a", name="2", attributes={"trade.id": "7"})
    recording.span("a", name="3", attributes={"order.id": ""})
    recording.span("a", name="4", attributes={"order.id": ""})
    assert len(groups(recording)) == 4


def test_a_grouping_key_never_joins() -> None:
    """A session or customer is a group of journeys."""
    recording = Recording()
    for name in "12":
        recording.span("a", name=name, attributes={"session.id": "s", "customer.id": "c"})
    assert len(groups(recording)) == 2


def test_the_keys_are_a_setting() -> None:
    """A key of the file's own, found among the other attributes, joins; a default one left out does not."""
    recording = Recording()
    for name in "12":
        recording.span("a", name=name, attributes={"claim.no": "9"})
    for name in "34":
        recording.span("a", name=name, attributes=ORDER)
    assert groups(recording, ("claim.no",)) == {frozenset({"1", "2"}), frozenset({"3"}), frozenset({"4"})}


def test_a_hot_key_joins_nothing_and_is_told() -> None:
    """A value in one trace more than HOT_KEY_TRACES_MAX is no undertaking's."""
    for count, hot_keys in ((HOT_KEY_TRACES_MAX, []), (HOT_KEY_TRACES_MAX + 1, [("order.id", "0", 201)])):
        recording = Recording()
        for number in range(count):
            recording.span("a", name=str(number), attributes={"order.id": "0"})
        ids, hot = stitched(recording)
        assert len(set(ids.values())) == (count if hot_keys else 1)
        assert hot.select("key", "value", "traces").rows() == hot_keys


def test_a_key_repeated_within_a_trace_is_one_trace() -> None:
    """Heat counts traces and not spans."""
    recording = Recording()
    root = recording.span("a", attributes=ORDER)
    for _ in range(HOT_KEY_TRACES_MAX + 1):
        recording.span("a", under=root, attributes=ORDER)
    known = paired(recording)
    assert stitch(known.spans, known.pairs, JOURNEY_KEYS)[1].is_empty()


def test_tenants_and_environments_are_boundaries() -> None:
    """Neither a shared key, nor forged equal trace ids, nor a pair into another environment joins across them."""
    recording = Recording()
    forged = "f" * 32
    recording.span("a", name="1", attributes=ORDER, own=Span(forged, "1" * 16))
    recording.span("a", name="2", tenant="evil", attributes=ORDER, own=Span(forged, "2" * 16))
    recording.span("a", name="3", environment="test", attributes=ORDER, own=Span(forged, "3" * 16))
    send = recording.send(name="4")
    recording.receive(name="5", environment="test", links=[send])
    known = paired(recording)
    journeys, _ = stitch(known.spans, known.pairs, JOURNEY_KEYS)
    joined = journeys.join(known.spans.select("row", "name", "tenant", "environment"), on="row")
    # Forged ids give equal journey ids; the boundary is part of a journey's name.
    named = [(name, "/".join(key)) for name, *key in joined.select("name", "tenant", "environment", _hex()).iter_rows()]
    assert _partition(named) == {frozenset({name}) for name in "12345"}


def _hex() -> pl.Expr:
    return pl.col("journey_id").bin.encode("hex")


def test_a_journey_is_named_by_its_earliest_root() -> None:
    """Of several roots the first in time, though its trace id is the greatest; an earlier span under one is none."""
    recording = Recording()
    recording.span("a", 5, own=Span("1" * 32, "1" * 16), attributes=ORDER)
    recording.span("a", 1, own=Span("9" * 32, "9" * 16), attributes=ORDER)
    recording.span("a", 0, under=Span("5" * 32, "5" * 16), attributes=ORDER)
    known = paired(recording)
    journeys, _ = stitch(known.spans, known.pairs, JOURNEY_KEYS)
    assert journeys.select(_hex()).unique().rows() == [("9" * 32,)]


def test_roots_of_one_moment_are_told_apart_by_id() -> None:
    """Ties: the smallest trace id, whatever the order of arrival."""
    for ids in ("39", "93"):
        recording = Recording()
        for one in ids:
            recording.span("a", 1, own=Span(one * 32, one * 16), name=one, attributes=ORDER)
        assert set(stitched(recording)[0].values()) == {"3" * 32}


def test_without_a_root_the_earliest_span_names_it() -> None:
    """The root has not arrived: the first span that has stands for it."""
    recording = Recording()
    for at, one in ((3, "1"), (2, "2")):
        recording.span("a", at, under=Span(one * 32, "8" * 16), attributes=ORDER)
    assert set(stitched(recording)[0].values()) == {"2" * 32}
