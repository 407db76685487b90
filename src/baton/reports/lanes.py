"""The lanes of a timeline, drawn with box characters: two columns a team, an arrow where a handoff crosses them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from baton.limits import LANES_MAX

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_ARRIVED = frozenset({"delivered", "retried"})
_MARKS = {"dropped": "✗", "stuck": "!", "unobserved": "?", "pending": "…"}


class Lanes:
    """A lane a team, in the given order; beyond LANES_MAX the last lane is everyone else's."""

    def __init__(self, teams: Sequence[str]) -> None:
        self._names = list(teams) if len(teams) <= LANES_MAX else [*teams[: LANES_MAX - 1], "other teams"]
        self._lane = {team: min(lane, LANES_MAX - 1) for lane, team in enumerate(teams)}

    def heads(self) -> Iterator[tuple[str, str]]:
        """What stands above the lanes: the lanes begun so far, and the name of the next, a line a team."""
        for lane, name in enumerate(self._names):
            yield self._draw({lane: "┬"}, last=lane), name

    def at(self, team: str) -> str:
        """The lanes with a dot in the team's own."""
        return self._draw({self._lane[team]: "●"})

    def between(self, from_team: str, to_team: str | None, verdict: str) -> str:
        """The lanes with an arrow across; where it did not arrive, the verdict's mark stands for its head."""
        start = self._lane[from_team]
        end = start if to_team is None else self._lane[to_team]
        if start == end:
            return self._draw({start: "▼" if verdict in _ARRIVED else _MARKS[verdict]})
        head = ("▶" if end > start else "◀") if verdict in _ARRIVED else _MARKS[verdict]
        marks = dict.fromkeys(range(min(start, end) + 1, max(start, end)), "┼")
        return self._draw(marks | {start: "├" if end > start else "┤", end: head}, crossed=(start, end))

    def _draw(self, marks: dict[int, str], *, last: int | None = None, crossed: tuple[int, int] = (0, 0)) -> str:
        """A line of all lanes up to `last`, the crossed ones joined."""
        low, high = min(crossed), max(crossed)
        count = len(self._names) if last is None else last + 1
        cells = (marks.get(lane, "│") + ("─" if low <= lane < high else " ") for lane in range(count))
        return "".join(cells).rstrip()
