from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from baton.errors import InputError
from baton.limits import REDACTION_KEY_BYTES_MAX
from baton.wire.redaction_key import make_key, read_key

if TYPE_CHECKING:
    from pathlib import Path


def key_file(folder: Path, content: bytes, mode: int = 0o600) -> Path:
    """A file of that content and mode."""
    path = folder / "some.key"
    path.write_bytes(content)
    path.chmod(mode)
    return path


def test_a_key_is_made_once(tmp_path: Path) -> None:
    """A second start, and one at the same time, take the key that is there; nothing else is left behind."""
    path = tmp_path / "redaction.key"
    assert read_key(path) is None
    key = make_key(path)
    assert (len(key), make_key(path), read_key(path)) == (32, key, key)
    assert list(tmp_path.iterdir()) == [path]
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_key_is_its_text_without_the_line_break(tmp_path: Path) -> None:
    """An editor's last line break makes no other key; another text does."""
    keys = [read_key(key_file(tmp_path, content)) for content in (b"k" * 64, b"k" * 64 + b"\n", b"k" * 63 + b"l")]
    assert keys[0] == keys[1] != keys[2]


@pytest.mark.parametrize(
    ("content", "mode", "told"),
    [
        (b"k" * 64, 0o640, r"mode 0640 lets others read the redaction key: `chmod 600` it"),
        (b"k" * 64, 0o604, r"mode 0604"),
        (b"k" * 31, 0o600, r"31 bytes are no redaction key; it has 32 to .* splits history"),
        (b"", 0o600, r"0 bytes are no redaction key"),
        (b"k" * (REDACTION_KEY_BYTES_MAX + 1), 0o600, r"are no redaction key"),
    ],
)
def test_what_cannot_serve_as_a_key_is_refused(tmp_path: Path, content: bytes, mode: int, told: str) -> None:
    """Readable by others, too short, too long: an error that names the file and the next step, never a new key."""
    path = key_file(tmp_path, content, mode)
    with pytest.raises(InputError, match=told) as caught:
        read_key(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert path.read_bytes() == content


def test_a_key_that_cannot_be_read_or_written_is_told(tmp_path: Path) -> None:
    """A folder in its place, and a folder that is not there."""
    with pytest.raises(InputError, match="Is a directory: let Baton's user read this redaction key"):
        read_key(tmp_path)
    with pytest.raises(InputError, match="cannot be written"):
        make_key(tmp_path / "none" / "redaction.key")
