"""Where things lie in a store, and whether this version may read it.

DIR/store.json      the format's version; written last, so a store that has it is complete
DIR/lock            held by the one process that writes
DIR/journal/        acknowledged requests that are not in the table yet
DIR/spans/          Delta table of SPANS
DIR/expectations/   Delta table of EXPECTATIONS
DIR/outages/        Delta table of OUTAGES
DIR/facts/          Delta table of FACTS; made with the first snapshot
DIR/facts.lock      held by the process that writes facts, see `facts`
DIR/quarantine/     damaged segments of the journal; what was whole in them is in the table
DIR/alive           the endpoint's last sign of life
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

import orjson

from baton.errors import NotFoundError, StoreError
from baton.journal.segment import sync_folder
from baton.schema import EXPECTATIONS, FORMAT_VERSION, OUTAGES, SPANS

if TYPE_CHECKING:
    from pathlib import Path

    from baton.schema import Frame


@dataclass(frozen=True, slots=True)
class Layout:
    """The paths of the store at `root`."""

    root: Path

    @property
    def format(self) -> Path:
        """`store.json`."""
        return self.root / "store.json"

    @property
    def lock(self) -> Path:
        """The lock file."""
        return self.root / "lock"

    @property
    def journal(self) -> Path:
        """Folder of the segments."""
        return self.root / "journal"

    @property
    def spans(self) -> Path:
        """Delta table of SPANS."""
        return self.root / "spans"

    @property
    def expectations(self) -> Path:
        """Delta table of EXPECTATIONS."""
        return self.root / "expectations"

    @property
    def outages(self) -> Path:
        """Delta table of OUTAGES."""
        return self.root / "outages"

    @property
    def facts(self) -> Path:
        """Delta table of FACTS."""
        return self.root / "facts"

    @property
    def facts_lock(self) -> Path:
        """Its own lock file."""
        return self.root / "facts.lock"

    @property
    def quarantine(self) -> Path:
        """Folder of damaged segments; made when there is one."""
        return self.root / "quarantine"

    @property
    def alive(self) -> Path:
        """The sign of life."""
        return self.root / "alive"

    @property
    def tables(self) -> dict[Path, Frame]:
        """The tables under the store's lock, and what they hold."""
        return {self.spans: SPANS, self.expectations: EXPECTATIONS, self.outages: OUTAGES}


def check_format(layout: Layout) -> None:
    """Passes if this version of Baton can read the store.

    Raises:
        NotFoundError: there is no store.
        StoreError: it is of another format, or `store.json` is damaged.
    """
    try:
        content = orjson.loads(layout.format.read_bytes())
    except FileNotFoundError as error:
        raise NotFoundError(
            f"no store at {layout.root}: fill one with `baton serve` or `baton load`, or name another with --store"
        ) from error
    except (OSError, orjson.JSONDecodeError) as error:
        raise StoreError(f"{layout.format} cannot be read ({error}): restore it, or name another store") from error
    version = content.get("format") if isinstance(content, dict) else None
    if version != FORMAT_VERSION:
        raise StoreError(
            f"the store at {layout.root} has format {version!r}, this Baton reads {FORMAT_VERSION}: use the version of "
            "Baton that wrote it, or name another store with --store"
        )


def write_format(layout: Layout) -> None:
    """Declares the store complete: whole or not at all, and durable."""
    draft = layout.format.with_suffix(".tmp")
    with draft.open("wb") as file:
        file.write(orjson.dumps({"format": FORMAT_VERSION}))
        file.flush()
        os.fsync(file.fileno())
    draft.replace(layout.format)
    sync_folder(layout.root)
