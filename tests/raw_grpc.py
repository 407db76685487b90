"""A gRPC client that does what no library lets it do: it sends part of a message, or a message byte by byte.

Just enough HTTP/2 (RFC 9113) for a request: literal headers, DATA within the server's windows, and how it ended.
"""

from __future__ import annotations

import asyncio
import struct
from contextlib import suppress
from typing import Self

EXPORT = b"/opentelemetry.proto.collector.trace.v1.TraceService/Export"
_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_DATA, _HEADERS, _RESET, _SETTINGS, _PING, _WINDOW_UPDATE = 0, 1, 3, 4, 6, 8
_ACK = _END_STREAM = 1
_END_HEADERS = 4
_INITIAL_WINDOW = 4
_WINDOW_BYTES = 65535
_FRAME_BYTES = 16384
_STREAM = 1


class RawCall:
    """One call on a connection of its own.

    Attributes:
        ended: set when the server ended the stream or the connection.
        said: the bytes of the header blocks and the answer, undecoded: a text that was not compressed stands in them.
    """

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.ended = asyncio.Event()
        self.said = b""
        self._reader, self._writer = reader, writer
        self._connection_window = self._stream_window = self._initial = _WINDOW_BYTES
        self._grown = asyncio.Event()
        self._listening = asyncio.create_task(self._listen())

    @classmethod
    async def start(cls, address: str, *headers: tuple[bytes, bytes]) -> Self:
        """Connects and sends the headers of an Export."""
        host, _, port = address.rpartition(":")
        call = cls(*await asyncio.open_connection(host, int(port)))
        common = [
            (b":path", EXPORT),
            (b":authority", b"x"),
            (b"content-type", b"application/grpc"),
            (b"te", b"trailers"),
        ]
        # RFC 7541: 0x83 and 0x86 are POST and http; 0x00 a literal with a new name, never indexed.
        block = b"\x83\x86" + b"".join(
            b"\0" + bytes([len(name)]) + name + bytes([len(value)]) + value for name, value in (*common, *headers)
        )
        call._writer.write(_PREFACE + _frame(_SETTINGS, 0, 0) + _frame(_HEADERS, _END_HEADERS, _STREAM, block))
        return call

    async def send(self, data: bytes, *, last: bool = False) -> None:
        """Sends as much as the server lets it, until it ends the stream."""
        rest = memoryview(data)
        while rest and not self.ended.is_set():
            size = min(self._connection_window, self._stream_window, _FRAME_BYTES, len(rest))
            if size <= 0:
                self._grown.clear()
                await self._grown.wait()
                continue
            self._connection_window -= size
            self._stream_window -= size
            flags = _END_STREAM if last and size == len(rest) else 0
            self._writer.write(_frame(_DATA, flags, _STREAM, bytes(rest[:size])))
            rest = rest[size:]
            with suppress(ConnectionError):
                await self._writer.drain()

    async def close(self) -> None:
        """Hangs up."""
        self._listening.cancel()
        self._writer.close()
        await asyncio.gather(self._listening, self._writer.wait_closed(), return_exceptions=True)

    async def _listen(self) -> None:
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = await self._reader.readexactly(9)
                payload = await self._reader.readexactly(int.from_bytes(head[:3], "big"))
                self._take(head[3], head[4], int.from_bytes(head[5:], "big"), payload)
                self._grown.set()
        self.ended.set()
        self._grown.set()

    def _take(self, kind: int, flags: int, stream: int, payload: bytes) -> None:
        if kind == _SETTINGS and not flags & _ACK:
            settings = dict(struct.iter_unpack(">HI", payload))
            self._stream_window += settings.get(_INITIAL_WINDOW, self._initial) - self._initial
            self._initial = settings.get(_INITIAL_WINDOW, self._initial)
            self._writer.write(_frame(_SETTINGS, _ACK, 0))
        elif kind == _PING and not flags & _ACK:
            self._writer.write(_frame(_PING, _ACK, 0, payload))
        elif kind == _WINDOW_UPDATE and stream:
            self._stream_window += int.from_bytes(payload, "big")
        elif kind == _WINDOW_UPDATE:
            self._connection_window += int.from_bytes(payload, "big")
        elif kind in {_HEADERS, _DATA}:
            self.said += payload
        if kind == _RESET or (kind in {_HEADERS, _DATA} and flags & _END_STREAM):
            self.ended.set()


def message(body: bytes, *, size: int | None = None, compressed: bool = False) -> bytes:
    """GRPC's frame of a message; `size` claims another length."""
    return struct.pack(">BI", compressed, len(body) if size is None else size) + body


def _frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload
