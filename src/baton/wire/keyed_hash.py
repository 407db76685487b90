"""Keyed BLAKE2b (RFC 7693) with a digest of 16 bytes, as compiled code: the same as hashlib's, without a call a value.

Hashing stays within the kernel because values may all differ: a memo in Python would cost a call a span.
"""
# ruff: noqa: PLR0913, PLR0917, PLR2004, FBT003 # kernels: all that they need is an argument

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from baton.jit import jit_lean

if TYPE_CHECKING:
    from baton.wire.words import Flag, Word

DIGEST_BYTES = 16
BLOCK_BYTES = 128
KEY_BYTES_MAX = 64  # of BLAKE2b

IV = np.array(
    [
        *(0x6A09E667F3BCC908, 0xBB67AE8584CAA73B, 0x3C6EF372FE94F82B, 0xA54FF53A5F1D36F1),
        *(0x510E527FADE682D1, 0x9B05688C2B3E6C1F, 0x1F83D9ABFB41BD6B, 0x5BE0CD19137E2179),
    ],
    dtype=np.uint64,
)
SIGMA = np.array(
    [
        [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15],
        [14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3],
        [11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4],
        [7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8],
        [9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13],
        [2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9],
        [12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11],
        [13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10],
        [6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5],
        [10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0],
        [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15],
        [14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3],
    ],
    dtype=np.uint8,
)

_0, _1, _3, _7, _8, _32 = (np.uint64(n) for n in (0, 1, 3, 7, 8, 32))
_R16, _R24, _R63 = np.uint64(16), np.uint64(24), np.uint64(63)
_R48, _R40 = np.uint64(48), np.uint64(40)
_BLOCK = np.uint64(BLOCK_BYTES)


def keyed_state(key: bytes) -> np.ndarray:
    """The state (8 words) after the key's block, from which every value's hash begins.

    Args:
        key: 1 to `KEY_BYTES_MAX` bytes.
    """
    state = IV.copy()
    state[0] ^= np.uint64(0x01010000 ^ len(key) << 8 ^ DIGEST_BYTES)
    block = np.zeros(BLOCK_BYTES, dtype=np.uint8)
    block[: len(key)] = np.frombuffer(key, dtype=np.uint8)
    words = np.zeros(16, dtype=np.uint64)
    _load(block, _0, _BLOCK, words)
    _compress(state, words, _BLOCK, False)
    return state


@jit_lean
def write_hash(
    keyed: np.ndarray, text: np.ndarray, start: Word, stop: Word, words: np.ndarray, out: np.ndarray, at: Word
) -> None:
    """Writes the hash of `text[start:stop]`, which is not empty, as 32 hex digits to `out` from `at`.

    Args:
        keyed: `keyed_state(key)`.
        text: uint8.
        start: where in it.
        stop: where not any more.
        words: 24 words (uint64) of scratch.
        out: uint8.
        at: where in it.
    """
    state = words[16:24]
    for i in range(8):
        state[i] = keyed[i]
    position, count = start, _BLOCK
    while stop - position > _BLOCK:
        _load(text, position, position + _BLOCK, words)
        position += _BLOCK
        count += _BLOCK
        _compress(state, words, count, False)
    _load(text, position, stop, words)
    _compress(state, words, count + (stop - position), True)
    for i in range(np.uint64(DIGEST_BYTES)):
        byte = (state[i >> _3] >> ((i & _7) * _8)) & np.uint64(255)
        for half in range(np.uint64(2)):
            nibble = np.uint8(byte >> np.uint64(4) if half == _0 else byte & np.uint64(15))
            out[at + i * np.uint64(2) + half] = nibble + (48 if nibble < 10 else 87)


@jit_lean
def _load(text: np.ndarray, start: Word, stop: Word, words: np.ndarray) -> None:
    """Fills 16 words, little-endian, from at most `BLOCK_BYTES` bytes; zeros follow."""
    for i in range(16):
        words[i] = _0
    for i in range(stop - start):
        words[i >> _3] |= np.uint64(text[start + i]) << ((i & _7) * _8)


@jit_lean
def _mix(a: Word, b: Word, c: Word, d: Word, x: Word, y: Word) -> tuple[Word, Word, Word, Word]:
    a = a + b + x
    d ^= a
    d = (d >> _32) | (d << _32)
    c += d
    b ^= c
    b = (b >> _R24) | (b << _R40)
    a = a + b + y
    d ^= a
    d = (d >> _R16) | (d << _R48)
    c += d
    b ^= c
    b = (b >> _R63) | (b << _1)
    return a, b, c, d


@jit_lean
def _compress(h: np.ndarray, m: np.ndarray, count: Word, last: Flag) -> None:
    """The function F of RFC 7693, 3.2; `count` bytes went in, this block included."""
    v0, v1, v2, v3, v4, v5, v6, v7 = h[0], h[1], h[2], h[3], h[4], h[5], h[6], h[7]
    v8, v9, v10, v11 = IV[0], IV[1], IV[2], IV[3]
    v12, v13, v14, v15 = IV[4] ^ count, IV[5], ~IV[6] if last else IV[6], IV[7]
    for r in range(12):
        s = SIGMA[r]
        v0, v4, v8, v12 = _mix(v0, v4, v8, v12, m[s[0]], m[s[1]])
        v1, v5, v9, v13 = _mix(v1, v5, v9, v13, m[s[2]], m[s[3]])
        v2, v6, v10, v14 = _mix(v2, v6, v10, v14, m[s[4]], m[s[5]])
        v3, v7, v11, v15 = _mix(v3, v7, v11, v15, m[s[6]], m[s[7]])
        v0, v5, v10, v15 = _mix(v0, v5, v10, v15, m[s[8]], m[s[9]])
        v1, v6, v11, v12 = _mix(v1, v6, v11, v12, m[s[10]], m[s[11]])
        v2, v7, v8, v13 = _mix(v2, v7, v8, v13, m[s[12]], m[s[13]])
        v3, v4, v9, v14 = _mix(v3, v4, v9, v14, m[s[14]], m[s[15]])
    h[0] ^= v0 ^ v8
    h[1] ^= v1 ^ v9
    h[2] ^= v2 ^ v10
    h[3] ^= v3 ^ v11
    h[4] ^= v4 ^ v12
    h[5] ^= v5 ^ v13
    h[6] ^= v6 ^ v14
    h[7] ^= v7 ^ v15
