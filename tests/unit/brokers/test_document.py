from __future__ import annotations

import gzip
import json
from typing import TYPE_CHECKING

import pytest

from baton.brokers import document
from baton.brokers.document import Place, load
from baton.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

    import polars as pl

FORMS = {
    "neutral": {"baton_facts": 1, "queues": [{"name": "q"}]},
    "management": {"queues": [{"name": "q", "messages": 0}]},
    "definitions": {"rabbit_version": "3.10.8", "queues": [{"name": "q"}]},
}


def read(folder: Path, content: bytes, **said: object) -> pl.DataFrame:
    """The facts of a file with that content."""
    file = folder / "saved"
    file.write_bytes(content)
    return load(file, Place(**{"at_ns": 5, "tenant": "t", "environment": "prod", "address": "b:1", **said}))  # type: ignore[arg-type]


@pytest.mark.parametrize("source", FORMS)
@pytest.mark.parametrize("packed", [False, True])
def test_a_file_is_known_by_its_content(tmp_path: Path, source: str, *, packed: bool) -> None:
    """Whatever its name, packed or not, it is read as what it is, and is of the place that is told."""
    content = json.dumps(FORMS[source]).encode()
    known = read(tmp_path, gzip.compress(content) if packed else content).filter(fact="queue")
    columns = ["at_ns", "tenant", "environment", "broker", "source", "name"]
    assert known.select(columns).rows() == [(5, "t", "prod", "b:1", source, "q")]


def test_metrics_are_counters(tmp_path: Path) -> None:
    """Prometheus's text is what is no JSON and has samples."""
    known = read(tmp_path, b"# HELP x\nrabbitmq_global_messages_routed_total 7\n")
    assert known.filter(fact="counter").select("name", "value").rows() == [("rabbitmq_global_messages_routed_total", 7)]


def test_the_document_says_when_and_where_unless_it_is_told(tmp_path: Path) -> None:
    """`--at` and `--address` win over the document's own word; of neither, any broker."""
    own = json.dumps({**FORMS["neutral"], "at": "1970-01-01T00:00:07Z", "broker": "own:9"}).encode()
    assert read(tmp_path, own, at_ns=None, address=None).select("at_ns", "broker").row(0) == (7 * 10**9, "own:9")
    assert read(tmp_path, own).select("at_ns", "broker").row(0) == (5, "b:1")
    assert read(tmp_path, json.dumps(FORMS["management"]).encode(), address=None)["broker"][0] == ""


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "neither JSON"),
        (b"\xff\xfe", "neither JSON"),
        (b"<html>login</html>", "neither JSON"),
        (b"\x1f\x8bnot", "gzip is damaged or cut short"),
        (gzip.compress(b"{}", mtime=0)[:-9], "gzip is damaged or cut short"),
        (b'{"queues": 7}', "no queues, exchanges, bindings or policies in it"),
        (b"[" * 5000, "neither JSON"),
    ],
)
def test_what_is_none_of_these_is_refused(tmp_path: Path, content: bytes, says: str) -> None:
    """The message says what is wrong and names the file."""
    with pytest.raises(InputError, match=says) as refused:
        read(tmp_path, content)
    assert str(tmp_path / "saved") in str(refused.value)


def test_a_file_without_a_time_needs_one(tmp_path: Path) -> None:
    """Nobody says when: then it cannot be kept, and the message names the option."""
    with pytest.raises(InputError, match="--at"):
        read(tmp_path, json.dumps(FORMS["management"]).encode(), at_ns=None)


def test_a_bomb_is_not_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a small file claims to hold beyond the bound is not read."""
    monkeypatch.setattr(document, "BROKER_BYTES_MAX", 1000)
    with pytest.raises(InputError, match="larger than 1000 bytes"):
        read(tmp_path, gzip.compress(b" " * 1001))


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    """By its name and what to do."""
    with pytest.raises(InputError, match="nowhere: No such file"):
        load(tmp_path / "nowhere", Place(1, "t", None, None))
