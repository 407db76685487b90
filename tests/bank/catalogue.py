"""What a scenario is, and the list of all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bank.world import Bank

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True)
class Scenario:
    """A bank, and what of its truth spans can know.

    Attributes:
        name: in the table.
        build: makes services, queues and traffic.
        until: seconds that it runs.
        blind: why spans cannot know of its losses: then nobody is accused and `unobserved` is right. Empty if they can.
        uncaused: why spans cannot tell the cause: then a cause may stay `unknown`, and never be a wrong one. Empty if
            they can.
        recall_min: least share of the lost that is found; where it is little, the docstring of the bank says why.
        fitting_min: least share of copies whose verdict fits the truth.
        moments: where it is judged in the middle of the run.
        seeds: how many banks of its kind.
    """

    name: str
    build: Callable[[Bank], object]
    until: float
    blind: str = ""
    uncaused: str = ""
    recall_min: float = 0.99
    fitting_min: float = 0.99
    moments: tuple[float, ...] = ()
    seeds: int = 1

    def run(self, seed: int) -> Bank:
        """The bank after its last second, its spans shipped."""
        bank = Bank(1000 * seed + sum(self.name.encode()))
        self.build(bank)
        bank.clock.run(self.until)
        bank.telemetry.ship()
        return bank


SCENARIOS: list[Scenario] = []


def scenario(
    until: float,
    *,
    blind: str = "",
    uncaused: str = "",
    recall_min: float = 0.99,
    fitting_min: float = 0.99,
    moments: tuple[float, ...] | None = None,
    seeds: int = 1,
) -> Callable[[Callable[[Bank], object]], Callable[[Bank], object]]:
    """Puts a bank's builder on the list, under its own name."""

    def listed(build: Callable[[Bank], object]) -> Callable[[Bank], object]:
        where = (0.35 * until, 0.7 * until) if moments is None else moments
        SCENARIOS.append(
            Scenario(build.__name__, build, until, blind, uncaused, recall_min, fitting_min, where, seeds)  # type: ignore[attr-defined]
        )
        return build

    return listed
