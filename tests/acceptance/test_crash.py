"""Nothing acknowledged is lost: the real process is killed and starved, and a client's own list is the judge."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from resource import RLIMIT_FSIZE, prlimit
from typing import TYPE_CHECKING

import orjson
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from baton.journal.journal import Journal
from baton.journal.record import MAGIC, Record
from baton.journal.segment import segment_numbers, segment_path
from baton.schema import DEFAULT_TENANT
from baton.store.writer import Writer
from load.ledger import Ledger
from load.requests import requests_of
from load.rounds import HASTY, SPANS, rounds
from load.senders import DOORS, HttpDoor, Load
from load.server import serving, starting

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

    from load.requests import Requests
    from load.server import Server

ROUNDS = 12
WAIT_S = 60.0


def until(true: Callable[[], object], what: str) -> None:
    """Waits for it, generously; machines that build are busy."""
    deadline = time.monotonic() + WAIT_S
    while not true():
        assert time.monotonic() < deadline, f"waited {WAIT_S:.0f} s in vain: {what}"
        time.sleep(0.02)


def hex_ids(requests: Requests, *numbers: int) -> list[str]:
    """The span ids of these requests."""
    return [f"{span:016x}" for number in numbers for span in requests.span_ids(number).tolist()]


def test_kill_9_at_random_instants_loses_nothing(tmp_path: Path) -> None:
    """Killed under load, in drains, at its start and in its replay: what was acknowledged is there exactly once."""
    seed = time.time_ns() % 2**16
    print(f"seed {seed}")  # noqa: T201 - shown where the test fails
    ledger = rounds(tmp_path / "store", ROUNDS, seed, print)
    assert ledger.acknowledged > 1000


def test_sigterm_under_load_loses_nothing(tmp_path: Path) -> None:
    """SIGTERM while four clients send: it exits 0 within its deadline, leaves no journal, and lost nothing."""
    ledger = Ledger()
    load = Load(ledger, requests_of(SPANS, seed=1))
    with serving(tmp_path) as server, load.on(server):
        until(lambda: ledger.acknowledged > 1000, "a thousand spans acknowledged")
        code, errors = server.stop()
    assert (code, errors) == (0, "")
    assert segment_numbers(tmp_path / "journal") == []
    ledger.judge(tmp_path)


def test_a_second_server_on_the_store_disturbs_nothing(tmp_path: Path) -> None:
    """It exits 3 and names the first one's process, which goes on under its load and loses nothing."""
    ledger = Ledger()
    load = Load(ledger, requests_of(SPANS, seed=2))
    with serving(tmp_path) as first, load.on(first):
        with starting(tmp_path) as second:
            code, errors = second.end()
        assert code == 3
        assert f"in use by process {first.process.pid}" in errors
        before = ledger.acknowledged
        until(lambda: ledger.acknowledged > before + 100, "spans acknowledged after the second server")
        first.kill()
    ledger.judge(tmp_path)


@pytest.fixture
def three_records(tmp_path: Path) -> tuple[Path, int]:
    """A store with three spans in three records of one segment, and no server; where the last record begins."""
    store = tmp_path / "whole"
    with Writer(store) as writer:
        journal = Journal(writer.journal, 1)
        for number in range(2):
            journal.append(record(number)).result()
        last = segment_path(writer.journal, 1).stat().st_size
        journal.append(record(2)).result()
        journal.close()
    return store, last


def record(number: int) -> Record:
    """A record with the smallest request that has a span, of id `number` + 1."""
    request = ExportTraceServiceRequest()
    request.resource_spans.add().scope_spans.add().spans.add(trace_id=b"t" * 16, span_id=(number + 1).to_bytes(8))
    return Record(0, DEFAULT_TENANT, request.SerializeToString())


def test_a_journal_cut_at_any_byte_of_its_last_record_keeps_the_others(
    three_records: tuple[Path, int], tmp_path: Path
) -> None:
    """Where a crash stopped the last write: readers see the records before it, and so they do once it is drained."""
    ledger = Ledger()
    ledger.send(["0000000000000001", "0000000000000002"])
    ledger.acknowledge(["0000000000000001", "0000000000000002"])
    whole, last = three_records
    data = segment_path(whole / "journal", 1).read_bytes()
    assert len(data) > last + len(record(2).body)
    for end in range(last, len(data)):
        store = tmp_path / "cut"
        shutil.copytree(whole, store)
        segment_path(store / "journal", 1).write_bytes(data[:end])
        ledger.judge(store)
        with Writer(store) as writer:
            writer.drain(1)
        assert segment_numbers(store / "journal") == []
        ledger.judge(store)
        shutil.rmtree(store)


@pytest.mark.parametrize(("part", "lost"), [("payload", [1]), ("length", [2, 3])])
def test_a_flipped_bit_costs_its_record_and_no_other(tmp_path: Path, part: str, lost: list[int]) -> None:
    """The segment is quarantined and reported, the server serves, and the records around it are there.

    Behind a damaged length nobody knows where the next record begins; behind a damaged payload everybody does.
    """
    requests, ledger = requests_of(SPANS, seed=4), Ledger()
    bodies = [requests.body(number) for number in range(4)]
    with serving(tmp_path) as server:
        door = HttpDoor(server)
        for body in bodies:
            door.send(body)
        door.close()
        server.kill()
    (number,) = segment_numbers(tmp_path / "journal")
    flip(segment_path(tmp_path / "journal", number), bodies, lost[0], part)
    ledger.send(hex_ids(requests, *range(4)))
    ledger.acknowledge(hex_ids(requests, *({*range(4)} - {*lost})))
    ledger.judge(tmp_path)
    with serving(tmp_path) as server:
        ledger.judge(tmp_path)
        code, errors = server.stop()
    assert code == 0
    name = segment_path(tmp_path, number).name
    assert name in errors
    assert (tmp_path / "quarantine" / name).is_file()
    ledger.judge(tmp_path)


def flip(segment: Path, bodies: Sequence[bytes], number: int, part: str) -> None:
    """Flips one bit of a record: in its length, which comes first, or in the middle of its body."""
    data = bytearray(segment.read_bytes())
    head = data.index(bodies[0]) - len(MAGIC)
    at = data.index(bodies[number])
    data[at - head + 2 if part == "length" else at + len(bodies[number]) // 2] ^= 1
    segment.write_bytes(data)


@contextmanager
def full_disk(store: Path, server: Server) -> Iterator[None]:  # noqa: ARG001 - one signature for both ways to starve
    """Fills the file system that the store lies on."""
    ballast = store / "ballast"
    with ballast.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(4096))
    yield
    ballast.unlink()


@contextmanager
def no_growth(store: Path, server: Server) -> Iterator[None]:  # noqa: ARG001 - the same
    """Lets the server write no file beyond 40 KB: writes are cut short, then fail, as on a full disk."""
    before = prlimit(server.process.pid, RLIMIT_FSIZE)
    prlimit(server.process.pid, RLIMIT_FSIZE, (40_000, before[1]))
    yield
    prlimit(server.process.pid, RLIMIT_FSIZE, before)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", str(folder)],  # noqa: S607 - wherever it is
        capture_output=True,
        text=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip(f"a small disk needs the right to mount one ({mounted.stderr.strip()}); see the test beside it")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)  # noqa: S607 - the same


def starved(store: Path, starve: Callable[[Path, Server], AbstractContextManager[None]]) -> None:
    """Starves a server under load, and lets go; asserts clean refusals, recovery, and that nothing is lost."""
    ledger = Ledger()
    load = Load(ledger, requests_of(SPANS, seed=5))
    with serving(store, **HASTY) as server, load.on(server):
        until(lambda: ledger.acknowledged > 1000, "a thousand spans acknowledged")
        with starve(store, server):
            until(lambda: len(load.refusals) >= 20, "twenty requests refused")
            ledger.judge(store)
        before = ledger.acknowledged
        until(lambda: ledger.acknowledged > before + 1000, "a thousand more, without a restart")
        code, _ = server.stop()
    assert code == 0
    assert segment_numbers(store / "journal") == []
    assert {refused.status for refused in load.refusals} <= {"UNAVAILABLE", "503"}
    ledger.judge(store)


def test_a_full_disk_refuses_cleanly_and_recovers_by_itself(small_disk: Path) -> None:
    """No space: UNAVAILABLE or 503, try again; once there is space, with no restart, all goes on and all is there."""
    starved(small_disk, full_disk)


def test_files_that_cannot_grow_refuse_cleanly_and_recover_by_themselves(tmp_path: Path) -> None:
    """Writes that end half way: the same."""
    starved(tmp_path, no_growth)


def test_what_exporters_resend_is_seen_once(tmp_path: Path) -> None:
    """The same request through each door, before and after a crash: stored each time, seen once, one handoff each."""
    requests, ledger = requests_of(SPANS, seed=6), Ledger()
    body, ids = requests.body(0), hex_ids(requests, 0)
    for _ in range(2):
        with serving(tmp_path) as server:
            for door_to in DOORS:
                door = door_to(server)
                ledger.send(ids)
                door.send(body)
                ledger.acknowledge(ids)
                door.close()
            server.kill()
    ledger.judge(tmp_path)
    asked = [sys.executable, "-m", "baton", "handoffs", "--store", str(tmp_path), "--format", "json"]
    answer = subprocess.run(asked, capture_output=True, timeout=WAIT_S, check=True)
    rows = orjson.loads(answer.stdout)
    sends = [row["span_id"] for row in rows if row["kind"] == "message"]
    assert len(sends) == len(set(sends)) == len(ids[2::3])
    assert set(sends) == set(ids[2::3])
