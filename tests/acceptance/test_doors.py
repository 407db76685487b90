"""Who comes in, and what the rest can do: the real process, its real sockets, and clients that mean no good."""

from __future__ import annotations

import asyncio
import gzip
import os
import resource
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import grpc
import pytest
import trustme
from grpc import aio
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from baton.limits import CONNECTIONS_MAX, MEMORY_BYTES_MAX, READ_S_MAX, READS_MAX, REQUEST_BYTES_MAX
from baton.store.reader import Store
from raw_grpc import RawCall, message

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
CHECK = "/grpc.health.v1.Health/Check"
WAIT_S = 60
RETAIL, MARKETS, READER = "retail-0123456789", "markets-0123456789", "reader-0123456789"
TOKENS = f"""
tokens:
  - {{token: {RETAIL}, tenant: retail}}
  - {{token: {MARKETS}, tenant: markets}}
  - {{token: {READER}, tenant: retail, may: [read]}}
"""
HEAD = "POST /v1/traces HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-protobuf\r\n"


class Served:
    """A `baton serve` of its own, ready."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.store = folder / "store"
        self.log = folder / "log"
        local = ("--grpc", "127.0.0.1:0", "--http", "127.0.0.1:0")
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "baton", "serve", "--store", str(self.store), *local, *options],
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        assert self.process.stdout is not None
        watchdog = threading.Timer(WAIT_S, self.process.kill)
        watchdog.start()
        self.said: dict[str, str] = {}
        for line in self.process.stdout:
            name, _, value = line.strip().partition(" ")
            self.said[name] = value
            if name == "ready":
                break
        watchdog.cancel()
        # The certificates are for this name; a door on all addresses is reached by it too.
        self.grpc, self.http = (
            f"localhost:{self.said[name].rpartition(':')[2]}" for name in ("OTLP/gRPC", "OTLP/HTTP")
        )

    def stop(self) -> int:
        """As SIGTERM does; the exit code."""
        self.process.terminate()
        return self.process.wait(WAIT_S)

    def logged(self, line: str) -> None:
        """Returns when the log has the line."""
        deadline = time.monotonic() + WAIT_S
        while line not in self.log.read_text():
            assert time.monotonic() < deadline
            time.sleep(0.05)

    def memory_peak(self) -> int:
        """The most that was ever resident, bytes."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return 1024 * next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))


@contextmanager
def served(folder: Path, *options: str) -> Iterator[Served]:
    """Killed at the end, if it still runs."""
    endpoint = Served(folder, *options)
    try:
        yield endpoint
    finally:
        endpoint.process.kill()
        endpoint.process.wait()
        endpoint.process.stdout.close()  # type: ignore[union-attr] # a pipe


class Guards(NamedTuple):
    """Files that guard doors, and what a client needs to pass."""

    folder: Path
    authority: bytes
    client: trustme.LeafCert

    def options(self, *, mutual: bool = False) -> list[str]:
        """Those of `baton serve`."""
        names = {"--tls-cert": "server.pem", "--tls-key": "server.key", "--tokens": "tokens.yaml"}
        names |= {"--tls-client-ca": "ca.pem"} if mutual else {}
        return [part for option, name in names.items() for part in (option, str(self.folder / name))]

    def context(self, *, certificate: bool = False) -> ssl.SSLContext:
        """For an HTTP client."""
        context = ssl.create_default_context(cadata=self.authority.decode())
        if certificate:
            self.client.configure_cert(context)
        return context

    def channel(self, address: str, *, certificate: bool = False) -> grpc.Channel:
        """For a gRPC client."""
        key, chain = self.client.private_key_pem.bytes(), b"".join(blob.bytes() for blob in self.client.cert_chain_pems)
        pair = {"private_key": key, "certificate_chain": chain} if certificate else {}
        return grpc.secure_channel(address, grpc.ssl_channel_credentials(self.authority, **pair))


@pytest.fixture(scope="module")
def guards(tmp_path_factory: pytest.TempPathFactory) -> Guards:
    """An authority, a server's certificate, and tokens."""
    folder = tmp_path_factory.mktemp("guards")
    authority = trustme.CA()
    server, client = authority.issue_cert("localhost"), authority.issue_cert("exporter")
    authority.cert_pem.write_to_path(folder / "ca.pem")
    (folder / "server.pem").write_bytes(b"".join(blob.bytes() for blob in server.cert_chain_pems))
    server.private_key_pem.write_to_path(folder / "server.key")
    (folder / "tokens.yaml").write_text(TOKENS)
    for name in ("server.key", "tokens.yaml"):
        (folder / name).chmod(0o600)
    return Guards(folder, authority.cert_pem.bytes(), client)


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """An endpoint on loopback without guards."""
    with served(tmp_path_factory.mktemp("bare")) as endpoint:
        yield endpoint


def request_of(name: str) -> bytes:
    """A request of one span."""
    request = ExportTraceServiceRequest()
    request.resource_spans.add().scope_spans.add().spans.add(trace_id=b"t" * 16, span_id=b"s" * 8, name=name)
    return request.SerializeToString()


def post(url: str, body: bytes, context: ssl.SSLContext | None = None, token: str | None = None) -> tuple[int, str]:
    """Status and WWW-Authenticate that the HTTP door answers."""
    headers = {"content-type": "application/x-protobuf"} | ({"authorization": f"Bearer {token}"} if token else {})
    asked = urllib.request.Request(f"{url}/v1/traces", body, headers)  # noqa: S310 - the test's own
    try:
        with urllib.request.urlopen(asked, timeout=WAIT_S, context=context) as answer:  # noqa: S310 - the test's own
            return answer.status, ""
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers["www-authenticate"] or ""


def call(channel: grpc.Channel, body: bytes, token: str | None = None, method: str = EXPORT) -> grpc.StatusCode:
    """The code that the gRPC door answers."""
    metadata = [("authorization", f"Bearer {token}")] if token else []
    try:
        channel.unary_unary(method)(body, timeout=WAIT_S, metadata=metadata)
    except grpc.RpcError as error:
        return error.code()
    return grpc.StatusCode.OK


def test_a_token_opens_both_doors_and_its_tenant_stands_on_the_spans(guards: Guards, tmp_path: Path) -> None:
    """On an address that others reach, with TLS: no token, an unknown one and a reader's are refused and keep nothing.

    Health needs none. The log names no token.
    """
    with served(tmp_path, *guards.options(), "--grpc", "0.0.0.0:0", "--http", "0.0.0.0:0") as endpoint:
        assert endpoint.said["tokens"] == "3 of 2 tenants"
        assert endpoint.said["TLS"].startswith("on, valid until")
        url, context = f"https://{endpoint.http}", guards.context()
        with guards.channel(endpoint.grpc) as channel:
            for token, status, challenge, code in (
                (RETAIL, 200, "", grpc.StatusCode.OK),
                (MARKETS, 200, "", grpc.StatusCode.OK),
                (None, 401, "Bearer", grpc.StatusCode.UNAUTHENTICATED),
                ("unknown-0123456789", 401, "Bearer", grpc.StatusCode.UNAUTHENTICATED),
                (READER, 403, "", grpc.StatusCode.PERMISSION_DENIED),
            ):
                assert post(url, request_of(f"http {token}"), context, token) == (status, challenge)
                assert call(channel, request_of(f"grpc {token}"), token) is code
            assert call(channel, b"", method=CHECK) is grpc.StatusCode.OK
        with urllib.request.urlopen(f"{url}/readyz", context=context, timeout=WAIT_S) as ready:  # noqa: S310 - the same
            assert ready.read() == b"ready\n"
        assert endpoint.stop() == 0
        assert endpoint.log.read_text() == ""
    spans = Store(endpoint.store).spans().select("tenant", "name").collect()
    assert sorted(spans.rows()) == [
        (tenant, f"{door} {token}")
        for tenant, token in (("markets", MARKETS), ("retail", RETAIL))
        for door in ("grpc", "http")
    ]


def certificate_of(address: str, authority: bytes) -> bytes:
    """The certificate that a door presents."""
    host, _, port = address.rpartition(":")
    context = ssl.create_default_context(cadata=authority.decode())
    context.set_alpn_protocols(["h2"])
    with (
        socket.create_connection((host, int(port)), timeout=WAIT_S) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as secure,
    ):
        return secure.getpeercert(binary_form=True) or b""


def test_certificates_and_tokens_are_renewed_while_it_serves(tmp_path: Path) -> None:
    """SIGHUP: both doors present the new certificate and take the new token only; faulty files change nothing."""
    authority = trustme.CA()

    def write(tokens: str, *, whole: bool = True) -> Guards:
        server = authority.issue_cert("localhost")
        chain = b"".join(blob.bytes() for blob in server.cert_chain_pems)
        (tmp_path / "server.pem").write_bytes(chain if whole else b"")
        server.private_key_pem.write_to_path(tmp_path / "server.key")
        (tmp_path / "tokens.yaml").write_text(tokens)
        for name in ("server.key", "tokens.yaml"):
            (tmp_path / name).chmod(0o600)
        return Guards(tmp_path, authority.cert_pem.bytes(), server)

    guards = write(f"tokens: [{{token: {RETAIL}, tenant: retail}}]")
    with served(tmp_path, *guards.options()) as endpoint:
        assert endpoint.process.stdout is not None
        doors = (endpoint.grpc, endpoint.http)
        first = {certificate_of(door, guards.authority) for door in doors}
        write(f"tokens: [{{token: {MARKETS}, tenant: a}}, {{token: {READER}, tenant: b}}]")
        endpoint.process.send_signal(signal.SIGHUP)
        assert "tokens 2 of 2 tenants\n" in iter(endpoint.process.stdout.readline, "")
        assert [post(f"https://{endpoint.http}", b"", guards.context(), token)[0] for token in (RETAIL, MARKETS)] == [
            401,
            200,
        ]
        second = {certificate_of(door, guards.authority) for door in doors}
        assert len(first) == len(second) == 1
        assert first != second
        with guards.channel(endpoint.grpc) as channel:
            assert call(channel, b"", RETAIL) is grpc.StatusCode.UNAUTHENTICATED
            assert call(channel, b"", MARKETS) is grpc.StatusCode.OK
        write(TOKENS, whole=False)
        endpoint.process.send_signal(signal.SIGHUP)
        endpoint.logged("What was read before still holds")
        assert {certificate_of(door, guards.authority) for door in doors} == second
        assert endpoint.stop() == 0


def test_mutual_tls_lets_in_who_has_a_certificate(guards: Guards, tmp_path: Path) -> None:
    """Without one neither door shakes hands, nor for plain text; with one a token is still needed."""
    with served(tmp_path, *guards.options(mutual=True)) as endpoint:
        assert "clients need a certificate" in endpoint.said["TLS"]
        url = f"https://{endpoint.http}"
        assert post(url, b"", guards.context(certificate=True), RETAIL)[0] == 200
        assert post(url, b"", guards.context(certificate=True))[0] == 401
        with guards.channel(endpoint.grpc, certificate=True) as channel:
            assert call(channel, b"", RETAIL) is grpc.StatusCode.OK
            assert call(channel, b"") is grpc.StatusCode.UNAUTHENTICATED
        for stranger in (guards.channel(endpoint.grpc), grpc.insecure_channel(endpoint.grpc)):
            with stranger:
                assert call(stranger, b"", RETAIL) is grpc.StatusCode.UNAVAILABLE
        with pytest.raises(OSError, match=r"(?i)certificate.required|reset|closed|EOF|remote end"):
            post(url, b"", guards.context(), RETAIL)
        with pytest.raises(OSError):  # noqa: PT011 - whichever way the connection ends
            post(f"http://{endpoint.http}", b"", None, RETAIL)
        assert post(url, b"", guards.context(certificate=True), RETAIL)[0] == 200


def test_a_door_that_stands_open_to_others_is_refused(tmp_path: Path) -> None:
    """Exit code 2 and what to do, before a store is made; --insecure listens and warns."""
    command = [sys.executable, "-m", "baton", "serve", "--store", str(tmp_path / "none"), "--http", "127.0.0.1:0"]
    ended = subprocess.run(
        [*command, "--grpc", "0.0.0.0:0"], capture_output=True, text=True, timeout=WAIT_S, check=False
    )
    assert (ended.returncode, ended.stdout) == (2, "")
    for told in ("0.0.0.0:0", "--tls-cert", "--tokens", "--insecure"):
        assert told in ended.stderr
    assert not (tmp_path / "none").exists()
    with served(tmp_path, "--grpc", "0.0.0.0:0", "--insecure") as endpoint:
        with grpc.insecure_channel(endpoint.grpc) as channel:
            assert call(channel, b"") is grpc.StatusCode.OK
        assert endpoint.stop() == 0
        warned = endpoint.log.read_text()
    assert [line for line in warned.splitlines() if "insecure" in line and ("TLS" in line or "tokens" in line)] != []


async def hang_up(*writers: asyncio.StreamWriter) -> None:
    """Closes connections, however they ended."""
    for writer in writers:
        writer.close()
    await asyncio.gather(*(writer.wait_closed() for writer in writers), return_exceptions=True)


class Honest:
    """A client that exports all the while, each span once, and is told yes or to try again."""

    def __init__(self, address: str) -> None:
        self._address = address
        self.acknowledged: list[str] = []
        self.refused: Counter[grpc.StatusCode] = Counter()
        self._stopped = False
        self._progress = asyncio.Event()

    @asynccontextmanager
    async def working(self) -> AsyncIterator[None]:
        """From the first acknowledgement to the end of the block."""
        task = asyncio.create_task(self._work())
        await self.served(1)
        yield
        self._stopped = True
        await task

    async def served(self, more: int) -> None:
        """Returns when so many more were acknowledged."""
        goal = len(self.acknowledged) + more
        async with asyncio.timeout(WAIT_S):
            while len(self.acknowledged) < goal:
                self._progress.clear()
                await self._progress.wait()

    async def _work(self) -> None:
        async with aio.insecure_channel(self._address) as channel:
            number = 0
            while not self._stopped:
                name = f"honest {os.getpid()} {id(self)} {number}"
                try:
                    await channel.unary_unary(EXPORT)(request_of(name), timeout=WAIT_S)
                    self.acknowledged.append(name)
                    self._progress.set()
                except aio.AioRpcError as error:
                    self.refused[error.code()] += 1
                number += 1
                await asyncio.sleep(0.02)


def test_memory_stays_bounded_whoever_sends(tmp_path: Path) -> None:
    """Dozens at once with the largest messages by gRPC, then with bombs, stay under 1 GB together.

    Some are cut off to try again, the bombs are refused for good; an honest client is served all the while.
    """
    largest = bytes(1024 * 1024)

    async def greedy(endpoint: Served) -> str:
        raw = await RawCall.start(endpoint.grpc)
        await raw.send(message(b"", size=REQUEST_BYTES_MAX))
        for _ in range(REQUEST_BYTES_MAX // len(largest)):
            await raw.send(largest)
        async with asyncio.timeout(WAIT_S):
            await raw.ended.wait()
        await raw.close()
        return "cut" if b"try again" in raw.said else "other"

    async def bomb(endpoint: Served, body: bytes) -> bytes:
        async with asyncio.timeout(WAIT_S):
            said = b"try again"
            while b"try again" in said:
                raw = await RawCall.start(endpoint.grpc, (b"grpc-encoding", b"gzip"))
                await raw.send(message(body, compressed=True), last=True)
                await raw.ended.wait()
                await raw.close()
                said = raw.said
        return said

    async def work(endpoint: Served) -> Honest:
        body = gzip.compress(bytes(2 * REQUEST_BYTES_MAX), 6)
        honest = Honest(endpoint.grpc)
        async with honest.working():
            outcomes = await asyncio.gather(*(greedy(endpoint) for _ in range(40)))
            assert "cut" in outcomes
            await honest.served(3)
            for said in await asyncio.gather(*(bomb(endpoint, body) for _ in range(10))):
                assert b"smaller batches" in said
            await honest.served(3)
        return honest

    with served(tmp_path) as endpoint:
        honest = asyncio.run(work(endpoint))
        assert endpoint.memory_peak() < MEMORY_BYTES_MAX
        assert set(honest.refused) <= {grpc.StatusCode.UNAVAILABLE}
        assert endpoint.stop() == 0
    assert Counter(Store(endpoint.store).spans().collect()["name"]) == Counter(honest.acknowledged)


def test_idle_and_slow_connections_go_and_good_ones_stay(bare: Served) -> None:
    """As many as there may be, on both doors: further ones are closed or told 503, and the log says it once a door.

    A good client that is in goes on; new ones get in when the idle are timed out. A body, and a message, that do not
    come to their end are answered 503 and UNAVAILABLE.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 3 * CONNECTIONS_MAX)), hard))

    async def idle(address: str, count: int) -> list[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        host, _, port = address.rpartition(":")
        return [await asyncio.open_connection(host, int(port)) for _ in range(count)]

    async def work() -> None:
        honest = Honest(bare.grpc)
        async with honest.working():
            host, _, port = bare.http.rpartition(":")
            reader, writer = await asyncio.open_connection(host, int(port))
            writer.write(f"{HEAD}content-length: 100\r\n\r\n".encode() + b"\n")
            slow = await RawCall.start(bare.grpc)
            await slow.send(message(b"\n", size=100))
            crowd = [*await idle(bare.http, CONNECTIONS_MAX), *await idle(bare.grpc, CONNECTIONS_MAX)]
            await honest.served(3)
            ((late, latest),) = await idle(bare.http, 1)
            answer = await asyncio.wait_for(late.read(), WAIT_S)
            # Those that came first may have been timed out by now on a slow machine; then there was room.
            assert answer == b"" or b" 503 " in answer
            async with asyncio.timeout(WAIT_S):
                assert (await reader.readline()).split()[1] == b"503"
                await slow.ended.wait()
                assert f"longer than {READ_S_MAX:g} s".encode() in slow.said
                for gone, _ in crowd:
                    await gone.read()
            assert (await asyncio.to_thread(post, f"http://{bare.http}", b""))[0] == 200
            async with aio.insecure_channel(bare.grpc, options=[("grpc.use_local_subchannel_pool", 1)]) as channel:
                await channel.unary_unary(EXPORT)(b"", timeout=WAIT_S, wait_for_ready=True)
            await honest.served(3)
            await hang_up(writer, latest, *(end for _, end in crowd))
            await slow.close()
        assert honest.refused == {}

    asyncio.run(work())
    log = bare.log.read_text()
    assert [log.count(f"{door}: {CONNECTIONS_MAX} connections are open") for door in ("OTLP/HTTP", "OTLP/gRPC")] == [
        1,
        1,
    ]


def test_half_sent_requests_give_way_to_whole_ones(bare: Served) -> None:
    """More of them than there are places: the oldest are told to try again at once, and a whole one is taken."""

    async def work() -> None:
        host, _, port = bare.http.rpartition(":")
        halves = []
        for _ in range(READS_MAX + 8):
            reader, writer = await asyncio.open_connection(host, int(port))
            writer.write(f"{HEAD}content-length: 100\r\n\r\n".encode())
            halves.append((reader, writer))
        assert (await asyncio.to_thread(post, f"http://{bare.http}", request_of("whole")))[0] == 200
        async with asyncio.timeout(WAIT_S):
            assert b" 503 " in await halves[0][0].readline()
        await hang_up(*(writer for _, writer in halves))

    asyncio.run(work())
    assert "whole" in set(Store(bare.store).spans().collect()["name"])


def test_a_second_sigterm_hurries_and_breaks_nothing(tmp_path: Path) -> None:
    """Under load, with a request half sent: it is answered, the exit code is 0, what was acknowledged is there once."""

    async def work(endpoint: Served) -> Honest:
        honest = Honest(endpoint.grpc)
        host, _, port = endpoint.http.rpartition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(f"{HEAD}content-length: 100\r\n\r\n".encode())
        async with honest.working():
            await honest.served(20)
            endpoint.process.send_signal(signal.SIGTERM)
            async with asyncio.timeout(WAIT_S):
                assert b" 503 " in await reader.readline()
            endpoint.process.send_signal(signal.SIGTERM)
            assert await asyncio.to_thread(endpoint.process.wait, WAIT_S) == 0
        await hang_up(writer)
        return honest

    with served(tmp_path) as endpoint:
        honest = asyncio.run(work(endpoint))
    assert set(honest.refused) <= {grpc.StatusCode.UNAVAILABLE}
    found = Counter(Store(endpoint.store).spans().collect()["name"])
    assert set(honest.acknowledged) <= set(found)
    assert set(found.values()) == {1}
