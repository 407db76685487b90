from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from baton import limits
from baton.errors import InputError
from baton.ownership.strict_yaml import line_of, parse, parse_all

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
        ("a: b\nc: \x07", r"line 2: '\x07' is a character that YAML does not allow; take it out"),
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


@pytest.mark.parametrize(
    ("place", "line"),
    [
        ((), 2),
        (("teams",), 2),
        (("teams", 0), 3),
        (("teams", 0, "name"), 3),
        (("teams", 0, "owns"), 4),
        (("teams", 0, "owns", "services", 1), 6),
        (("teams", 0, "ownz"), 3),
        (("teams", 7, "name"), 2),
        (("nothing",), 2),
    ],
)
def test_a_place_has_a_line(place: tuple[int | str, ...], line: int) -> None:
    """The line of a key, or of a list's entry; of what is not there, that of the nearest around it."""
    text = "# teams\nteams:\n- name: a\n  owns:\n    services: [s,\n      t]\n---\na: 1\n\nb: 2"
    assert line_of(text, place) == line
    assert line_of(text, ("b",), 1) == 10


def test_documents_know_where_they_begin() -> None:
    """Several documents come one by one, each with its first line and the lines of its places."""
    first, second = parse_all("a: 1\n---\nb: 2\n", PATH)
    assert (first.data, first.number, first.first_line) == ({"a": "1"}, 0, 1)
    assert (second.data, second.number, second.first_line) == ({"b": "2"}, 1, 2)
    assert second.line(("b",)) == 3
    assert parse_all("# nothing", PATH) == []


def test_twice_the_parser_reads_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without libyaml PyYAML's own parser gives the same values and lines."""
    text = "a: [1, 'b', {c: \"d\"}]\ne: |\n  f\n  g\n"
    fast = parse(text, PATH), line_of(text, ("a", 2, "c"))
    monkeypatch.setattr("baton.ownership.strict_yaml._Parser", yaml.BaseLoader)
    assert (parse(text, PATH), line_of(text, ("a", 2, "c"))) == fast
    with pytest.raises(InputError, match="is an alias"):
        parse("a: &x [1]\nb: *x", PATH)


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    """Whatever the text, it gives plain values or an InputError, never another exception."""
    try:
        value = parse(text, PATH)
    except InputError:
        return
    assert value is None or type(value) in {str, list, dict}
