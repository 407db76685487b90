from __future__ import annotations

import asyncio
import gzip
from concurrent.futures import Future
from typing import TYPE_CHECKING

import pytest

from baton.errors import BatonError, InvalidRequestError, UnavailableError
from baton.serve import intake as module
from baton.serve.intake import Intake
from baton.settings import RedactionRules
from baton.wire.decode import decode
from baton.wire.outcome import Encoding
from baton.wire.redaction import Redactor

if TYPE_CHECKING:
    from baton.journal.record import Record

JSON = (
    b'{"resourceSpans":[{"scopeSpans":[{"spans":['
    b'{"traceId":"00000000000000000000000000000001","spanId":"0000000000000001","name":"a"},{"name":"no id"}]}]}]}'
)
REDACTOR = Redactor(RedactionRules(), bytes(32))


class FakeJournal:
    """Keeps records in memory and acknowledges them at once, or with an error, or never."""

    def __init__(self, error: BatonError | None = None, *, silent: bool = False) -> None:
        self.records: list[Record] = []
        self._error = error
        self._silent = silent

    def append(self, record: Record) -> Future[int]:
        """As of the journal."""
        done: Future[int] = Future()
        self.records.append(record)
        if self._error is not None:
            done.set_exception(self._error)
        elif not self._silent:
            done.set_result(1)
        return done


def test_both_encodings_are_journalled_as_the_same_protobuf() -> None:
    """JSON, gzipped or not, is kept as protobuf; the rejected span is counted at the door."""
    journal = FakeJournal()

    async def send() -> None:
        intake = Intake(journal, REDACTOR)  # type: ignore[arg-type] # a stand-in
        rejections = [
            await intake.export(JSON, Encoding.JSON),
            await intake.export(gzip.compress(JSON), Encoding.JSON, gzipped=True),
            await intake.export(journal.records[0].body, Encoding.PROTOBUF),
        ]
        assert [rejection.spans for rejection in rejections] == [1, 1, 1]

    asyncio.run(send())
    (body,) = {record.body for record in journal.records}
    assert decode(body, tenant="t", ingested_at=1).spans["name"].to_list() == ["a"]


def test_a_request_without_spans_to_keep_is_not_journalled() -> None:
    """Empty requests, and those whose spans are all rejected, cost no disk."""
    journal = FakeJournal()

    async def send() -> None:
        intake = Intake(journal, REDACTOR)  # type: ignore[arg-type] # a stand-in
        await intake.export(b"", Encoding.PROTOBUF)
        assert (await intake.export(JSON.replace(b'"0000000000000001"', b'"zz"'), Encoding.JSON)).spans == 2

    asyncio.run(send())
    assert journal.records == []


def test_nothing_is_acknowledged_that_the_journal_refused() -> None:
    """The journal's error is the sender's answer."""
    journal = FakeJournal(UnavailableError("disk full"))

    async def send() -> None:
        await Intake(journal, REDACTOR).export(JSON, Encoding.JSON)  # type: ignore[arg-type] # a stand-in

    with pytest.raises(UnavailableError, match="disk full"):
        asyncio.run(send())


def test_what_waits_for_the_journal_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the limit requests are told to try again; what was answered, or failed, waits no more."""
    monkeypatch.setattr(module, "JOURNAL_BACKLOG_BYTES_MAX", len(JSON))

    async def send() -> None:
        intake = Intake(FakeJournal(silent=True), REDACTOR)  # type: ignore[arg-type] # a stand-in
        with pytest.raises(InvalidRequestError):
            await intake.export(b"x" * len(JSON), Encoding.JSON)
        waiting = asyncio.create_task(intake.export(JSON, Encoding.JSON))
        await asyncio.sleep(0)
        with pytest.raises(UnavailableError, match="try again"):
            await intake.export(b"x", Encoding.JSON)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        with pytest.raises(InvalidRequestError):
            await intake.export(b"x" * len(JSON), Encoding.JSON)

    asyncio.run(send())
