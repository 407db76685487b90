from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest

from baton import limits

SOURCE = Path(limits.__file__)
SEVERAL = {
    name: value if isinstance(value, tuple) else (value,) for name, value in vars(limits).items() if name.isupper()
}
BOUNDS = {
    f"{name} {place}".removesuffix(" 0"): value for name, told in SEVERAL.items() for place, value in enumerate(told)
}


def relation_broken_by(name: str, value: float) -> str | None:
    """Imports the module with one bound changed; what it says, if it refuses."""
    text, count = re.subn(rf"^{name} = .*$", f"{name} = {value}", SOURCE.read_text(), flags=re.MULTILINE)
    assert count == 1
    spec = importlib.util.spec_from_loader("changed", loader=None)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    try:
        exec(compile(text, "changed", "exec"), vars(module))  # noqa: S102 - the module's own text, one number changed
    except AssertionError as error:
        return str(error)
    return None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("GAP_NS_LONG", limits.GAP_NS_MIN - 1),
        ("SILENCE_TAIL_NS", limits.GAP_NS_LONG - 1),
        ("SILENT_FOR_GOOD_NS", limits.SILENCE_TAIL_NS - 1),
        ("JOURNAL_BYTES_MAX", limits.JOURNAL_BACKLOG_BYTES_MAX - 1),
        ("JOURNAL_BACKLOG_BYTES_MAX", limits.SEGMENT_BYTES_MAX - 1),
        ("LOAD_FILE_BYTES_MAX", limits.REQUEST_BYTES_MAX - 1),
        ("SEGMENT_BYTES_MAX", limits.REQUEST_BYTES_MAX - 1),
        ("DEADLINE_DEFAULT_NS", limits.DEADLINE_NS_MIN - 1),
        ("TEXT_WIDTH_DEFAULT", limits.TEXT_WIDTH_MIN - 1),
        ("TEXT_WIDTH_MAX", limits.TEXT_WIDTH_DEFAULT - 1),
    ],
)
def test_a_broken_relation_is_refused(name: str, value: float) -> None:
    """Each asserted relation: a bound moved across its neighbour fails at import, with a sentence."""
    assert relation_broken_by(name, value)


def test_the_relations_allow_their_edges() -> None:
    """A bound equal to its neighbour is no fault."""
    assert relation_broken_by("SILENT_FOR_GOOD_NS", limits.SILENCE_TAIL_NS) is None
    assert relation_broken_by("DEADLINE_DEFAULT_NS", limits.DEADLINE_NS_MIN) is None


def test_every_bound_is_a_positive_number() -> None:
    """A bound of nothing bounds nothing."""
    assert BOUNDS
    assert all(isinstance(value, int | float) and value > 0 for value in BOUNDS.values())


def test_times_in_nanoseconds_are_whole() -> None:
    """Int64 arithmetic stays exact."""
    assert all(isinstance(value, int) for name, value in BOUNDS.items() if "_NS" in name)


def test_an_instant_and_its_durations_stay_within_int64() -> None:
    """A receipt at the last instant, reordering by its margin, and the longest receipt: what is ever added to one."""
    later_ns = (limits.REORDER_MARGIN + 1) * limits.DURATION_NS_MAX
    assert later_ns <= limits.TIME_NS_MAX - limits.INSTANT_NS_MAX


def test_shares_are_shares() -> None:
    """Parts of a whole lie between 0 and 1."""
    assert all(0 < value < 1 for name, value in BOUNDS.items() if "SHARE" in name or "SPREAD" in name)


def test_every_bound_says_where_it_comes_from() -> None:
    """A comment stands above each, or above the group it stands in."""
    lines = SOURCE.read_text().splitlines()
    for number, line in enumerate(lines):
        name = line.split(" = ")[0]
        if name in BOUNDS and name not in ("SECOND_NS", "DAY_NS", "TRACE_ID_BYTES", "SPAN_ID_BYTES"):
            above = number - 1
            while lines[above].split(" = ")[0] in BOUNDS:
                above -= 1
            assert lines[above].startswith("# "), name
