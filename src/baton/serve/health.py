"""Whether the endpoint takes spans, and why not: what /readyz and grpc.health.v1 answer."""

from __future__ import annotations

import time

from baton.limits import REFUSING_S


class Health:
    """Ready, or the reason why not. Reveals nothing of what is stored or who sends.

    Attributes:
        stopping: whether the endpoint is about to end.
    """

    def __init__(self) -> None:
        self.stopping = False
        self._closed: str | None = "starting"
        self._refused_at: float | None = None

    def close(self, why: str) -> None:
        """Not ready until `open`."""
        self._closed = why

    def stop(self) -> None:
        """Not ready ever again."""
        self.stopping = True
        self.close("stopping")

    def open(self) -> None:
        """Ready, as far as the endpoint's life goes."""
        self._closed = None

    def refused(self) -> None:
        """A request was refused that may be sent again."""
        self._refused_at = time.monotonic()

    def took(self) -> None:
        """A request was taken."""
        self._refused_at = None

    @property
    def unready(self) -> str | None:
        """Why not to send here now; null if ready."""
        if self._closed is not None:
            return self._closed
        if self._refused_at is not None and time.monotonic() - self._refused_at < REFUSING_S:
            return "refusing"
        return None
