from __future__ import annotations

import json
from dataclasses import replace

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from baton.reports.coverage import Coverage, as_json, as_markdown, as_table, percent, verdict
from baton.reports.text import clean
from baton.schema import COVERAGE, COVERAGE_SECTIONS, COVERED


def answer(*counts: tuple[int, int], minimum: float | None = None) -> Coverage:
    """An answer of these figures, owned and total, of spans, services, channels and journeys."""
    names = ("spans", "services", "channels", "journeys")
    shares = [
        (what, owned, total, owned / total if total else None, None)
        for what, (owned, total) in zip(names, counts, strict=True)
    ]
    frame = pl.DataFrame(shares, schema=COVERED.schema, orient="row")
    return Coverage(frame, COVERAGE.empty(), None, None, 0, 30, 0.0, minimum)


@pytest.mark.parametrize(
    ("counts", "short"),
    [
        (((19, 20), (19, 20), (19, 20), (95, 100)), ()),
        (((949, 1000), (1, 1), (1, 1), (1, 1)), ("spans",)),
        (((20, 20), (1, 2), (0, 1), (1, 1)), ("channels", "services")),
        (((1, 1), (1, 1), (0, 0), (0, 0)), ()),
    ],
)
def test_each_share_has_to_reach_the_minimum(counts: tuple[tuple[int, int], ...], short: tuple[str, ...]) -> None:
    """Exactly; the least is named first, and of what there is none of, nothing is asked."""
    found = answer(*counts, minimum=95.0)
    assert found.short == short
    assert found.met is not bool(short)
    assert answer(*counts).met is None


def test_a_minimum_with_decimals_is_met_exactly() -> None:
    """33 of 3,000 are 1.1 per cent, though 3,000 times the double 1.1 is more than 3,300."""
    assert answer((33, 3_000), (1, 1), (1, 1), (1, 1), minimum=1.1).met


def test_nothing_proves_nothing() -> None:
    """A window without spans fails a check, whatever its minimum."""
    empty = answer((0, 0), (0, 0), (0, 0), (0, 0), minimum=0.0)
    assert empty.met is False
    assert verdict(empty).startswith("unproven")


@pytest.mark.parametrize(("share", "said"), [(0.9999, "99.9 %"), (1.0, "100.0 %"), (0.29, "29.0 %"), (None, "-")])
def test_a_share_is_never_rounded_up(share: float | None, said: str) -> None:
    """What is not all does not look like all."""
    assert percent(share) == said


def test_json_has_every_section() -> None:
    """One object, whose sections are arrays, empty or not."""
    told = json.loads(as_json(answer((1, 2), (1, 1), (0, 0), (0, 0), minimum=95)))
    assert {section: told[section] for section in COVERAGE_SECTIONS} == {section: [] for section in COVERAGE_SECTIONS}
    assert (told["met"], told["short"], told["shares"]["spans"]["owned"]) == (False, ["spans"], 1)


def test_color_is_beside_the_words() -> None:
    """A share below the minimum is red, and is named."""
    text = as_table(answer((1, 2), (1, 1), (0, 0), (0, 0), minimum=95), width=80, color=True)
    assert "\x1b[" in text
    assert "Below 95 %: spans 50.0 %." in text


@settings(max_examples=30)
@given(st.text(st.characters(codec="utf-8"), min_size=1))
def test_hostile_names_act_nowhere(text: str) -> None:
    """People see every hidden character as an escape, and a row stays one; JSON bears the very value."""
    row = ("orphan", "channel", text, text, text, text, 1, None, text)
    told = replace(
        answer((1, 1), (1, 1), (1, 1), (0, 0)), rows=pl.DataFrame([row], schema=COVERAGE.schema, orient="row")
    )
    for shown in (as_table(told, width=80, color=False), as_markdown(told)):
        assert all(clean(line) == line for line in shown.split("\n"))
    assert as_markdown(told).count("\n| ") == 9
    assert json.loads(as_json(told))["orphan"][0]["name"] == text
