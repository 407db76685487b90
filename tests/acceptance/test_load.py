"""`load` over files of every kind, its own and recorded ones."""

from __future__ import annotations

import gzip
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from baton import app
from baton.errors import NotFoundError, StoreError
from baton.schema import SPANS
from baton.store.reader import Store
from baton.store.writer import Writer
from baton.wire.otlp_json import to_protobuf

if TYPE_CHECKING:
    from collections.abc import Sequence

RECORDED = Path(__file__).parents[3] / "shared" / "data"


def line(name: str, trace_id: str = "0" * 31 + "1") -> bytes:
    """A request of one span, as a line of JSON."""
    span = b'{"traceId":"%s","spanId":"0000000000000001","name":"%s"}' % (trace_id.encode(), name.encode())
    return b'{"resourceSpans":[{"scopeSpans":[{"spans":[' + span + b"]}]}]}\n"


def names_in(store: Path) -> Counter[str]:
    """How often each span name is in the store."""
    return Counter(Store(store).spans().collect()["name"])


def load(paths: Sequence[Path], store: Path) -> app.LoadResult:
    """Loads without progress and owners."""
    return app.load(paths, store, None, ())


def test_a_folder_is_loaded_whatever_its_files_are(tmp_path: Path) -> None:
    """All formats, below it too, by name; files of other kinds are passed over in silence."""
    folder = tmp_path / "recordings"
    (folder / "below").mkdir(parents=True)
    (folder / "a.jsonl").write_bytes(line("a1") + line("a2"))
    (folder / "b.json.gz").write_bytes(gzip.compress(line("b")))
    body = to_protobuf(line("c"))
    (folder / "below" / "c.pb").write_bytes(body)
    (folder / "below" / "d.pbl.gz").write_bytes(gzip.compress((len(body).to_bytes(4, "big") + body) * 2))
    (folder / "README.md").write_text("not a recording")
    told: list[tuple[str, int, int]] = []
    result = app.load([folder], tmp_path / "store", lambda *progress: told.append(progress), ())
    assert (result.files, result.spans, result.bad) == (4, 6, [])
    assert names_in(tmp_path / "store") == {"a1": 1, "a2": 1, "b": 1, "c": 3}
    assert told == [("a.jsonl", 1, 4), ("b.json.gz", 2, 4), ("c.pb", 3, 4), ("d.pbl.gz", 4, 4)]


def test_a_file_is_loaded_whole_or_not_at_all(tmp_path: Path) -> None:
    """One bad line, or one rejected span, keeps its file out and no other; each reason says where and why."""
    contents = {
        "1_cut.jsonl": line("x") + line("y")[:-20],
        "2_good.jsonl": line("good"),
        "3_rejected.jsonl": line("x") + line("y", trace_id="AAAA=="),
        "4_also_good.jsonl": line("good"),
        "5_cut.jsonl.gz": gzip.compress(line("x") * 1000)[:-10],
    }
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    result = load([tmp_path], tmp_path / "store")
    assert (result.files, result.spans) == (2, 2)
    assert names_in(tmp_path / "store") == {"good": 2}
    reasons = {path.name: reason for path, reason in result.bad}
    assert reasons.keys() == {"1_cut.jsonl", "3_rejected.jsonl", "5_cut.jsonl.gz"}
    assert reasons["1_cut.jsonl"].startswith("line 2: not JSON")
    assert reasons["3_rejected.jsonl"].startswith(
        "line 2: resource_spans[0].scope_spans[0].spans[0].trace_id is 'AAAA=='"
    )
    assert "cut short" in reasons["5_cut.jsonl.gz"]


def test_a_named_file_is_never_passed_over_in_silence(tmp_path: Path) -> None:
    """What is missing, and what is of no known kind, is told when it was named, once however often."""
    (tmp_path / "spans.txt").write_bytes(line("a"))
    named = [tmp_path / "none.json", tmp_path / "spans.txt", tmp_path / "spans.txt"]
    result = load(named, tmp_path / "store")
    assert [path for path, _ in result.bad] == named[:2]
    assert "No such file" in result.bad[0][1]
    assert "extension '.txt'" in result.bad[1][1]


def test_files_larger_than_a_chunk_are_loaded_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Chunks hold whole files: one whose last line is bad leaves nothing, though it fills several."""
    monkeypatch.setattr(app, "LOAD_SPANS_MAX", 10)
    (tmp_path / "a.jsonl").write_bytes(line("a") * 35)
    (tmp_path / "b.jsonl").write_bytes(line("b") * 35 + b"{")
    (tmp_path / "c.jsonl").write_bytes(line("c") * 5)
    result = load([tmp_path], tmp_path / "store")
    assert (result.files, result.spans, len(result.bad)) == (2, 40, 1)
    assert names_in(tmp_path / "store") == {"a": 35, "c": 5}


def test_a_store_in_use_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    """Loading into a store that is being served says who serves it."""
    with Writer(tmp_path / "store"), pytest.raises(StoreError, match="in use by process"):
        load([tmp_path / "none.json"], tmp_path / "store")


def test_a_load_teaches_expectations(tmp_path: Path) -> None:
    """After a load the store knows what it learned; a load of nothing learns nothing."""
    (tmp_path / "a.json").write_bytes(line("a"))
    load([tmp_path / "none.json"], tmp_path / "store")
    assert Store(tmp_path / "store").expectations() is None
    load([tmp_path / "a.json"], tmp_path / "store")
    assert Store(tmp_path / "store").expectations() is not None


def test_a_missing_store_is_not_made_by_reading(tmp_path: Path) -> None:
    """Only `load` and `serve` make stores."""
    with pytest.raises(NotFoundError):
        Store(tmp_path / "store")


EDGE = {
    "empty.jsonl": 0,
    "examples__trace.json": 1,
    "multifile_valid_traces.jsonl": 1,
    "otlp_traces.pb": 1,
    "single_trace.jsonl": 1,
    "trace.pb": 2,
    "traces.pb": 19,
    "traces_deep_nesting.jsonl": 1,
    "traces_large_attrs.jsonl": 1,
    "traces_nulls.jsonl": 3,
    "traces_simple.jsonl": 3,
    "whitespace.jsonl": 0,
    "invalid__malformed.json": "line 1: not JSON",
    "invalid__trace_invalid_base64.json": "trace_id is '!!!INVALID_BASE64!!!'",
    "invalid__trace_invalid_kind.json": "kind is 'SPAN_KIND_INVALID_TYPE': send one of 0 (SPAN_KIND_UNSPECIFIED)",
    "invalid__trace_mixed_encoding.json": "trace_id is 'zzz'",
    "malformed.jsonl": "line 1: no resourceSpans among 'invalid'",
    "multifile_malformed_traces.jsonl": "line 1: not JSON",
    # Ids in base64, as protobuf's plain JSON mapping writes them and OTLP forbids.
    "trace.json": "trace_id is 'nXmxo38xgBzRGmcG+0DWvQ=='",
    "traces.jsonl": "trace_id is 'aYQql5kRA2zz6CIIbsqgBw=='",
}


@pytest.mark.skipif(not RECORDED.is_dir(), reason=f"no recorded data at {RECORDED}")
class TestRecorded:
    """Files that others wrote."""

    @pytest.mark.parametrize("name", EDGE)
    def test_each_edge_case_is_loaded_or_told(self, tmp_path: Path, name: str) -> None:
        """Per file: how many spans it gives, or why it is passed over."""
        result = load([RECORDED / "otlp-edge" / name], tmp_path / "store")
        expected = EDGE[name]
        if isinstance(expected, int):
            assert (result.files, result.spans, result.bad) == (1, expected, [])
        else:
            assert (result.files, result.spans) == (0, 0)
            assert expected in result.bad[0][1]

    def test_every_edge_case_is_known(self) -> None:
        """No file of the folder is left out of the table above."""
        assert {path.name for path in (RECORDED / "otlp-edge").iterdir()} == EDGE.keys()

    def test_a_collectors_file_exporter_is_read(self, tmp_path: Path) -> None:
        """547 spans, 53 links, 107 errors of 8 services, as the data's own description counts them."""
        load([RECORDED / "otel-demo-links"], tmp_path / "store")
        spans = Store(tmp_path / "store").spans().collect()
        assert spans.schema == SPANS.schema
        assert (len(spans), spans["links"].list.len().sum(), (spans["status_code"] == 2).sum()) == (547, 53, 107)
        assert spans["service"].n_unique() == 8

    def test_length_prefixed_files_are_read(self, tmp_path: Path) -> None:
        """A minute of TrainTicket: every span with a service and a clock, its messaging in columns."""
        first = min((RECORDED / "train-ticket").iterdir())
        result = load([first], tmp_path / "store")
        spans = Store(tmp_path / "store").spans().collect()
        assert (result.files, result.spans, len(spans)) == (1, len(spans), spans["span_key"].len())
        assert len(spans) > 1000
        assert spans.filter(service="unknown_service").is_empty()
        assert spans["start_ns"].min() > 1_600_000_000 * 10**9
        assert set(spans["messaging_system"].drop_nulls()) == {"rabbitmq"}
