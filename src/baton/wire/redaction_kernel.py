"""One pass over the bytes of an ExportTraceServiceRequest that writes it anew without what must not be kept.

What stays is copied in stretches, when something is cut out or put in between; until then nothing is written at all.
Lengths: every open message knows where its length stands in the output, and gets its new one when it closes, as a
varint of the fewest bytes; what it holds is shifted if that takes more or fewer bytes than before.

The laws of what is redacted stand in `baton.wire.redaction`. Which field is what comes from the descriptors, as
tables. All positions are uint64.
"""
# ruff: noqa: C901, PLR0911, PLR0912, PLR0913, PLR0915, PLR0917, PLR1714, PLR2004, SIM102, SIM109, FBT003 # kernels: a walk is one loop, all that it needs an argument, and bytes are numbers

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from baton.jit import jit_lean
from baton.wire.bank_numbers import IBAN_LENGTHS, NONE, TEXT_BYTES_MIN, find, is_card, normalize
from baton.wire.key_rules import FORGOTTEN, KeyRules, first_match, is_dirty, learn, recall, rule_at
from baton.wire.keyed_hash import write_hash

if TYPE_CHECKING:
    from baton.wire.words import Flag, Word

PLAIN, KEEP, DROP, HASH = 0, 1, 2, 3
"""Actions: only bank numbers are replaced; nothing is; the attribute goes; its value is hashed."""

UNKNOWN, SCALAR, TEXT, ID, MESSAGE = 0, 1, 2, 3, 4
"""Kinds of field; from MESSAGE on the number of the message's type follows."""
REQUEST, KEY_VALUE, ANY_VALUE, PAIRS = 0, 1, 2, 3
"""Types of message that the walk knows by number; the others have any number."""

UNCHANGED, CHANGED, FULL, MALFORMED = 0, 1, 2, 3
"""How a walk ended. MALFORMED cannot be of a request that was checked."""

DEPTH_MAX = 100  # of protobuf's parsers
PATH_BYTES_MAX = 256
MARK = b"hash:"
REDACTED = b"[redacted]"
TOKEN_BYTES = len(MARK) + 32

_0, _1, _2, _3, _7, _8, _10 = (np.uint64(n) for n in (0, 1, 2, 3, 7, 8, 10))
_127, _128 = np.uint64(127), np.uint64(128)
_FIELD_BITS_MAX = np.uint64(70)
_NUMBERS_MAX = np.uint64(32)
_DIGITS13 = np.uint64(10**12)
_SIGN = np.uint64(2**63)
_TEXT_MIN = np.uint64(TEXT_BYTES_MIN)
_TOKEN = np.uint64(TOKEN_BYTES)
_MARKED = np.uint64(len(MARK))
_MARK = np.frombuffer(MARK, dtype=np.uint8)
_REDACTED = np.frombuffer(REDACTED, dtype=np.uint8)
_TRUE = np.frombuffer(b"true", dtype=np.uint8)
_FALSE = np.frombuffer(b"false", dtype=np.uint8)
_ID_BYTES = np.uint64(16), np.uint64(8)
_KEY_TAG, _VALUE_TAG, _STRING_TAG, _INT_TAG = 0x0A, 0x12, 0x0A, 0x18
_STRING, _BOOL, _INT, _DOUBLE, _BYTES = (np.uint64(n) for n in (1, 2, 3, 4, 7))

# The pen: how far the request is copied, how long the output is, how many edits were made, whether it overflowed.
_COPIED, _OUT, _EDITS, _FULL = 0, 1, 2, 3
# A level of the stack: what `_push` notes.
_END, _TYPE, _ACTION, _PREFIX, _START, _MARKS, _KEY, _KEY_END = 0, 1, 2, 3, 4, 5, 6, 7
_LEVEL = 8


class Fields(NamedTuple):
    """What a field is, by type of message and field number below 32.

    Attributes:
        kind: UNKNOWN to MESSAGE and type (uint8).
        wire: its wire type (uint8).
    """

    kind: np.ndarray
    wire: np.ndarray


class Scratch(NamedTuple):
    """What one thread writes to on its way.

    Attributes:
        memo: `key_memo()`.
        words: 24 words for the hash.
        note: 64 bytes for a number's text.
        path: `PATH_BYTES_MAX` bytes for the path of a nested pair.
        stack: what is known of the open messages.
        pen: see above.
    """

    memo: np.ndarray
    words: np.ndarray
    note: np.ndarray
    path: np.ndarray
    stack: np.ndarray
    pen: np.ndarray


def scratch(memo: np.ndarray) -> Scratch:
    """Fresh, with this memo."""
    return Scratch(
        memo,
        np.zeros(24, dtype=np.uint64),
        np.zeros(64, dtype=np.uint8),
        np.zeros(PATH_BYTES_MAX, dtype=np.uint8),
        np.zeros((DEPTH_MAX + 1, _LEVEL), dtype=np.uint64),
        np.zeros(4, dtype=np.uint64),
    )


@jit_lean
def redact(
    body: np.ndarray, out: np.ndarray, fields: Fields, rules: KeyRules, keyed: np.ndarray, use: Scratch
) -> tuple[Word, Word]:
    """Writes the request to `out` without what the rules forbid.

    Returns:
        UNCHANGED to MALFORMED, and how many bytes were written (of MALFORMED: where it was met).
    """
    stack, pen = use.stack, use.pen
    for i in range(4):
        pen[i] = _0
    size = np.uint64(len(body))
    stack[0, _END] = size
    depth, position, end, type_, action = 0, _0, size, np.int64(REQUEST), np.int64(PLAIN)
    while True:
        while position == end:
            if depth == 0:
                return _finish(body, out, pen, size)
            if pen[_EDITS] != stack[depth, _MARKS]:
                _close(body, out, pen, stack[depth, _PREFIX], stack[depth, _START], end)
                if pen[_FULL] != _0:
                    return FULL, _0
            depth -= 1
            end, type_, action = stack[depth, _END], np.int64(stack[depth, _TYPE]), np.int64(stack[depth, _ACTION])
        field = position
        if end - position >= _2 and body[position] & 0x87 == 2 and body[position + _1] < 0x80:  # as most are
            number, wire = np.uint64(body[position] >> 3), _2
            start = position + _2
            stop = start + np.uint64(body[position + _1])
            position += _1
        else:
            number, wire, position = _tag(body, position, end)
            start, stop = _extent(body, position, end, number, wire)
        if stop > end:
            return MALFORMED, field
        kind = np.int64(UNKNOWN)
        if number < _NUMBERS_MAX and fields.wire[type_, number] == wire:
            kind = np.int64(fields.kind[type_, number])
        if kind == SCALAR and type_ != ANY_VALUE:
            pass
        elif kind == UNKNOWN:
            _cut(body, out, pen, field, stop)
        elif kind >= MESSAGE:
            child, command = kind - MESSAGE, action
            key, key_end = _0, _0
            if child == KEY_VALUE and action != KEEP:
                key, key_end, value = _key_of(body, start, stop)
                row = recall(body, key, key_end, use.memo)
                if row == FORGOTTEN:
                    row = learn(body, key, key_end, rules, use.memo)
                rule, dirty = rule_at(use.memo, row), is_dirty(use.memo, row)
                if type_ == PAIRS:
                    rule = min(rule, _path_rule(body, key, key_end, rules, stack, depth, use.path))
                    if rules.actions[rule] != PLAIN:
                        command = np.int64(rules.actions[rule])
                else:
                    command = np.int64(rules.actions[rule])
                if command == DROP:
                    _cut(body, out, pen, field, stop)
                    position = stop
                    continue
                if command == PLAIN and not dirty and _is_plain(body, value, stop):
                    position = stop
                    continue
            if depth == DEPTH_MAX:
                return MALFORMED, field
            stack[depth, _END] = end
            depth += 1
            level = stack[depth]
            level[_END], level[_TYPE], level[_ACTION] = stop, np.uint64(child), np.uint64(command)
            level[_PREFIX], level[_START] = _place(pen, position), _place(pen, start)
            level[_MARKS], level[_KEY], level[_KEY_END] = pen[_EDITS], key, key_end
            position, end, type_, action = start, stop, child, command
            continue
        elif action == KEEP:
            pass
        elif type_ == ANY_VALUE:
            _value(body, out, pen, number, field, position, start, stop, action, keyed, use)
        elif kind == TEXT or (stop - start not in _ID_BYTES):
            _text(body, out, pen, position, start, stop, keyed, use)
        position = stop
        if pen[_FULL] != _0:
            return FULL, _0


@jit_lean
def _finish(body: np.ndarray, out: np.ndarray, pen: np.ndarray, size: Word) -> tuple[Word, Word]:
    if pen[_EDITS] == _0:
        return UNCHANGED, _0
    _flush(body, out, pen, size)
    return (CHANGED, pen[_OUT]) if pen[_FULL] == _0 else (FULL, _0)


# --- reading ---------------------------------------------------------------------------------------------------------


@jit_lean
def _varint(body: np.ndarray, position: Word, end: Word) -> tuple[Word, Word]:
    """A varint and where it ends; beyond `end` if it is cut short or too long."""
    if position < end and body[position] < 0x80:
        return np.uint64(body[position]), position + _1
    value, shift = _0, _0
    while position < end:
        byte = np.uint64(body[position])
        position += _1
        value |= (byte & _127) << shift
        if byte < _128:
            return value, position
        shift += _7
        if shift == _FIELD_BITS_MAX:
            break
    return value, end + _1


@jit_lean
def _tag(body: np.ndarray, position: Word, end: Word) -> tuple[Word, Word, Word]:
    """Field number, wire type, where the tag ends; beyond `end` if it is cut short."""
    tag, position = _varint(body, position, end)
    return tag >> _3, tag & _7, position


@jit_lean
def _extent(body: np.ndarray, position: Word, end: Word, number: Word, wire: Word) -> tuple[Word, Word]:
    """Where the field's content begins and ends; beyond `end` if it is malformed."""
    if position > end:
        return position, end + _1
    if wire == 2:
        size, start = _varint(body, position, end)
        if start > end or size > end - start:
            return start, end + _1
        return start, start + size
    if wire == 0:
        _, stop = _varint(body, position, end)
        return position, stop
    if wire == 1 or wire == 5:
        size = _8 if wire == 1 else np.uint64(4)
        return position, position + size if size <= end - position else end + _1
    if wire == 3:
        return position, _group_end(body, position, end, number)
    return position, end + _1


@jit_lean
def _group_end(body: np.ndarray, position: Word, end: Word, number: Word) -> Word:
    """Where the group ends that began with this field number; groups in it are counted, their numbers not compared."""
    open_ = 1
    while position < end:
        inner, wire, position = _tag(body, position, end)
        if wire == 3:
            open_ += 1
        elif wire == 4:
            open_ -= 1
            if open_ == 0:
                return position if inner == number else end + _1
        else:
            _, position = _extent_flat(body, position, end, wire)
    return end + _1


@jit_lean
def _extent_flat(body: np.ndarray, position: Word, end: Word, wire: Word) -> tuple[Word, Word]:
    """`_extent` of a field that is no group: compiled code must not call itself in a circle."""
    if position > end:
        return position, end + _1
    if wire == 2:
        size, start = _varint(body, position, end)
        return start, start + size if start <= end and size <= end - start else end + _1
    if wire == 0:
        _, stop = _varint(body, position, end)
        return position, stop
    if wire == 1 or wire == 5:
        size = _8 if wire == 1 else np.uint64(4)
        return position, position + size if size <= end - position else end + _1
    return position, end + _1


@jit_lean
def _key_of(body: np.ndarray, start: Word, stop: Word) -> tuple[Word, Word, Word]:
    """Where the key of a KeyValue begins and ends (of several the last, as protobuf reads it), and the value's field.

    The value's field is where `_is_plain` may look: 0 if it must not, as the pair is no key and at most one value.
    """
    if stop - start >= _2 and body[start] == _KEY_TAG and body[start + _1] < 0x80:  # as everybody writes it
        key, key_end = start + _2, start + _2 + np.uint64(body[start + _1])
        if key_end == stop:
            return key, key_end, key_end
        if key_end + _1 < stop and body[key_end] == _VALUE_TAG and body[key_end + _1] < 0x80:
            if key_end + _2 + np.uint64(body[key_end + _1]) == stop:
                return key, key_end, key_end
    key, key_end, after, position, fields = _0, _0, _0, start, 0
    while position < stop:
        number, wire, position = _tag(body, position, stop)
        content, position = _extent(body, position, stop, number, wire)
        if position > stop:
            return key, key_end, _0
        fields += 1
        if number == _1 and wire == 2:
            key, key_end = content, position
            after = position if fields == 1 else _0
    return key, key_end, after if fields <= 2 else _0


@jit_lean
def _is_plain(body: np.ndarray, position: Word, stop: Word) -> Flag:
    """Whether the value field from `position` to `stop` is a scalar that holds no bank number: nothing to do there.

    False where it is not written the usual way; then the walk goes into it.
    """
    if position == _0:
        return False
    if position == stop:
        return True
    if body[position] != _VALUE_TAG:
        return False
    size, start = _varint(body, position + _1, stop)
    if start > stop or size != stop - start or size < _2:
        return False
    tag = body[start]
    if tag == _STRING_TAG:
        size, start = _varint(body, start + _1, stop)
        if start > stop or size != stop - start:
            return False
        if size < _TEXT_MIN:
            return True
        _, _, kind = find(body, start, stop, IBAN_LENGTHS)
        return kind == NONE
    if tag == _INT_TAG:
        number, start = _varint(body, start + _1, stop)
        return start == stop and (number < _DIGITS13 or not is_card(number, _digits(number), False))
    return tag == 0x10 and size == _2  # a bool


@jit_lean
def _digits(number: Word) -> Word:
    count = _1
    while number >= _10:
        number //= _10
        count += _1
    return count


@jit_lean
def _path_rule(
    body: np.ndarray, key: Word, key_end: Word, rules: KeyRules, stack: np.ndarray, depth: Word, path: np.ndarray
) -> Word:
    """The rule of a nested pair's path: the keys of the pairs around it and its own, with dots between.

    A path longer than `PATH_BYTES_MAX` matches nothing.
    """
    nothing = np.uint64(len(rules.ends) - 1)
    size, first = _0, True
    for level in range(1, depth + 2):
        start, stop = (key, key_end) if level > depth else (stack[level, _KEY], stack[level, _KEY_END])
        own = level > depth or np.int64(stack[level, _TYPE]) == KEY_VALUE
        if not own:
            continue
        if size + (stop - start) + _1 > np.uint64(PATH_BYTES_MAX):
            return nothing
        if not first:
            path[size] = 0x2E
            size += _1
        first = False
        for i in range(stop - start):
            path[size + i] = body[start + i]
        size += stop - start
    return first_match(path, _0, size, rules, True)


# --- redacting -------------------------------------------------------------------------------------------------------


@jit_lean
def _value(
    body: np.ndarray,
    out: np.ndarray,
    pen: np.ndarray,
    number: Word,
    field: Word,
    prefix: Word,
    start: Word,
    stop: Word,
    action: Word,
    keyed: np.ndarray,
    use: Scratch,
) -> None:
    """A scalar of an AnyValue: its field begins at `field`, its content lies from `start` to `stop`."""
    note = use.note
    if number == _STRING or number == _BYTES:
        if action != HASH:
            _text(body, out, pen, prefix, start, stop, keyed, use)
        elif stop > start:
            if _replace(body, out, pen, field, stop, _TOKEN):
                _put_token(body, start, stop, out, pen, keyed, use)
    elif number == _BOOL:
        if action == HASH:
            truth, _ = _varint(body, start, stop)
            text = _TRUE if truth != _0 else _FALSE
            for i in range(len(text)):
                note[i] = text[i]
            if _replace(body, out, pen, field, stop, _TOKEN):
                _put_token(note, _0, np.uint64(len(text)), out, pen, keyed, use)
    elif number == _INT:
        integer, _ = _varint(body, start, stop)
        _integer(body, out, pen, field, stop, integer, action, keyed, use)
    elif number == _DOUBLE:
        bits = _0
        for i in range(_8):
            bits |= np.uint64(body[start + i]) << (i * _8)
        use.words[0] = bits
        double = use.words.view(np.float64)[0]
        if abs(double) < 2.0**63 and double == np.floor(double):
            integer = np.uint64(np.int64(double))
            _integer(body, out, pen, field, stop, integer, action, keyed, use)
        elif action == HASH and _replace(body, out, pen, field, stop, np.uint64(len(_REDACTED))):
            for i in range(np.uint64(len(_REDACTED))):
                out[pen[_OUT] + i] = _REDACTED[i]
            pen[_OUT] += np.uint64(len(_REDACTED))


@jit_lean
def _integer(
    body: np.ndarray,
    out: np.ndarray,
    pen: np.ndarray,
    field: Word,
    stop: Word,
    integer: Word,
    action: Word,
    keyed: np.ndarray,
    use: Scratch,
) -> None:
    """An int, or a double without a fraction, as the two's complement in 64 bits: hashed as its decimal text."""
    negative = integer >= _SIGN
    number = _0 - integer if negative else integer
    digits = _digits(number)
    if action != HASH and (negative or number < _DIGITS13 or not is_card(number, digits, False)):
        return
    if not _replace(body, out, pen, field, stop, _TOKEN):
        return
    size = digits + (_1 if negative else _0)
    use.note[0] = 0x2D
    for i in range(digits):
        use.note[size - _1 - i] = np.uint8(0x30 + number % _10)
        number //= _10
    _put_token(use.note, _0, size, out, pen, keyed, use)


@jit_lean
def _text(
    body: np.ndarray,
    out: np.ndarray,
    pen: np.ndarray,
    prefix: Word,
    start: Word,
    stop: Word,
    keyed: np.ndarray,
    use: Scratch,
) -> None:
    """Replaces the bank numbers of a text whose length stands at `prefix`."""
    if stop - start < _TEXT_MIN:
        return
    first, last, kind = find(body, start, stop, IBAN_LENGTHS)
    if kind == NONE:
        return
    out_prefix, out_start = _place(pen, prefix), _place(pen, start)
    while kind != NONE:
        _flush(body, out, pen, first)
        if pen[_OUT] + _TOKEN > np.uint64(len(out)):
            pen[_FULL] = _1
        if pen[_FULL] != _0:
            return
        pen[_COPIED] = last
        _put_token(body, first, last, out, pen, keyed, use)
        first, last, kind = find(body, last, stop, IBAN_LENGTHS)
    pen[_EDITS] += _1
    _close(body, out, pen, out_prefix, out_start, stop)


@jit_lean
def _put_token(
    text: np.ndarray, start: Word, stop: Word, out: np.ndarray, pen: np.ndarray, keyed: np.ndarray, use: Scratch
) -> None:
    """Writes the mark and hash of a text; of one that is a bank number, of that number however it is written.

    The caller has seen to it that it fits.
    """
    for i in range(_MARKED):
        out[pen[_OUT] + i] = _MARK[i]
    first, last, kind = find(text, start, stop, IBAN_LENGTHS)
    if kind != NONE and first == start and last == stop:
        size = normalize(text, start, stop, use.note)
        write_hash(keyed, use.note, _0, size, use.words, out, pen[_OUT] + _MARKED)
    else:
        write_hash(keyed, text, start, stop, use.words, out, pen[_OUT] + _MARKED)
    pen[_OUT] += _TOKEN


# --- writing ---------------------------------------------------------------------------------------------------------


@jit_lean
def _place(pen: np.ndarray, position: Word) -> Word:
    """Where the output has, or will have, what stands at `position` of the request."""
    return pen[_OUT] + (position - pen[_COPIED])


@jit_lean
def _flush(body: np.ndarray, out: np.ndarray, pen: np.ndarray, upto: Word) -> None:
    """Copies the request up to `upto`."""
    copied, written = pen[_COPIED], pen[_OUT]
    count = upto - copied
    if count > np.uint64(len(out)) - written:
        pen[_FULL] = _1
        return
    for i in range(count):
        out[written + i] = body[copied + i]
    pen[_COPIED], pen[_OUT] = upto, written + count


@jit_lean
def _cut(body: np.ndarray, out: np.ndarray, pen: np.ndarray, start: Word, stop: Word) -> None:
    """Leaves out a stretch of the request."""
    _flush(body, out, pen, start)
    pen[_COPIED] = stop
    pen[_EDITS] += _1


@jit_lean
def _replace(body: np.ndarray, out: np.ndarray, pen: np.ndarray, field: Word, stop: Word, size: Word) -> Flag:
    """Puts the head of a string_value of `size` bytes, at most 127, in a field's place; False if it is too much."""
    _cut(body, out, pen, field, stop)
    written = pen[_OUT]
    if written + size + _2 > np.uint64(len(out)):
        pen[_FULL] = _1
    if pen[_FULL] != _0:
        return False
    out[written] = _STRING_TAG
    out[written + _1] = size
    pen[_OUT] = written + _2
    return True


@jit_lean
def _close(body: np.ndarray, out: np.ndarray, pen: np.ndarray, prefix: Word, start: Word, end: Word) -> None:
    """Ends an edited message or text at `end`: writes its length to the output at `prefix`; it begins at `start`."""
    _flush(body, out, pen, end)
    written = pen[_OUT]
    size = written - start
    width, rest = _1, size
    while rest >= _128:
        rest >>= _7
        width += _1
    begin = prefix + width
    if begin + size > np.uint64(len(out)):
        pen[_FULL] = _1
    if pen[_FULL] != _0:
        return
    if begin < start:
        for i in range(size):
            out[begin + i] = out[start + i]
    elif begin > start:
        for i in range(size):
            out[begin + size - _1 - i] = out[start + size - _1 - i]
    pen[_OUT] = begin + size
    for i in range(width):
        more = _128 if i + _1 < width else _0
        out[prefix + i] = np.uint8((size >> (i * _7)) & _127 | more)
