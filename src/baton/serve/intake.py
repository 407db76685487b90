"""The one path from a request to its acknowledgement, whichever door it came through."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from baton.journal.record import Record
from baton.limits import INLINE_BYTES_MAX
from baton.wire.compression import gunzip
from baton.wire.decode import check
from baton.wire.otlp_json import to_protobuf
from baton.wire.outcome import Encoding

if TYPE_CHECKING:
    from concurrent.futures import Future

    from baton.journal.journal import Journal
    from baton.serve.admission import Admission
    from baton.wire.decode import Checked
    from baton.wire.redaction import Redactor


class Intake:
    """Checks requests and appends them to the journal.

    Small ones are checked where they arrive; others in a thread of their own, so that they do not hold up the answers
    to the small.
    """

    def __init__(self, journal: Journal, admission: Admission, redactor: Redactor) -> None:
        self._journal = journal
        self._admission = admission
        self._redactor = redactor
        self._checker = ThreadPoolExecutor(1, thread_name_prefix="check")
        self._landing = _Landing(asyncio.get_running_loop())

    async def export(self, body: bytes, encoding: Encoding, tenant: str, *, gzipped: bool = False) -> Checked:
        """Takes one ExportTraceServiceRequest; returns when its spans are durable.

        Args:
            body: the request, not longer than `REQUEST_BYTES_MAX`.
            encoding: how it is written.
            tenant: whose spans they are.
            gzipped: whether `body` is compressed.

        Returns:
            How many spans were kept, how many not, and why the first was not.

        Raises:
            InvalidRequestError: it cannot be decoded; nothing was kept.
            RequestTooLargeError: it decompresses to more than `REQUEST_BYTES_MAX`.
            UnavailableError: too much waits for the journal, or the disk refused: try again.
        """
        ingested_at = time.time_ns()
        with self._admission.holding() as hold:
            hold.grow(len(body))
            if encoding is Encoding.PROTOBUF and not gzipped and len(body) <= INLINE_BYTES_MAX:
                kept, checked = _check(body, encoding, gzipped, self._redactor)
            else:
                loop = asyncio.get_running_loop()
                kept, checked = await loop.run_in_executor(
                    self._checker, _check, body, encoding, gzipped, self._redactor
                )
                del body
                hold.grow(len(kept) - hold.size)
            if checked.spans:
                await self._landing.wait(self._journal.append(Record(ingested_at, tenant, kept)))
        return checked


def _check(body: bytes, encoding: Encoding, gzipped: bool, redactor: Redactor) -> tuple[bytes, Checked]:  # noqa: FBT001 - run_in_executor passes no keywords
    """The request as the journal is to keep it, and how much of it is kept: all that happens to its bytes."""
    plain = gunzip(body) if gzipped else body
    protobuf = to_protobuf(plain) if encoding is Encoding.JSON else plain
    checked = check(protobuf)
    return redactor.redact(protobuf) if checked.spans else b"", checked


class _Landing:
    """Where the journal's futures come down in the event loop: one wakeup for all that one commit made durable."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._landed: deque[tuple[Future[int], asyncio.Future[None]]] = deque()
        self._woken = False

    async def wait(self, done: Future[int]) -> None:
        """Returns when it is done; raises what it failed with."""
        waiter: asyncio.Future[None] = self._loop.create_future()
        done.add_done_callback(lambda done: self._land(done, waiter))
        await waiter

    def _land(self, done: Future[int], waiter: asyncio.Future[None]) -> None:
        """In the journal's thread."""
        self._landed.append((done, waiter))
        if not self._woken:
            self._woken = True
            self._loop.call_soon_threadsafe(self._wake)

    def _wake(self) -> None:
        # First the flag: what lands from here on wakes the loop again, if only to find that it was seen already.
        self._woken = False
        while self._landed:
            done, waiter = self._landed.popleft()
            if waiter.done():  # whoever waited was cancelled
                continue
            if (error := done.exception()) is not None:
                waiter.set_exception(error)
            else:
                waiter.set_result(None)
