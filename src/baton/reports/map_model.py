"""What a review of the map says, for people and for JSON. Every part is of one tenant and environment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    import networkx as nx


@dataclass(frozen=True, slots=True)
class Crossing:
    """The teams that journeys of one type cross.

    Attributes:
        tenant: whose.
        environment: empty where none is stated.
        journey_type: declared; None for journeys of no declared type.
        criticality: of the type; None without one.
        journeys: that have handoffs.
        teams: that send or should receive in any of them, by name.
        between_median: handoffs from one team to another in a journey, arrived or not: half of the journeys have fewer.
        between_max: in the journey that has most.
        untold: journeys in which a sender or receiver is nobody's, unknown, or one of several teams.
    """

    tenant: str
    environment: str
    journey_type: str | None
    criticality: str | None
    journeys: int
    teams: tuple[str, ...]
    between_median: float
    between_max: int
    untold: int


@dataclass(frozen=True, slots=True)
class Return:
    """Journeys of one type that come back to a team that they left.

    Attributes:
        tenant: whose.
        environment: empty where none is stated.
        journey_type: declared; None for journeys of no declared type.
        team: left, and come back to.
        via: the first other team that it was handed to in between.
        journeys: that do.
        of: journeys of that type that have handoffs.
        exemplar: journey id of one of them: the trace id of its earliest root.
    """

    tenant: str
    environment: str
    journey_type: str | None
    team: str
    via: str
    journeys: int
    of: int
    exemplar: str


@dataclass(frozen=True, slots=True)
class Doubt:
    """Journeys of one type that would come back if equal times stood in the order that makes them.

    Attributes:
        tenant: whose.
        environment: empty where none is stated.
        journey_type: declared; None for journeys of no declared type.
        journeys: that may.
    """

    tenant: str
    environment: str
    journey_type: str | None
    journeys: int


@dataclass(frozen=True, slots=True)
class Point:
    """A service, channel, queue or team that every whole journey of every critical type passed.

    Attributes:
        tenant: whose.
        environment: empty where none is stated.
        kind: service, channel, queue or team.
        name: its name.
        journeys: whole journeys of critical types that it was seen in: all of them.
        journey_types: whole journeys of each critical type that was seen.
    """

    tenant: str
    environment: str
    kind: str
    name: str
    journeys: int
    journey_types: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Cycle:
    """Teams that hand to each other in a circle, in any journeys.

    Attributes:
        tenant: whose.
        environment: empty where none is stated.
        teams: in the order of handing over, the first by name first; the last hands to the first.
        handoffs: on that of its edges that has fewest.
    """

    tenant: str
    environment: str
    teams: tuple[str, ...]
    handoffs: int


@dataclass(frozen=True, slots=True)
class Knot:
    """Teams each of which reaches every other one, by whatever way: a strongly connected component.

    Attributes:
        tenant: whose.
        environment: empty where none is stated.
        teams: by name, two or more.
    """

    tenant: str
    environment: str
    teams: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Weight:
    """What a boundary cost, and what it would cost if it failed.

    Attributes:
        tenant: whose.
        environment: empty where none is stated.
        from_team: owner of the senders.
        from_service: of an unowned side the service; else None.
        to_team: owner of the receivers; None where no receiver is known.
        to_service: likewise.
        channel: None for calls.
        channel_team: the queue's owner if known and owned, else the channel's; None for calls.
        critical_lost: journeys of critical types that have a dropped or stuck handoff here.
        lost: journeys of any kind that do.
        critical: journeys of critical types that pass it: what would be hit if it failed.
        journeys: journeys of any kind that do.
    """

    tenant: str
    environment: str
    from_team: str
    from_service: str | None
    to_team: str | None
    to_service: str | None
    channel: str | None
    channel_team: str | None
    critical_lost: int
    lost: int
    critical: int
    journeys: int


@dataclass(frozen=True, slots=True)
class Review:
    """What a reviewer asks of a map; only of journeys that have handoffs.

    Attributes:
        crossings: of each journey type, the most critical and then the most frequent first.
        returns: journeys that come back to a team that they left, most first.
        doubts: where times are too coarse to tell whether they do, most first.
        critical_types: declared as critical.
        unseen_types: of them those without a whole journey: what they all pass cannot be told.
        points: that all whole journeys of every critical type passed, by kind and name.
        knots: teams that all reach each other, the largest first.
        cycles: the shortest first.
        more_cycles: there are more, or longer ones.
        weights: boundaries between different owners, the one with most impact first.
    """

    crossings: tuple[Crossing, ...]
    returns: tuple[Return, ...]
    doubts: tuple[Doubt, ...]
    critical_types: tuple[str, ...]
    unseen_types: tuple[str, ...]
    points: tuple[Point, ...]
    knots: tuple[Knot, ...]
    cycles: tuple[Cycle, ...]
    more_cycles: bool
    weights: tuple[Weight, ...]


@dataclass(frozen=True, slots=True)
class Map:
    """What `baton map` says.

    Attributes:
        graph: of teams or of services, as `maps.graph` makes them.
        review: of the same handoffs.
        as_of_ns: event time at which they were judged.
        since_ns: lower bound on `sent_at`, None without one.
        until_ns: upper bound on `sent_at`, None without one.
        journey_type: the only one that was asked for; None for all.
    """

    graph: nx.MultiDiGraph[int]
    review: Review
    as_of_ns: int
    since_ns: int | None
    until_ns: int | None
    journey_type: str | None
