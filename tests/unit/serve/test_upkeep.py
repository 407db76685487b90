from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING

import pytest

from baton.errors import StoreError, UnavailableError
from baton.journal.journal import Journal
from baton.journal.record import Record
from baton.schema import EXPECTATIONS
from baton.serve import upkeep as module
from baton.serve.outages import Refusals
from baton.serve.upkeep import Upkeep, attempt
from baton.store import delta, rewrite
from baton.store.reader import Store
from baton.store.writer import Writer
from baton.wire.otlp_json import to_protobuf

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import polars as pl

    from baton.store.rewrite import Rewrite

SPAN = b'{"traceId":"00000000000000000000000000000001","spanId":"0000000000000001"}'
BODY = to_protobuf(b'{"resourceSpans":[{"scopeSpans":[{"spans":[' + SPAN + b"]}]}]}")


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    """A journal in the store at `tmp_path`."""
    with Writer(tmp_path):
        pass
    opened = Journal(tmp_path / "journal", 1)
    yield opened
    opened.close()


def append(journal: Journal) -> None:
    """One record of one span, durable."""
    journal.append(Record(1, "t", BODY)).result(30)


def test_a_drain_moves_what_was_acknowledged_into_the_table(journal: Journal, tmp_path: Path) -> None:
    """The segment being written is sealed and moved too; new ones follow it."""
    append(journal)
    with Writer(tmp_path) as writer:
        upkeep = Upkeep(writer, journal, None, Refusals())
        asyncio.run(upkeep.drain())
        assert (writer.drained, list(writer.journal.iterdir())) == (1, [])
        append(journal)
        asyncio.run(upkeep.drain())
        assert writer.drained == 2
    assert len(Store(tmp_path).spans().collect()) == 2


def test_learning_happens_when_there_is_something_new(
    journal: Journal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not before spans were drained, once for them, and again after a failure."""
    outcomes: list[pl.DataFrame | UnavailableError] = [UnavailableError("no"), EXPECTATIONS.empty().clear(n=1)]
    asked: list[Path] = []

    async def learn(store: Path, _owners: tuple[Path, ...]) -> pl.DataFrame:
        await asyncio.sleep(0)
        asked.append(store)
        outcome = outcomes.pop(0)
        if isinstance(outcome, UnavailableError):
            raise outcome
        return outcome

    monkeypatch.setattr(module, "learn", learn)

    async def work(writer: Writer) -> None:
        upkeep = Upkeep(writer, journal, None, Refusals())
        await upkeep.drain()
        await upkeep.learn()
        assert asked == []
        append(journal)
        await upkeep.drain()
        with pytest.raises(UnavailableError):
            await upkeep.learn()
        for _ in range(3):
            await upkeep.learn()
        assert asked == [tmp_path] * 2

    with Writer(tmp_path) as writer:
        asyncio.run(work(writer))
    expectations = Store(tmp_path).expectations()
    assert expectations is not None
    assert len(expectations) == 1


def test_compaction_happens_when_there_are_many_files(
    journal: Journal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In another process, while drains go on; all spans are there once after it."""
    monkeypatch.setattr(rewrite, "SMALL_PARTS_MAX", 3)

    async def meanwhile(store: Path, kept_from_ns: int | None) -> Rewrite:
        monkeypatch.setattr(rewrite, "SMALL_PARTS_MAX", 100)
        done = rewrite.compact(store / "spans", kept_from_ns, everything=True)
        append(journal)
        await upkeep.drain()
        return done

    async def work() -> None:
        for _ in range(3):
            append(journal)
            await upkeep.compact()
            await upkeep.drain()
        await upkeep.compact()
        await upkeep.compact()

    monkeypatch.setattr(module, "compacted", meanwhile)
    with Writer(tmp_path) as writer:
        upkeep = Upkeep(writer, journal, None, Refusals())
        asyncio.run(work())
    table = delta.open_table(tmp_path / "spans")
    assert [part.rows for part in delta.parts(table)] == [1, 3]
    assert len(Store(tmp_path).spans().collect()) == 4


def test_retention_is_applied_by_the_compactor(journal: Journal, tmp_path: Path) -> None:
    """Settings are read anew, the child process leaves out what is too old, and that is not asked again at once."""
    append(journal)
    asked: list[object] = []

    async def work() -> None:
        await upkeep.drain()
        await upkeep.compact()
        assert len(Store(tmp_path).spans().collect()) == 1
        (tmp_path / "baton.toml").write_text("retention_days = 1")
        await upkeep.compact()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(module, "compacted", asked.append)
            await upkeep.compact()

    with Writer(tmp_path) as writer:
        upkeep = Upkeep(writer, journal, None, Refusals())
        asyncio.run(work())
    assert len(Store(tmp_path).spans().collect()) == 0
    assert asked == []


def test_outages_are_saved_when_the_disk_takes_them(
    journal: Journal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The time without a sign of life, and refusals: what failed to be saved is saved later."""

    def full(_frame: pl.DataFrame) -> None:
        raise StoreError("full")

    async def work() -> None:
        refusals = Refusals()
        upkeep = Upkeep(writer, journal, None, refusals)
        refusals.note("no room", 7)
        with monkeypatch.context() as patch:
            patch.setattr(writer, "save_outages", full)
            with pytest.raises(StoreError):
                await upkeep.save_outages()
        running = asyncio.create_task(upkeep.run())
        await asyncio.sleep(0)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running

    before_ns = time.time_ns()
    with Writer(tmp_path) as writer:
        writer.beat(5)
        asyncio.run(work())
        last_ns = writer.last_beat()
    assert last_ns is not None
    assert last_ns >= before_ns
    down, refusing = Store(tmp_path).outages().rows()
    assert down[0] == 5
    assert before_ns <= down[1] <= last_ns
    assert down[2:] == ("down", None, 0)
    assert refusing == (7, 7, "refusing", "no room", 1)


def test_failures_are_logged_in_one_line_and_once_in_a_row(caplog: pytest.LogCaptureFixture) -> None:
    """An expected failure, and a bug, are told and survived; the same line is not told again until it went away."""

    async def work(*errors: Exception | None) -> None:
        told = ""
        for error in errors:

            async def once(error: Exception | None = error) -> None:
                await asyncio.sleep(0)
                if error is not None:
                    raise error

            told = await attempt(once, told)

    with caplog.at_level(logging.WARNING):
        asyncio.run(work(StoreError("full"), StoreError("full"), RuntimeError("bug\ntrace"), None, StoreError("full")))
    assert [record.getMessage() for record in caplog.records] == ["full", r"RuntimeError: 'bug\ntrace'", "full"]
