from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from pydantic import BaseModel, ConfigDict

from baton import limits
from baton.documents import AttributeKey, Text, fault, quote, read_text, validate
from baton.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path


class Part(BaseModel):
    """A model with one required and one optional key."""

    model_config = ConfigDict(extra="forbid")

    name: Text
    keys: tuple[AttributeKey, ...] = ()


def test_a_file_is_read_as_utf8(tmp_path: Path) -> None:
    """Text is UTF-8, with or without a byte order mark."""
    path = tmp_path / "file"
    path.write_bytes(b"\xef\xbb\xbfZ\xc3\xbcrich")
    assert read_text(path) == "Zürich"


def test_other_encodings_are_refused(tmp_path: Path) -> None:
    """A file in another encoding is refused with the offset of the first wrong byte."""
    path = tmp_path / "file"
    path.write_bytes(b"Z\xfcrich")
    with pytest.raises(InputError, match="byte 1 is not UTF-8; save the file as UTF-8"):
        read_text(path)


def test_size_is_bounded(tmp_path: Path) -> None:
    """A file at the limit is read, one byte more is refused."""
    path = tmp_path / "file"
    path.write_bytes(b"x" * limits.DOCUMENT_BYTES_MAX)
    assert len(read_text(path)) == limits.DOCUMENT_BYTES_MAX
    path.write_bytes(b"x" * (limits.DOCUMENT_BYTES_MAX + 1))
    with pytest.raises(InputError, match=f"larger than {limits.DOCUMENT_BYTES_MAX} bytes"):
        read_text(path)


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    """A folder in place of a file is an InputError that names it."""
    with pytest.raises(InputError, match="Is a directory; name a file"):
        read_text(tmp_path)


def test_quotes_are_printable_and_short() -> None:
    """Whatever the value, its quotation is one printable line of bounded length."""
    for value in ("\x1b]0;owned\x07", "a" * 10**6, "\u202eevil", [["x" * 999] * 99] * 99, {"k\n": {"v": ["w"]}}):
        assert quote(value).isprintable()
        assert len(quote(value)) <= limits.TEXT_WIDTH_MAX


def test_faults_without_a_place_concern_the_file(tmp_path: Path) -> None:
    """The whole file's fault has no empty place in its message."""
    assert str(fault(tmp_path, (), 1, "is wrong; write 2")) == f"{tmp_path}: 1 is wrong; write 2"
    assert str(fault(tmp_path, ("a", 0), 1, "is wrong; write 2")) == f"{tmp_path}: a[0]: 1 is wrong; write 2"


def test_what_fits_becomes_the_model(tmp_path: Path) -> None:
    """Content that fits comes back as the model."""
    assert validate(Part, {"name": "a b", "keys": ["trade.id"]}, tmp_path) == Part(name="a b", keys=("trade.id",))


@pytest.mark.parametrize(
    ("data", "told"),
    [
        ({"name": 7}, "name: 7 is not text; put it in quotes"),
        ({"name": "a", "keys": ["trade.id", "*"]}, "keys[1]: '*' is a glob, and attribute names are exact"),
        ({"name": "\t"}, r"name: '\t' is empty; write a name"),
        ({"name": "a", "\x1b[2J": 1}, r"['\x1b[2J']: 1 is no key that Baton knows"),
        ({}, ": name is required; write it"),
        (None, ": None is not a mapping"),
    ],
)
def test_what_does_not_fit_is_told(tmp_path: Path, data: object, told: str) -> None:
    """Each misfit is told with its place and value, unprintable characters escaped."""
    with pytest.raises(InputError) as caught:
        validate(Part, data, tmp_path)
    assert told in str(caught.value)
    assert str(caught.value).isprintable()


class Whole(BaseModel):
    """A model with parts in a list, a mapping and an alternative."""

    model_config = ConfigDict(extra="forbid")

    parts: tuple[Part, ...] = ()
    by_name: dict[str, Part] = {}
    either: Part | tuple[Part, ...] = ()


@pytest.mark.parametrize(
    ("data", "told"),
    [
        ({"part": []}, "part: [] is no key that Baton knows; did you mean parts?"),
        (
            {"parts": [{"nam": "a"}]},
            "parts[0].nam: 'a' is no key that Baton knows; did you mean name? (and 1 more fault)",
        ),
        ({"zzz": []}, "zzz: [] is no key that Baton knows; write one of by_name, either, parts"),
        ({"parts": [{"name": "a", "nam": 1}]}, "parts[0].nam: 1 is no key that Baton knows; did you mean name?"),
        (
            {"by_name": {"x y": {"name": "a", "kys": 1}}},
            "by_name['x y'].kys: 1 is no key that Baton knows; did you mean",
        ),
    ],
)
def test_a_typo_names_the_nearest_key(tmp_path: Path, data: object, told: str) -> None:
    """The key that was meant, at any depth; where none is near, those that there are."""
    with pytest.raises(InputError) as caught:
        validate(Whole, data, tmp_path)
    assert told in str(caught.value)


def test_a_long_key_is_cut(tmp_path: Path) -> None:
    """A key as long as its file makes no message of that length."""
    with pytest.raises(InputError) as caught:
        validate(Whole, {"k" * 10**6: 1}, tmp_path)
    assert len(str(caught.value)) < 1000


def test_a_step_of_the_model_is_no_place(tmp_path: Path) -> None:
    """What the model calls its alternatives is not in the file, so no message names it."""
    with pytest.raises(InputError, match=r": either\.name is required"):
        validate(Whole, {"either": {"keys": []}}, tmp_path)


def test_lines_are_asked_of_the_fault_only(tmp_path: Path) -> None:
    """The message names the line of the place; without a fault nobody asks for one."""
    asked: list[tuple[int | str, ...]] = []

    def lines(place: tuple[int | str, ...]) -> int:
        asked.append(place)
        return 7

    validate(Part, {"name": "a"}, tmp_path, lines=lines)
    assert asked == []
    with pytest.raises(InputError, match=r": line 7: keys\[0\]: '\*' is a glob"):
        validate(Part, {"name": "a", "keys": ["*"]}, tmp_path, lines=lines)
    assert asked == [("keys", 0)]
