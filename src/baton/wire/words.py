"""Eight bytes at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from baton.jit import jit_lean

if TYPE_CHECKING:
    # What compiled code computes with. NumPy's own types do not outlive its arithmetic, as mypy sees it.
    Byte: TypeAlias = Any
    """A uint8."""
    Word: TypeAlias = Any
    """A uint64."""
    Flag: TypeAlias = Any
    """A bool."""

_ZEROS, _TENS, _HIGH = np.uint64(0x3030303030303030), np.uint64(0x0A0A0A0A0A0A0A0A), np.uint64(0x8080808080808080)


@jit_lean
def has_digit(word: Word) -> Flag:
    """Whether one of its bytes is an ASCII digit: a byte below ten once the digits' bits are taken out."""
    rest = word ^ _ZEROS
    return (rest - _TENS) & ~rest & _HIGH != np.uint64(0)
