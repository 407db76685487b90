"""Files that other OTLP tools stumbled over, posted to the HTTP door as they are: each answer is pinned.

A `.jsonl` file is posted once whole, which is one JSON document or none, and once line by line, as its writer meant it.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from load.server import serving
from otlp import JSON, PROTOBUF, Answer, post

EDGE = Path(__file__).parents[3] / "shared" / "data" / "otlp-edge"
OK, BAD_REQUEST = 200, 400

pytestmark = pytest.mark.skipif(not EDGE.is_dir(), reason=f"the files are not beside this checkout: {EDGE}")

Told = int | tuple[int, int | str]
"""The status; with a 200 how many spans were rejected, if any; with a 400 a part of why."""

WHOLE: dict[str, Told] = {
    "empty.jsonl": (BAD_REQUEST, "not JSON"),
    "examples__trace.json": OK,
    "invalid__malformed.json": (BAD_REQUEST, "not JSON"),
    "invalid__trace_invalid_base64.json": (OK, 1),
    "invalid__trace_invalid_kind.json": (BAD_REQUEST, "kind is 'SPAN_KIND_INVALID_TYPE'"),
    "invalid__trace_mixed_encoding.json": (OK, 1),
    "malformed.jsonl": (BAD_REQUEST, "not JSON"),
    "multifile_malformed_traces.jsonl": (BAD_REQUEST, "not JSON"),
    "multifile_valid_traces.jsonl": OK,
    "otlp_traces.pb": OK,
    "single_trace.jsonl": OK,
    "trace.json": (OK, 2),
    "trace.pb": OK,
    "traces.jsonl": (BAD_REQUEST, "not JSON"),
    "traces.pb": OK,
    "traces_deep_nesting.jsonl": OK,
    "traces_large_attrs.jsonl": OK,
    "traces_nulls.jsonl": (BAD_REQUEST, "not JSON"),
    "traces_simple.jsonl": (BAD_REQUEST, "not JSON"),
    "whitespace.jsonl": (BAD_REQUEST, "not JSON"),
}
LINES: dict[str, list[Told]] = {
    # An object without resourceSpans is a request without spans: its field is unknown.
    "malformed.jsonl": [OK, (BAD_REQUEST, "not JSON"), (OK, 1), (BAD_REQUEST, "not JSON")],
    "multifile_malformed_traces.jsonl": [(BAD_REQUEST, "not JSON")],
    "multifile_valid_traces.jsonl": [OK],
    "single_trace.jsonl": [OK],
    # Ids as protobuf's standard mapping writes them, in base64.
    "traces.jsonl": [(OK, 1)] * 19,
    "traces_deep_nesting.jsonl": [OK],
    "traces_large_attrs.jsonl": [OK],
    "traces_nulls.jsonl": [OK] * 3,
    "traces_simple.jsonl": [OK] * 3,
    "whitespace.jsonl": [(BAD_REQUEST, "not JSON")] * 3,
}


def _told(answer: Answer, expected: Told) -> Told:
    """The answer as the tables above write it."""
    if answer.status == OK:
        partial = answer.partial()
        assert partial is None or "trace_id is '" in partial[1]
        return (OK, partial[0]) if partial else OK
    told = answer.told()
    why = expected[1] if isinstance(expected, tuple) else ""
    return answer.status, why if isinstance(why, str) and why in told else told


def test_every_file_is_answered_as_pinned(tmp_path: Path) -> None:
    """Whole and line by line: taken, taken but for the spans it rejects, or refused with the reason."""
    assert sorted(WHOLE) == sorted(file.name for file in EDGE.iterdir())
    with serving(tmp_path / "store") as server:
        for name, expected in WHOLE.items():
            content_type = PROTOBUF if name.endswith(".pb") else JSON
            body = (EDGE / name).read_bytes()
            answer = post(server.http, body, {"Content-Type": content_type})
            assert (name, _told(answer, expected)) == (name, expected)
            lines = body.splitlines() if name in LINES else []
            for line, line_expected in zip(lines, LINES.get(name, []), strict=True):
                answer = post(server.http, line, {"Content-Type": content_type})
                assert (name, line, _told(answer, line_expected)) == (name, line, line_expected)
        assert server.stop() == (0, "")
