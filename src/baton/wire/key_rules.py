"""Which rule holds for an attribute's key: globs in order, the first that matches.

`*` stands for any characters, dots included; ASCII case does not matter, and `-` and `_` are alike: HTTP headers are
written in either case, and older conventions turned their dashes into underscores.
"""
# ruff: noqa: PLR0913, PLR0917, PLR2004, FBT003 # kernels: all that they need is an argument

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from baton.jit import jit_lean
from baton.wire.bank_numbers import IBAN_LENGTHS, NONE, find
from baton.wire.reading import load8

if TYPE_CHECKING:
    from collections.abc import Sequence

    from baton.wire.words import Byte, Flag, Word

MEMO_KEY_BYTES = 64
MEMO_SLOTS = 4096
"""A power of two; a process sees some hundreds of keys."""

_SIZE, _RULE_LOW, _RULE_HIGH, _DIRTY = 64, 65, 66, 67
_0, _1, _2, _8 = np.uint64(0), np.uint64(1), np.uint64(2), np.uint64(8)
_KEY_MAX, _SLOT_MASK = np.uint64(MEMO_KEY_BYTES), np.uint64(MEMO_SLOTS - 1)
_ODD, _SHIFT = np.uint64(0x9E3779B97F4A7C15), np.uint64(40)
FORGOTTEN = np.uint64(2**64 - 1)
_STAR, _DASH, _DOT = 0x2A, 0x2D, 0x2E


class KeyRules(NamedTuple):
    """Globs as arrays.

    Attributes:
        globs: all of them, folded, end to end (uint8).
        ends: where each ends in `globs` (uint64), after a leading 0.
        actions: what each commands (uint8), and a last one for a key that none matches.
        dotted: whether each has a dot, and so may match the path of a nested pair (bool).
    """

    globs: np.ndarray
    ends: np.ndarray
    actions: np.ndarray
    dotted: np.ndarray


def key_rules(rules: Sequence[tuple[str, int]], otherwise: int) -> KeyRules:
    """Of (glob, action) in order of precedence, and the action of a key that none matches."""
    globs = [glob.encode().lower().replace(b"_", b"-") for glob, _ in rules]
    return KeyRules(
        np.frombuffer(b"".join(globs) or b"\0", dtype=np.uint8),
        np.cumsum([0, *map(len, globs)]).astype(np.uint64),
        np.array([*(action for _, action in rules), otherwise], dtype=np.uint8),
        np.array([*(b"." in glob for glob in globs), False], dtype=np.bool_),
    )


def key_memo() -> np.ndarray:
    """An empty memo: a row holds a key, its size (0 none), its rule, and whether it is dirty.

    Two keys of one slot turn each other out, so it is bounded; it belongs to one thread.
    """
    return np.zeros((MEMO_SLOTS + 1, MEMO_KEY_BYTES + 8), dtype=np.uint8)


@jit_lean
def recall(text: np.ndarray, start: Word, stop: Word, memo: np.ndarray) -> Word:
    """The memo's row for the key `text[start:stop]`; 2**64 - 1 if it is not there: then `learn` it."""
    size = stop - start
    if size == _0 or size > _KEY_MAX:
        return FORGOTTEN
    slot = _slot(text, start, stop, size)
    for way in range(_2):
        row = memo[slot ^ way]
        if row[_SIZE] == size and _is_same(text, start, row, size):
            return slot ^ way
    return FORGOTTEN


@jit_lean
def learn(text: np.ndarray, start: Word, stop: Word, rules: KeyRules, memo: np.ndarray) -> Word:
    """Puts a key into the memo, at the row returned; of one too long or empty, into a row where none is found."""
    size = stop - start
    slot = np.uint64(MEMO_SLOTS)
    if _0 < size <= _KEY_MAX:
        slot = _slot(text, start, stop, size)
        row, other = memo[slot], memo[slot ^ _1]
        for i in range(_DIRTY + 1):
            other[i] = row[i]
        for i in range(size):
            row[i] = text[start + i]
        row[_SIZE] = size
    row = memo[slot]
    rule = first_match(text, start, stop, rules, False)
    row[_RULE_LOW], row[_RULE_HIGH] = rule & np.uint64(255), rule >> _8
    row[_DIRTY] = _has_number(text, start, stop)
    return slot


@jit_lean
def rule_at(memo: np.ndarray, slot: Word) -> Word:
    """The number of the rule of the key in that row."""
    return np.uint64(memo[slot, _RULE_LOW]) | np.uint64(memo[slot, _RULE_HIGH]) << _8


@jit_lean
def is_dirty(memo: np.ndarray, slot: Word) -> Flag:
    """Whether a bank number stands in the key in that row itself."""
    return memo[slot, _DIRTY] != 0


@jit_lean
def first_match(text: np.ndarray, start: Word, stop: Word, rules: KeyRules, dotted_only: Flag) -> Word:
    """The number of the first rule whose glob matches `text[start:stop]`; one more than the last if none does."""
    count = np.uint64(len(rules.ends) - 1)
    for rule in range(count):
        if dotted_only and not rules.dotted[rule]:
            continue
        if _matches(rules.globs, rules.ends[rule], rules.ends[rule + _1], text, start, stop):
            return rule
    return count


@jit_lean
def _fold(byte: Byte) -> Word:
    if 0x41 <= byte <= 0x5A:
        return byte | 0x20
    return _DASH if byte == 0x5F else byte


@jit_lean
def _matches(globs: np.ndarray, first: Word, last: Word, text: np.ndarray, start: Word, stop: Word) -> Flag:
    """Whether the glob matches: first what follows its last star, then from the front, star by star."""
    while last > first and globs[last - _1] != _STAR:
        if stop == start or _fold(text[stop - _1]) != globs[last - _1]:
            return False
        last -= _1
        stop -= _1
    position, starred, glob_retry, retry = start, False, first, start
    while position < stop:
        if first < last and globs[first] == _STAR:
            starred, glob_retry, retry = True, first + _1, position
            first += _1
            if first == last:
                return True
        elif first < last and globs[first] == _fold(text[position]):
            first += _1
            position += _1
        elif starred:
            retry += _1
            first, position = glob_retry, retry
        else:
            return False
    while first < last and globs[first] == _STAR:
        first += _1
    return first == last


@jit_lean
def _slot(text: np.ndarray, start: Word, stop: Word, size: Word) -> Word:
    first, last = _0, _0
    if size >= _8:
        first, last = load8(text, start), load8(text, stop - _8)
    else:
        for i in range(size):
            first = first << _8 | np.uint64(text[start + i])
    mixed = (first ^ size) * _ODD ^ last
    mixed = (mixed ^ mixed >> np.uint64(29)) * _ODD
    return mixed >> _SHIFT & _SLOT_MASK


@jit_lean
def _is_same(text: np.ndarray, start: Word, row: np.ndarray, size: Word) -> Flag:
    difference = _0
    if size >= _8:
        for i in range(size >> np.uint64(3)):
            difference |= load8(text, start + (i << np.uint64(3))) ^ load8(row, i << np.uint64(3))
        return (difference | load8(text, start + size - _8) ^ load8(row, size - _8)) == _0
    for i in range(size):
        difference |= np.uint64(text[start + i] ^ row[i])
    return difference == _0


@jit_lean
def _has_number(text: np.ndarray, start: Word, stop: Word) -> Flag:
    _, _, kind = find(text, start, stop, IBAN_LENGTHS)
    return kind != NONE
