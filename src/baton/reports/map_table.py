"""`baton map` for a terminal: who hands to whom, worst first, and what a reviewer asks of it."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, TypeVar

from baton.limits import MAP_LINES_MAX, TABLE_ROWS_MAX
from baton.reports import map_words
from baton.reports.table import bullets, columns, grid, line, lines, names, render
from baton.reports.times import duration, moment
from baton.schema import UNOWNED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from rich.console import RenderableType

    from baton.reports.map_model import Crossing, Cycle, Doubt, Knot, Map, Point, Return, Review, Weight
    from baton.reports.map_words import Attributes

    Homes = set[tuple[str, str]]
    Placed = Crossing | Cycle | Doubt | Knot | Point | Return | Weight

_HEADS = (
    ("from → to", False),
    ("sent", True),
    ("dropped", True),
    ("stuck", True),
    ("late", True),
    ("unobserved", True),
    ("p50, p99", True),
)
Part = TypeVar("Part", bound="Placed")


def as_table(drawn: Map, *, width: int, color: bool) -> str:
    """The map as a table of its edges and a review, at most `width` columns wide."""
    return render(_parts(drawn), width=width, color=color)


def _parts(drawn: Map) -> Iterator[RenderableType]:
    """The edges, and the review below."""
    yield grid([("map of", line(drawn.graph.graph["of"])), ("handoffs", line(_asked(drawn)))])
    yield ""
    edges = map_words.edges(drawn.graph)
    if not edges:
        yield line("No handoff crossed anything in this window: widen --since and --until, or bring in spans.")
        return
    table = columns(_HEADS)
    for source, target, edge in edges[:TABLE_ROWS_MAX]:
        table.add_row(*_cells(drawn, source, target, edge))
    yield table
    if len(edges) > TABLE_ROWS_MAX:
        yield line(f"{TABLE_ROWS_MAX} of {len(edges):,} edges: --format json has them all.")
    yield from _review(drawn.review, map_words.homes(drawn.graph))


def _asked(drawn: Map) -> str:
    """Of which window and journey type, judged as of when."""
    kind = "" if drawn.journey_type is None else f" in journeys of type {drawn.journey_type}"
    since = "" if drawn.since_ns is None else f" since {moment(drawn.since_ns)}"
    until = "" if drawn.until_ns is None else f" until {moment(drawn.until_ns)}"
    return f"sent{kind}{since}{until}, judged as of {moment(drawn.as_of_ns)}"


def _cells(drawn: Map, source: int, target: int, edge: Attributes) -> Iterator[RenderableType]:
    """One edge's cells."""
    ends = (drawn.graph.nodes[source], drawn.graph.nodes[target])
    way = "by call" if edge["kind"] == "call" else "by message"
    if drawn.graph.graph["of"] == "teams" and edge["channels"]:
        way = f"over {names(edge['channels'])}"
    where = map_words.home(drawn.graph, ends[0])
    yield lines(
        line(" → ".join(_node(node, drawn.graph.graph["of"]) for node in ends)),
        line(f"{way}, {where}" if where else way, "dim"),
    )
    yield line(f"{edge['handoffs']:,}")
    for name in ("dropped", "stuck"):
        yield line(f"{edge[name]:,}", "bold red" if edge[name] else "")
    yield line(f"{edge['late']:,}")
    yield line(f"{edge['unobserved']:,}")
    yield lines(*(line(_latency(edge.get(name))) for name in ("p50_ms", "p99_ms")))


def _node(node: Attributes, of: str) -> str:
    """A node: in the map of services with its kind, where it is none, and its owner."""
    words = map_words.node_words(node)
    if of == "teams" or node["kind"] in {"several", "unknown"}:
        return words
    kind = "" if node["kind"] == "service" else f"{node['kind']} "
    return f"{kind}{words}" + (f" ({node['team']})" if node.get("team") not in {None, UNOWNED} else "")


def _latency(latency_ms: float | None) -> str:
    return "-" if latency_ms is None else duration(round(latency_ms * 1_000_000))


def _review(review: Review, homes: Homes) -> Iterator[RenderableType]:
    """What a reviewer asks, a list a question."""

    def told(title: str, parts: Sequence[Part], words: Callable[[Part], str], none: str) -> Iterator[RenderableType]:
        yield ""
        yield line(title if parts else f"{title}: {none}", "bold")
        some = [_where(part, homes) + words(part) for part in parts[:MAP_LINES_MAX]]
        more = len(parts) - MAP_LINES_MAX
        yield bullets([*some, *([f"and {more:,} more: --format json has them all"] if more > 0 else [])])

    yield from told("Teams that journeys cross", review.crossings, _crossing, "no journey has handoffs.")
    yield from told("Journeys that come back to a team they left", review.returns, _return, "none is known to.")
    if review.doubts:
        yield from told("Perhaps they do: sent at the very time of the receipt", review.doubts, _doubt, "")
    yield ""
    yield from _points(review, homes)
    yield from told("Teams that all reach each other", review.knots, _knot, "none.")
    yield from told("Cycles between teams", review.cycles, _cycle, "none.")
    if review.more_cycles:
        yield line("There are more or longer ones: the teams that all reach each other hold them.", "dim")
    yield from told("Boundaries with the most impact", review.weights, _weight, "no handoff is between two owners.")


def _where(part: Placed, homes: Homes) -> str:
    """Where it is, before what is said of it; nothing where all is in one place."""
    where = map_words.where(part.tenant, part.environment, homes)
    return f"{where}: " if where else ""


def _crossing(crossing: Crossing) -> str:
    """`trade-confirmation (critical), 60 journeys: 3 teams (a, b, c), handoffs between teams: median 2, at most 4`."""
    rank = f" ({crossing.criticality})" if crossing.criticality else ""
    head = f"{_kind(crossing.journey_type)}{rank}, {_journeys(crossing.journeys)}"
    teams = f"{_count(len(crossing.teams), 'team')} ({names(crossing.teams)})" if crossing.teams else "no owned team"
    median = f"{crossing.between_median:g}"
    sentence = f"{head}: {teams}; handoffs between teams: median {median}, at most {crossing.between_max:,}"
    if not crossing.untold:
        return sentence
    return f"{sentence}; in {crossing.untold:,} some party is unowned, unknown or one of several"


def _return(back: Return) -> str:
    """`transfer, 12 of 60 journeys: payments → ledger → ... → payments, as in 0af7...`."""
    share = f"{back.journeys:,} of {_journeys(back.of)}"
    return f"{_kind(back.journey_type)}, {share}: {back.team} → {back.via} → {back.team}, as in {back.exemplar}"


def _doubt(doubt: Doubt) -> str:
    return f"{_kind(doubt.journey_type)}: {_journeys(doubt.journeys)}"


def _points(review: Review, homes: Homes) -> Iterator[RenderableType]:
    """What all critical journeys pass: a line a home and kind."""
    title = "Single points that all critical journeys pass"
    if not review.critical_types:
        yield line(f"{title}: no journey type is declared critical.", "bold")
        return
    yield line(title if review.points else f"{title}: none seen.", "bold")
    yield bullets(_alike(review.points, homes))
    if review.unseen_types:
        yield line(f"No journey came through whole of {names(review.unseen_types)}: those do not count here.", "dim")


def _alike(points: Iterable[Point], homes: Homes) -> Iterator[str]:
    """`services a, b: in all 60 whole journeys of trade-confirmation`."""
    for (where, kind), found in groupby(points, lambda point: (_where(point, homes), point.kind)):
        alike = list(found)
        some = names([point.name for point in alike])
        of = names([f"{kind} ({count:,})" for kind, count in alike[0].journey_types.items()])
        yield f"{where}{kind}{'' if len(alike) == 1 else 's'} {some}: in all whole journeys of {of}"


def _knot(knot: Knot) -> str:
    return f"{len(knot.teams)} teams: {names(knot.teams)}"


def _cycle(cycle: Cycle) -> str:
    return f"{' → '.join((*cycle.teams, cycle.teams[0]))}: {_count(cycle.handoffs, 'handoff')} at the least used"


def _weight(weight: Weight) -> str:
    """`trading → messaging over a.b (c): 3 journeys lost or stuck, 2 of them critical; passed by 60, ...`."""
    way = "by call" if weight.channel is None else f"over {weight.channel} ({weight.channel_team})"
    ends = f"{_side(weight.from_team, weight.from_service)} → {_side(weight.to_team, weight.to_service)}"
    lost = f"{_journeys(weight.lost)} lost or stuck, {weight.critical_lost:,} of them critical"
    return f"{ends} {way}: {lost}; if it failed, {_journeys(weight.journeys)}, {weight.critical:,} of them critical"


def _side(team: str | None, service: str | None) -> str:
    if team is None:
        return "unknown receiver"
    return team if service is None else f"{team} {service}"


def _kind(journey_type: str | None) -> str:
    return journey_type or "no declared type"


def _journeys(count: int) -> str:
    return _count(count, "journey")


def _count(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
