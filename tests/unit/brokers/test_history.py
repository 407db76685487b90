from __future__ import annotations

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from baton.brokers.history import held, is_newest, latest, woven
from baton.brokers.rows import Where, frame
from baton.schema import FACTS

NEVER = 10**6


def snapshot(at_ns: int, queues: dict[str, int], routes: tuple[str, ...] = (), broker: str = "b") -> pl.DataFrame:
    """One snapshot of a broker: queues with how much waits in them, and keys routed to `q`."""
    rows = [{"fact": "snapshot", "vhost": "/", "name": name} for name in ("queue", "route")]
    rows += [{"fact": "queue", "vhost": "/", "name": name, "waiting": count} for name, count in queues.items()]
    rows += [{"fact": "route", "vhost": "/", "name": "x", "routing_key": key, "to": "q"} for key in routes]
    return frame(rows, Where(at_ns, "t", None, broker), "management")


def history(*snapshots: pl.DataFrame) -> pl.DataFrame:
    """What they come to, in this order."""
    known = FACTS.empty()
    for one in snapshots:
        known = pl.concat([known, woven(known, one)])
    return known


def state(known: pl.DataFrame, at_ns: int) -> list[tuple[object, ...]]:
    """What held then."""
    return sorted(held(known, at_ns).select("fact", "name", "routing_key", "waiting").rows(), key=str)


def test_what_did_not_change_is_not_told_again() -> None:
    """A second snapshot adds its marks and what is other; the same one again adds nothing."""
    first, second = snapshot(1, {"p": 1, "q": 2}, ("a", "b")), snapshot(2, {"p": 1, "q": 3}, ("a", "b"))
    known = history(first, second)
    added = known.filter(pl.col("at_ns") == 2).select("fact", "name", "waiting").rows()
    assert sorted(added) == [("queue", "q", 3), ("snapshot", "queue", None), ("snapshot", "route", None)]
    assert woven(known, second).is_empty()
    assert woven(known, first).is_empty()


def test_what_is_no_longer_told_is_gone_from_then_on() -> None:
    """Before it was there, after it is not, and when it comes back it is there again."""
    known = history(snapshot(1, {"p": 1}, ("a", "b")), snapshot(2, {}, ("b",)), snapshot(3, {"p": 1}, ("b",)))
    assert state(known, 1) == [("queue", "p", None, 1), ("route", "x", "a", None), ("route", "x", "b", None)]
    assert state(known, 2) == [("route", "x", "b", None)]
    assert state(known, 3) == [("queue", "p", None, 1), ("route", "x", "b", None)]
    assert known.filter(pl.col("fact") == "queue_gone").select("at_ns", "name").rows() == [(2, "p")]


def test_what_a_document_does_not_speak_of_is_not_gone() -> None:
    """Queues of another vhost, another broker, or routes where only queues were told, stay."""
    first = snapshot(1, {"p": 1}, ("a",))
    only_queues = snapshot(2, {"q": 1}).filter(~((pl.col("fact") == "snapshot") & (pl.col("name") == "route")))
    elsewhere = only_queues.with_columns(vhost=pl.lit("bank"))
    other = snapshot(3, {}, broker="other")
    assert state(history(first, elsewhere, other), 3) == state(history(first, elsewhere), 2)
    assert [row[:2] for row in state(history(first, only_queues), 2)] == [("queue", "q"), ("route", "x")]


@settings(deadline=None, max_examples=25)  # each weaves up to 36 snapshots
@given(
    st.lists(
        st.tuples(st.dictionaries(st.sampled_from("pqr"), st.integers(0, 2)), st.sets(st.sampled_from("ab"))),
        min_size=1,
        max_size=6,
    ),
    st.data(),
)
def test_the_order_of_loading_does_not_matter(said: list[tuple[dict[str, int], set[str]]], data: st.DataObject) -> None:
    """However snapshots are loaded, each time's state is what its own snapshot says; `latest` is as good as all."""
    snapshots = [snapshot(at, queues, tuple(sorted(keys))) for at, (queues, keys) in enumerate(said)]
    known = history(*data.draw(st.permutations(snapshots)))
    for at, one in enumerate(snapshots):
        assert state(known, at) == state(one, at)
    following = snapshot(NEVER, {"p": 1, "z": 0}, ("a",))
    assert is_newest(known, following)
    assert not is_newest(pl.concat([known, woven(known, following)]), snapshots[-1])
    assert woven(latest(known), following).sort(FACTS.names).equals(woven(known, following).sort(FACTS.names))
