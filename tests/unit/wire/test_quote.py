from __future__ import annotations

import pytest

from baton.limits import TEXT_CHARS_MAX
from baton.wire.quote import quote


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("a\x1b[2Jb", r"'a\x1b[2Jb'"),
        ("\u202eevil", r"'\u202eevil'"),
        (b"5b8e", "'5b8e'"),
        (b"\x1b[2J", "0x1b5b324a"),
        (b"", "''"),
        ([1, 2], "a JSON array"),
        ({"a": 1}, "a JSON object"),
        (None, "None"),
        (1.5, "1.5"),
    ],
)
def test_hostile_values_are_shown_escaped(value: object, shown: str) -> None:
    """Control and direction characters never come through; bytes are text only where all of it is printable."""
    assert quote(value) == shown


@pytest.mark.parametrize("value", ["é" * 10_000, b"\xff" * 10_000, b"a" * 10_000])
def test_long_values_are_cut(value: object) -> None:
    """What is shown has a bound, whatever its escaping makes of a character."""
    assert len(quote(value)) <= 6 * TEXT_CHARS_MAX + 5
    assert quote(value).endswith("...")
