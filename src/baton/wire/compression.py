"""gzip with a bound on what comes out: a kilobyte may claim to be a gigabyte."""

from __future__ import annotations

import zlib

from baton.errors import InvalidRequestError, RequestTooLargeError
from baton.limits import REQUEST_BYTES_MAX

_GZIP = 16 + zlib.MAX_WBITS


def gunzip(body: bytes) -> bytes:
    """The decompressed bytes of one or more gzip members.

    Raises:
        InvalidRequestError: no gzip, damaged, or cut short.
        RequestTooLargeError: more than `REQUEST_BYTES_MAX` bytes come out.
    """
    parts: list[bytes] = []
    room, rest = REQUEST_BYTES_MAX, body
    while True:
        member = zlib.decompressobj(_GZIP)
        try:
            part = member.decompress(rest, room + 1)
        except zlib.error as error:
            raise InvalidRequestError(f"the body is no gzip ({error}): send gzip, or no content-encoding") from error
        room -= len(part)
        if room < 0:
            raise RequestTooLargeError(
                f"the body decompresses to more than {REQUEST_BYTES_MAX} bytes: send smaller batches"
            )
        if not member.eof:
            raise InvalidRequestError(f"the gzip body is cut short after {len(body)} bytes: send it whole")
        parts.append(part)
        rest = member.unused_data
        if not rest:
            return b"".join(parts)
