"""A bank's check deposits, told as spans: what a third party's expired certificate did to them, and what looks alike.

The app posts a deposit; its backend has it validated, publishes it if it is approved, and answers; clearing takes it
and has it posted. Of each deposit the ledger says what truly became of it. Times are seconds.
"""

from __future__ import annotations

import json
import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from simulator import Telemetry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

POSTED, DECLINED, STOPPED = "posted", "declined", "stopped"
BROKER = {"messaging__system": "rabbitmq", "messaging__destination__name": "deposits.validated"}


@dataclass
class Deposits:
    """The ledger and the spans of one bank.

    Attributes:
        declined: part of the deposits that validation declines; they end there, rightly.
        stops: whether the deposit of that moment ends after validation although it was approved.
        wait: how long the deposit of that moment waits for clearing.
        version: of the validation service at that moment.
        by_key: clearing finds deposits in a table, in a trace of its own: only the deposit's id tells.
        told: validation says in an attribute how it came out.
    """

    seed: int = 1
    declined: float = 0.03
    stops: Callable[[float], bool] = lambda _: False
    wait: Callable[[float], float] = lambda _: 0.2
    version: Callable[[float], str] = lambda _: "v1"
    by_key: bool = False
    told: bool = True
    name: str = ""
    fates: dict[str, str] = field(default_factory=dict)
    telemetry: Telemetry = field(init=False)

    def __post_init__(self) -> None:
        """A random bank, the same for the same seed."""
        self.telemetry = Telemetry(random.Random(self.seed))

    def run(self, times: Iterable[float]) -> Deposits:
        """A deposit at each moment."""
        for at in times:
            self._deposit(at)
        return self

    def beat(self, services: Sequence[str], until: float) -> Deposits:
        """A health check every second: spans that have nothing to do with deposits."""
        for service in services:
            for second in range(int(until)):
                self.telemetry.span(service, "GET /health", 2, second, second + 0.002)
        return self

    def _deposit(self, at: float) -> None:
        span, rng = self.telemetry.span, self.telemetry.rng
        declined = rng.random() < self.declined
        outcome = {"deposit__outcome": "declined" if declined else "approved"} if self.told else {}
        key = {"deposit__id": f"{self.name}D{len(self.fates):05d}"}
        app = span(f"{self.name}app", "POST /deposits", 2, at, at + 0.2, **key)
        self.fates[app[0]] = DECLINED if declined else STOPPED if self.stops(at) else POSTED
        call = span(f"{self.name}app", "POST", 3, at + 0.01, at + 0.1, parent=app, http__response__status_code=200)
        instance = self.version(at)
        span(
            f"{self.name}validation",
            "POST /validate",
            2,
            at + 0.02,
            at + 0.09,
            parent=call,
            instance=instance,
            http__response__status_code=200,
            **outcome,
        )
        if self.fates[app[0]] != POSTED:
            return
        taken = at + 0.12 + self.wait(at)
        if self.by_key:
            clearing = span(f"{self.name}clearing", "clear deposit", 1, taken, taken + 0.1, **key)
        else:
            send = span(f"{self.name}app", "send", 4, at + 0.11, at + 0.12, parent=app, **BROKER)
            clearing = span(
                f"{self.name}clearing",
                "process",
                5,
                taken,
                taken + 0.1,
                parent=send,
                messaging__operation="process",
                **BROKER,
            )
        call = span(f"{self.name}clearing", "POST", 3, taken + 0.01, taken + 0.05, parent=clearing)
        span(f"{self.name}ledger", "POST /postings", 2, taken + 0.02, taken + 0.04, parent=call)

    def requests(self) -> list[bytes]:
        """Export requests; an instance named like a version runs that version."""
        return [_versioned(json.loads(request)) for request in self.telemetry.requests()]


def _versioned(request: dict) -> bytes:  # type: ignore[type-arg]
    for part in request["resourceSpans"]:
        said = part["resource"]["attributes"]
        instance = next(one["value"]["stringValue"] for one in said if one["key"] == "service.instance.id")
        version = instance.rpartition("-")[2]
        if version.startswith("v"):
            said.append({"key": "service.version", "value": {"stringValue": version}})
    return json.dumps(request).encode()
