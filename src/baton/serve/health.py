"""Whether the endpoint takes spans, and why not: what /readyz and grpc.health.v1 answer."""

from __future__ import annotations

import time

from baton.limits import REFUSING_S


class Health:
    """Ready, or the reason why not. Reveals nothing of what is stored or who sends."""

    def __init__(self) -> None:
        self._closed: str | None = "starting"
        self._refused_at: float | None = None

    def close(self, why: str) -> None:
        """Not ready until `open`: replaying, stopping."""
        self._closed = why

    def open(self) -> None:
        """Ready, as far as the endpoint's life goes."""
        self._closed = None

    @property
    def closed(self) -> str | None:
        """Why no request is taken; null while they are."""
        return self._closed

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
