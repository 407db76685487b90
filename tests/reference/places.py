"""Which attribute fills which column: the law of `baton.wire.places`, attribute by attribute."""

from __future__ import annotations

from typing import TypeAlias

from baton.schema import GROUPING_KEYS, JOURNEY_KEYS, RESOURCE_ALIASES, SPANS
from baton.wire.values import INT, SCALARS, STRING

KEYS = frozenset(JOURNEY_KEYS + GROUPING_KEYS)
"""Span attributes that go to `keys`."""

INTEGER_COLUMNS = frozenset(name for name, dtype in SPANS.schema.items() if dtype.is_integer())

_SPAN_PLACES = SPANS.aliases()
_RESOURCE_PLACES = {
    alias: (column, rank) for column, aliases in RESOURCE_ALIASES.items() for rank, alias in enumerate(aliases)
}
_DIGITS_MAX = 19  # of an Int64
_INT64_MIN, _INT64_MAX = -(2**63), 2**63 - 1

Attribute: TypeAlias = tuple[str, str, int]
"""Key, text, AnyValue field number."""

Place: TypeAlias = tuple[str, int]
"""Column, rank: the lower rank wins."""

Held: TypeAlias = dict[str, tuple[int, int, Attribute]]
"""Column -> rank, turn and attribute that hold it so far."""


def span_place(attribute: Attribute) -> Place | None:
    """The column that the span's attribute fills, or None."""
    key, text, type_ = attribute
    place = _SPAN_PLACES.get(key)
    if place is None or type_ not in SCALARS:
        return None
    return place if place[0] not in INTEGER_COLUMNS or type_ == INT or _is_int64(text, type_) else None


def resource_place(attribute: Attribute) -> Place | None:
    """The column that the resource's attribute fills, or None."""
    key, text, type_ = attribute
    return _RESOURCE_PLACES.get(key) if text and type_ in SCALARS else None


def take(held: Held, place: Place, turn: int, attribute: Attribute) -> None:
    """Puts the attribute into `held` if it wins its place."""
    column, rank = place
    if column not in held or held[column][0] >= rank:
        held[column] = (rank, turn, attribute)


def _is_int64(text: str, type_: int) -> bool:
    digits = text.removeprefix("-")
    if type_ != STRING or len(digits) > _DIGITS_MAX or not (digits.isascii() and digits.isdigit()):
        return False
    return _INT64_MIN <= int(text) <= _INT64_MAX
