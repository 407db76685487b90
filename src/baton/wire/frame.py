"""The arrays that `fill` writes -> a frame over them: nothing is copied."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import numpy as np
import polars as pl
import pyarrow as pa

from baton.schema import SPANS
from baton.wire import arrays
from baton.wire.places import NUMBER_COLUMNS, TEXT_COLUMNS

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from baton.wire.reading import Bytes, Words

    Buffers = Sequence[pa.Buffer]

_NEVER_NULL = frozenset({"tenant", "environment", "trace_id", "span_id", "name", "service", "service_instance"})
_NULLABLE_NUMBERS = frozenset(NUMBER_COLUMNS) - {"trace_key", "span_key", "start_ns", "end_ns", "flags", "ingested_at"}
_BINARY = frozenset(name for name, dtype in SPANS.schema.items() if dtype == pl.Binary())


def frame(filled: arrays.Target, data: Bytes) -> pl.DataFrame:
    """SPANS's columns over the arrays."""
    buffers = [pa.py_buffer(data), pa.py_buffer(filled.arena)]
    columns = {name: _text_column(name, filled.cells, buffers) for name in TEXT_COLUMNS}
    for name in NUMBER_COLUMNS:
        column = NUMBER_COLUMNS.index(name)
        stated = filled.cells.numbered[column] if name in _NULLABLE_NUMBERS else None
        columns[name] = _numbers(filled.cells.numbers[column], stated)
    columns["kind"] = _small(filled.small[arrays.KIND])
    columns["status_code"] = _small(filled.small[arrays.STATUS_CODE])
    columns |= _lists(filled, buffers)
    table = pa.Table.from_arrays([columns[name] for name in SPANS.names], SPANS.names)
    return cast("pl.DataFrame", pl.from_arrow(table))


def _lists(filled: arrays.Target, buffers: Buffers) -> dict[str, pa.Array]:
    attributes = {
        name: _list(filled.ends[list_], _attributes(filled, list_, buffers))
        for name, list_ in (("attributes", arrays.ATTRIBUTES), ("resource", arrays.RESOURCE), ("scope", arrays.SCOPE))
    }
    keys = pa.StructArray.from_arrays(_pair(filled, arrays.KEYS, buffers), ["key", "value"])
    return {
        **attributes,
        "keys": _list(filled.ends[arrays.KEYS], keys),
        "events": _list(filled.ends[arrays.EVENTS], _events(filled, buffers)),
        "links": _list(filled.ends[arrays.LINKS], _links(filled, buffers)),
    }


def _events(filled: arrays.Target, buffers: Buffers) -> pa.Array:
    events = filled.events
    attributes = _list(events.ends, _attributes(filled, arrays.EVENT_ATTRIBUTES, buffers))
    names = _texts(events.names, None, buffers)
    return pa.StructArray.from_arrays(
        [names, _numbers(events.times, events.timed), attributes], ["name", "time_ns", "attributes"]
    )


def _links(filled: arrays.Target, buffers: Buffers) -> pa.Array:
    links = filled.links
    attributes = _list(links.ends, _attributes(filled, arrays.LINK_ATTRIBUTES, buffers))
    columns = {
        "trace_id": _texts(links.trace_ids, None, buffers, pa.binary_view()),
        "span_id": _texts(links.span_ids, None, buffers, pa.binary_view()),
        "trace_key": _numbers(links.trace_keys, None),
        "span_key": _numbers(links.span_keys, None),
        "trace_state": _texts(links.states, links.stated, buffers),
        "flags": _numbers(links.flags, None),
        "attributes": attributes,
    }
    return pa.StructArray.from_arrays(list(columns.values()), list(columns))


def _attributes(filled: arrays.Target, kind: int, buffers: Buffers) -> pa.Array:
    types = filled.entries.types[int(filled.starts[kind]) : int(filled.cursors[kind])]
    return pa.StructArray.from_arrays([*_pair(filled, kind, buffers), _small(types)], ["key", "value", "type"])


def _pair(filled: arrays.Target, kind: int, buffers: Buffers) -> list[pa.Array]:
    there = slice(int(filled.starts[kind]), int(filled.cursors[kind]))
    return [_texts(filled.entries.keys[there], None, buffers), _texts(filled.entries.values[there], None, buffers)]


def _list(ends: Words, entries: pa.Array) -> pa.Array:
    offsets = np.zeros(len(ends) + 1, np.int64)
    offsets[1:] = ends
    return pa.LargeListArray.from_arrays(_numbers(offsets, None), entries)


def _text_column(name: str, spans: arrays.Cells, buffers: Buffers) -> pa.Array:
    column = TEXT_COLUMNS.index(name)
    stated = None if name in _NEVER_NULL else spans.stated[column]
    return _texts(spans.views[column], stated, buffers, pa.binary_view() if name in _BINARY else pa.string_view())


def _texts(
    views: Words,
    stated: Bytes | None,
    buffers: Buffers,
    dtype: pa.DataType = pa.string_view(),  # noqa: B008
) -> pa.Array:
    return pa.Array.from_buffers(dtype, len(views), [_bitmap(stated), pa.py_buffer(views), *buffers])


def _numbers(numbers: npt.NDArray[np.uint64 | np.int64], stated: Bytes | None) -> pa.Array:
    return pa.Array.from_buffers(pa.int64(), len(numbers), [_bitmap(stated), pa.py_buffer(numbers)])


def _small(numbers: Bytes) -> pa.Array:
    return pa.Array.from_buffers(pa.int8(), len(numbers), [None, pa.py_buffer(numbers)])


def _bitmap(stated: Bytes | None) -> pa.Buffer | None:
    return None if stated is None else pa.py_buffer(np.packbits(stated, bitorder="little"))
