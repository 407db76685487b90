from __future__ import annotations

from rich.text import Text

from baton.limits import LIST_LINES_MAX, NAMES_MAX
from baton.reports.table import STYLES, bullets, line, names, owner, party, render, some
from baton.schema import VERDICTS


def test_render_without_color_has_no_escapes() -> None:
    """Styles leave no trace where there is no colour."""
    assert render([Text("lost", style="bold red")], width=80, color=False) == "lost\n"


def test_render_with_color_styles() -> None:
    """On a terminal the same text carries ANSI styles."""
    assert render([Text("lost", style="bold red")], width=80, color=True) == "\x1b[1;31mlost\x1b[0m\n"


def test_markup_and_emoji_names_are_text() -> None:
    """Rich's markup, emoji codes and links in span content are shown as written."""
    raw = "[red]x[/red] :bomb: [link=http://a]b[/link] [/]"
    assert render([line(raw)], width=80, color=True) == f"{raw}\n"


def test_long_words_fold() -> None:
    """A word wider than the screen goes on in the next line instead of being cut."""
    assert render([bullets(["x" * 30])], width=20, color=False) == f"- {'x' * 18}\n  {'x' * 12}\n"


def test_names_counts_the_rest() -> None:
    """At most NAMES_MAX names are spelled out."""
    assert names(["a", "b"]) == "a, b"
    assert names(["a"] * (NAMES_MAX + 1000)).endswith("a and 1,000 more")


def test_some_counts_the_rest() -> None:
    """At most LIST_LINES_MAX lines are listed."""
    assert some(["a", "b"]) == ["a", "b"]
    assert some(["a"] * (LIST_LINES_MAX + 3))[-1] == "and 3 more"


def test_party() -> None:
    """A team is named by its name, what nobody owns by its services."""
    assert party("trading", "trade-execution") == "trading"
    assert party("unowned", "batch", "eod") == "unowned batch, eod"
    assert party("unowned") == "unowned"


def test_owner() -> None:
    """Nobody is called nobody."""
    assert owner("trading") == "trading"
    assert owner("unowned") == owner(None) == "nobody (unowned)"


def test_every_verdict_has_a_style() -> None:
    """No verdict is without a colour."""
    assert set(STYLES) == set(VERDICTS)
