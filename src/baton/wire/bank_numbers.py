"""Card numbers and IBANs in text, as people and programs write them.

- A card number has 13 to 19 digits, bare or in groups of 4 to 6 (the last of 1 to 6), the prefix and length of an
  issuer that exists, and a right check digit (Luhn, ISO/IEC 7812-1 annex B). Luhn alone passes every tenth number.
- An IBAN has its country's length, bare or in groups of four, in either case, and the right check digits (ISO 13616,
  ISO 7064 mod 97-10). It stands alone: no letter or digit touches it.
- Groups are parted by one space, `-`, `.`, `+`, `%20`, or one of Unicode's spaces and dashes.
- No card number is what stands in hex (letters touch it, and all of them are a to f, or `0x` leads it), after a
  decimal point, or within a longer run of digits. A percent escape (`%2F`) touches nothing.

By chance one of 30 random bare numbers of 16 digits is a card number, one of 90 of 13 digits, one of 770 random 63-bit
integers (19 digits: only the issuers that issue them bare; of Visa's the grouped ones), one of 100,000 ids of 16 hex
digits (those without a letter), and no time: in this era they begin with 1. (100,000 of each tried; no hit in 348,568
recorded spans.)
"""
# ruff: noqa: C901, PLR0911, PLR1714, PLR2004, SIM102 # kernels: tables as code, and bytes are numbers

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from baton.jit import jit_lean
from baton.wire.reading import load8
from baton.wire.words import has_digit

if TYPE_CHECKING:
    from baton.wire.words import Byte, Flag, Word

TEXT_BYTES_MIN = 13
"""A shorter text holds no card number; the shortest IBAN has 15 characters."""
NONE, CARD, IBAN = 0, 1, 2

# SWIFT's IBAN registry, release 99, with the countries that use IBANs without being in it left out.
IBAN_CHARS = {
    "AD": 24,
    "AE": 23,
    "AL": 28,
    "AT": 20,
    "AZ": 28,
    "BA": 20,
    "BE": 16,
    "BG": 22,
    "BH": 22,
    "BI": 27,
    "BR": 29,
    "BY": 28,
    "CH": 21,
    "CR": 22,
    "CY": 28,
    "CZ": 24,
    "DE": 22,
    "DJ": 27,
    "DK": 18,
    "DO": 28,
    "EE": 20,
    "EG": 29,
    "ES": 24,
    "FI": 18,
    "FK": 18,
    "FO": 18,
    "FR": 27,
    "GB": 22,
    "GE": 22,
    "GI": 23,
    "GL": 18,
    "GR": 27,
    "GT": 28,
    "HN": 28,
    "HR": 21,
    "HU": 28,
    "IE": 22,
    "IL": 23,
    "IQ": 23,
    "IS": 26,
    "IT": 27,
    "JO": 30,
    "KW": 30,
    "KZ": 20,
    "LB": 28,
    "LC": 32,
    "LI": 21,
    "LT": 20,
    "LU": 20,
    "LV": 21,
    "LY": 25,
    "MC": 27,
    "MD": 24,
    "ME": 22,
    "MK": 19,
    "MN": 20,
    "MR": 27,
    "MT": 31,
    "MU": 30,
    "NI": 28,
    "NL": 18,
    "NO": 15,
    "OM": 23,
    "PK": 24,
    "PL": 28,
    "PS": 29,
    "PT": 25,
    "QA": 29,
    "RO": 24,
    "RS": 22,
    "RU": 33,
    "SA": 24,
    "SC": 31,
    "SD": 18,
    "SE": 24,
    "SI": 19,
    "SK": 24,
    "SM": 27,
    "SO": 23,
    "ST": 25,
    "SV": 28,
    "TL": 23,
    "TN": 24,
    "TR": 26,
    "UA": 29,
    "VA": 22,
    "VG": 24,
    "XK": 20,
    "YE": 30,
}
LETTERS = 26
IBAN_LENGTHS = np.zeros(LETTERS * LETTERS, dtype=np.uint64)
"""By country, `AA` first; 0 where there is none."""
for _country, _chars in IBAN_CHARS.items():
    IBAN_LENGTHS[(ord(_country[0]) - ord("A")) * LETTERS + ord(_country[1]) - ord("A")] = _chars

_0, _1, _2, _3, _4, _5, _6, _8, _9, _10 = (np.uint64(n) for n in (0, 1, 2, 3, 4, 5, 6, 8, 9, 10))
_97, _100, _1000 = np.uint64(97), np.uint64(100), np.uint64(1000)
_DIGITS_MIN, _DIGITS_MAX = np.uint64(13), np.uint64(19)
_PREFIX_DIGITS = np.uint64(4)
_CASE = 0x20
_PERCENT, _POINT, _ZERO, _NINE = (ord(char) for char in "%.09")


@jit_lean
def is_digit(byte: Byte) -> Flag:
    """Of ASCII."""
    return _ZERO <= byte <= _NINE


@jit_lean
def is_letter(byte: Byte) -> Flag:
    """Of ASCII, in either case."""
    return 0x61 <= (byte | _CASE) <= 0x7A


@jit_lean
def is_hex(byte: Byte) -> Flag:
    """A hex digit in either case."""
    return _ZERO <= byte <= _NINE or 0x61 <= (byte | _CASE) <= 0x66


@jit_lean
def find(text: np.ndarray, at: Word, end: Word, lengths: np.ndarray) -> tuple[Word, Word, Word]:
    """The first card number or IBAN of `text[at:end]`; what stands before `at` touches nothing.

    Args:
        text: uint8; positions are uint64.
        at: where the text begins, or where the last one found ends.
        end: where the text ends.
        lengths: IBAN_LENGTHS; compiled code must not hold a table that may change.

    Returns:
        where it begins and ends, and CARD or IBAN; `(end, end, NONE)` if there is none.
    """
    edge = at  # no digit or letter before this touches what follows
    position = at
    while position < end:
        while end - position >= _8 and not has_digit(load8(text, position)):
            position += _8
        while position < end and not is_digit(text[position]):
            position += _1
        if position == end:
            break
        # A percent escape is another character, whatever its hex digits are.
        if position > edge and text[position - _1] == _PERCENT and position + _1 < end and is_hex(text[position + _1]):
            position += _2
            edge = position
            continue
        if position > edge + _1 and text[position - _2] == _PERCENT and is_hex(text[position - _1]):
            position += _1
            edge = position
            continue
        if _ends_escape(text, edge, position):
            edge = position
        if position >= edge + _2:
            start = position - _2
            stop = _iban(text, edge, start, end, lengths)
            if stop > start:
                return start, stop, IBAN
        run_end = position + _1
        while run_end < end and is_digit(text[run_end]):
            run_end += _1
        run = run_end - position
        if run >= _DIGITS_MIN or (_4 <= run <= _6 and separator(text, run_end, end) > _0):
            stop = _card(text, edge, position, end)
            if stop > position:
                return position, stop, CARD
        position = run_end
    return end, end, NONE


@jit_lean
def separator(text: np.ndarray, position: Word, end: Word) -> Word:
    """How many bytes the separator at `position` has; 0 if none is there."""
    if position >= end:
        return _0
    byte = text[position]
    if byte in (0x20, 0x2D, _POINT, 0x2B):
        return _1
    if byte == 0xC2:  # U+00A0
        return _2 if position + _1 < end and text[position + _1] == 0xA0 else _0
    if position + _2 >= end:
        return _0
    second, third = text[position + _1], text[position + _2]
    if byte == _PERCENT:
        return _3 if second == 0x32 and third == _ZERO else _0
    # U+2000 to U+2015 and U+202F: spaces and dashes.
    return _3 if byte == 0xE2 and second == 0x80 and (0x80 <= third <= 0x95 or third == 0xAF) else _0


@jit_lean
def _ends_escape(text: np.ndarray, edge: Word, position: Word) -> Flag:
    """Whether a percent escape stands before `position`."""
    if position < edge + _3 or text[position - _3] != _PERCENT:
        return False
    return is_hex(text[position - _2]) and is_hex(text[position - _1])


@jit_lean
def is_card(number: Word, digits: Word, grouped: Flag) -> Flag:
    """Whether a number (uint64) of so many digits is a card number: issuer and check digit."""
    if not _DIGITS_MIN <= digits <= _DIGITS_MAX:
        return False
    prefix = number
    for _ in range(digits - _PREFIX_DIGITS):
        prefix //= _10
    if not _issued(prefix, digits, grouped):
        return False
    total, rest, doubled = _0, number, False
    while rest > _0:
        digit = rest % _10
        if doubled:
            digit = digit * _2 if digit < _5 else digit * _2 - _9
        total += digit
        doubled = not doubled
        rest //= _10
    return total % _10 == _0


@jit_lean
def _issued(prefix: Word, digits: Word, grouped: Flag) -> Flag:
    """Whether an issuer's numbers begin with these four digits and have this length."""
    first, two, three = prefix // _1000, prefix // _100, prefix // _10
    if first == 4:  # Visa. Bare numbers of 19 digits that begin with 4 are 64-bit ids a thousand times as often.
        return digits == 16 or digits == 13 or (digits == 19 and grouped)
    if 51 <= two <= 55 or 2221 <= prefix <= 2720:  # Mastercard
        return digits == 16
    if two in (34, 37):  # American Express
        return digits == 15
    if two == 62:  # UnionPay
        return digits >= 16
    if prefix in (5018, 5020, 5038, 5893, 6304, 6759, 6761, 6762, 6763):  # Maestro
        return True
    if prefix == 6011 or 644 <= three <= 649 or two == 65:  # Discover; RuPay and Verve share 65
        return digits == 16 or (digits == 19 and grouped)
    if 3528 <= prefix <= 3589:  # JCB
        return digits == 16 or (digits == 19 and grouped)
    if two in (36, 38, 39) or 300 <= three <= 305 or prefix == 3095:  # Diners Club
        return digits == 14 or (digits == 16 and two != 36)
    if 2200 <= prefix <= 2204:  # Mir
        return digits == 16 or (digits >= 17 and grouped)
    if prefix == 5019 or prefix == 9792:  # Dankort, Troy
        return digits == 16
    if two == 60 or three == 508 or two in (81, 82):  # RuPay
        return digits == 16
    return 5060 <= prefix <= 5061 and digits in (16, 18, 19)  # Verve


@jit_lean
def _card(text: np.ndarray, edge: Word, start: Word, end: Word) -> Word:
    """Where the longest card number that begins at `start` ends; `start` if none does."""
    if start >= edge + _2 and text[start - _1] == _POINT and is_digit(text[start - _2]):
        return start  # a fraction
    number, digits, group, grouped = _0, _0, _0, False
    stop, position = start, start
    while True:
        if position < end and is_digit(text[position]):
            if digits == _DIGITS_MAX:
                break
            number = number * _10 + np.uint64(text[position] - _ZERO)
            digits += _1
            group += _1
            position += _1
            continue
        if grouped and group > _6:
            break
        if is_card(number, digits, grouped):
            stop = position
        step = separator(text, position, end)
        if step == _0 or not _4 <= group <= _6:
            break
        position += step
        if position >= end or not is_digit(text[position]):
            break
        group, grouped = _0, True
    if stop > start and _is_in_hex(text, edge, start, stop, end):
        return start
    return stop


@jit_lean
def _is_in_hex(text: np.ndarray, edge: Word, start: Word, stop: Word, end: Word) -> Flag:
    """Whether letters touch the digits, and all of them are hex digits; or `0x` leads them."""
    letters, hexadecimal = False, True
    position = start
    while position > edge:
        byte = text[position - _1]
        if not (is_letter(byte) or is_digit(byte)) or _ends_escape(text, edge, position):
            break
        letters = letters or is_letter(byte)
        hexadecimal = hexadecimal and is_hex(byte)
        position -= _1
    if start >= position + _2 and text[position] == _ZERO and text[position + _1] | _CASE == 0x78:
        return True
    position = stop
    while position < end:
        byte = text[position]
        if not (is_letter(byte) or is_digit(byte)):
            break
        letters = letters or is_letter(byte)
        hexadecimal = hexadecimal and is_hex(byte)
        position += _1
    return letters and hexadecimal


@jit_lean
def _iban(text: np.ndarray, edge: Word, start: Word, end: Word, lengths: np.ndarray) -> Word:
    """Where the IBAN that begins at `start` ends; `start` if none does."""
    first, second = text[start], text[start + _1]
    if not (is_letter(first) and is_letter(second)) or start + _4 > end or not is_digit(text[start + _3]):
        return start
    if start > edge and (is_letter(text[start - _1]) or is_digit(text[start - _1])):
        if not _ends_escape(text, edge, start):
            return start
    a, b = np.uint64((first | _CASE) - 0x61), np.uint64((second | _CASE) - 0x61)
    chars = lengths[a * np.uint64(LETTERS) + b]
    rest, count, position, grouped = _0, _4, start + _4, False
    while count < chars:
        if count & _3 == _0 and (grouped or count == _4):
            step = separator(text, position, end)
            if count == _4:
                grouped = step > _0
            elif step == _0:
                return start
            position += step
        if position >= end:
            return start
        byte = text[position]
        if is_digit(byte):
            rest = (rest * _10 + np.uint64(byte - _ZERO)) % _97
        elif is_letter(byte):
            rest = (rest * _100 + np.uint64((byte | _CASE) - 0x61) + _10) % _97
        else:
            return start
        count += _1
        position += _1
    if chars == _0 or (position < end and (is_letter(text[position]) or is_digit(text[position]))):
        return start
    check = np.uint64(text[start + _2] - _ZERO) * _10 + np.uint64(text[start + _3] - _ZERO)
    rest = (((rest * _100 + a + _10) * _100 + b + _10) * _100 + check) % _97
    return position if rest == _1 else start


@jit_lean
def normalize(text: np.ndarray, start: Word, stop: Word, into: np.ndarray) -> Word:
    """Writes the number without separators and in upper case to the front of `into`; returns how many bytes."""
    count, position = _0, start
    while position < stop:
        step = separator(text, position, stop)
        if step > _0:
            position += step
            continue
        byte = text[position]
        into[count] = byte & 0xDF if is_letter(byte) else byte
        count += _1
        position += _1
    return count
