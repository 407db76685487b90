from __future__ import annotations

import struct
from random import Random

import numpy as np
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from baton.wire.reading import U, is_utf8
from baton.wire.texts import laid
from decoding import decoded


def test_doubles_are_written_as_python_writes_them() -> None:
    """Every double of random bits, and those at the ends, has the text that `repr` gives, or JSON's name."""
    random = Random(1)
    bits = [random.getrandbits(64) for _ in range(2000)]
    doubles = [struct.unpack("<d", struct.pack("<Q", each))[0] for each in bits]
    doubles += [0.0, -0.0, 0.1, 1e15, 1e16, 1e17, 123456789012345680.0, 1e-4, 1e-5, 5e-324, 2**53 + 1.0, 100.0]
    request = ExportTraceServiceRequest()
    spans = request.resource_spans.add().scope_spans.add().spans
    for double in doubles:
        spans.add(trace_id=b"1" * 16, span_id=b"1" * 8).attributes.add(key="k").value.double_value = double
    texts = decoded(request.SerializeToString()).spans["attributes"].list.first().struct.field("value").to_list()
    names = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}
    assert texts == [names.get(repr(double), repr(double)) for double in doubles]


def test_a_view_holds_up_to_12_bytes_itself() -> None:
    """Shorter texts stand in the view, of longer ones the first four bytes, the arena's number and the offset there."""
    short, long = laid(iter([b"", b"abcdefghijkl", b"abcdefghijklm"]), 100)[1][1:].view(np.uint32).tolist()
    assert short == [12, *np.frombuffer(b"abcdefghijkl", np.uint32).tolist()]
    assert long == [13, int.from_bytes(b"abcd", "little"), 1, 112]


def test_utf8_is_what_python_says_it_is() -> None:
    """Random bytes around ASCII and around characters of two to four bytes, at every place and length."""
    random = Random(2)
    pieces = [bytes([byte]) for byte in range(128, 256)] + [b"a", b"abcdefgh", b"\xc3\xa9", b"\xe2\x82\xac"]
    pieces += [
        b"\xf0\x9f\x98\x80",
        b"\xed\xa0\x80",
        b"\xed\x9f\xbf",
        b"\xf4\x8f\xbf\xbf",
        b"\xf4\x90\x80\x80",
        b"\xe0\x9f\xbf",
    ]
    taken = 0
    for _ in range(20_000):
        # Whole characters are likelier than single bytes, or hardly any would be UTF-8.
        text = b"".join(
            random.choice(pieces[128:] if random.random() < 0.9 else pieces) for _ in range(random.randrange(5))
        )
        before = random.randrange(9)
        data = np.frombuffer(b"\xff" * before + text + b"\xff" * random.randrange(9), np.uint8)
        expected = text.decode("utf-8", "replace").encode() == text and b"\xef\xbf\xbd" not in text
        assert bool(is_utf8(data, U(before), U(before + len(text)))) == expected, text
        taken += expected
    assert 4000 < taken < 16_000
