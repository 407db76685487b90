"""The load: a process of its own that exports by gRPC, as fast as it is answered or to a timetable.

Run as a module it prints what became of it, as JSON: `python -m bench.generator ADDRESS SPANS SEED REQUESTS RATE`;
RATE is spans a second, 0 for as fast as it is answered.
"""

from __future__ import annotations

import asyncio
import gc
import subprocess
import sys
import time
from dataclasses import asdict, dataclass

import orjson
from grpc import aio

from load.requests import Requests, requests_of
from load.senders import LOST, METHOD

# Enough that a server with two cores never waits for its clients.
IN_FLIGHT = 16
ANSWER_S_MAX = 60.0
PATIENCE_S = 0.05
S_MAX = 1800.0


@dataclass(frozen=True, slots=True)
class Told:
    """What a generator tells.

    Attributes:
        spans: how many were acknowledged.
        seconds: from the first request to the last answer.
        refused: answers that said to try again; so it did.
        latencies_ms: of each request: to its acknowledgement, from when it was due, whether or not it could be sent
            then. Empty where there was no timetable.
    """

    spans: int
    seconds: float
    refused: int
    latencies_ms: list[float]


def load(address: str, spans: int, seed: int, requests: int, rate: float = 0) -> Told:
    """Runs the load in a process of its own.

    Args:
        address: HOST:PORT of OTLP/gRPC.
        spans: in each request.
        seed: ids of two seeds never meet.
        requests: how many.
        rate: spans a second; 0 for as fast as they are answered.
    """
    arguments = map(str, (address, spans, seed, requests, rate))
    done = subprocess.run(
        [sys.executable, "-m", __name__, *arguments], stdout=subprocess.PIPE, timeout=S_MAX, check=True
    )
    return Told(**orjson.loads(done.stdout))


class _Client:
    """Exports and counts."""

    def __init__(self, channel: aio.Channel, requests: Requests) -> None:
        self.refused = 0
        self.latencies_ms: list[float] = []
        self._export = channel.unary_unary(METHOD)
        self._requests = requests

    async def send(self, body: bytes) -> None:
        """Returns when it is acknowledged, however often it takes."""
        while True:
            try:
                await self._export(body, timeout=ANSWER_S_MAX)
            except aio.AioRpcError as error:
                if error.code() not in LOST:
                    raise
                self.refused += 1
                await asyncio.sleep(PATIENCE_S)
            else:
                return

    async def as_fast_as_answered(self, count: int) -> None:
        """Always `IN_FLIGHT` requests under way."""
        numbers = iter(range(count))

        async def work() -> None:
            for number in numbers:
                await self.send(self._requests.body(number))

        await asyncio.gather(*(work() for _ in range(IN_FLIGHT)))

    async def to_a_timetable(self, count: int, interval_s: float) -> None:
        """A request each interval, however long the answers take: a server that stalls keeps all of them waiting."""
        begun = time.perf_counter()
        under_way: set[asyncio.Task[None]] = set()
        for number in range(count):
            due = begun + number * interval_s
            body = self._requests.body(number)
            if (early := due - time.perf_counter()) > 0:
                await asyncio.sleep(early)
            task = asyncio.create_task(self._timed(body, due))
            under_way.add(task)
            task.add_done_callback(under_way.discard)
        await asyncio.gather(*under_way)

    async def _timed(self, body: bytes, due: float) -> None:
        await self.send(body)
        self.latencies_ms.append((time.perf_counter() - due) * 1000)


async def _main(address: str, spans: int, seed: int, count: int, rate: float) -> Told:
    requests = requests_of(spans, seed)
    options = [("grpc.max_send_message_length", -1), ("grpc.enable_retries", 0)]
    async with aio.insecure_channel(address, options=options) as channel:
        client = _Client(channel, requests)
        await asyncio.wait_for(channel.channel_ready(), ANSWER_S_MAX)
        begun = time.perf_counter()
        if rate:
            await client.to_a_timetable(count, spans / rate)
        else:
            await client.as_fast_as_answered(count)
        return Told(count * spans, time.perf_counter() - begun, client.refused, client.latencies_ms)


if __name__ == "__main__":
    # A pause of the collector here would be told as one of the server's.
    gc.disable()
    target, *numbers = sys.argv[1:]
    told = asyncio.run(_main(target, *map(int, numbers[:3]), rate=float(numbers[3])))
    sys.stdout.buffer.write(orjson.dumps(asdict(told)))
