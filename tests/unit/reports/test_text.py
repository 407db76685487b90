from __future__ import annotations

import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from baton.limits import TEXT_CHARS_MAX
from baton.reports.text import clean, json_escaped, markdown, shown

HIDDEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}
ANY_TEXT = st.text(st.characters(codec=None))


def hides(text: str) -> bool:
    """Whether a terminal or an eye would obey a character of it rather than show it."""
    return any(unicodedata.category(character) in HIDDEN for character in text)


@pytest.mark.parametrize(
    ("raw", "safe"),
    [
        ("\x1b[31mred\x1b[0m", r"\x1b[31mred\x1b[0m"),
        ("a\nb\tc\r", r"a\nb\tc\r"),
        ("\x7f\x9b2J", r"\x7f\x9b2J"),
        ("user\u202egpj.exe", r"user\u202egpj.exe"),
        ("zero\u200bwidth\ufeff", r"zero\u200bwidth\ufeff"),
        ("lone\ud800", r"lone\ud800"),
        ("\U000e0041tag", r"\U000e0041tag"),
        (r"C:\new", r"C:\new"),
        ("Zürich 東京 مرحبا", "Zürich 東京 مرحبا"),
        ("[bold]", "[bold]"),
    ],
)
def test_clean_shows_what_it_hides(raw: str, safe: str) -> None:
    """Hidden characters become escapes; everything else, backslashes and other scripts included, stays."""
    assert clean(raw) == safe


def test_clean_knows_every_hidden_character() -> None:
    """No control, format, surrogate or separator character of this Python's Unicode passes."""
    hidden = [chr(point) for point in range(0x110000) if unicodedata.category(chr(point)) in HIDDEN]
    assert [character for character in hidden if clean(character) == character] == []


@given(ANY_TEXT)
def test_clean_hides_nothing_and_is_idempotent(text: str) -> None:
    """Whatever goes in, nothing hidden comes out, and cleaning twice changes nothing more."""
    assert not hides(clean(text))
    assert clean(clean(text)) == clean(text)


def test_shown_cuts_long_values() -> None:
    """A 64 KB span name fills no screen, and the cut is seen."""
    assert shown("x" * 65536) == "x" * (TEXT_CHARS_MAX - 1) + "…"
    assert shown("x" * TEXT_CHARS_MAX) == "x" * TEXT_CHARS_MAX


def test_markdown_links_nothing_by_itself() -> None:
    """Addresses that GitHub's Markdown makes links of, with no bracket around, stay text."""
    assert markdown("http://a.b www.a.b c@a.b") == r"http\://a.b www\.a.b c\@a.b"


def test_markdown_is_inert() -> None:
    """Cells, code, links, emphasis, headings and HTML of a hostile name stay text."""
    raw = "a|b `c` [d](e) *f* _g_ # ~h~ <script>&\n"
    assert markdown(raw) == r"a\|b \`c\` \[d\](e) \*f\* \_g\_ \# \~h\~ &lt;script&gt;&amp;\\n"


@given(st.text())
def test_json_escaped_keeps_the_value(text: str) -> None:
    """JSON without hidden characters parses to the very same value."""
    escaped = json_escaped(json.dumps(text, ensure_ascii=False))
    assert not hides(escaped)
    assert json.loads(escaped) == text
