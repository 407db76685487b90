from __future__ import annotations

import csv
import io
import json
import unicodedata

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

import incident
from baton import schema
from baton.reports import rows
from baton.reports.text import clean

HOSTILE = '=1+1|\x1b[2J\x9b\u202e`<b>\U000e0041\n"é'
TEXT = (rows.as_json, rows.as_ndjson, rows.as_csv, rows.as_markdown)


def hidden(text: str) -> set[str]:
    """Characters that a terminal would obey, line feeds apart."""
    return {character for character in text if unicodedata.category(character) in {"Cc", "Cf", "Zl", "Zp"}} - {"\n"}


def hostile() -> pl.DataFrame:
    """A handoff in which every text that a sender chooses is hostile, and one with nulls."""
    return incident.handoffs(
        [incident.row(0, message_id=HOSTILE, evidence=[HOSTILE, "b"]), incident.row(1, message_id=None)]
    )


def test_json_is_an_array_of_whole_rows() -> None:
    """Each object has every field of the row, in the schema's order, with nulls said."""
    loaded = json.loads(rows.as_json(incident.handoffs()))
    assert [list(row) for row in loaded] == [schema.HANDOFFS.names] * 4
    assert loaded[0]["received_at"] is None
    assert loaded[0]["late"] is False
    assert loaded[0]["evidence"] == list(incident.EVIDENCE[:2])


def test_ndjson_is_one_object_a_line() -> None:
    """NDJSON says the same objects as JSON, a line each."""
    lines = rows.as_ndjson(hostile()).splitlines()
    assert [json.loads(line) for line in lines] == json.loads(rows.as_json(hostile()))


def test_times_keep_nine_digits() -> None:
    """Times are RFC 3339 in UTC to the nanosecond, in JSON, CSV and Markdown."""
    frame = pl.DataFrame({"sent_at": [1_741_944_413_589_793_238]}).cast(schema.TIME)
    for write in TEXT:
        assert "2025-03-14T09:26:53.589793238Z" in write(frame)


def test_json_carries_the_raw_value() -> None:
    """A hostile value parses back unchanged, and the text itself hides nothing."""
    text = rows.as_json(hostile())
    assert json.loads(text)[0]["message_id"] == HOSTILE
    assert json.loads(text)[0]["evidence"] == [HOSTILE, "b"]
    assert hidden(text) == set()


def test_csv_tells_null_from_empty() -> None:
    """A null is an empty cell, an empty string a quoted one."""
    assert rows.as_csv(pl.DataFrame({"a": [None, ""], "b": ["x", "y"]})) == 'a,b\n,x\n"",y\n'


def test_csv_evidence_is_json() -> None:
    """The evidence's cell is a JSON array that parses to the raw sentences; a null one stays empty."""
    frame = hostile().with_columns(evidence=pl.Series([[HOSTILE, "b"], None], dtype=schema.STRINGS))
    cells = list(csv.DictReader(io.StringIO(rows.as_csv(frame))))
    assert json.loads(cells[0]["evidence"]) == [HOSTILE, "b"]
    assert cells[1]["evidence"] == ""


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20"])
def test_csv_starts_no_formula(start: str) -> None:
    """A text cell that a spreadsheet would evaluate gets an apostrophe; numbers and other cells do not."""
    frame = pl.DataFrame({"text": [f"{start}cmd", f"a{start}"], "figure": [-1, -2]})
    assert rows.as_csv(frame) == f"text,figure\n'{start}cmd,-1\na{start},-2\n"


def test_csv_has_a_record_a_row() -> None:
    """A line feed in a value never splits a record."""
    assert len(rows.as_csv(hostile()).splitlines()) == 3


def test_parquet_keeps_every_dtype() -> None:
    """A Parquet file reads back as the very same frame."""
    read = pl.read_parquet(io.BytesIO(rows.as_parquet(hostile())))
    assert read.schema == schema.HANDOFFS.schema
    assert read.equals(hostile())


def test_markdown_cells_link_nothing() -> None:
    """Addresses in cells are as `text.markdown` has them."""
    frame = pl.DataFrame({"a": ["http://a.b www.a.b c@a.b"]})
    assert rows.as_markdown(frame).splitlines()[2] == r"| http\://a.b www\.a.b c\@a.b |"


def test_markdown_cells_are_inert() -> None:
    """A hostile cell neither ends its cell nor its row; figures are rounded and nulls empty."""
    frame = pl.DataFrame({"from_team": [HOSTILE, None], "drop_rate": [1 / 3, None], "late": [True, None]})
    cell = r'=1+1\|\\x1b\[2J\\x9b\\u202e\`&lt;b&gt;\\U000e0041\\n"é'
    head = "| from team | drop rate | late |\n| --- | ---: | --- |\n"
    assert rows.as_markdown(frame) == f"{head}| {cell} | 0.333 | true |\n|  |  |  |\n"


@given(st.lists(st.text(), min_size=1))
def test_no_text_hides_anything(values: list[str]) -> None:
    """Whatever the values, no format for text puts out a character that a terminal obeys, or loses a row."""
    frame = pl.DataFrame({"name": values, "list": [[value] for value in values]})
    for write in TEXT:
        assert hidden(write(frame)) == set()
    assert [row["name"] for row in json.loads(rows.as_json(frame))] == values
    parsed = list(csv.DictReader(io.StringIO(rows.as_csv(frame))))
    assert [row["name"].removeprefix("'") for row in parsed] == [clean(value).removeprefix("'") for value in values]


def test_no_rows() -> None:
    """Without rows, JSON is an empty array, NDJSON nothing, CSV and Markdown their head."""
    frame = schema.HANDOFFS.empty()
    assert rows.as_json(frame) == "[]\n"
    assert rows.as_ndjson(frame) == ""
    assert rows.as_csv(frame) == ",".join(schema.HANDOFFS.names) + "\n"
    assert len(rows.as_markdown(frame).splitlines()) == 2
