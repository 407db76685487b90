from __future__ import annotations

import polars as pl
import pytest

from baton import schema
from baton.schema import ATTRIBUTE, EVENT, KEY, LINK, SPANS, Column, Frame

FRAMES = [value for value in vars(schema).values() if isinstance(value, Frame)]


@pytest.mark.parametrize("frame", FRAMES, ids=lambda frame: frame.name)
def test_a_frame_names_each_column_once(frame: Frame) -> None:
    """No name twice, a meaning that is a sentence, and an empty frame of that schema."""
    assert len(set(frame.names)) == len(frame.names)
    assert frame.names == list(frame.schema)
    assert all(column.meaning.endswith(".") for column in frame.columns)
    assert frame.empty().schema == frame.schema
    assert frame.empty().is_empty()


@pytest.mark.parametrize("frame", FRAMES, ids=lambda frame: frame.name)
def test_units_stand_last_in_the_names(frame: Frame) -> None:
    """`_ns` is an Int64 or a figure in Float64; surrogates are Int64; rows are UInt32."""
    for column in frame.columns:
        if column.name.endswith("_ns"):
            assert column.dtype in (pl.Int64, pl.Float64), column.name
        if column.name.endswith("_key") and column.name != "routing_key":
            assert column.dtype == pl.Int64, column.name
        if column.name == "row" or column.name.endswith("_row"):
            assert column.dtype == pl.UInt32, column.name


def test_the_store_can_hold_spans() -> None:
    """Delta Lake fails on large unsigned, categorical and 128-bit columns, and keeps times to the microsecond only."""
    held = {pl.String, pl.Binary, pl.Boolean, pl.Int8, pl.Int64}
    nested = {pl.List(one) for one in (ATTRIBUTE, EVENT, LINK, KEY)}
    for column in SPANS.columns:
        assert type(column.dtype) in held or column.dtype in nested, column.name


def test_an_attribute_fills_one_column() -> None:
    """No alias stands for two columns, and the rank is its place in the list: the lower wins."""
    told = [alias for column in SPANS.columns for alias in column.aliases]
    assert len(set(told)) == len(told)
    aliases = SPANS.aliases()
    assert set(aliases) == set(told)
    assert aliases["messaging.destination.name"] == ("destination", 0)
    assert aliases["messaging.destination"] == ("destination", 1)


def test_aliases_are_those_of_the_frames_columns() -> None:
    """A frame's own, by name and rank."""
    frame = Frame("f", (Column("a", pl.String(), "A.", ("x", "y")), Column("b", pl.Int64(), "B.")))
    assert frame.aliases() == {"x": ("a", 0), "y": ("a", 1)}


def test_journey_keys_and_grouping_keys_are_apart() -> None:
    """What groups journeys never joins them."""
    assert not set(schema.JOURNEY_KEYS) & set(schema.GROUPING_KEYS)


def test_resource_aliases_fill_columns_of_spans() -> None:
    """Every column that resource attributes fill is one of SPANS."""
    assert set(schema.RESOURCE_ALIASES) <= set(SPANS.names)


def test_the_public_row_has_the_designs_fields() -> None:
    """All that the design names; additions are minor versions."""
    ids = ("handoff_id", "trace_id", "span_id", "receive_trace_id", "receive_span_id", "message_id", "correlation_id")
    journey = ("kind", "journey_id", "journey_type", "sent_at", "received_at", "deadline_at", "as_of")
    names = ("from_service", "from_team", "channel", "channel_team", "queue", "to_service", "to_team")
    verdict = ("verdict", "late", "receipt", "cause", "confidence", "disposition", "held_at", "resubmitted_by")
    answer = ("accountable_team", "next_to_ask", "expected_by", "finding_id", "evidence")
    designed = ids + journey + names + verdict + answer
    assert set(designed) <= set(schema.HANDOFFS.names)
    assert schema.VERDICTS == ("delivered", "retried", "dropped", "unobserved", "pending", "stuck")
