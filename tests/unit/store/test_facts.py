from __future__ import annotations

import fcntl
import threading
from typing import TYPE_CHECKING

import pytest

from baton.brokers.history import held
from baton.brokers.rows import Where, frame
from baton.errors import StoreError
from baton.limits import SECOND_NS, SMALL_PARTS_MAX
from baton.schema import FACTS
from baton.store import delta, facts
from baton.store.facts import Facts
from baton.store.reader import Store
from baton.store.writer import Writer

if TYPE_CHECKING:
    from pathlib import Path

    import polars as pl


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A new store."""
    with Writer(tmp_path / "store") as writer:
        return writer.path


def snapshot(at_ns: int, *waiting: int) -> pl.DataFrame:
    """One snapshot: queues 0, 1, ... and how much waits in them."""
    rows = [{"fact": "snapshot", "vhost": "/", "name": "queue"}]
    rows += [
        {"fact": "queue", "vhost": "/", "name": str(number), "waiting": count} for number, count in enumerate(waiting)
    ]
    return frame(rows, Where(at_ns, "t", None, "b"), "management")


def test_a_store_without_facts_has_none(store: Path) -> None:
    """Also one of an earlier Baton, which had no such table."""
    assert Store(store).facts().equals(FACTS.empty())
    assert not Facts(store).path.exists()


def test_facts_are_kept_beside_whoever_writes_spans(store: Path) -> None:
    """While the store's lock is held they are added, by several processes' worth of writers, and each is there once."""
    with Writer(store):
        first, second = Facts(store), Facts(store)
        assert first.append(snapshot(1, 5, 6)) == 3
        assert second.append(snapshot(1, 5, 6)) == 0
        assert second.append(snapshot(2, 5, 7)) == 2
        assert first.append(snapshot(3, 5, 7)) == 1
    known = Store(store).facts()
    assert known.filter(fact="queue").select("at_ns", "name", "waiting").rows() == [
        (1, "0", 5),
        (1, "1", 6),
        (2, "1", 7),
    ]
    assert Store(store).facts(until_ns=1).height == 3


def test_an_older_snapshot_finds_its_place(store: Path) -> None:
    """Loaded late, it changes neither what came before nor what came after it."""
    writer = Facts(store)
    for at_ns, waiting in ((10, 1), (30, 1), (20, 9)):
        writer.append(snapshot(at_ns, waiting))
    states = [held(Store(store).facts(), at_ns)["waiting"].to_list() for at_ns in (10, 20, 30)]
    assert states == [[1], [9], [1]]


def test_many_snapshots_become_few_files(store: Path) -> None:
    """However long a broker is looked at, a question opens few files, and none of what was said is lost."""
    writer = Facts(store)
    for at_ns in range(1, 2 * SMALL_PARTS_MAX):
        writer.append(snapshot(at_ns, at_ns))
    assert len(delta.parts(delta.open_table(writer.path))) < SMALL_PARTS_MAX
    assert Store(store).facts().filter(fact="queue").get_column("waiting").to_list() == [*range(1, 2 * SMALL_PARTS_MAX)]
    assert Facts(store).append(snapshot(2 * SMALL_PARTS_MAX - 1, 2 * SMALL_PARTS_MAX - 1)) == 0


def test_what_still_held_is_not_forgotten(store: Path) -> None:
    """Retention deletes what was replaced before, and keeps the last word on each queue, however old."""
    writer = Facts(store)
    for at_ns, waiting in ((1, (1, 1)), (2, (1, 2)), (3, (1, 3)), (8, (1, 8))):
        writer.append(snapshot(at_ns, *waiting))
    before = held(Store(store).facts(), 5)
    assert writer.forget(5) == 4
    assert writer.forget(5) == 0
    known = Store(store).facts()
    assert held(known, 5).sort("name").equals(before.sort("name"))
    assert known.filter(fact="queue").select("at_ns", "name").rows() == [(1, "0"), (3, "1"), (8, "1")]
    assert writer.append(snapshot(9, 1, 8)) == 1


def test_whoever_waits_for_the_lock_gets_it(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A writer waits while another holds the facts, and says so if that takes too long."""
    monkeypatch.setattr(facts, "FACTS_LOCK_S_MAX", 0.05)
    with (store / "facts.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(StoreError, match=r"being written by another process.*facts\.lock"):
            Facts(store).append(snapshot(1, 1))
        monkeypatch.setattr(facts, "FACTS_LOCK_S_MAX", 60.0)
        waiting = threading.Thread(target=Facts(store).append, args=(snapshot(1, 1),))
        waiting.start()
        fcntl.flock(lock, fcntl.LOCK_UN)
        waiting.join()
    assert Store(store).facts().height == 2


def test_a_disk_that_refuses_is_told(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is added, and the next snapshot is."""
    writer = Facts(store)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr(delta, "write_part", full)
        with pytest.raises(StoreError, match="No space left"):
            writer.append(snapshot(1, 1))
    assert writer.append(snapshot(1, 1)) == 2


def test_old_files_go_with_the_stores(store: Path) -> None:
    """The store's vacuum sweeps the facts' folder too, and leaves what holds."""
    writer = Facts(store)
    writer.append(snapshot(SECOND_NS, 1))
    (writer.path / "part-left.parquet").write_bytes(b"")
    with Writer(store) as whole:
        assert whole.vacuum(0) == 1
    assert Store(store).facts().height == 2
