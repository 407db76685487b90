from __future__ import annotations

import random
from typing import TYPE_CHECKING

import polars as pl
import pytest

from baton.journal.record import Record
from baton.limits import PART_ROWS_MAX, SMALL_PARTS_MAX
from baton.schema import SPANS
from baton.store import delta, rewrite
from baton.store.delta import Part
from baton.store.rewrite import Rewrite
from baton.wire.decode import decode
from baton.wire.otlp_json import to_protobuf

if TYPE_CHECKING:
    from pathlib import Path

RICH = b"""{"resourceSpans":[{"resource":{"attributes":[{"key":"a","value":{"stringValue":"\xc3\xa9"}}]},"scopeSpans":[{
"scope":{"name":"s","attributes":[{"key":"b","value":{}}]},"spans":[
{"traceId":"00000000000000000000000000000001","spanId":"0000000000000001","name":"bare"},
{"traceId":"ff000000000000000000000000000000","spanId":"ff00000000000000","parentSpanId":"0000000000000001",
"name":"","startTimeUnixNano":"9223372036854775807","attributes":[{"key":"","value":{"stringValue":""}},
{"key":"f","value":{"doubleValue":1e300}},{"key":"order.id","value":{"stringValue":"o"}}],
"events":[{"name":"e"},{"timeUnixNano":"1","attributes":[{"key":"k","value":{"bytesValue":"AAEC"}}]}],
"links":[{"traceId":"00000000000000000000000000000002","spanId":"0000000000000002","attributes":[
{"key":"k","value":{"arrayValue":{"values":[{"intValue":"1"}]}}}]}],"status":{"code":2,"message":"m"}}]}]}]}"""


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """An empty table of SPANS."""
    delta.create(tmp_path / "spans", SPANS)
    return tmp_path / "spans"


def parts(*rows: int) -> list[Part]:
    """Files with so many rows."""
    return [Part(f"part-{number}", count, count * 70) for number, count in enumerate(rows)]


def test_rows_come_out_as_they_went_in(table: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bit for bit, nested lists, nulls, empty lists and binary ids included, in their order, over row groups."""
    spans = decode([Record(1, "t", to_protobuf(RICH))])
    monkeypatch.setattr(delta, "ROW_GROUP_ROWS_MAX", 1000)
    many = pl.concat([spans] * 2_600)
    groups = [[delta.write_part(table, many.head(5_001)), delta.write_part(table, many.tail(199))]]
    done = rewrite.rewrite(table, groups, None)
    (made,) = done.added
    again = pl.read_parquet(table / made.name)
    assert (made.rows, made.size_bytes) == (5_200, (table / made.name).stat().st_size)
    assert again.schema == SPANS.schema
    assert again.equals(many)
    assert pl.read_parquet_schema(table / made.name) == SPANS.schema


def test_few_files_are_left_alone(table: Path) -> None:
    """And large ones always; a rewrite of nothing changes nothing."""
    assert not rewrite.is_due(parts(*[10] * (SMALL_PARTS_MAX - 1), *[PART_ROWS_MAX] * 100))
    assert rewrite.is_due(parts(*[10] * SMALL_PARTS_MAX))
    assert rewrite.compact(table, None, everything=True) == Rewrite([], [])


def test_groups_make_files_of_some_size_the_oldest_first() -> None:
    """A file that has reached it is closed."""
    third = PART_ROWS_MAX // 3 + 1
    found = rewrite._groups(parts(third, PART_ROWS_MAX, third, third, third, third), everything=True)
    assert [[part.name[-1] for part in group] for group in found] == [["0", "2", "3"], ["4", "5"]]


def test_each_row_is_written_few_times() -> None:
    """Ten thousand drains: the number of files stays small, and no row is written more than some ten times."""
    rng = random.Random(5)
    held: list[Part] = []
    written = total = 0
    for number in range(10_000):
        rows = rng.randrange(1, 400)
        held.append(Part(f"d{number}", rows, 0))
        total += rows
        for group in rewrite._groups(held, everything=False):
            held = [part for part in held if part not in group]
            held.append(Part(f"c{number}", sum(part.rows for part in group), 0))
            written += held[-1].rows
        assert len(held) < 2 * SMALL_PARTS_MAX
    assert sum(part.rows for part in held) == total
    assert written < 10 * total


def test_a_rewrite_crosses_a_pipe() -> None:
    """What a child process did comes back as it was."""
    done = Rewrite(parts(1, 2), parts(3))
    assert Rewrite.from_json(done.to_json()) == done
