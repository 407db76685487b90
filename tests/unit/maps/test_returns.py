from __future__ import annotations

from itertools import count, pairwise
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from baton.limits import MAP_RETURN_HOPS_MAX
from baton.maps.returns import returns

SCHEMA = {
    "journey": pl.Int64(),
    "from_service": pl.String(),
    "from_team": pl.String(),
    "to_service": pl.String(),
    "to_team": pl.String(),
    "sent_at": pl.Int64(),
    "received_at": pl.Int64(),
}
TEAMS = {"a1": "a", "a2": "a", "b": "b", "c": "c", "u": "unowned", "s": "a | b"}

Hop = tuple[str, str, int, int]
Passed = frozenset[tuple[int, str | None]]


def frame(*hops: Hop, journey: int = 1) -> pl.DataFrame:
    """Hops: from, to, sent, received."""
    rows = [(journey, one, TEAMS[one], two, TEAMS[two], sent, got) for one, two, sent, got in hops]
    return pl.DataFrame(rows, schema=SCHEMA, orient="row")


def found(rows: pl.DataFrame, *, strict: bool = True) -> set[tuple[Any, ...]]:
    """Answers as a set."""
    return set(returns(rows, strict=strict).iter_rows())


def by_hand(rows: pl.DataFrame, *, strict: bool) -> set[tuple[Any, ...]]:
    """The reference: every path is walked, one journey at a time; where clocks run back, once a team in between."""
    answers: set[tuple[Any, ...]] = set()
    hops = rows.rows()

    def one_team(team: str) -> bool:
        return team != "unowned" and " | " not in team

    def walk(
        journey: int, team: str, service: str, via: str | None, at: int, seen: frozenset[tuple[int, str | None]]
    ) -> None:
        for number, (which, sender, _, receiver, to_team, sent, got) in enumerate(hops):
            follows = at < sent or (not strict and at == sent)
            if which != journey or sender != service or not follows or (number, via) in seen:
                continue
            if to_team == team:
                if via is not None:
                    answers.add((journey, team, via))
                continue
            passed = via or (to_team if one_team(to_team) else None)
            walk(journey, team, receiver, passed, got, seen | {(number, via)})

    for journey, _, team, receiver, to_team, _, got in hops:
        if one_team(team) and to_team != team:
            walk(journey, team, receiver, to_team if one_team(to_team) else None, got, frozenset())
    return answers


def hops_of(draw: st.DrawFn) -> Hop:
    """A hop; the receiver's clock may be behind."""
    service = st.sampled_from(sorted(TEAMS))
    sent = draw(st.integers(0, 6))
    return draw(service), draw(service), sent, sent + draw(st.integers(-1, 2))


@given(st.lists(st.tuples(st.integers(1, 2), st.composite(hops_of)()), max_size=8), st.booleans())
def test_every_path_is_followed(drawn: list[tuple[int, Hop]], strict: bool) -> None:  # noqa: FBT001 - drawn
    """Whatever the order, the clocks and the owners: the same as walking every path of every journey."""
    rows = pl.concat([frame(), *(frame(hop, journey=journey) for journey, hop in drawn)])
    assert found(rows, strict=strict) == by_hand(rows, strict=strict)


def test_there_and_back() -> None:
    """A hands to B, and B, after it received, to another service of A."""
    assert found(frame(("a1", "b", 0, 1), ("b", "a2", 2, 3))) == {(1, "a", "b")}


def test_a_long_way_back() -> None:
    """Over C, and over what nobody owns; the first team in between is told."""
    hops = (("a1", "u", 0, 1), ("u", "b", 2, 3), ("b", "c", 4, 5), ("c", "a1", 6, 7))
    assert found(frame(*hops)) == {(1, "a", "b")}


@pytest.mark.parametrize(
    "hops",
    [
        (("c", "a1", 0, 1), ("a1", "b", 2, 3), ("c", "a1", 4, 5)),
        (("b", "a1", 0, 1), ("a1", "b", 0, 2)),
        (("a1", "u", 0, 1), ("u", "a1", 2, 3)),
        (("a1", "s", 0, 1), ("s", "a1", 2, 3)),
        (("u", "b", 0, 1), ("b", "u", 2, 3)),
        (("a1", "a2", 0, 1), ("a2", "a1", 2, 3)),
    ],
    ids=["asked twice", "before it came", "over nobody", "over one of several", "back to nobody", "within a team"],
)
def test_what_is_no_return(hops: tuple[Hop, ...]) -> None:
    """Nobody is said to come back who may not have: each of these only looks like it."""
    assert found(frame(*hops)) == set()


def test_equal_times_have_no_order() -> None:
    """What is sent at the very time of the receipt follows it only if doubt counts."""
    rows = frame(("a1", "b", 0, 2), ("b", "a2", 2, 3))
    assert (found(rows), found(rows, strict=False)) == (set(), {(1, "a", "b")})


def test_journeys_are_apart() -> None:
    """What leaves in one journey does not come back in another."""
    away, back = frame(("a1", "b", 0, 1)), frame(("b", "a2", 2, 3), journey=2)
    assert found(pl.concat([away, back])) == set()


def test_the_way_is_followed_so_far() -> None:
    """A way back of MAP_RETURN_HOPS_MAX handoffs after the first is found, a longer one is not."""

    def circle(between: int) -> pl.DataFrame:
        names = ["a1", *(f"x{number}" for number in range(between + 1)), "a2"]
        clock = count()
        rows = [(1, one, one[0], two, two[0], next(clock), next(clock)) for one, two in pairwise(names)]
        return pl.DataFrame(rows, schema=SCHEMA, orient="row")

    assert found(circle(MAP_RETURN_HOPS_MAX - 1)) == {(1, "a", "x")}
    assert found(circle(MAP_RETURN_HOPS_MAX)) == set()
