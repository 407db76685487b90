"""The one path from a request to its acknowledgement, whichever door it came through."""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from baton.errors import UnavailableError
from baton.journal.record import Record
from baton.limits import JOURNAL_BACKLOG_BYTES_MAX
from baton.schema import DEFAULT_TENANT
from baton.wire.compression import gunzip
from baton.wire.decode import check
from baton.wire.otlp_json import to_protobuf
from baton.wire.outcome import Encoding

if TYPE_CHECKING:
    from baton.journal.journal import Journal
    from baton.wire.decode import Checked


class Intake:
    """Checks requests and appends them to the journal.

    Decoding runs in a thread of its own, so that a large request does not hold up the answers to small ones.
    """

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._decoder = ThreadPoolExecutor(1, thread_name_prefix="decode")
        self._waiting_bytes = 0

    async def export(self, body: bytes, encoding: Encoding, *, gzipped: bool = False) -> Checked:
        """Takes one ExportTraceServiceRequest; returns when its spans are durable.

        Args:
            body: the request, not longer than `REQUEST_BYTES_MAX`.
            encoding: how it is written.
            gzipped: whether `body` is compressed.

        Returns:
            How many spans were kept, how many not, and why the first was not.

        Raises:
            InvalidRequestError: it cannot be decoded; nothing was kept.
            RequestTooLargeError: it decompresses to more than `REQUEST_BYTES_MAX`.
            UnavailableError: too much waits for the journal, or the disk refused: try again.
        """
        if self._waiting_bytes + len(body) > JOURNAL_BACKLOG_BYTES_MAX:
            raise UnavailableError(
                f"{self._waiting_bytes} bytes wait for the journal, the limit is {JOURNAL_BACKLOG_BYTES_MAX}: try again"
            )
        ingested_at = time.time_ns()
        size = len(body)
        self._waiting_bytes += size
        try:
            loop = asyncio.get_running_loop()
            protobuf, checked = await loop.run_in_executor(self._decoder, _check, body, encoding, gzipped)
            self._waiting_bytes += len(protobuf) - size
            size = len(protobuf)
            if checked.spans:
                record = Record(ingested_at, DEFAULT_TENANT, protobuf)
                await asyncio.wrap_future(self._journal.append(record))
        finally:
            self._waiting_bytes -= size
        return checked


def _check(body: bytes, encoding: Encoding, gzipped: bool) -> tuple[bytes, Checked]:  # noqa: FBT001 - run_in_executor passes no keywords
    """The request as protobuf, and what of it is kept."""
    plain = gunzip(body) if gzipped else body
    protobuf = to_protobuf(plain) if encoding is Encoding.JSON else plain
    return protobuf, check(protobuf)
