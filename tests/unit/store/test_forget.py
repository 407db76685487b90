from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import orjson
import polars as pl
import pytest

from baton.errors import StoreError
from baton.journal.record import MAGIC, Record, pack
from baton.journal.segment import segment_path
from baton.schema import EXPECTATIONS
from baton.store.forget import Carriers
from baton.store.reader import Store
from baton.store.writer import Writer
from baton.wire.decode import decode
from baton.wire.otlp_json import to_protobuf

if TYPE_CHECKING:
    from pathlib import Path

ID = {"traceId": "0" * 31 + "1", "spanId": "0" * 15 + "1"}


def any_value(value: object) -> dict[str, Any]:
    """A value as OTLP/JSON says it."""
    if isinstance(value, dict):
        return {"kvlistValue": {"values": [pair(key, item) for key, item in value.items()]}}
    if isinstance(value, list):
        return {"arrayValue": {"values": [any_value(item) for item in value]}}
    if isinstance(value, bool):
        return {"boolValue": value}
    return {"intValue": str(value)} if isinstance(value, int) else {"stringValue": value}


def pair(key: str, value: object) -> dict[str, Any]:
    """An attribute as OTLP/JSON says it."""
    return {"key": key, "value": any_value(value)}


def request(*spans: dict[str, Any], resource: list[dict[str, Any]] | None = None) -> bytes:
    """A request of these spans."""
    scopes = [{"scope": {"attributes": [pair("scope.id", "s-1")]}, "spans": [{**ID, **span} for span in spans]}]
    resource_spans = [{"resource": {"attributes": resource or []}, "scopeSpans": scopes}]
    return to_protobuf(orjson.dumps({"resourceSpans": resource_spans}))


def of(key: str, value: object) -> dict[str, Any]:
    """A span with one attribute."""
    return {"attributes": [pair(key, value)]}


@pytest.mark.parametrize(
    ("key", "span"),
    [
        ("desk", of("desk", "42")),
        ("desk", of("desk", 42)),
        ("customer.id", of("customer.id", "42")),
        ("messaging.message.id", of("messaging.message.id", "42")),
        ("messaging.message_id", of("messaging.message_id", 42)),
        ("server.port", of("server.port", 42)),
        ("desk", of("x", {"desk": "42"})),
        ("floor.desk", of("floor", {"desk": "42"})),
        ("floor.desk", of("x", [{"floor": {"desk": "42"}}])),
        ("desk", of("desk", ["1", "42"])),
        ("desk", of("desk", [1, 42])),
        ("desk", of("x", [{"y": [{"desk": ["é", 42]}]}])),
        ("desk", {"events": [{"name": "e"}, {"name": "e", **of("desk", "42")}]}),
        ("desk", {"events": [{"name": "e", **of("x", {"desk": "42"})}]}),
        ("desk", {"links": [{**ID, **of("x", "1")}, {**ID, **of("desk", "42")}]}),
        ("desk", {"links": [{**ID, **of("desk", [["42"]])}]}),
        ("desk", {"attributes": [pair("desk", "1"), pair("desk", "42")]}),
    ],
    ids=lambda value: value if isinstance(value, str) else json.dumps(value)[:60],
)
def test_an_attribute_is_found_wherever_it_stands(key: str, span: dict[str, Any]) -> None:
    """In columns, keys, attributes, events, links, arrays and kvlists, whatever its type; and only that key and value.

    Not under another key, not as part of a longer text, not as text elsewhere in the span.
    """
    bystander = {"name": "42", "traceState": "a=42", "events": [{"name": "42"}], "attributes": [pair("other", "42")]}
    longer = {"attributes": [pair(key, "142"), pair("y", {"other": "42"}), pair("z", ["42"])]}
    spans = decode([Record(1, "t", request(span, bystander, longer))])
    carries = Carriers(key, ["7", "42"]).of(spans.lazy())
    assert spans.select(carries).to_series().to_list() == [True, False, False]
    assert spans.clear().select(carries).is_empty()


@pytest.mark.parametrize(("key", "value"), [("scope.id", "s-1"), ("host.name", "h-1"), ("rack", "r-1")])
def test_resources_and_scopes_count_for_all_their_spans(key: str, value: str) -> None:
    """What stands on them stands on every span of theirs, in a column or not."""
    resource = [pair("host.name", "h-1"), pair("rack", "r-1")]
    spans = decode([Record(1, "t", request({}, {"name": "b"}, resource=resource))])
    assert spans.select(Carriers(key, [value]).of(spans.lazy())).to_series().all()
    assert not spans.select(Carriers(key, [value + "0"]).of(spans.lazy())).to_series().any()


def everything(store: Path) -> str:
    """All that stands in any file of the store, Parquet decoded."""
    text = []
    for file in store.rglob("*"):
        if file.suffix == ".parquet":
            text.append(str(pl.read_parquet(file).to_dicts()))
        if file.is_file():
            text.append(file.read_bytes().decode("latin-1"))
    return "\n".join(text)


def fill(store: Path) -> None:
    """A store that has the customer `cust-4711` in the table, in large and small files, in the journal and learned."""
    person, other = of("customer.id", "cust-4711"), of("customer.id", "cust-1")
    with Writer(store) as writer:
        for tenant in ("retail", "wealth"):
            for spans in ([person, other], [other], [person]):
                writer.append(decode([Record(1, tenant, request(*spans))]), None)
            writer.compact(None)
        learned = EXPECTATIONS.empty().clear(n=1).with_columns(takers=pl.lit(["queue-of-cust-4711"]))
        writer.save_expectations(learned)
        record = Record(1, "retail", request({**person, "traceId": "0" * 31 + "2"}))
        segment_path(writer.journal, 9).write_bytes(MAGIC + b"".join(pack(record)))


def test_a_person_is_forgotten_in_every_file(tmp_path: Path) -> None:
    """Table, journal, log and old files; the others' spans stay; what was learned is said to need learning anew."""
    fill(tmp_path)
    assert "cust-4711" in everything(tmp_path)
    with Writer(tmp_path) as writer:
        done = writer.forget("customer.id", ["cust-4711"], None)
        assert (done.spans, done.traces, done.learned, done.quarantined) == (5, 3, True, [])
        writer.save_expectations(EXPECTATIONS.empty())
        writer.vacuum(0)
        assert "cust-4711" not in everything(tmp_path)
        assert "cust-1" in everything(tmp_path)
        assert len(Store(tmp_path).spans().collect()) == 4
        again = writer.forget("customer.id", ["cust-4711"], None)
        assert (again.spans, again.traces, again.learned) == (0, 0, False)


def test_forgetting_may_be_held_to_a_tenant(tmp_path: Path) -> None:
    """The same value of another tenant is another person; several values may stand for one."""
    fill(tmp_path)
    with Writer(tmp_path) as writer:
        assert writer.forget("customer.id", ["hash", "cust-4711"], "wealth").spans == 2
    kept = Store(tmp_path).spans().select("tenant", pl.col("keys").list.first().struct.field("value")).collect()
    assert sorted(kept.rows()) == [
        *[("retail", "cust-1")] * 2,
        *[("retail", "cust-4711")] * 3,
        *[("wealth", "cust-1")] * 2,
    ]


def test_quarantined_segments_are_named(tmp_path: Path) -> None:
    """They cannot be searched, so whoever forgets is told of them."""
    with Writer(tmp_path) as writer:
        segment_path(writer.journal, 1).write_bytes(b"no segment")
        done = writer.forget("customer.id", ["cust-4711"], None)
    assert done.quarantined == [tmp_path / "quarantine" / "00000001.seg"]


def test_a_damaged_file_is_told(tmp_path: Path) -> None:
    """What cannot be searched is not passed over."""
    fill(tmp_path)
    with Writer(tmp_path) as writer:
        for file in (tmp_path / "spans").glob("*.parquet"):
            file.write_bytes(b"PAR1")
        for work in (lambda: writer.forget("a", ["b"], None), lambda: writer.compact(10)):
            with pytest.raises(StoreError, match=r"cannot be written .*: see to its disk"):
                work()


def test_a_disk_that_refuses_leaves_all_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is half forgotten."""
    fill(tmp_path)

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with Writer(tmp_path) as writer:
        writer.drain_all()
        before = sorted(file.name for file in (tmp_path / "spans").iterdir())
        with monkeypatch.context() as patch:
            patch.setattr(pl.LazyFrame, "sink_parquet", full)
            with pytest.raises(StoreError, match="No space left"):
                writer.forget("customer.id", ["cust-4711"], None)
        assert sorted(file.name for file in (tmp_path / "spans").iterdir()) == before
        assert writer.forget("customer.id", ["cust-4711"], None).spans == 5
