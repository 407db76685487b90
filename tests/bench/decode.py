"""Bytes to frame, in one thread, against the protobuf objects' walk over the same spans in the same run.

Run as a module it prints its rows as JSON; as a process of its own, for Polars takes its number of threads at import.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from statistics import median
from typing import TYPE_CHECKING

import orjson
from google.protobuf.json_format import MessageToDict
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from bench.table import Row, as_json
from load.requests import requests_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

SPANS = 512
REQUESTS = 200
# The walk takes ten times as long or more: fewer requests, the same in each round.
REQUESTS_WALKED = 20
ROUNDS = 5
GROUP = "decode, one thread"


def rows(scale: float) -> list[Row]:
    """Measures in a process of its own."""
    environment = {**os.environ, "POLARS_MAX_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-m", __name__, str(scale)], env=environment, stdout=subprocess.PIPE, check=True
    )
    return [Row(**row) for row in orjson.loads(done.stdout)]


def _measured(scale: float) -> list[Row]:
    requests = requests_of(SPANS, seed=1)
    bodies = [requests.body(number) for number in range(max(2, int(REQUESTS * scale)))]
    few = bodies[: max(1, int(REQUESTS_WALKED * scale))]
    jsons = [_json(body) for body in few]
    works: dict[str, tuple[Callable[[Sequence[bytes]], object], Sequence[bytes]]] = {
        "check": (_check, bodies),
        "kernel": (_decode, bodies),
        "objects": (_objects, few),
        "json": (_transcode, jsons),
        "json whole": (_decode_json, jsons),
    }
    for work, given in works.values():
        work(given[:1])
    taken: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(ROUNDS):
        for name, (work, given) in works.items():
            taken[name].append(len(given) * SPANS / _cpu_s(work, given))
    rate = {name: median(found) for name, found in taken.items()}
    ratio = median(k / o for k, o in zip(taken["kernel"], taken["objects"], strict=True))
    whole = median(j / k for j, k in zip(taken["json whole"], taken["kernel"], strict=True))
    size = f"{len(bodies)} requests of {SPANS} spans, {len(bodies[0]) / SPANS:.0f} bytes each, median of {ROUNDS}"
    per_s = "spans/CPU-s"
    return [
        Row(GROUP, "bytes to frame, every column", rate["kernel"], per_s, least=1_000_000, how=size),
        Row(GROUP, "the protobuf objects' walk", rate["objects"], per_s, how=f"{len(few)} of the same requests"),
        Row(GROUP, "ratio", ratio, "times", least=10, how="same run, same spans"),
        Row(GROUP, "check before the acknowledgement", rate["check"], per_s),
        Row(
            GROUP,
            "JSON to protobuf bytes",
            rate["json"],
            per_s,
            least=100_000,
            how=f"{len(jsons)} of the same requests",
        ),
        Row(GROUP, "JSON to frame, of protobuf's rate", whole, "times"),
    ]


def _cpu_s(work: Callable[[Sequence[bytes]], object], given: Sequence[bytes]) -> float:
    begun = time.process_time()
    work(given)
    return time.process_time() - begun


def _check(bodies: Sequence[bytes]) -> None:
    from baton.wire.decode import check  # noqa: PLC0415 - in the process that measures only

    for body in bodies:
        check(body)


def _decode(bodies: Sequence[bytes]) -> object:
    from baton.journal.record import Record  # noqa: PLC0415 - the same
    from baton.wire.decode import decode  # noqa: PLC0415 - the same

    return decode([Record(0, "", body) for body in bodies])


def _objects(bodies: Sequence[bytes]) -> object:
    """As Baton decoded before it had kernels: without what the tests' reference checks besides, one frame of all."""
    from reference import Decoder  # noqa: PLC0415 - the same
    from reference.walk import walk  # noqa: PLC0415 - the same

    decoder = Decoder()
    for body in bodies:
        walk(ExportTraceServiceRequest.FromString(body), decoder._columns, tenant="", ingested_at=0)
    return decoder.frame()


def _transcode(bodies: Sequence[bytes]) -> list[bytes]:
    from baton.wire.otlp_json import to_protobuf  # noqa: PLC0415 - the same

    return [to_protobuf(body) for body in bodies]


def _decode_json(bodies: Sequence[bytes]) -> object:
    return _decode(_transcode(bodies))


def _json(body: bytes) -> bytes:
    """The same request in OTLP/JSON, with hex ids and enums as integers, as the SDKs write it."""
    parsed = ExportTraceServiceRequest.FromString(body)
    request = MessageToDict(parsed, use_integers_for_enums=True)
    for resource, told in zip(parsed.resource_spans, request["resourceSpans"], strict=True):
        for scope, said in zip(resource.scope_spans, told["scopeSpans"], strict=True):
            for span, written in zip(scope.spans, said["spans"], strict=True):
                ids = {"traceId": span.trace_id, "spanId": span.span_id, "parentSpanId": span.parent_span_id}
                written.update({name: value.hex() for name, value in ids.items()})
    return orjson.dumps(request)


if __name__ == "__main__":
    sys.stdout.buffer.write(as_json(_measured(float(sys.argv[1]))).encode())
