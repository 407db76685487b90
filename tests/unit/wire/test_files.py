from __future__ import annotations

import gzip
from typing import TYPE_CHECKING

import pytest

from baton.errors import InputError
from baton.wire import files
from baton.wire.files import is_recording, read
from baton.wire.otlp_json import to_protobuf

if TYPE_CHECKING:
    from pathlib import Path

LINE = b'{"resourceSpans":[{"scopeSpans":[{"spans":[{"name":"a"}]}]}]}'
PRETTY = b'\n{\n  "resourceSpans": [\n    {"scopeSpans": [{"spans": [{"name": "a"}]}]}\n  ]\n}\n'
BODY = to_protobuf(LINE)


def found(path: Path, content: bytes) -> list[tuple[str, bytes]]:
    """What `read` gives of a file with this content."""
    path.write_bytes(content)
    return [tuple(request) for request in read(path)]


@pytest.mark.parametrize("name", ["a.json", "a.jsonl", "A.JSONL", "a.b.json"])
@pytest.mark.parametrize(
    ("content", "places"),
    [
        (LINE, ["line 1"]),
        (LINE + b"\n\n  \n" + LINE + b"\r\n", ["line 1", "line 4"]),
        (PRETTY, ["line 2"]),
        (LINE + PRETTY, ["line 1", "line 2"]),
        (b"", []),
        (b"  \n\t\n", []),
        (b'{"resourceLogs":[]}\n{"resourceMetrics":[]}\n' + LINE, ["line 3"]),
    ],
)
def test_json_files_hold_a_request_a_line_or_one_pretty_printed(
    tmp_path: Path, name: str, content: bytes, places: list[str]
) -> None:
    """Either layout works under either name, gzipped or not; blank lines and other signals are passed over."""
    expected = [(place, BODY) for place in places]
    assert found(tmp_path / name, content) == expected
    assert found(tmp_path / f"{name}.gz", gzip.compress(content)) == expected


def test_an_empty_object_is_a_request_without_spans(tmp_path: Path) -> None:
    """`{}` is what an exporter with nothing to say would send."""
    assert found(tmp_path / "a.json", b"{}") == [("line 1", b"")]


@pytest.mark.parametrize("name", ["a.pb", "a.bin", "a.pb.gz"])
def test_a_protobuf_file_is_one_request(tmp_path: Path, name: str) -> None:
    """The bytes as they are."""
    content = gzip.compress(BODY) if name.endswith(".gz") else BODY
    assert found(tmp_path / name, content) == [("file", BODY)]


def test_a_pbl_file_holds_requests_after_their_lengths(tmp_path: Path) -> None:
    """Big-endian lengths of four bytes; an empty request is a request."""
    content = len(BODY).to_bytes(4, "big") + BODY + bytes(4)
    assert found(tmp_path / "a.pbl.gz", gzip.compress(content)) == [("record 1", BODY), ("record 2", b"")]


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("a.jsonl", LINE + b"\n{incomplete\n", "line 2: not JSON"),
        ("a.jsonl", LINE[:-3], "line 1: not JSON"),
        ("a.json", b'{"invalid": 1}', "line 1: no resourceSpans among 'invalid'"),
        ("a.json", b"[1]", "line 1: the JSON is a JSON array"),
        ("a.jsonl", LINE + b'\n{"resourceSpans":[{"scopeSpans":3}]}', r"line 2: resourceSpans\[0\].scopeSpans is 3"),
        ("a.pbl", b"\xff\xff\xff\xff", "record 1 claims 4294967295 bytes"),
        ("a.pbl", b"\x00\x00", "record 1 is cut short"),
        ("a.pbl", bytes(4) + b"\x00\x00\x00\x05abc", "record 2 is cut short: 3 of 5 bytes"),
        ("a.pbl", b"\x00\x00\x00\x05", "record 1 is cut short: 0 of 5 bytes"),
        ("a.json.gz", gzip.compress(LINE * 10, mtime=0)[:-9], "gzip is damaged or cut short"),
        ("a.json.gz", b"garbage", "gzip is damaged or cut short"),
        ("a.json.gz", gzip.compress(LINE, mtime=0)[:-8] + bytes(8), "gzip is damaged or cut short"),
        ("a.json.gz", gzip.compress(LINE, mtime=0)[:12] + b"\xff" * 20, "gzip is damaged or cut short"),
        ("a.json.gz", b"", "gzip is cut short"),
        ("a.txt", LINE, "extension '.txt' is none of"),
        ("a.gz", gzip.compress(LINE, mtime=0), "extension '.gz' is none of"),
    ],
)
def test_a_file_that_cannot_be_read_says_where_and_why(tmp_path: Path, name: str, content: bytes, told: str) -> None:
    """Truncated, garbled, foreign and oversized content are InputErrors that name the place in the file."""
    with pytest.raises(InputError, match=told):
        found(tmp_path / name, content)


def test_a_missing_file_and_a_folder_say_so(tmp_path: Path) -> None:
    """Neither is a traceback."""
    with pytest.raises(InputError, match="No such file"):
        list(read(tmp_path / "none.json"))
    (tmp_path / "folder.json").mkdir()
    with pytest.raises(InputError, match="Is a directory"):
        list(read(tmp_path / "folder.json"))


@pytest.mark.parametrize("name", ["a.jsonl.gz", "a.pb.gz", "a.pbl.gz"])
def test_no_request_is_read_beyond_the_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """A bomb stops at REQUEST_BYTES_MAX, in every format."""
    monkeypatch.setattr(files, "REQUEST_BYTES_MAX", 1000)
    length = (2000).to_bytes(4, "big") if ".pbl" in name else b""
    with pytest.raises(InputError, match=r"(larger than|claims) [12]000 bytes"):
        found(tmp_path / name, gzip.compress(length + b" " * 2000))


def test_no_file_is_read_beyond_the_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bomb of small lines stops too."""
    monkeypatch.setattr(files, "LOAD_FILE_BYTES_MAX", 1000)
    with pytest.raises(InputError, match="holds more than 1000 bytes"):
        found(tmp_path / "a.jsonl.gz", gzip.compress(b"\n" * 2000))


def test_the_name_decides_what_is_a_recording(tmp_path: Path) -> None:
    """Extensions count in any case, before .gz too."""
    names = ["a.json", "a.JSONL.GZ", "a.pbl", "a.bin.gz", "a.txt", "a.gz", "json", "a.json.bak"]
    assert [is_recording(tmp_path / name) for name in names] == [True, True, True, True, False, False, False, False]
