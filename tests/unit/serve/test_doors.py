"""The doors over real sockets, before an intake that does as it is told."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import urllib.error
import urllib.request
from collections import Counter
from contextlib import asynccontextmanager
from threading import Event
from typing import TYPE_CHECKING

import grpc
import pytest
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from grpc import aio
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse

from baton.errors import InvalidRequestError, UnavailableError
from baton.limits import HEALTH_WATCHES_MAX, RETRY_AFTER_S
from baton.schema import DEFAULT_TENANT
from baton.serve import endpoint
from baton.serve.access import settle
from baton.serve.admission import Admission, TooSlowError
from baton.serve.doors import Doors, open_doors
from baton.serve.gate import Gate
from baton.serve.health import Health
from baton.serve.options import Options
from baton.serve.outages import Refusals
from baton.settings import RedactionRules
from baton.store.writer import Drained, Writer
from baton.wire.decode import Checked
from baton.wire.redaction import Redactor

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


SERVICE = "opentelemetry.proto.collector.trace.v1.TraceService"
EXPORT = f"/{SERVICE}/Export"
CHECK, WATCH = "/grpc.health.v1.Health/Check", "/grpc.health.v1.Health/Watch"
LOCAL = Options(grpc="127.0.0.1:0", http="127.0.0.1:0")
PROTOBUF = "application/x-protobuf"


@pytest.fixture(autouse=True)
def little_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the process of the tests itself holds is not what they are about."""
    monkeypatch.setattr("baton.serve.admission.resident_bytes", lambda: 0)


class FakeIntake:
    """Takes everything, or fails with `error`."""

    def __init__(self) -> None:
        self.error: Exception | None = None
        self.tenants: list[str] = []

    async def export(self, _body: bytes, _encoding: object, tenant: str, *, gzipped: bool) -> Checked:
        """As of the intake."""
        del gzipped
        await asyncio.sleep(0)
        if self.error is not None:
            raise self.error
        self.tenants.append(tenant)
        return Checked(0, 0, None)


class Bench:
    """Open doors, what stands behind them, and what they noted."""

    def __init__(self, doors: Doors, gate: Gate, health: Health, refusals: Refusals) -> None:
        self.doors, self.gate, self.health, self.refusals = doors, gate, health, refusals
        self.intake = FakeIntake()

    def noted(self) -> int:
        """How many refusals."""
        frame = self.refusals.take()
        self.refusals.give_back(frame)
        return sum(frame["requests"])

    def open(self) -> None:
        """Lets requests in."""
        self.gate.open(self.intake)  # type: ignore[arg-type] # a stand-in

    async def get(self, path: str) -> tuple[int, str]:
        """Status and body of a GET."""
        return (await asyncio.to_thread(_asked, f"http://{self.doors.http}{path}", None))[:2]

    async def post(self) -> tuple[int, str, str | None]:
        """Status, body and Retry-After of an export in JSON."""
        return await asyncio.to_thread(_asked, f"http://{self.doors.http}/v1/traces", b"{}")


def _asked(url: str, body: bytes | None) -> tuple[int, str, str | None]:
    request = urllib.request.Request(url, body, {"content-type": "application/json"})  # noqa: S310 - the test's own
    try:
        with urllib.request.urlopen(request, timeout=60) as response:  # noqa: S310 - the test's own
            return response.status, response.read().decode(), None
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode(), error.headers["retry-after"]


@asynccontextmanager
async def bench() -> AsyncIterator[tuple[Bench, aio.Channel]]:
    """Doors on any free ports, closed at the end, and a channel."""
    health, refusals = Health(), Refusals()
    gate = Gate(None, Admission(), health, refusals)
    doors = await open_doors(settle(LOCAL), gate, health)
    async with aio.insecure_channel(str(doors.grpc)) as channel:
        yield Bench(doors, gate, health, refusals), channel
        await doors.close()


async def refusal(channel: aio.Channel) -> tuple[grpc.StatusCode, Status]:
    """How an export is refused."""
    with pytest.raises(aio.AioRpcError) as caught:
        await channel.unary_unary(EXPORT)(b"")
    details = dict(caught.value.trailing_metadata() or ()).get("grpc-status-details-bin")
    return caught.value.code(), Status.FromString(details)


def test_overload_is_told_with_a_time_and_noted_once_each() -> None:
    """503 with Retry-After, UNAVAILABLE, and RetryInfo in both; a permanent fault has none, and is not noted."""

    async def work() -> None:
        async with bench() as (made, channel):
            made.open()
            made.intake.error = UnavailableError("full")
            status, body, after = await made.post()
            (detail,) = json.loads(body)["details"]
            retry = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": f"{RETRY_AFTER_S}s"}
            assert (status, detail, after) == (503, retry, str(RETRY_AFTER_S))
            code, told = await refusal(channel)
            assert (code, told.message) == (grpc.StatusCode.UNAVAILABLE, "full")
            assert told.details[0].Is(RetryInfo.DESCRIPTOR)
            assert made.noted() == 2
            made.intake.error = InvalidRequestError("bad")
            status, _, after = await made.post()
            assert (status, after) == (400, None)
            code, told = await refusal(channel)
            assert code is grpc.StatusCode.INVALID_ARGUMENT
            assert not any(detail.Is(RetryInfo.DESCRIPTOR) for detail in told.details)
            assert made.noted() == 2

    asyncio.run(work())


def test_health_follows_the_endpoint() -> None:
    """Not ready while closed or refusing; ready once a request was taken, whatever slow senders do; always alive."""

    async def work() -> None:
        async with bench() as (made, channel):
            check = channel.unary_unary(CHECK, HealthCheckRequest.SerializeToString, HealthCheckResponse.FromString)

            async def seen() -> tuple[int, str, set[int]]:
                assert await made.get("/healthz") == (200, "ok\n")
                answers = [await check(HealthCheckRequest(service=name)) for name in ("", SERVICE)]
                return (*await made.get("/readyz"), {answer.status for answer in answers})

            serving, not_serving = HealthCheckResponse.SERVING, HealthCheckResponse.NOT_SERVING
            made.health.close("replaying the journal")
            assert await seen() == (503, "replaying the journal\n", {not_serving})
            assert (await made.post())[0] == 503
            assert (await refusal(channel))[0] is grpc.StatusCode.UNAVAILABLE
            made.open()
            await made.post()
            assert await seen() == (200, "ready\n", {serving})
            made.intake.error = TooSlowError("a sender's fault")
            assert (await made.post())[0] == 503
            assert await seen() == (200, "ready\n", {serving})
            made.intake.error = UnavailableError("disk full")
            await made.post()
            assert await seen() == (503, "refusing\n", {not_serving})
            made.intake.error = None
            await channel.unary_unary(EXPORT)(b"")
            assert await seen() == (200, "ready\n", {serving})
            made.gate.stop()
            assert await seen() == (503, "stopping\n", {not_serving})
            with pytest.raises(aio.AioRpcError) as caught:
                await check(HealthCheckRequest(service="none"))
            assert caught.value.code() is grpc.StatusCode.NOT_FOUND
            assert made.intake.tenants == [DEFAULT_TENANT] * 2

    asyncio.run(work())


def test_watch_tells_every_change_to_a_bounded_number() -> None:
    """SERVICE_UNKNOWN for another's name; one watcher too many is turned away; the stop ends them all."""

    async def work() -> None:
        async with bench() as (made, channel):
            watch = channel.unary_stream(WATCH, HealthCheckRequest.SerializeToString, HealthCheckResponse.FromString)
            calls = [watch(HealthCheckRequest(service=SERVICE)) for _ in range(HEALTH_WATCHES_MAX - 1)]
            unknown = watch(HealthCheckRequest(service="none"))
            statuses = Counter([(await call.read()).status for call in calls])
            assert statuses == {HealthCheckResponse.NOT_SERVING: HEALTH_WATCHES_MAX - 1}
            assert (await unknown.read()).status == HealthCheckResponse.SERVICE_UNKNOWN
            with pytest.raises(aio.AioRpcError) as caught:
                await watch(HealthCheckRequest()).read()
            assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
            made.open()
            assert (await calls[0].read()).status == HealthCheckResponse.SERVING
            made.gate.stop()
            assert (await calls[0].read()).status == HealthCheckResponse.NOT_SERVING
            assert await calls[0].read() is aio.EOF

    asyncio.run(work())


class SlowWriter:
    """A store whose journal holds two segments, and that drains one when it is let."""

    def __init__(self, journal: Path) -> None:
        self.path = self.journal = journal
        self.drained = 0
        self.go = Event()
        for number in (1, 2):
            (journal / f"{number:08}.seg").touch()

    def drain(self, number: int) -> Drained:
        """As of the writer."""
        assert self.go.wait(60)
        self.drained = number
        return Drained(1, [])


def test_while_it_replays_it_says_so_and_takes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Health answers, exports are refused to come again; a stop in the midst of it is heard."""
    writer = SlowWriter(tmp_path)

    async def work() -> None:
        made: asyncio.Future[Doors] = asyncio.get_running_loop().create_future()

        async def opened(*arguments: object) -> Doors:
            made.set_result(await open_doors(*arguments))  # type: ignore[arg-type]
            return made.result()

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(endpoint, "open_doors", opened)
            stored: Writer = writer  # type: ignore[assignment] # a stand-in
            house = endpoint._House(stored, None, Redactor(RedactionRules(), bytes(32)))
            serving = asyncio.create_task(endpoint._serve(house, settle(LOCAL), lambda: settle(LOCAL)))
            doors = await made
            bench = Bench(doors, doors._gate, Health(), Refusals())
            assert await bench.get("/healthz") == (200, "ok\n")
            assert await bench.get("/readyz") == (503, "replaying the journal, segment 1 of 2\n")
            status, body, _ = await bench.post()
            assert (status, "replaying the journal, segment 1 of 2" in body) == (503, True)
            os.kill(os.getpid(), signal.SIGTERM)
            await asyncio.sleep(0)
            writer.go.set()
            await serving

    asyncio.run(work())
    assert writer.drained == 1
    assert "ready" not in capsys.readouterr().out
