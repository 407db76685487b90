"""One look at a broker: its management API, and its node's counters where it is told where they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from baton.brokers import prometheus, rabbitmq
from baton.brokers.fetch import Door
from baton.brokers.rows import Where, frame

if TYPE_CHECKING:
    from baton.brokers.document import Place
    from baton.brokers.login import Login


class Source:
    """A broker to look at, by one thread.

    Attributes:
        name: its URL, for messages.
    """

    def __init__(self, url: str, metrics: str | None, login: Login | None, place: Place) -> None:
        """Opens nothing yet.

        Args:
            url: root of the management API.
            metrics: URL of the node's metrics in Prometheus's text format, which needs no login; null for none.
            login: for the API; null for none.
            place: what to say of the facts; its time is that of each look.

        Raises:
            UsageError: a URL is none.
        """
        self._management = Door(url, login)
        self._metrics = None if metrics is None else Door(metrics, None)
        self._place = place
        self.name = self._management.name

    def look(self, at_ns: int) -> pl.DataFrame:
        """What it says, FACTS's columns.

        Args:
            at_ns: now.

        Raises:
            BrokerError: it cannot be asked.
            InputError: a value in its answers does not fit.
        """
        where = Where(at_ns, self._place.tenant, self._place.environment, self._place.address or "")
        said = [rabbitmq.facts(self._management.management(), where, self.name)]
        if self._metrics is not None:
            said.append(frame(prometheus.counters(prometheus.samples(self._metrics.text())), where, "management"))
        return pl.concat(said)

    def hang_up(self) -> None:
        """Ends a look under way, from another thread."""
        for door in (self._management, self._metrics):
            if door is not None:
                door.hang_up()
