"""The table of FACTS: what brokers said of themselves, written beside an endpoint that runs.

It has a lock of its own, so that `baton broker` need not wait for `baton serve` to stop; whoever holds it writes, folds
small files and deletes old ones, and for that time nobody else does. Each snapshot is one commit, durable when `append`
returns; readers take no lock.
"""

from __future__ import annotations

import fcntl
import os
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import polars as pl

from baton.brokers.history import is_newest, latest, woven
from baton.errors import StoreError
from baton.limits import FACTS_LOCK_LOOK_S, FACTS_LOCK_S_MAX, OLD_FILES_S, ROW_GROUP_ROWS_MAX
from baton.schema import FACTS
from baton.store import delta, rewrite
from baton.store.layout import Layout

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path


def read(path: Path) -> pl.DataFrame:
    """All facts of the table, FACTS's columns; none where there is no table.

    Raises:
        StoreError: the table is damaged.
    """
    return pl.scan_delta(delta.open_table(path)).collect() if path.exists() else FACTS.empty()


class Facts:
    """The facts of one store, to be added to by one thread; other processes may do so at the same time.

    However long the history, only its last rows are held in memory.

    Attributes:
        path: the table.
    """

    def __init__(self, store: Path) -> None:
        layout = Layout(store)
        self.path = layout.facts
        self._lock = layout.facts_lock
        self._known: tuple[int, pl.DataFrame] | None = None

    def append(self, snapshot: pl.DataFrame) -> int:
        """Adds what a snapshot says that was not known, in one commit; returns how many rows that are, when durable.

        Args:
            snapshot: FACTS's columns, all of one time and place; see `brokers.history.woven`.

        Raises:
            StoreError: another process writes for longer than FACTS_LOCK_S_MAX, or the disk or the table refused.
        """
        with self._locked():
            version, known = self._latest()
            if not is_newest(known, snapshot):
                known = read(self.path)
            added = woven(known, snapshot)
            if added.is_empty():
                return 0
            delta.commit(self.path, [delta.write_part(self.path, added)])
            self._known = (version + 1, latest(pl.concat([known, added])))
            self._fold()
            return len(added)

    def forget(self, kept_from_ns: int) -> int:
        """Deletes the history before a time but for what held then; returns how many rows that were.

        Raises:
            StoreError: as `append`.
        """
        if not self.path.exists():
            return 0
        with self._locked():
            old = pl.col("at_ns") < kept_from_ns
            parts = [part for part in delta.parts(delta.open_table(self.path)) if self._some(part, old)]
            then = self._over(frame.filter(old) for part in parts for frame in self._slices(part))
            done = rewrite.rewrite(self.path, [[part] for part in parts], ~old)
            removed = done.rows_removed - len(then)
            if not removed:
                delta.discard(self.path, done.added)
                return 0
            delta.commit(
                self.path, [delta.write_part(self.path, then), *done.added], [part.name for part in done.removed]
            )
            delta.vacuum(self.path, OLD_FILES_S)
            return removed

    def vacuum(self, older_s: float) -> int:
        """Deletes files that the table has not held for `older_s`, and returns how many that were.

        Raises:
            StoreError: as `append`.
        """
        with self._locked():
            return delta.vacuum(self.path, older_s)

    def _latest(self) -> tuple[int, pl.DataFrame]:
        """Version of the table, and the last row of each thing; read anew only if another process wrote."""
        table = delta.open_table(self.path)
        if self._known is None or self._known[0] != table.version():
            frames = (frame for part in delta.parts(table) for frame in self._slices(part))
            self._known = (table.version(), self._over(frames))
        return self._known

    @staticmethod
    def _over(frames: Iterable[pl.DataFrame]) -> pl.DataFrame:
        """`latest` over frames, one after the other."""
        known = FACTS.empty()
        for frame in frames:
            known = latest(pl.concat([known, frame]))
        return known

    def _slices(self, part: delta.Part) -> Iterator[pl.DataFrame]:
        for start in range(0, part.rows, ROW_GROUP_ROWS_MAX):
            yield pl.scan_parquet(self.path / part.name).slice(start, ROW_GROUP_ROWS_MAX).collect()

    def _some(self, part: delta.Part, wanted: pl.Expr) -> bool:
        return bool(pl.scan_parquet(self.path / part.name).select(wanted.any()).collect().item())

    def _fold(self) -> None:
        """Few files from many: a snapshot is one, and every question opens each."""
        if rewrite.is_due(delta.parts(delta.open_table(self.path))):
            done = rewrite.compact(self.path, None, everything=False)
            delta.commit(self.path, done.added, [part.name for part in done.removed])
            delta.vacuum(self.path, OLD_FILES_S)
            if self._known is not None:
                self._known = (self._known[0] + 1, self._known[1])

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Holds the table's lock; waits for whoever holds it, who writes a snapshot, in milliseconds."""
        try:
            descriptor = os.open(self._lock, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise self._refused(error) from error
        try:
            self._take(descriptor)
            try:
                self._ready()
                yield
            except OSError as error:
                raise self._refused(error) from error
        finally:
            os.close(descriptor)

    def _take(self, descriptor: int) -> None:
        until = time.monotonic() + FACTS_LOCK_S_MAX
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                if time.monotonic() >= until:
                    raise StoreError(
                        f"the facts of {self._lock.parent} are being written by another process for longer than "
                        f"{FACTS_LOCK_S_MAX:.0f} s: see what holds {self._lock}, and try again"
                    ) from error
                time.sleep(FACTS_LOCK_LOOK_S)
            else:
                return

    def _ready(self) -> None:
        if not self.path.exists():
            delta.create(self.path, FACTS)  # an earlier Baton had no such table
        elif self._known is None:
            delta.refuse_damage(self.path)
            # A process that was killed may have committed and not synced.
            delta.settle(self.path)

    def _refused(self, error: OSError) -> StoreError:
        return StoreError(f"the facts at {self.path} cannot be written ({error}): see to the disk")
