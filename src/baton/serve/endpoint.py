"""The endpoint's life: lock, listen, replay, take spans, and on SIGTERM or SIGINT leave nothing behind.

It listens before it replays, so that whoever asks is told to wait, and does not find a closed port.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from baton.errors import BatonError, UnavailableError
from baton.journal.journal import Journal
from baton.journal.segment import segment_numbers
from baton.limits import DRAIN_STOP_S_MAX, LEARN_STOP_S_MAX
from baton.serve.access import settle
from baton.serve.admission import Admission
from baton.serve.broker import Watch
from baton.serve.descriptors import raise_limit, watch_grpc
from baton.serve.doors import open_doors
from baton.serve.gate import Gate
from baton.serve.health import Health
from baton.serve.intake import Intake
from baton.serve.memory import set_up_allocator
from baton.serve.outages import Refusals
from baton.serve.upkeep import Upkeep, attempt
from baton.settings import load_settings
from baton.store.facts import Facts
from baton.store.writer import Writer
from baton.wire.redaction import Redactor, open_redactor
from baton.wire.redaction_key import key_path
from baton.wire.warm import warm

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from baton.serve.access import Access
    from baton.serve.doors import Doors
    from baton.serve.options import Options
    from baton.settings import RedactionRules

_log = logging.getLogger(__name__)


def run(store: Path, owners: tuple[Path, ...], options: Options) -> None:
    """Serves until SIGTERM or SIGINT; returns when everything acknowledged is in the table.

    Prints the store, the addresses, what guards them, and `ready`, a line each. SIGHUP reads certificates and tokens
    again.

    Raises:
        UsageError: an option does not fit, or a door would stand open to others.
        InputError: a file of certificates or tokens, baton.toml or the redaction key has a fault.
        StoreError: the store is in use, of another format or damaged, or the last drain failed.
        AddressError: an address cannot be listened on.
    """
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # until there are doors that can renew something
    access, rules = settle(options), load_settings(store).redaction
    warm()
    set_up_allocator()
    raise_limit()
    with Writer(store) as writer:
        _warn_of_new_key(rules, writer)
        watch = None if options.broker is None else Watch(options.broker, Facts(store), options.broker_interval_s)
        house = _House(writer, owners, open_redactor(rules, store), watch)
        asyncio.run(_serve(house, access, lambda: settle(options)))


def _warn_of_new_key(rules: RedactionRules, writer: Writer) -> None:
    """A store that holds spans, and no key: either it is an earlier Baton's, or its key is lost."""
    path = key_path(rules, writer.path)
    if rules.key_file is None and writer.holds_spans and not path.exists():
        _log.warning("%s is made anew: if this store had a redaction key, stop and restore it", path)


class _House(NamedTuple):
    """What stands behind the doors."""

    writer: Writer
    owners: tuple[Path, ...]
    redactor: Redactor
    watch: Watch | None = None


async def _serve(house: _House, access: Access, settle_anew: Callable[[], Access]) -> None:
    stop = _Stop(asyncio.get_running_loop())
    health = Health()
    gate = Gate(access.tokens, Admission(), health, Refusals())
    doors = await open_doors(access, gate, health)
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, _renew, doors, settle_anew)
    watching = [asyncio.create_task(watch) for watch in (gate.admission.watch(), watch_grpc(doors.web))]
    for line in (
        f"store {house.writer.path.resolve()}",
        f"OTLP/gRPC {doors.grpc}",
        f"OTLP/HTTP {doors.http}",
        *([] if house.watch is None else [f"broker {house.watch.name}"]),
        *access.lines(),
    ):
        _say(line)
    for missing in access.exposed:
        _log.warning("insecure: other machines can reach this endpoint, and there is no %s", missing)
    try:
        if await _replay(house.writer, health, stop.asked):
            await _take(house, gate, doors, stop)
    finally:
        await doors.close()
        for task in watching:
            task.cancel()
    if not stop.asked.is_set():
        raise UnavailableError("the endpoint stopped unasked: start it again")


async def _replay(writer: Writer, health: Health, stop: asyncio.Event) -> bool:
    """Moves what a crash left in the journal into the table; whether it came to the end before it was to stop."""
    numbers = segment_numbers(writer.journal)
    spans = 0
    for position, number in enumerate(numbers, start=1):
        health.close(f"replaying the journal, segment {position} of {len(numbers)}")
        drained = await asyncio.to_thread(writer.drain, number)
        for line in drained.warnings:
            _log.warning("journal: %s", line)
        spans += drained.spans
        if stop.is_set():
            return False
    if spans:
        _log.warning("journal: %d spans of an earlier run moved to the table", spans)
    return True


def _renew(doors: Doors, settle_anew: Callable[[], Access]) -> None:
    """Reads the certificates and tokens again, as SIGHUP asks; with a fault in them, what was read before holds."""
    try:
        access = settle_anew()
    except BatonError as error:
        _log.warning("SIGHUP: %s. What was read before still holds", error)
        return
    doors.renew(access)
    for line in access.lines():
        _say(line)


async def _take(house: _House, gate: Gate, doors: Doors, stop: _Stop) -> None:
    """Takes spans until it is to stop, and moves them all into the table."""
    journal = Journal(house.writer.journal, house.writer.drained + 1)
    try:
        upkeep = Upkeep(house.writer, journal, house.owners, gate.refusals)
        gate.open(Intake(journal, gate.admission, house.redactor))
        keeping = asyncio.create_task(upkeep.run())
        watching = None if house.watch is None else asyncio.create_task(house.watch.run())
        _say("ready")
        stopping = asyncio.create_task(stop.asked.wait())
        await asyncio.wait((doors.serving, keeping, stopping), return_when=asyncio.FIRST_COMPLETED)
        await doors.close()
        for task in (keeping, watching):
            if task is not None:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task
        await _drain(upkeep)
        await _learn(upkeep, stop.hurry)
    finally:
        journal.close()


async def _drain(upkeep: Upkeep) -> None:
    """The last drain; a disk that does not answer must not hold the exit, and what the journal has, it keeps."""
    drain = asyncio.create_task(upkeep.drain())
    await asyncio.wait((drain,), timeout=DRAIN_STOP_S_MAX)
    if not drain.done():
        _log.warning("the last drain takes longer than %.0f s: the next start goes on with it", DRAIN_STOP_S_MAX)
        # Threads that wait for a disk can be neither ended nor waited for. Killed here is killed anywhere.
        os._exit(0)
    drain.result()


async def _learn(upkeep: Upkeep, hurry: asyncio.Event) -> None:
    """The last learning, given up when its time is over or a second signal comes: a query learns for itself then."""
    learn, hurried = asyncio.create_task(attempt(upkeep.learn)), asyncio.create_task(hurry.wait())
    await asyncio.wait((learn, hurried), timeout=LEARN_STOP_S_MAX, return_when=asyncio.FIRST_COMPLETED)
    for task in (learn, hurried):
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


class _Stop:
    """SIGTERM and SIGINT: the first asks to stop, the next to hurry."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.asked = asyncio.Event()
        self.hurry = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._signalled)

    def _signalled(self) -> None:
        (self.hurry if self.asked.is_set() else self.asked).set()


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
