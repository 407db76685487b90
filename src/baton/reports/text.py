r"""Hostile text made safe to show.

Span names, attributes and ids are whatever a sender wrote. What a terminal, an editor or a reader's eye would obey
rather than show is shown as an escape instead: C0 and C1 controls (escape, newline and tab included), DEL,
bidirectional overrides, zero-width and other format characters, line and paragraph separators, lone surrogates. A
backslash that was there before stays as it is: the escapes are for eyes, never decoded again. Spaces of other scripts,
combining marks and private-use characters pass.

Three forms follow:

- people's text (terminal, Markdown): cleaned, and cut at TEXT_CHARS_MAX;
- CSV: cleaned, never cut, and a cell that a spreadsheet would take for a formula gets a leading apostrophe, which
  spreadsheets read as "this is text";
- JSON, NDJSON and Parquet: the raw value. JSON text spells hidden characters as \uXXXX (`json_escaped`), which a
  parser reads as the same value.
"""

from __future__ import annotations

import re

from baton.limits import TEXT_CHARS_MAX

# Unicode 16: Cc, Cf, Zl and Zp, as the inside of a character class that Python's `re` and Polars' regex read alike.
_HIDDEN_RANGES = (
    (0x00, 0x1F),
    (0x7F, 0x9F),
    (0xAD, 0xAD),
    (0x600, 0x605),
    (0x61C, 0x61C),
    (0x6DD, 0x6DD),
    (0x70F, 0x70F),
    (0x890, 0x891),
    (0x8E2, 0x8E2),
    (0x180E, 0x180E),
    (0x200B, 0x200F),
    (0x2028, 0x202E),
    (0x2060, 0x206F),
    (0xFEFF, 0xFEFF),
    (0xFFF9, 0xFFFB),
    (0x110BD, 0x110BD),
    (0x110CD, 0x110CD),
    (0x13430, 0x1343F),
    (0x1BCA0, 0x1BCA3),
    (0x1D173, 0x1D17A),
    (0xE0001, 0xE0001),
    (0xE0020, 0xE007F),
)
_HIDDEN = "".join(f"{chr(first)}-{chr(last)}" for first, last in _HIDDEN_RANGES)
HIDDEN_PATTERN = f"[{_HIDDEN}]"
"""One hidden character, for Python's `re` and for Polars. Lone surrogates are missing: no Polars string holds one."""
_HIDDEN_REGEX = re.compile(f"[{_HIDDEN}\ud800-\udfff]")

MARKDOWN_PATTERN = r"([\\`*_\[\]|~#!@])"
"""What Markdown would obey, as group 1."""
LINKED = (("://", "\\://"), ("www.", "www\\."))
"""What GitHub's Markdown makes links of where it stands alone, and how it is no link, in any order."""
_MARKDOWN_REGEX = re.compile(MARKDOWN_PATTERN)
ENTITIES = (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"))
"""What HTML within Markdown would obey, in the order of replacing."""

FORMULA_PATTERN = "^([=+\\-@\uff1d\uff0b\uff0d\uff20])"
"""How a cell that spreadsheets evaluate begins, full-width forms included (OWASP, "CSV injection"), as group 1."""


def _escape(match: re.Match[str]) -> str:
    r"""One hidden character as Python spells it: `\x1b`, `\u202e`, `\n`."""
    return match.group().encode("unicode_escape").decode("ascii")


def clean(text: str) -> str:
    """The text with every hidden character as a visible escape."""
    return _HIDDEN_REGEX.sub(_escape, text)


def shown(text: str) -> str:
    """The text as people see it: cleaned, and cut at TEXT_CHARS_MAX characters with an ellipsis."""
    cut = text if len(text) <= TEXT_CHARS_MAX else text[: TEXT_CHARS_MAX - 1] + "…"
    return clean(cut)


def markdown(text: str) -> str:
    """The text as people see it, inert in Markdown: pipes, backticks, emphasis, links, headings, HTML are escaped."""
    safe = shown(text)
    for raw, entity in ENTITIES:
        safe = safe.replace(raw, entity)
    safe = _MARKDOWN_REGEX.sub(r"\\\1", safe)
    for raw, unlinked in LINKED:
        safe = safe.replace(raw, unlinked)
    return safe


def _escape_json(match: re.Match[str]) -> str:
    r"""One hidden character as JSON spells it: UTF-16 units as \uXXXX."""
    units = match.group().encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[i]:02x}{units[i + 1]:02x}" for i in range(0, len(units), 2))


def json_escaped(line: str) -> str:
    r"""JSON text on one line in which every hidden character is spelt \uXXXX: it parses to the same value."""
    return _HIDDEN_REGEX.sub(_escape_json, line)
