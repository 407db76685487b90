"""What a client remembers: which spans it sent, how often, and which of them were acknowledged.

It is the judge of what a store holds, and shares nothing with the store but span ids.
"""

from __future__ import annotations

import threading
from collections import Counter
from typing import TYPE_CHECKING

from baton.errors import NotFoundError
from baton.limits import INSTANT_NS_MAX
from baton.spans.repair import repair
from baton.store.reader import Store

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    import polars as pl


class Ledger:
    """Span ids as hex digits; any thread may write to it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sent: Counter[str] = Counter()
        self._acknowledged: Counter[str] = Counter()

    @property
    def acknowledged(self) -> int:
        """How many spans were acknowledged."""
        return len(self._acknowledged)

    def send(self, ids: Iterable[str]) -> None:
        """Notes spans that are about to be sent, perhaps again."""
        with self._lock:
            self._sent.update(ids)

    def acknowledge(self, ids: Iterable[str]) -> None:
        """Notes that a request with these spans was acknowledged."""
        with self._lock:
            self._acknowledged.update(ids)

    def judge(self, store: Path) -> None:
        """Asserts that every acknowledged span is there and nothing is that was not sent.

        As the store has them, each at least as often as it was acknowledged and at most as often as it was sent; as
        queries see them, each exactly once. Clients may go on sending meanwhile.
        """
        with self._lock:
            acknowledged = Counter(self._acknowledged)
        spans = _spans(store)
        with self._lock:
            sent = Counter(self._sent)
        if spans is None:
            assert not acknowledged, f"there is no store, and {len(acknowledged)} spans were acknowledged"
            return
        stored = Counter(_ids(spans))
        lost = acknowledged - stored
        assert not lost, f"{lost.total()} of {acknowledged.total()} acknowledged spans are lost: {_few(lost)}"
        excess = stored - sent
        assert not excess, f"{excess.total()} spans are there more often than they were sent: {_few(excess)}"
        once = repair(spans.lazy(), INSTANT_NS_MAX)
        seen = Counter(once.span_ids(once["row"]).to_list())
        assert seen == Counter(dict.fromkeys(stored, 1)), "queries do not see each span once"


def _spans(store: Path) -> pl.DataFrame | None:
    try:
        return Store(store).spans().collect()
    except NotFoundError:
        return None


def _ids(spans: pl.DataFrame) -> list[str]:
    return spans["span_id"].bin.encode("hex").to_list()


def _few(ids: Counter[str]) -> list[str]:
    return sorted(ids)[:5]
