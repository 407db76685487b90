"""Files of recorded OTLP -> the requests in them, as protobuf bytes with the place they came from.

| name | content |
| --- | --- |
| `.jsonl`, `.json` | OTLP/JSON: one request a line, or one request a file, over as many lines as it likes |
| `.pb`, `.bin` | one ExportTraceServiceRequest or TracesData |
| `.pbl` | requests, each after its length: 32 bits, big-endian |

Each may be gzipped (`.gz` after the name). Requests of logs and metrics are passed over. Nothing is read beyond
`REQUEST_BYTES_MAX` at a time, however large the file or whatever its gzip claims.
"""

from __future__ import annotations

import gzip
import itertools
import zlib
from typing import IO, TYPE_CHECKING, NamedTuple, cast

from baton.errors import InputError, InvalidRequestError
from baton.limits import LOAD_FILE_BYTES_MAX, NAMES_MAX, REQUEST_BYTES_MAX
from baton.wire.otlp_json import Json, encode, parse
from baton.wire.quote import quote

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LENGTH_BYTES = 4
SPANS = ("resourceSpans", "resource_spans")
OTHER_SIGNALS = ("resourceLogs", "resource_logs", "resourceMetrics", "resource_metrics")


class Request(NamedTuple):
    """One request of a file.

    Attributes:
        where: its place in the file: `line 3`, `record 3`, `file`.
        body: ExportTraceServiceRequest, protobuf.
    """

    where: str
    body: bytes


def is_recording(path: Path) -> bool:
    """Whether the name's extension is one of the table's."""
    return _extension(path) in _READERS


def read(path: Path) -> Iterator[Request]:
    """The requests of one file, in order.

    Raises:
        InputError: the file cannot be read: no such file, an extension that is none of the table's, a damaged gzip, a
            request too large, cut short or not OTLP. The message says where in the file.
    """
    try:
        path.stat()
        reader = _READERS.get(_extension(path))
        if reader is None:
            raise InputError(f"extension {quote(path.suffix)} is none of {', '.join(_READERS)}, each also with .gz")
        with _open(path) as stream:
            yield from reader(_Bounded(stream))
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise InputError(f"gzip is damaged or cut short ({error}): copy the file anew") from error
    except OSError as error:
        raise InputError(f"{error.strerror or error}: check the path and its permissions") from error


class _Bounded:
    """A stream that refuses to be read beyond the bounds."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._room = LOAD_FILE_BYTES_MAX

    def line(self, where: str) -> bytes:
        """The next line, `b""` at the end."""
        return self._taken(self._stream.readline(REQUEST_BYTES_MAX + 1), where)

    def rest(self, where: str) -> bytes:
        """All that is left."""
        return self._taken(self._stream.read(REQUEST_BYTES_MAX + 1), where)

    def next(self, count: int, where: str) -> bytes:
        """The next `count` bytes; fewer at the end of the file."""
        if count > REQUEST_BYTES_MAX:
            raise InputError(f"{where} claims {count} bytes: the limit is {REQUEST_BYTES_MAX}; is it a .pbl file?")
        return self._taken(self._stream.read(count), where)

    def _taken(self, part: bytes, where: str) -> bytes:
        self._room -= len(part)
        if len(part) > REQUEST_BYTES_MAX:
            raise InputError(f"{where} is larger than {REQUEST_BYTES_MAX} bytes: split it into smaller requests")
        if self._room < 0:
            raise InputError(f"the file holds more than {LOAD_FILE_BYTES_MAX} bytes: split it into smaller files")
        return part


def _lines(stream: _Bounded) -> Iterator[Request]:
    """One request a line; from a line on that is no JSON by itself, one request in all the rest."""
    for number in itertools.count(1):
        where = f"line {number}"
        line = stream.line(where)
        if not line:
            return
        if not line.strip():
            continue
        try:
            request = parse(line)
        except InvalidRequestError:
            request = _parsed(line + stream.rest(f"the request from {where} on"), where)
        yield from _spans(request, where)


def _parsed(body: bytes, where: str) -> Json:
    try:
        return parse(body)
    except InvalidRequestError as error:
        raise InputError(f"{where}: {error}") from error


def _spans(request: Json, where: str) -> Iterator[Request]:
    """The request's spans, if it has any; nothing of other signals."""
    if not request or any(name in request for name in SPANS):
        try:
            yield Request(where, encode(request))
        except InvalidRequestError as error:
            raise InputError(f"{where}: {error}") from error
    elif not any(name in request for name in OTHER_SIGNALS):
        names = ", ".join(quote(name) for name in list(request)[:NAMES_MAX])
        raise InputError(f"{where}: no resourceSpans among {names}: is it OTLP/JSON?")


def _whole(stream: _Bounded) -> Iterator[Request]:
    yield Request("file", stream.rest("the request"))


def _records(stream: _Bounded) -> Iterator[Request]:
    for number in itertools.count(1):
        where = f"record {number}"
        length = stream.next(LENGTH_BYTES, where)
        if not length:
            return
        count = int.from_bytes(length, "big")
        body = stream.next(count, where)
        if len(length) < LENGTH_BYTES or len(body) < count:
            raise InputError(f"{where} is cut short: {len(body)} of {count} bytes; copy the file anew")
        yield Request(where, body)


_READERS = {".jsonl": _lines, ".json": _lines, ".pb": _whole, ".bin": _whole, ".pbl": _records}


def _extension(path: Path) -> str:
    name = path.with_suffix("") if path.suffix.lower() == ".gz" else path
    return name.suffix.lower()


def _open(path: Path) -> IO[bytes]:
    if path.suffix.lower() != ".gz":
        return path.open("rb")
    if path.stat().st_size == 0:
        # gzip reads an empty file as empty content; it is the remains of a copy.
        raise InputError("gzip is cut short (0 bytes): copy the file anew")
    return cast("IO[bytes]", gzip.open(path))
