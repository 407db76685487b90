"""Which attribute fills which column: one table, drawn from the schema's aliases.

- A value goes to the column that its name names (`messaging.system`), if it fits: into a String column any scalar,
  into an Int64 column an int or a string of digits.
- Of two names of one column the one listed first in the schema wins; of one name given twice the last wins.
- What does not fit and what loses stays in `attributes`, in the order sent: nothing is dropped.
- A journey or grouping key goes to `keys`, each time it is given; an empty one would join strangers and stays in
  `attributes`.
- An empty string fills no column of a resource, as if it were absent: SDKs write empty versions and namespaces.

The kernels know a column by its place among the texts (`TEXT_COLUMNS`), or by `NUMBERS` and its place among the
numbers (`NUMBER_COLUMNS`).
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from baton.schema import GROUPING_KEYS, JOURNEY_KEYS, RESOURCE_ALIASES, SPANS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from baton.wire.reading import Words

CONTEXT_COLUMNS = (
    "tenant",
    "environment",
    "service",
    "service_namespace",
    "service_version",
    "service_instance",
    "scope_name",
    "scope_version",
    "schema_url",
)
"""Texts that a request, a resource or a scope says of all its spans."""

_SPAN_TEXTS = ("trace_id", "span_id", "parent_span_id", "name", "status_message", "trace_state", "exception_type")
_SPAN_NUMBERS = ("trace_key", "span_key", "parent_key", "start_ns", "end_ns", "flags", "ingested_at")
_ALIASED = {column.name: column.dtype.is_integer() for column in SPANS.columns if column.aliases}

TEXT_COLUMNS = (*CONTEXT_COLUMNS, *_SPAN_TEXTS, *(name for name, integer in _ALIASED.items() if not integer))
NUMBER_COLUMNS = (*_SPAN_NUMBERS, *(name for name, integer in _ALIASED.items() if integer))

CONTEXT_TEXTS = len(CONTEXT_COLUMNS)
(TENANT, ENVIRONMENT, SERVICE, _NAMESPACE, _VERSION, SERVICE_INSTANCE, SCOPE_NAME, SCOPE_VERSION, SCHEMA_URL) = range(9)
TRACE_ID, SPAN_ID, PARENT_SPAN_ID, NAME, STATUS_MESSAGE, TRACE_STATE, EXCEPTION_TYPE = range(9, 16)
TRACE_KEY, SPAN_KEY, PARENT_KEY, START_NS, END_NS, FLAGS, INGESTED_AT = range(7)

NUMBERS = np.uint64(64)
COLUMNS = 128
NOWHERE = np.uint64(2**64 - 1)

SLOTS = 512
"""Of the table of names, which holds a few dozen: most other names meet an empty one at once."""
_MIXER, _MIX_SHIFT = np.uint64(0x9E3779B1), np.uint64(23)
_HALF, _LOW, _TURN, _TURN_BACK = np.uint64(32), np.uint64(2**32 - 1), np.uint64(13), np.uint64(51)
_WORD = 8


class Names(NamedTuple):
    """The names of attributes that fill columns or are keys.

    Attributes:
        slots: by `slot`: a name's number, or NOWHERE; names of one slot stand one after the other.
        lengths: bytes of each.
        heads: the first eight of them, little-endian; fewer of a shorter name.
        tails: the last eight, the same.
        starts: where each stands in `text`.
        text: all of them.
        columns: the column that each fills, or NOWHERE.
        ranks: of two names of one column the lower rank wins.
        keys: 1 for a journey or grouping key.
        fills_empty: 1 where an empty text fills the column.
    """

    slots: Words
    lengths: Words
    heads: Words
    tails: Words
    starts: Words
    text: np.ndarray[tuple[int], np.dtype[np.uint8]]
    columns: Words
    ranks: Words
    keys: Words
    fills_empty: Words


def slot(head: np.uint64, tail: np.uint64, length: np.uint64) -> np.uint64:
    """The slot of a name: its hash. No product goes beyond 64 bits."""
    word = head ^ (tail << _TURN | tail >> _TURN_BACK) ^ length
    return ((word ^ word >> _HALF) & _LOW) * _MIXER >> _MIX_SHIFT & np.uint64(SLOTS - 1)


@cache
def span_names() -> Names:
    """The names that mean something on a span."""
    aliases = {name: (_place(column), rank) for name, (column, rank) in SPANS.aliases().items()}
    keys = JOURNEY_KEYS + GROUPING_KEYS
    return _names([(name, *place, 0, 1) for name, place in aliases.items()] + [(key, -1, 0, 1, 0) for key in keys])


@cache
def resource_names() -> Names:
    """The names that mean something on a resource."""
    return _names(
        (alias, _place(column), rank, 0, 0)
        for column, aliases in RESOURCE_ALIASES.items()
        for rank, alias in enumerate(aliases)
    )


def _place(column: str) -> int:
    return TEXT_COLUMNS.index(column) if column in TEXT_COLUMNS else int(NUMBERS) + NUMBER_COLUMNS.index(column)


def _names(rows: Iterable[tuple[str, int, int, int, int]]) -> Names:
    """The table of (name, column or -1, rank, whether a key, whether an empty text fills it)."""
    texts, columns, ranks, keys, fills_empty = zip(*rows, strict=True)
    encoded = [text.encode() for text in texts]
    lengths = np.array([len(text) for text in encoded], np.uint64)
    heads = np.array([int.from_bytes(text[:_WORD], "little") for text in encoded], np.uint64)
    tails = np.array([int.from_bytes(text[-_WORD:], "little") for text in encoded], np.uint64)
    slots = np.full(SLOTS, NOWHERE)
    for name in range(len(encoded)):
        at = int(slot(heads[name], tails[name], lengths[name]))
        while slots[at] != NOWHERE:
            at = (at + 1) % SLOTS
        slots[at] = name
    return Names(
        slots,
        lengths,
        heads,
        tails,
        np.cumsum([0, *lengths[:-1]], dtype=np.uint64),
        np.frombuffer(b"".join(encoded) + bytes(_WORD), np.uint8),
        np.array(columns, np.int64).view(np.uint64),
        np.array(ranks, np.uint64),
        np.array(keys, np.uint64),
        np.array(fills_empty, np.uint64),
    )
