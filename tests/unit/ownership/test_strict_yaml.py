from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from baton import limits
from baton.errors import InputError
from baton.ownership.strict_yaml import parse

PATH = Path("ownership.yaml")


def test_scalars_are_text() -> None:
    """Every scalar comes back as the text that was written, whatever type YAML would give it."""
    assert parse("{a: 1, b: no, c: 2024-01-01, d: null, e: 1e3}", PATH) == {
        "a": "1",
        "b": "no",
        "c": "2024-01-01",
        "d": "null",
        "e": "1e3",
    }


def test_tags_make_nothing() -> None:
    """A tag that would make an object, or run code, in other loaders leaves plain text and lists."""
    assert parse("!!python/object/apply:os.system ['true']", PATH) == ["true"]
    assert parse("!!timestamp never", PATH) == "never"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a: 1\nb: 2\na: 3", "line 3, column 1: the key 'a' is given twice"),
        ("a: {b: {c: 1, 'c': 2}}", "the key 'c' is given twice"),
        ("a: &x [1]\nb: *x", "line 2, column 4: '*x' is an alias; write the value out"),
        ("a: &x [*x]", "is an alias"),
        ("a:\n  [1", "while parsing a flow sequence from line 2"),
        ("a: 1\n---\nb: 2", "line 2, column 1"),
        ("? [a]\n: b", "line 1, column 3: a list or mapping stands where a key belongs"),
        ("a: \x07", "unacceptable character"),
        ("a: %b", "line 1, column 4"),
    ],
)
def test_what_is_refused_names_its_line(text: str, told: str) -> None:
    """Twin keys, aliases and what is not YAML are InputErrors that say where, on one line."""
    with pytest.raises(InputError) as caught:
        parse(text, PATH)
    assert str(caught.value).startswith("ownership.yaml: ")
    assert told in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize("opening", ["[", "- ", "{a: "])
def test_bottomless_nesting_is_refused(opening: str) -> None:
    """Nesting that would overflow a recursive reader's stack is refused at the limit."""
    with pytest.raises(InputError, match=f"nested deeper than {limits.NESTING_MAX} levels"):
        parse(opening * 50_000, PATH)


def test_nesting_up_to_the_limit_is_read() -> None:
    """The deepest allowed document is read."""
    depth = limits.NESTING_MAX - 1
    value = parse("[" * depth + "x" + "]" * depth, PATH)
    for _ in range(depth):
        assert isinstance(value, list)
        (value,) = value
    assert value == "x"


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    """Whatever the text, it gives plain values or an InputError, never another exception."""
    try:
        value = parse(text, PATH)
    except InputError:
        return
    assert value is None or type(value) in {str, list, dict}
