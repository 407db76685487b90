"""What the disk does to a served store: order of syncs, damage, a full disk; and what people may ask of its rows."""

from __future__ import annotations

import re
import resource
import shutil
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING

import orjson
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from baton.store.reader import Store

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

WAIT_S = 120
LOG = "_delta_log"


class Endpoint:
    """A `baton serve` of its own process, ready."""

    def __init__(self, store: Path, *before: str) -> None:
        doors = ["--grpc", "127.0.0.1:0", "--http", "127.0.0.1:0"]
        command = [*before, sys.executable, "-m", "baton", "serve", "--store", str(store), *doors]
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True)
        assert self.process.stdout is not None
        watchdog = threading.Timer(WAIT_S, self.process.kill)
        watchdog.start()
        self.http = ""
        for line in self.process.stdout:
            if line.startswith("OTLP/HTTP "):
                self.http = line.split()[1]
            if line.strip() == "ready":
                break
        watchdog.cancel()

    def post(self, *names: str) -> int:
        """Exports a request of spans with these names, of customers of the same name; gives the status."""
        request = ExportTraceServiceRequest()
        spans = request.resource_spans.add().scope_spans.add().spans
        for name in names:
            span = spans.add(trace_id=b"t" * 16, span_id=b"s" * 8, name=name)
            attribute = span.attributes.add(key="customer.id")
            attribute.value.string_value = name
        headers = {"content-type": "application/x-protobuf"}
        sent = urllib.request.Request(f"http://{self.http}/v1/traces", request.SerializeToString(), headers)
        try:
            with urllib.request.urlopen(sent, timeout=WAIT_S) as answer:  # noqa: S310
                return int(answer.status)
        except urllib.error.HTTPError as error:
            with error:
                return error.code

    def end(self, number: signal.Signals) -> tuple[int, str]:
        """Sends the signal; gives the exit code and what was said on standard error."""
        self.process.send_signal(number)
        _, errors = self.process.communicate(timeout=WAIT_S)
        return self.process.returncode, errors


@contextmanager
def serving(store: Path, *before: str) -> Iterator[Endpoint]:
    """An endpoint that is killed at the end, if it still runs."""
    endpoint = Endpoint(store, *before)
    try:
        yield endpoint
    finally:
        endpoint.process.kill()
        endpoint.process.communicate()


def names_in(store: Path) -> Counter[str]:
    """How often each span name is in the store."""
    return Counter(Store(store).spans().collect()["name"])


def baton(*arguments: str | Path) -> tuple[int, str]:
    """A command's exit code, and all that it said."""
    command = [sys.executable, "-m", "baton", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=WAIT_S)
    return done.returncode, done.stdout + done.stderr


def eventually(condition: object, what: str) -> None:
    """Waits for it."""
    assert callable(condition)
    until = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < until, what
        time.sleep(0.05)


def calls_of(trace: Path) -> list[tuple[str, str]]:
    """The calls that succeeded, as (name, path) in the order in which they returned; unlinks in that of their start."""
    begun: dict[str, tuple[str, str]] = {}
    calls = []
    for line in trace.read_text(errors="replace").splitlines():
        thread, _, rest = line.partition(" ")
        rest = rest.strip()
        resumed = re.match(r"<\.\.\. (\w+) resumed>", rest)
        if resumed:
            name, path = begun.pop(thread)
        else:
            # strace shows calls that it has no name for, whatever it is asked.
            found = re.match(r"(fsync|fdatasync|(?:un)?link(?:at)?)\((.*)", rest)
            if not found:
                continue
            name = found[1]
            path = re.findall(r"<(/[^>]*)>", found[2])[-1] if "sync" in name else re.findall(r'"([^"]*)"', found[2])[-1]
            if name.startswith("unlink"):
                calls.append((name, path))
                continue
            if rest.endswith("<unfinished ...>"):
                begun[thread] = (name, path)
                continue
        if rest.endswith("= 0"):
            calls.append((name, path))
    return calls


def test_a_segment_goes_only_when_everything_that_replaces_it_is_synced(tmp_path: Path) -> None:
    """In a real drain as the system saw it.

    Each Parquet file, then their folder; the log entry's content before it has its name, then the log's folder; only
    then is the segment deleted. And each segment's data was synced, and its name.
    """
    strace = shutil.which("strace")
    assert strace, "this test needs strace: apt-get install strace"
    store, trace = tmp_path / "store", tmp_path / "trace"
    options = [
        "-D",
        "-f",
        "-y",
        "-s",
        "300",
        "-e",
        "trace=fsync,fdatasync,unlink,unlinkat,link,linkat",
        "-o",
        str(trace),
    ]
    with serving(store, strace, *options) as endpoint:
        assert endpoint.post("a", "b") == 200
        assert endpoint.end(signal.SIGTERM)[0] == 0
    eventually(lambda: f"{endpoint.process.pid} +++ exited" in re.sub(" +", " ", trace.read_text()), "the trace ends")
    calls = calls_of(trace)
    segment = str(store / "journal" / "00000001.seg")
    (gone,) = (at for at, (name, path) in enumerate(calls) if name.startswith("unlink") and path == segment)
    (entry,) = (path for path in (store / "spans" / LOG).glob("*.json") if '"txn"' in path.read_text())
    (named,) = (at for at, (name, path) in enumerate(calls) if name.startswith("link") and path == str(entry))
    added = [orjson.loads(line)["add"]["path"] for line in entry.read_text().splitlines() if line.startswith('{"add"')]
    assert added
    before_name, after_name = calls[:named], calls[named:gone]
    drafts = [at for at, (name, path) in enumerate(before_name) if name == "fsync" and "/spans/draft-" in path]
    folders = [at for at, call in enumerate(before_name) if call == ("fsync", str(store / "spans"))]
    for part in added:
        assert before_name.index(("fsync", str(store / "spans" / part))) < folders[-1] < drafts[-1]
    assert ("fsync", str(store / "spans" / LOG)) in after_name
    assert calls.index(("fsync", str(store / "journal"))) < calls.index(("fdatasync", segment)) < drafts[-1]
    assert names_in(store) == Counter("ab")


def test_a_flipped_byte_costs_one_request(tmp_path: Path) -> None:
    """The endpoint starts, says what is lost, keeps the rest, and records both that and the time it was down."""
    store = tmp_path / "store"
    with serving(store) as endpoint:
        for name in ("first", "second", "third"):
            assert endpoint.post(name, f"{name} too") == 200
        eventually((store / "alive").exists, "a sign of life")
        endpoint.end(signal.SIGKILL)
    (segment,) = (store / "journal").iterdir()
    damaged = bytearray(segment.read_bytes())
    damaged[damaged.index(b"second")] ^= 0x40
    segment.write_bytes(damaged)
    kept = Counter(["first", "first too", "third", "third too"])
    assert names_in(store) == kept
    code, said = baton("report", "--store", store)
    assert (code, "damaged at byte" in said) == (0, True)
    with serving(store) as endpoint:
        assert names_in(store) == kept
        assert endpoint.post("fourth") == 200
        code, errors = endpoint.end(signal.SIGTERM)
    assert code == 0
    assert re.search(rf"{segment.name} is damaged at byte \d+: \d+ bytes of requests are lost; .*quarantine", errors)
    assert names_in(store) == kept + Counter(["fourth"])
    assert (store / "quarantine" / segment.name).read_bytes() == damaged
    outages = Store(store).outages()
    assert sorted(outages["kind"]) == ["damaged", "down"]
    assert (outages["start_ns"] <= outages["end_ns"]).all()
    before = Store(store).spans().collect().filter(name="first")["ingested_at"][0]
    assert outages.filter(kind="damaged")["start_ns"][0] == before


def test_a_disk_that_takes_no_more_refuses_and_recovers(tmp_path: Path) -> None:
    """Requests are refused while files cannot grow, and taken again, by the same process, when they can."""
    store = tmp_path / "store"
    acknowledged: Counter[str] = Counter()
    unlimited = resource.RLIM_INFINITY
    with serving(store) as endpoint:
        for number, limit in enumerate((unlimited, 3000, unlimited, 5000, unlimited)):
            resource.prlimit(endpoint.process.pid, resource.RLIMIT_FSIZE, (limit, unlimited))
            statuses = []
            for request in range(6):
                names = [f"{number}.{request}.{span}" for span in range(20)]
                statuses.append(endpoint.post(*names))
                acknowledged.update(names if statuses[-1] == 200 else [])
            assert statuses[-1] == (200 if limit == unlimited else 503)
            assert set(statuses) <= {200, 503}
            assert names_in(store) == acknowledged
        assert endpoint.end(signal.SIGTERM)[0] == 0
    assert names_in(store) == acknowledged
    assert list((store / "journal").iterdir()) == []


def test_a_question_sees_what_was_acknowledged_at_once(tmp_path: Path) -> None:
    """While others write and drains go on: no moment between the acknowledgement and the answer hides a span."""
    store = tmp_path / "store"
    stop = threading.Event()

    def send() -> None:
        while not stop.is_set():
            assert endpoint.post(*["noise"] * 10) == 200

    with serving(store) as endpoint:
        others = threading.Thread(target=send)
        others.start()
        try:
            for number in range(8):
                assert endpoint.post(f"seen {number}") == 200
                assert names_in(store)[f"seen {number}"] == 1
            eventually(lambda: list((store / "spans").glob("*.parquet")), "a drain")
            assert [names_in(store)[f"seen {number}"] for number in range(8)] == [1] * 8
        finally:
            stop.set()
            others.join()


def test_forgetting_and_compacting_a_store(tmp_path: Path) -> None:
    """Refused while the store is served, naming the process; then they do what they say, and nothing is left."""
    store = tmp_path / "store"
    code, said = baton("forget", "customer.id=x", "--store", store)
    assert (code, "no store at" in said, store.exists()) == (3, True, False)
    with serving(store) as endpoint:
        for name in ("cust-4711", "other"):
            assert endpoint.post(name) == 200
        for command in (["compact"], ["forget", "customer.id=cust-4711"]):
            code, said = baton(*command, "--store", store)
            assert code == 3
            assert f"in use by process {endpoint.process.pid}" in said
        eventually(lambda: list((store / "spans").glob("*.parquet")), "a drain")
        assert endpoint.post("cust-4711", "other") == 200
        endpoint.end(signal.SIGKILL)
    assert baton("forget", "customer.id=cust-4711", "--store", store) == (
        0,
        f"Forgot 2 spans of 1 trace in {store}.\n",
    )
    assert names_in(store) == Counter(other=2)
    assert baton("forget", "customer.id=cust-4711", "--store", store) == (
        1,
        f"baton: no span in {store} carries customer.id=cust-4711\n",
    )
    found = subprocess.run(["/usr/bin/env", "grep", "-ral", "cust-4711", store], capture_output=True, check=False)
    assert found.stdout == b""
    (store / "baton.toml").write_text("retention_days = 1")
    code, said = baton("compact", "--store", store)
    assert code == 0
    assert re.match(r"Put \d+ files of [\d,]+ bytes together as 1 file of [\d,]+ bytes in", said)
    assert "Deleted 0 spans past retention" in said
    assert names_in(store) == Counter(other=2)
