"""Eight bytes at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from baton.wire.jit import jit_lean

if TYPE_CHECKING:
    # What compiled code computes with. NumPy's own types do not outlive its arithmetic, as mypy sees it.
    Byte: TypeAlias = Any
    """A uint8."""
    Word: TypeAlias = Any
    """A uint64."""
    Flag: TypeAlias = Any
    """A bool."""

_1, _2, _3, _4, _5, _6, _7 = (np.uint64(n) for n in range(1, 8))
_B1, _B2, _B3, _B4, _B5, _B6, _B7 = (np.uint64(8 * n) for n in range(1, 8))
_ZEROS, _TENS, _HIGH = np.uint64(0x3030303030303030), np.uint64(0x0A0A0A0A0A0A0A0A), np.uint64(0x8080808080808080)


@jit_lean
def load8(text: np.ndarray, at: Word) -> Word:
    """Eight bytes, little-endian, as a uint64: LLVM makes one load of it."""
    low = np.uint64(text[at]) | np.uint64(text[at + _1]) << _B1 | np.uint64(text[at + _2]) << _B2
    middle = np.uint64(text[at + _3]) << _B3 | np.uint64(text[at + _4]) << _B4 | np.uint64(text[at + _5]) << _B5
    return low | middle | np.uint64(text[at + _6]) << _B6 | np.uint64(text[at + _7]) << _B7


@jit_lean
def has_digit(word: Word) -> Flag:
    """Whether one of its bytes is an ASCII digit: a byte below ten once the digits' bits are taken out."""
    rest = word ^ _ZEROS
    return (rest - _TENS) & ~rest & _HIGH != np.uint64(0)
