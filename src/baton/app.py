"""The composition root: what the commands do, put together."""
# ruff: noqa: PLC0415 # grpc, deltalake and the analysis are imported by the command that needs them

from __future__ import annotations

import io
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import polars as pl

from baton.errors import BatonError, InputError
from baton.journal.record import Record
from baton.limits import LOAD_SPANS_MAX, REQUEST_BYTES_MAX
from baton.schema import DEFAULT_TENANT, SPANS
from baton.wire.decode import check, frames
from baton.wire.files import is_recording, read

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from baton.store.writer import Writer


def serve(store: Path, grpc: str, http: str, owners: Path | None) -> None:
    """Takes spans by OTLP until SIGTERM or SIGINT; creates the store if there is none.

    Args:
        store: folder of the store.
        grpc: HOST:PORT of OTLP/gRPC; port 0 takes any.
        http: HOST:PORT of OTLP/HTTP; port 0 takes any.
        owners: the ownership file that learning uses; None for the default one, or none.

    Raises:
        UsageError: `grpc` or `http` is no HOST:PORT.
        StoreError: the store is in use, of another format or damaged.
        AddressError: an address cannot be listened on.
    """
    from baton.serve.endpoint import run
    from baton.wire.kernel import warm

    warm()
    run(store, grpc, http, owners)


@dataclass(slots=True)
class LoadResult:
    """What a load did.

    Attributes:
        files: how many files were loaded, those without spans included.
        spans: how many spans they held.
        bad: the files that were passed over, each with the reason: where in it, which value, what to do.
    """

    files: int = 0
    spans: int = 0
    bad: list[tuple[Path, str]] = field(default_factory=list)


def load(
    paths: Sequence[Path],
    store: Path,
    progress: Callable[[str, int, int], None] | None,
    owners: Path | None,
) -> LoadResult:
    """Loads recorded spans into a store, each file whole or not at all, and learns from them.

    Args:
        paths: files, and folders: all recordings in them and below, by name. A named file that is no recording is a
            bad file; in folders such files are passed over.
        store: folder of the store; created if there is none.
        progress: told (file, files done, files) after each file.
        owners: the ownership file that learning uses; None for the default one, or none.

    Raises:
        StoreError: the store is in use (being served, say), of another format or damaged, or the disk refused.
    """
    from baton.store.writer import Writer

    result = LoadResult()
    files = _files(paths)
    with Writer(store) as writer:
        chunk = _Chunk(writer)
        for done, path in enumerate(files, start=1):
            try:
                frames = _decoded(path)
            except BatonError as error:
                result.bad.append((path, str(error)))
            else:
                chunk.add(frames)
                result.files += 1
                result.spans += sum(map(len, frames))
            if progress is not None:
                progress(path.name, done, len(files))
        chunk.commit()
        if result.spans:
            _learn(writer, owners)
    return result


class _Chunk:
    """Whole files, decoded, that are committed together."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._frames: list[pl.DataFrame] = []

    def add(self, frames: list[pl.DataFrame]) -> None:
        self._frames += frames
        if sum(map(len, self._frames)) >= LOAD_SPANS_MAX:
            self.commit()

    def commit(self) -> None:
        spans = pl.concat([SPANS.empty(), *self._frames])
        self._frames.clear()
        if len(spans):
            self._writer.append(spans, segment=None)


def _files(paths: Sequence[Path]) -> list[Path]:
    """The files named, and the recordings in the folders named, each once."""
    found: dict[Path, None] = {}
    for path in paths:
        inside = sorted(path.rglob("*")) if path.is_dir() else []
        found.update(dict.fromkeys(file for file in inside if is_recording(file) and file.is_file()))
        if not path.is_dir():
            found[path] = None
    return list(found)


def _decoded(path: Path) -> list[pl.DataFrame]:
    """The file's spans, in frames as of `wire.decode.frames`.

    Raises:
        BatonError: the file cannot be read, or holds a span that cannot be kept.
    """
    made: list[pl.DataFrame] = []
    requests: list[Record] = []
    size = 0
    ingested_at = time.time_ns()
    for where, body in read(path):
        try:
            checked = check(body)
        except BatonError as error:
            raise InputError(f"{where}: {error}") from error
        if checked.reason is not None:
            raise InputError(f"{where}: {checked.reason}")
        requests.append(Record(ingested_at, DEFAULT_TENANT, body))
        size += len(body)
        if size >= REQUEST_BYTES_MAX:
            made += frames(requests)
            requests.clear()
            size = 0
    return [*made, *frames(requests)]


def _learn(writer: Writer, owners: Path | None) -> None:
    from baton.queries import learn

    writer.save_expectations(pl.read_ipc(io.BytesIO(learn(writer.path, owners))))


def demo(store: Path | None) -> int:
    """Runs the demo bank against a real endpoint and prints the report; see `gameday.demo.demo`."""
    from baton.gameday.demo import demo as run

    return run(store)
