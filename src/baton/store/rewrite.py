"""Few large files from many small ones, and files anew without the rows that go: all that ever changes rows at rest.

A rewrite makes new files beside those that the table holds and changes nothing: whoever holds the store's lock commits
it (`delta.commit`), and only then, in one step, do the new ones stand for the old. So it may run in any process, and
drains go on beside it; what a crash leaves of it is swept by `delta.vacuum`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import orjson
import polars as pl

from baton.limits import COMPACT_SHARE_MIN, PART_ROWS_MAX, SMALL_PARTS_MAX
from baton.store import delta
from baton.store.delta import Part

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


class Rewrite(NamedTuple):
    """Files that stand for others.

    Attributes:
        removed: files of the table that go.
        added: files that come in their place.
    """

    removed: list[Part]
    added: list[Part]

    @property
    def rows_removed(self) -> int:
        """How many rows go."""
        return sum(part.rows for part in self.removed) - sum(part.rows for part in self.added)

    def to_json(self) -> bytes:
        """For another process."""
        return orjson.dumps({"removed": [*map(tuple, self.removed)], "added": [*map(tuple, self.added)]})

    @staticmethod
    def from_json(text: bytes) -> Rewrite:
        """What `to_json` gave."""
        content = orjson.loads(text)
        return Rewrite(*([Part(*part) for part in content[name]] for name in ("removed", "added")))


def is_due(parts: list[Part]) -> bool:
    """Whether there are so many small files that a compaction helps."""
    return bool(_groups(parts, everything=False))


def compact(path: Path, kept_from_ns: int | None, *, everything: bool) -> Rewrite:
    """Puts small files of the table of spans together, and leaves out spans ingested before `kept_from_ns`.

    Args:
        path: the table.
        kept_from_ns: null keeps all.
        everything: also where few files are small, or they hold little beside the larger ones.

    Raises:
        OSError: the disk refused; nothing is left of it.
        StoreError: the table is damaged.
    """
    parts = delta.parts(delta.open_table(path))
    groups = _groups(parts, everything=everything)
    if kept_from_ns is None:
        return rewrite(path, groups, None)
    grouped = {part for group in groups for part in group}
    groups += [[part] for part in parts if part not in grouped and _oldest(path, part) < kept_from_ns]
    return rewrite(path, groups, pl.col("ingested_at") >= kept_from_ns)


def rewrite(path: Path, groups: Iterable[list[Part]], keep: pl.Expr | None) -> Rewrite:
    """Writes each group as one file of the rows to keep, in their order; one without any is not written.

    Raises:
        OSError: the disk refused; nothing is left of it.
    """
    done = Rewrite([], [])
    try:
        for group in groups:
            rows = pl.concat([pl.scan_parquet(path / part.name) for part in group])
            made = delta.sink_part(path, rows if keep is None else rows.filter(keep))
            done.removed.extend(group)
            done.added.append(made)
    except BaseException:
        delta.discard(path, done.added)
        raise
    empty = [part for part in done.added if not part.rows]
    delta.discard(path, empty)
    return Rewrite(done.removed, [part for part in done.added if part.rows])


def _groups(parts: list[Part], *, everything: bool) -> list[list[Part]]:
    """Which files to put together, the oldest first."""
    small = sorted((part for part in parts if part.rows < PART_ROWS_MAX), key=lambda part: part.rows)
    if not everything:
        if len(small) < SMALL_PARTS_MAX:
            return []
        while sum(part.rows for part in small[:-1]) < COMPACT_SHARE_MIN * small[-1].rows:
            small.pop()
    chosen, rows = set(small), 0
    groups: list[list[Part]] = [[]]
    for part in parts:
        if part not in chosen:
            continue
        if rows >= PART_ROWS_MAX:
            groups.append([])
            rows = 0
        groups[-1].append(part)
        rows += part.rows
    return [group for group in groups if len(group) > 1]


def _oldest(path: Path, part: Part) -> int:
    """Ingestion of the part's oldest span."""
    oldest: int = pl.scan_parquet(path / part.name).select(pl.col("ingested_at").min()).collect().item()
    return oldest
