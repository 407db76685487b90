from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest

import crossings
from baton.limits import MAP_CYCLE_TEAMS_MAX, MAP_CYCLES_MAX
from baton.schema import UNOWNED
from crossings import CRITICALITY, drawn, frame, hop

if TYPE_CHECKING:
    from baton.reports.map_model import Review


@pytest.fixture(scope="module")
def bank() -> Review:
    """The review of a small bank."""
    return drawn(crossings.bank(), criticality=CRITICALITY).review


def reviewed(*hops: dict[str, Any]) -> Review:
    """The review of these handoffs."""
    return drawn(frame(*hops), criticality=CRITICALITY).review


def test_the_teams_that_a_journey_type_crosses(bank: Review) -> None:
    """Which, how many handoffs between teams a journey has, and in how many journeys some party is no team."""
    trades, *others = bank.crossings
    assert (trades.journey_type, trades.criticality, trades.journeys) == ("trade", "critical", 14)
    assert trades.teams == ("messages", "risk", "trading", "wealth")
    assert (trades.between_median, trades.between_max, trades.untold) == (2.0, 4, 2)
    assert [(one.environment, one.journey_type, one.teams, one.untold) for one in others] == [
        ("prod", None, ("trading",), 1),
        ("test", None, ("trading",), 1),
    ]


def test_journeys_that_come_back(bank: Review) -> None:
    """To whom, by whom, how many of how many, and one of them by its id."""
    (back,) = bank.returns
    assert (back.journey_type, back.team, back.via, back.journeys, back.of) == ("trade", "trading", "risk", 1, 14)
    assert back.exemplar == "a0".rjust(32, "0")
    assert bank.doubts == ()


def test_equal_times_leave_it_open() -> None:
    """A journey that may come back is counted apart, and accused of nothing."""
    told = reviewed(hop("trade", "risk", at=0, took=5), hop("risk", "trade", at=5))
    assert (told.returns, [(doubt.journey_type, doubt.journeys) for doubt in told.doubts]) == ((), [("trade", 1)])


def test_what_never_arrived_came_back_to_nobody() -> None:
    """Neither the way there nor the way back."""
    lost = reviewed(hop("trade", "risk", at=0, verdict="dropped"), hop("risk", "trade", at=9))
    assert lost.returns == lost.doubts == ()


def test_single_points(bank: Review) -> None:
    """What every whole journey passed; those that lost something do not count, nor what passed only some."""
    assert [(point.kind, point.name) for point in bank.points] == [
        ("channel", "orders"),
        ("service", "gateway"),
        ("team", "wealth"),
    ]
    assert bank.points[0].journey_types == {"trade": 11}
    assert bank.points[0].journeys == 11
    assert (bank.critical_types, bank.unseen_types) == (("trade",), ())


def test_single_points_of_all_critical_types() -> None:
    """A service that every journey of one type passes, and not of the other, is none."""
    hops = [hop("gateway", "trade", journey="a"), hop("gateway", "risk", journey="b", journey_type="pay")]
    told = drawn(frame(*hops), criticality={"trade": "critical", "pay": "critical", "loan": "critical"}).review
    assert [(point.kind, point.name, point.journeys) for point in told.points] == [
        ("service", "gateway", 2),
        ("team", "wealth", 2),
    ]
    assert told.unseen_types == ("loan",)


@pytest.mark.parametrize("verdict", ["dropped", "stuck", "pending"])
def test_a_journey_that_is_not_whole_tells_no_point(verdict: str) -> None:
    """Though nothing but a step is missing; one that could not be observed is whole."""
    cut = reviewed(hop("gateway", "trade"), hop("trade", "notify", kind="step", verdict=verdict))
    assert (cut.points, cut.unseen_types) == ((), ("trade",))
    assert reviewed(hop("gateway", "trade"), hop("trade", None, at=9, verdict="unobserved")).unseen_types == ()


def test_teams_that_hand_in_a_circle(bank: Review) -> None:
    """Trading and risk hand to each other: once at the least."""
    assert [cycle.teams for cycle in bank.cycles] == [("risk", "trading")]
    assert [(cycle.handoffs, bank.more_cycles) for cycle in bank.cycles] == [(1, False)]
    assert [knot.teams for knot in bank.knots] == [("risk", "trading")]


def _circle(size: int) -> list[dict[str, Any]]:
    """So many teams, each handing to the next."""
    names = [f"t{number:02}" for number in range(size)]
    return [hop(one, two, from_team=one, to_team=two, journey=one) for one, two in pairwise([*names, names[0]])]


def test_a_long_cycle_is_told_as_a_knot() -> None:
    """A cycle of more than MAP_CYCLE_TEAMS_MAX teams is not spelled out, and it is said that there is more."""
    told = reviewed(*_circle(MAP_CYCLE_TEAMS_MAX + 1))
    assert (told.cycles, told.more_cycles, len(told.knots[0].teams)) == ((), True, MAP_CYCLE_TEAMS_MAX + 1)
    told = reviewed(*_circle(MAP_CYCLE_TEAMS_MAX))
    assert (len(told.cycles), told.more_cycles) == (1, False)


def test_cycles_are_bounded() -> None:
    """Of a dozen teams that all hand to each other the shortest are told, as many as are allowed."""
    names = [f"t{number:02}" for number in range(12)]
    hops = [hop(one, two, from_team=one, to_team=two) for one in names for two in names if one != two]
    told = reviewed(*hops)
    assert (len(told.cycles), told.more_cycles) == (MAP_CYCLES_MAX, True)
    assert {len(cycle.teams) for cycle in told.cycles} == {2}


def test_the_boundary_with_the_most_impact(bank: Review) -> None:
    """Lost critical journeys first, then those that would be; what stays within one team is no boundary."""
    first, second, *_ = bank.weights
    assert (first.from_team, first.to_team, first.channel, first.channel_team) == (
        "trading",
        "messages",
        "orders",
        "messages",
    )
    assert (first.critical_lost, first.lost, first.critical, first.journeys) == (2, 2, 12, 12)
    assert (second.to_team, second.critical_lost) == ("messages | sms", 1)
    assert reviewed(hop("trade", "trade")).weights == ()


@pytest.mark.parametrize(("channel_team", "boundaries"), [("trading", 0), ("messages", 1), (UNOWNED, 1)])
def test_a_team_may_depend_on_another_to_reach_itself(channel_team: str, boundaries: int) -> None:
    """Between two services of one team lies a boundary where what is between them is not theirs."""
    assert len(reviewed(hop("trade", "trade", "own", channel_team=channel_team)).weights) == boundaries


def test_nothing_to_review() -> None:
    """Without handoffs every part is empty."""
    told = reviewed()
    assert (told.crossings, told.returns, told.points, told.cycles, told.weights) == ((), (), (), (), ())
