"""The composition root: what the commands do, put together."""
# ruff: noqa: PLC0415 # grpc, deltalake and the analysis are imported by the command that needs them

from __future__ import annotations

import io
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import polars as pl

from baton.errors import BatonError, InputError, NotFoundError
from baton.journal.record import Record
from baton.limits import LOAD_SPANS_MAX, REQUEST_BYTES_MAX
from baton.schema import DEFAULT_TENANT, SPANS
from baton.wire.decode import check, frames
from baton.wire.files import is_recording, read

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from baton.brokers.document import Place
    from baton.brokers.snapshot import Source
    from baton.serve.options import Options
    from baton.store.writer import Forgotten, Writer
    from baton.wire.redaction import Redactor


def serve(store: Path, owners: tuple[Path, ...], options: Options) -> None:
    """Takes spans by OTLP until SIGTERM or SIGINT; creates the store if there is none.

    Args:
        store: folder of the store.
        owners: the ownership files that learning uses.
        options: where to listen, and who may come in.

    Raises:
        UsageError: an address is no HOST:PORT, the broker's URL is none, TLS options are incomplete, or a door would
            stand open to others.
        InputError: a file of certificates or tokens, baton.toml or the redaction key has a fault.
        StoreError: the store is in use, of another format or damaged.
        AddressError: an address cannot be listened on.
    """
    from baton.serve.endpoint import run

    run(store, owners, options)


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
    owners: tuple[Path, ...],
) -> LoadResult:
    """Loads recorded spans into a store, each file whole or not at all, and learns from them.

    Args:
        paths: files, and folders: all recordings in them and below, by name. A named file that is no recording is a
            bad file; in folders such files are passed over.
        store: folder of the store; created if there is none.
        progress: told (file, files done, files) after each file.
        owners: the ownership files that learning uses.

    Raises:
        StoreError: the store is in use (being served, say), of another format or damaged, or the disk refused.
        InputError: baton.toml or the redaction key has a fault.
    """
    from baton.settings import load_settings
    from baton.store.writer import Writer
    from baton.wire.redaction import open_redactor

    result = LoadResult()
    files = _files(paths)
    rules = load_settings(store).redaction
    with Writer(store) as writer:
        redactor = open_redactor(rules, store)
        chunk = _Chunk(writer)
        for done, path in enumerate(files, start=1):
            try:
                frames = _decoded(path, redactor)
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


def _decoded(path: Path, redactor: Redactor) -> list[pl.DataFrame]:
    """The file's spans, redacted, in frames as of `wire.decode.frames`.

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
        requests.append(Record(ingested_at, DEFAULT_TENANT, redactor.redact(body)))
        size += len(body)
        if size >= REQUEST_BYTES_MAX:
            made += frames(requests)
            requests.clear()
            size = 0
    return [*made, *frames(requests)]


def _learn(writer: Writer, owners: tuple[Path, ...]) -> None:
    from baton.queries import learn

    writer.save_expectations(pl.read_ipc(io.BytesIO(learn(writer.path, owners))))


@dataclass(frozen=True, slots=True)
class CompactResult:
    """What a compaction did.

    Attributes:
        before: how many files of spans were put together, or rewritten without spans.
        before_bytes: their size.
        after: how many came in their place.
        after_bytes: their size.
        removed: spans that were older than `retention_days`.
        deleted: files that no table holds any more, these and older ones.
    """

    before: int
    before_bytes: int
    after: int
    after_bytes: int
    removed: int
    deleted: int


def compact(store: Path) -> CompactResult:
    """Drains the journal, puts small files of a store together, deletes what is kept no longer, and all old files.

    Facts of brokers that were true when what is kept begins stay.

    Raises:
        NotFoundError: there is no store.
        StoreError: the store is in use (being served, say), of another format or damaged, or the disk refused.
        InputError: baton.toml has a fault.
    """
    from baton.settings import load_settings
    from baton.store.facts import Facts
    from baton.store.writer import Writer, existing

    kept_from_ns = load_settings(store).kept_from_ns(time.time_ns())
    with Writer(existing(store)) as writer:
        writer.drain_all()
        done = writer.compact(kept_from_ns)
        if kept_from_ns is not None:
            Facts(store).forget(kept_from_ns)
        deleted = writer.vacuum(0)
    return CompactResult(
        len(done.removed),
        sum(part.size_bytes for part in done.removed),
        len(done.added),
        sum(part.size_bytes for part in done.added),
        done.rows_removed,
        deleted,
    )


def forget(store: Path, key: str, value: str, tenant: str | None, owners: tuple[Path, ...]) -> Forgotten:
    """Deletes every span that carries an attribute value, for good; learns anew where it stands in what was learned.

    Args:
        store: folder of the store.
        key: name of the attribute.
        value: its value, as text.
        tenant: only this tenant's spans; None for all.
        owners: the ownership files that learning uses.

    Raises:
        NotFoundError: there is no store.
        StoreError: the store is in use (being served, say), of another format or damaged, or the disk refused.
        InputError: baton.toml or the redaction key has a fault.
    """
    from baton.settings import load_settings
    from baton.store.writer import Writer, existing
    from baton.wire.redaction import hashed, stands_as

    rules = load_settings(store).redaction
    with Writer(existing(store)) as writer:
        # Before and after a rule came to hold, the value stands in the store as it is, and as its hash; and a card
        # number as the hash of its digits.
        values = {value, stands_as(rules, store, key, value), hashed(rules, store, value)}
        forgotten = writer.forget(key, sorted(values), tenant)
        if forgotten.learned:
            _learn(writer, owners)
            writer.vacuum(0)
    return forgotten


def broker_snapshot(store: Path, source: Source) -> FactsResult:
    """Asks a broker what it is, and keeps what it says; creates the store if there is none.

    Beside `serve` and whatever else uses the store, this may run at any time.

    Raises:
        BrokerError: it cannot be asked.
        InputError: a value in its answers does not fit.
        StoreError: the store is of another format or damaged, or the disk refused.
    """
    return _keep(store, source.look(time.time_ns()))


def broker_load(store: Path, file: Path, place: Place) -> FactsResult:
    """Keeps what a saved file says of a broker; the same file again adds nothing. Creates the store if there is none.

    Raises:
        InputError: the file cannot be read or does not fit, or nobody says when it held.
        StoreError: as `broker_snapshot`.
    """
    from baton.brokers.document import load

    return _keep(store, load(file, place))


@dataclass(frozen=True, slots=True)
class FactsResult:
    """What one snapshot said.

    Attributes:
        queues: how many queues and topics it told of.
        routes: bindings and such.
        subscriptions: consumer groups' places on topics.
        counters: of the node.
        added: rows that say what was not known; the snapshot's own mark among them.
    """

    queues: int
    routes: int
    subscriptions: int
    counters: int
    added: int


def _keep(store: Path, snapshot: pl.DataFrame) -> FactsResult:
    from baton.store.facts import Facts
    from baton.store.writer import Writer, existing

    try:
        existing(store)
    except NotFoundError:
        with Writer(store):
            pass
    count = dict(snapshot.get_column("fact").value_counts().iter_rows())
    return FactsResult(
        queues=count.get("queue", 0),
        routes=count.get("route", 0),
        subscriptions=count.get("subscription", 0),
        counters=count.get("counter", 0),
        added=Facts(store).append(snapshot) if len(snapshot) else 0,
    )


def demo(store: Path | None) -> int:
    """Runs the demo bank against a real endpoint and prints the report; see `gameday.demo.demo`."""
    from baton.gameday.demo import demo as run

    return run(store)
