from __future__ import annotations

import pytest

from baton.limits import LANES_MAX
from baton.reports.lanes import Lanes
from baton.schema import VERDICTS

FOUR = Lanes(["a", "b", "c", "d"])


def test_heads_name_a_lane_each() -> None:
    """The heads stand as stairs, so that a long name never widens a lane."""
    assert list(Lanes(["a", "b"]).heads()) == [("┬", "a"), ("│ ┬", "b")]


def test_at_marks_the_team() -> None:
    """A span's dot stands in its team's lane."""
    assert FOUR.at("c") == "│ │ ● │"


@pytest.mark.parametrize(
    ("from_team", "to_team", "verdict", "drawn"),
    [
        ("a", "b", "delivered", "├─▶ │ │"),
        ("a", "d", "dropped", "├─┼─┼─✗"),
        ("d", "b", "retried", "│ ◀─┼─┤"),
        ("c", "a", "stuck", "!─┼─┤ │"),
        ("b", "b", "delivered", "│ ▼ │ │"),
        ("b", "b", "dropped", "│ ✗ │ │"),
        ("b", None, "unobserved", "│ ? │ │"),
    ],
)
def test_between(from_team: str, to_team: str | None, verdict: str, drawn: str) -> None:
    """An arrow crosses the lanes between sender and receiver; what did not arrive ends in its verdict's mark."""
    assert FOUR.between(from_team, to_team, verdict) == drawn


@pytest.mark.parametrize("verdict", VERDICTS)
def test_every_verdict_is_drawn(verdict: str) -> None:
    """No verdict is without a mark of its own kind."""
    assert FOUR.between("a", "b", verdict)[2] in "▶✗!?…"


def test_many_teams_share_the_last_lane() -> None:
    """Beyond LANES_MAX lanes the rest share one, and it says so."""
    lanes = Lanes([f"t{number}" for number in range(LANES_MAX + 5)])
    assert len(list(lanes.heads())) == LANES_MAX
    assert list(lanes.heads())[-1][1] == "other teams"
    assert lanes.at(f"t{LANES_MAX + 4}") == lanes.at(f"t{LANES_MAX - 1}")
