"""The wealth platform in a box: four traced services and the queue between them, run through a scenario."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event
from typing import TYPE_CHECKING

from baton.gameday.queue import BoundedQueue
from baton.gameday.services import (
    EXECUTION,
    GATEWAY,
    MARKET_DATA,
    NOTIFICATION,
    Gateway,
    MarketData,
    Notification,
    TradeExecution,
)
from baton.gameday.telemetry import provider

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from opentelemetry.sdk.trace.export import SpanExporter
    from opentelemetry.trace import Tracer

    from baton.gameday.queue import Ledger
    from baton.gameday.scenario import Scenario


def run(exporter: Callable[[], SpanExporter], scenario: Scenario, say: Callable[[str], None]) -> Ledger:
    """Runs the bank in real time; returns when the queue is drained and every span was exported.

    Args:
        exporter: makes the exporter of one service.
        scenario: what comes when.
        say: told each phase as it begins.

    Returns:
        The queue's own ledger.
    """
    queue = BoundedQueue(scenario.queue_limit)
    with _traced(exporter) as tracers:
        gateway = Gateway(tracers[GATEWAY], TradeExecution(tracers[EXECUTION], queue))
        market = MarketData(tracers[MARKET_DATA], queue)
        notification = Notification(tracers[NOTIFICATION], queue, 1 / scenario.handled_per_s)
        stop = Event()
        with ThreadPoolExecutor(max_workers=3) as threads:
            handling = threads.submit(notification.run)
            trading = threads.submit(_paced, scenario.trade_times_s(), lambda n: gateway.trade(f"T-{n:04}"), stop)
            ticking = threads.submit(_paced, scenario.tick_times_s(), market.tick, stop)
            try:
                _narrate(scenario, say)
                trading.result()
                ticking.result()
            finally:
                # Interrupted or not: the threads end, and with them the pool.
                stop.set()
                queue.close()
            handling.result()
    return queue.ledger()


@contextmanager
def _traced(exporter: Callable[[], SpanExporter]) -> Iterator[dict[str, Tracer]]:
    """A tracer by service; at the end everything that they traced is exported."""
    services = (GATEWAY, EXECUTION, NOTIFICATION, MARKET_DATA)
    providers = {service: provider(service, exporter()) for service in services}
    try:
        yield {service: traced.get_tracer("wealth-platform") for service, traced in providers.items()}
    finally:
        for traced in providers.values():
            traced.force_flush()
            traced.shutdown()


def _paced(times_s: Sequence[float], work: Callable[[int], None], stop: Event) -> None:
    """Does the work at each time, numbered from 1; whoever comes late does not wait. Ends early once stopped."""
    start_s = time.monotonic()
    for number, time_s in enumerate(times_s, start=1):
        if stop.wait(max(start_s + time_s - time.monotonic(), 0)):
            return
        work(number)


def _narrate(scenario: Scenario, say: Callable[[str], None]) -> None:
    for phase in scenario.phases:
        say(
            f"{phase.name}, {phase.duration_s:g} s: {scenario.trades_per_s:g} trades and {phase.ticks_per_s:g} "
            f"ticks a second; notification handles {scenario.handled_per_s:g}"
        )
        time.sleep(phase.duration_s)
