"""gzip with a bound on what comes out: a kilobyte may claim to be a gigabyte."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

from baton.errors import BatonError, InvalidRequestError, RequestTooLargeError
from baton.limits import GZIP_MEMBERS_MAX, REQUEST_BYTES_MAX

if TYPE_CHECKING:
    from collections.abc import Iterator

_GZIP = 16 + zlib.MAX_WBITS
_PIECE_BYTES = 1024 * 1024


def gunzip(body: bytes) -> bytes:
    """The decompressed bytes of one or more gzip members.

    Raises:
        InvalidRequestError: no gzip, damaged, or cut short.
        RequestTooLargeError: more than `REQUEST_BYTES_MAX` bytes come out, or there are more than `GZIP_MEMBERS_MAX`
            members.
    """
    parts: list[bytes] = []
    try:
        parts.extend(_inflated(body))
        return b"".join(parts)
    except BatonError:
        # An error keeps its frames, and so what they hold, for as long as somebody holds the error.
        parts.clear()
        raise


def _inflated(body: bytes) -> Iterator[bytes]:
    """As `gunzip`, in pieces."""
    room, rest = REQUEST_BYTES_MAX, body
    for _ in range(GZIP_MEMBERS_MAX):
        member = zlib.decompressobj(_GZIP)
        while not member.eof:
            try:
                part = member.decompress(rest, _PIECE_BYTES)
            except zlib.error as error:
                raise InvalidRequestError(
                    f"the body is no gzip ({error}): send gzip, or no content-encoding"
                ) from error
            rest = member.unconsumed_tail
            room -= len(part)
            if room < 0:
                raise RequestTooLargeError(
                    f"the body decompresses to more than {REQUEST_BYTES_MAX} bytes: send smaller batches"
                )
            if not part and not member.eof:
                raise InvalidRequestError(f"the gzip body is cut short after {len(body)} bytes: send it whole")
            yield part
        rest = member.unused_data
        if not rest:
            return
    raise RequestTooLargeError(f"the gzip body has more than {GZIP_MEMBERS_MAX} members: compress it as one")
