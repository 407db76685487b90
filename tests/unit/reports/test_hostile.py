"""Whatever spans say, no renderer for people lets it act: one property over all of them."""

from __future__ import annotations

import dataclasses
import re
import unicodedata
from pathlib import Path
from typing import TypeVar

from hypothesis import given
from hypothesis import strategies as st

import incident
from baton.reports import journey, report, report_markdown, who
from baton.reports.model import Journey

Model = TypeVar("Model")

STRUCTURAL = frozenset({"kind", "verdict", "status", "role", "store", "outcome", "criticality"})
SGR = re.compile(r"\x1b\[[0-9;]*m")


def poisoned(model: Model, text: str) -> Model:
    """The model with every text that comes from outside replaced."""
    return dataclasses.replace(
        model,
        **{
            field.name: _poisoned(getattr(model, field.name), text)
            for field in dataclasses.fields(model)
            if field.name not in STRUCTURAL
        },
    )


def _poisoned(value: object, text: str) -> object:
    """A value likewise; tuples by element, handoff rows by their free text."""
    if isinstance(value, str):
        return text
    if isinstance(value, tuple):
        return tuple(_poisoned(element, text) for element in value)
    if dataclasses.is_dataclass(value):
        return poisoned(value, text)
    if isinstance(value, dict) and "handoff_id" in value:
        return (
            value
            | dict.fromkeys(("channel", "from_team", "to_team", "cause", "accountable_team"), text)
            | {"evidence": [text]}
        )
    return value


@given(st.text(st.characters(codec=None), min_size=1), st.booleans())
def test_terminals_obey_nothing(text: str, color: bool) -> None:  # noqa: FBT001 # Hypothesis passes by position or name
    """Of all that reaches a terminal only Rich's own colours are control characters."""
    models = (incident.REPORT, incident.WHO, incident.WHO_SERVICE, incident.WHO_PARTIES, incident.JOURNEY)
    for model, module in zip(models, (report, who, who, who, journey), strict=True):
        shown = module.as_text(poisoned(model, text), width=80, color=color)
        assert _hidden(SGR.sub("", shown) if color else shown) == set()


@given(st.text(st.characters(codec=None), min_size=1))
def test_markdown_hides_nothing(text: str) -> None:
    """The Markdown report carries no control character either."""
    assert _hidden(report_markdown.as_markdown(poisoned(incident.REPORT, text))) == set()


def test_the_store_is_hostile_too() -> None:
    """A folder's name comes from outside as well."""
    moved = dataclasses.replace(incident.REPORT, store=Path("a\x1b[2J"))
    assert "\x1b" not in report.as_text(moved, width=80, color=False) + report_markdown.as_markdown(moved)


def test_poison_reaches_every_lane() -> None:
    """The property above is no sham: the poison shows up in teams, spans and handoffs."""
    assert isinstance(poisoned(incident.JOURNEY, "venom"), Journey)
    assert journey.as_text(poisoned(incident.JOURNEY, "venom"), width=80, color=False).count("venom") > 10


def _hidden(text: str) -> set[str]:
    """Characters that a terminal would obey, line feeds apart."""
    return {character for character in text if unicodedata.category(character) in {"Cc", "Cf", "Cs", "Zl", "Zp"}} - {
        "\n"
    }
