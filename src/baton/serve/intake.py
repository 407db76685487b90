"""The one path from a request to its acknowledgement, whichever door it came through."""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, NamedTuple

from baton.errors import UnavailableError
from baton.journal.record import Record
from baton.limits import JOURNAL_BACKLOG_BYTES_MAX
from baton.schema import DEFAULT_TENANT
from baton.wire.compression import gunzip
from baton.wire.decode import Decoder
from baton.wire.otlp_json import to_protobuf
from baton.wire.outcome import Encoding

if TYPE_CHECKING:
    from baton.journal.journal import Journal
    from baton.wire.redaction import Redactor
    from baton.wire.walk import Rejection


class Intake:
    """Checks requests and appends them to the journal.

    Decoding runs in a thread of its own, so that a large request does not hold up the answers to small ones.
    """

    def __init__(self, journal: Journal, redactor: Redactor) -> None:
        self._journal = journal
        self._redactor = redactor
        self._decoder = ThreadPoolExecutor(1, thread_name_prefix="decode")
        self._waiting_bytes = 0

    async def export(self, body: bytes, encoding: Encoding, *, gzipped: bool = False) -> Rejection:
        """Takes one ExportTraceServiceRequest; returns when its spans are durable.

        Args:
            body: the request, not longer than `REQUEST_BYTES_MAX`.
            encoding: how it is written.
            gzipped: whether `body` is compressed.

        Returns:
            How many spans were not kept, and why the first was not.

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
            checked = await loop.run_in_executor(self._decoder, _check, body, encoding, gzipped, self._redactor)
            self._waiting_bytes += len(checked.body) - size
            size = len(checked.body)
            if checked.spans:
                record = Record(ingested_at, DEFAULT_TENANT, checked.body)
                await asyncio.wrap_future(self._journal.append(record))
        finally:
            self._waiting_bytes -= size
        return checked.rejection


class _Checked(NamedTuple):
    body: bytes
    spans: int
    rejection: Rejection


def _check(body: bytes, encoding: Encoding, gzipped: bool, redactor: Redactor) -> _Checked:  # noqa: FBT001 - run_in_executor passes no keywords
    """The request as protobuf and redacted, and what of it is kept."""
    plain = gunzip(body) if gzipped else body
    protobuf = to_protobuf(plain) if encoding is Encoding.JSON else plain
    decoder = Decoder()
    rejection = decoder.add(protobuf, tenant=DEFAULT_TENANT, ingested_at=0)
    return _Checked(redactor.redact(protobuf), len(decoder), rejection)
