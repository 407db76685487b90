from __future__ import annotations

import gzip
import zlib

import pytest

from baton import limits
from baton.errors import InvalidRequestError, RequestTooLargeError
from baton.wire import compression
from baton.wire.compression import gunzip


def test_members_are_joined() -> None:
    """A gzip file may have several members; their contents follow each other."""
    assert gunzip(gzip.compress(b"a", mtime=0) + gzip.compress(b"", mtime=0) + gzip.compress(b"b", mtime=0)) == b"ab"


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"", "cut short after 0 bytes"),
        (gzip.compress(b"hello" * 100, mtime=0)[:-1], "cut short"),
        (gzip.compress(b"a", mtime=0) + b"garbage", "no gzip"),
        (b"garbage", "no gzip"),
        (zlib.compress(b"zlib, not gzip"), "no gzip"),
        (gzip.compress(b"hello", mtime=0)[:-8] + bytes(8), "no gzip"),
    ],
)
def test_what_is_no_whole_gzip_is_refused(body: bytes, told: str) -> None:
    """Empty, truncated, garbled and mislabelled bodies are InvalidRequestErrors, never partial content."""
    with pytest.raises(InvalidRequestError, match=told):
        gunzip(body)


def test_a_bomb_stops_at_the_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """The bound holds over all members together; exactly the bound passes."""
    monkeypatch.setattr(compression, "REQUEST_BYTES_MAX", 1000)
    assert len(gunzip(gzip.compress(bytes(500)) * 2)) == 1000
    for bomb in (gzip.compress(bytes(1001)), gzip.compress(bytes(500)) * 3):
        with pytest.raises(RequestTooLargeError, match="more than 1000 bytes"):
            gunzip(bomb)


def test_members_are_bounded() -> None:
    """Thousands of empty members, each of which costs a copy of the rest, are refused."""
    assert gunzip(gzip.compress(b"a") * limits.GZIP_MEMBERS_MAX) == b"a" * limits.GZIP_MEMBERS_MAX
    with pytest.raises(RequestTooLargeError, match="more than 64 members"):
        gunzip(gzip.compress(b"") * (limits.GZIP_MEMBERS_MAX + 1))


def test_a_bomb_is_not_inflated_whole() -> None:
    """A body that claims eight times the limit is refused with the limit in the message."""
    with pytest.raises(RequestTooLargeError, match=str(limits.REQUEST_BYTES_MAX)):
        gunzip(gzip.compress(bytes(limits.REQUEST_BYTES_MAX // 8)) * 64)
