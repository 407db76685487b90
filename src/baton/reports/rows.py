"""Frames as rows for programs: JSON, NDJSON, CSV, Parquet, and as a Markdown table.

One object or line a row, columns in the frame's order. Nulls are JSON null, and empty in CSV (an empty string is `""`)
and Markdown. Times are RFC 3339 in UTC with nine digits; Parquet keeps every dtype. A list of strings is an array in
JSON, a JSON array's text in CSV, its sentences in Markdown. `baton.reports.text` says what hostile content becomes.
Polars does the work by column: 200,000 handoffs take about two seconds.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import polars as pl
import polars.selectors as cs

from baton.reports.text import ENTITIES, FORMULA_PATTERN, HIDDEN_PATTERN, LINKED, MARKDOWN_PATTERN, clean, json_escaped

if TYPE_CHECKING:
    from collections.abc import Callable

RFC3339 = "%Y-%m-%dT%H:%M:%S%.9fZ"
"""A time in UTC with nine digits, for `strftime`."""


def as_ndjson(frame: pl.DataFrame) -> str:
    """One JSON object a line; nothing without rows. NaN becomes null, since JSON has none."""
    return "".join(f"{line}\n" for line in _json_lines(frame))


def as_json(frame: pl.DataFrame) -> str:
    """A JSON array of objects, one a line."""
    lines = ",\n".join(_json_lines(frame))
    return f"[\n{lines}\n]\n" if lines else "[]\n"


def as_csv(frame: pl.DataFrame) -> str:
    """CSV as RFC 4180 has it, with a header and lines that end in a line feed."""
    arrays = [_respelled(_json_text(column), json_escaped) for column in frame.select(cs.list()).iter_columns()]
    return (
        _cells(frame.with_columns(arrays)).with_columns(cs.string().str.replace(FORMULA_PATTERN, "'${1}")).write_csv()
    )


def as_parquet(frame: pl.DataFrame) -> bytes:
    """A Parquet file."""
    buffer = io.BytesIO()
    frame.write_parquet(buffer)
    return buffer.getvalue()


def as_markdown(frame: pl.DataFrame) -> str:
    """A table as GitHub's Markdown has it; numbers stand to the right."""
    cells = _cells(frame.with_columns(cs.list().list.join(" ")))
    header = " | ".join(name.replace("_", " ") for name in cells.columns)
    rule = " | ".join("---:" if dtype.is_numeric() else "---" for dtype in cells.dtypes)
    inert = (_markdown_cell(pl.col(name), dtype).fill_null("") for name, dtype in cells.schema.items())
    rows = cells.select(pl.concat_str(list(inert), separator=" | ")).to_series()
    return "".join(f"| {row} |\n" for row in (header, rule, *rows))


def _json_lines(frame: pl.DataFrame) -> list[str]:
    """A JSON object a row. Polars escapes C0 only; Python touches the lines that hide something else."""
    lines = _with_times(frame).write_ndjson().split("\n")[:-1] if frame.height else []
    for number in pl.Series(lines, dtype=pl.String).str.contains(HIDDEN_PATTERN).arg_true():
        lines[number] = json_escaped(lines[number])
    return lines


def _with_times(frame: pl.DataFrame) -> pl.DataFrame:
    """The frame with its times as text."""
    return frame.with_columns(cs.datetime().dt.strftime(RFC3339))


def _cells(frame: pl.DataFrame) -> pl.DataFrame:
    """A frame without lists, its times as text and every text cleaned."""
    flat = _with_times(frame)
    return flat.with_columns(_respelled(column, clean) for column in flat.select(cs.string()).iter_columns())


def _json_text(column: pl.Series) -> pl.Series:
    """A list column as the text of JSON arrays; null stays null. Polars encodes structs only, so one is put around."""
    wrapped = column.to_frame("list").to_struct().struct.json_encode()
    arrays = wrapped.str.strip_prefix('{"list":').str.strip_suffix("}")
    return arrays.set(column.is_null(), None).alias(column.name)


def _respelled(column: pl.Series, spell: Callable[[str], str]) -> pl.Series:
    """A String column spelt anew: Python touches only the distinct values that hide something."""
    hiding = column.filter(column.str.contains(HIDDEN_PATTERN)).unique()
    return column.replace(hiding, pl.Series([spell(value) for value in hiding], dtype=pl.String))


def _markdown_cell(cell: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    """A cleaned cell, inert in Markdown; of a number its figures, at most three after the point."""
    if dtype.is_float():
        return cell.round(3).cast(pl.String)
    if dtype != pl.String:
        return cell.cast(pl.String)
    for raw, entity in ENTITIES:
        cell = cell.str.replace_all(raw, entity, literal=True)
    cell = cell.str.replace_all(MARKDOWN_PATTERN, r"\${1}")
    for raw, unlinked in LINKED:
        cell = cell.str.replace_all(raw, unlinked, literal=True)
    return cell
