"""Texts of doubles, bytes, arrays and kvlists, as Arrow views over an arena.

What `rendering` does not make is made here, in Python, once however often the same attribute comes.
"""

from __future__ import annotations

from itertools import chain, islice
from typing import TYPE_CHECKING

import numpy as np
from opentelemetry.proto.common.v1.common_pb2 import KeyValue

from baton.wire.rendering import TEXT_RATIO_MAX, render
from baton.wire.scan import ARRAY, BYTES, DOUBLE, SPECIAL_BITS, SPECIAL_START, SPECIAL_STOP, SPECIAL_TYPE
from baton.wire.values import double_text, text_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

    from baton.wire.reading import Bytes, Words

ARENA = 1
"""The arena's number among the buffers of a view."""

BLOCK = 65_536
"""Texts laid at once: as objects they take ten times their room."""

INLINE_BYTES_MAX = 12
VIEW_BYTES = 16


def rendered(data: Bytes, specials: Words) -> tuple[Bytes, Words, npt.NDArray[np.bool]]:
    """The texts that `rendering` makes of `scan`'s specials, for the arena's start; all views, and which are made."""
    plain = np.isin(specials[:, SPECIAL_TYPE], [ARRAY, BYTES])
    size = int((specials[plain, SPECIAL_STOP] - specials[plain, SPECIAL_START]).sum())
    arena = np.zeros(TEXT_RATIO_MAX * size + VIEW_BYTES, np.uint8)
    text_views = np.zeros((len(specials), 2), np.uint64)
    made = np.zeros(len(specials), np.uint8)
    used = int(render(data, specials, arena, text_views, made))
    return arena[:used], text_views, made.astype(np.bool)


def special_texts(body: bytes, specials: Words) -> tuple[Iterator[bytes], npt.NDArray[np.intp]]:
    """The texts of specials, each once, and for each special the number of its text."""
    number = np.empty(len(specials), np.intp)
    is_double = specials[:, SPECIAL_TYPE] == DOUBLE
    bits, number[is_double] = np.unique(specials[is_double, SPECIAL_BITS], return_inverse=True)
    seen: dict[bytes, int] = {}
    others = specials[~is_double][:, [SPECIAL_START, SPECIAL_STOP]].tolist()
    number[~is_double] = [len(bits) + seen.setdefault(body[start:stop], len(seen)) for start, stop in others]
    doubles = (double_text(float(double)).encode() for double in bits.view(np.float64))
    return chain(doubles, (text_of(KeyValue.FromString(attribute))[0].encode() for attribute in seen)), number


def laid(texts: Iterator[bytes], base: int) -> tuple[bytearray, Words]:
    """Texts one after the other, and their views where the first stands at `base` of the arena: shape (text, 2)."""
    joined, views = bytearray(), [np.zeros((0, 2), np.uint64)]
    while block := list(islice(texts, BLOCK)):
        views.append(_views(block, base + len(joined)))
        joined += b"".join(block)
    return joined, np.concatenate(views)


def _views(texts: list[bytes], base: int) -> Words:
    lengths = np.array([len(text) for text in texts], np.int64)
    starts = np.cumsum(lengths) - lengths
    arena = np.frombuffer(b"".join(texts) + bytes(INLINE_BYTES_MAX), np.uint8)
    made = np.zeros((len(texts), VIEW_BYTES), np.uint8)
    made[:, :4] = lengths.astype("<u4").view(np.uint8).reshape(-1, 4)
    column = np.arange(INLINE_BYTES_MAX)
    head = arena[starts[:, None] + column]
    long = lengths > INLINE_BYTES_MAX
    made[:, 4:] = np.where(column < np.where(long, 4, lengths)[:, None], head, 0)
    made[long, 8:12] = np.array([ARENA], "<u4").view(np.uint8)
    made[long, 12:] = (starts[long] + base).astype("<u4").view(np.uint8).reshape(-1, 4)
    return made.view(np.uint64)
