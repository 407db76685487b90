"""The endpoint's life: lock, replay, listen, take spans, and on SIGTERM or SIGINT leave nothing behind."""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

from baton.errors import UnavailableError
from baton.journal.journal import Journal
from baton.journal.segment import segment_numbers
from baton.limits import SHUTDOWN_GRACE_S
from baton.serve.address import Address, listen, parse_address
from baton.serve.intake import Intake
from baton.serve.otlp_grpc import grpc_server
from baton.serve.otlp_http import http_server
from baton.serve.upkeep import Upkeep, attempt
from baton.settings import load_settings
from baton.store.writer import Writer
from baton.wire import otlp_json
from baton.wire.redaction import open_redactor

if TYPE_CHECKING:
    from pathlib import Path

_log = logging.getLogger(__name__)


def run(store: Path, grpc: str, http: str, owners: Path | None) -> None:
    """Serves until SIGTERM or SIGINT; returns when everything acknowledged is in the table.

    Prints the store and the addresses, and `ready`, a line each.

    Raises:
        UsageError: `grpc` or `http` is no HOST:PORT.
        StoreError: the store is in use, of another format or damaged, or the last drain failed.
        AddressError: an address cannot be listened on.
        InputError: baton.toml or the redaction key has a fault.
    """
    addresses = parse_address(grpc), parse_address(http)
    rules = load_settings(store).redaction
    with Writer(store) as writer:
        redactor = open_redactor(rules, store)
        otlp_json.warm()
        _replay(writer)
        journal = Journal(writer.journal, writer.drained + 1)
        upkeep = Upkeep(writer, journal, owners)
        try:
            asyncio.run(_serve(store.resolve(), Intake(journal, redactor), upkeep, *addresses))
        finally:
            journal.close()


def _replay(writer: Writer) -> None:
    """Moves what a crash left in the journal into the table."""
    numbers = segment_numbers(writer.journal)
    drained = writer.drain(numbers[-1] if numbers else 0)
    for line in drained.torn:
        _log.warning("journal: %s", line)
    if drained.spans:
        _log.warning("journal: %d spans of an earlier run moved to the table", drained.spans)


async def _serve(store: Path, intake: Intake, upkeep: Upkeep, grpc: Address, http: Address) -> None:
    rpc, grpc_port = grpc_server(intake, grpc)
    sock = listen(http, "--http")
    web = http_server(intake)
    stopped = _stopped()
    await rpc.start()
    serving = asyncio.create_task(web.serve([sock]))
    keeping = asyncio.create_task(upkeep.run())
    _say(f"store {store}")
    _say(f"OTLP/gRPC {grpc._replace(port=grpc_port)}")
    _say(f"OTLP/HTTP {http._replace(port=sock.getsockname()[1])}")
    _say("ready")
    await asyncio.wait((serving, keeping, asyncio.create_task(stopped.wait())), return_when=asyncio.FIRST_COMPLETED)
    web.should_exit = True
    await asyncio.gather(rpc.stop(SHUTDOWN_GRACE_S), serving)
    keeping.cancel()
    with suppress(asyncio.CancelledError):
        await keeping
    await upkeep.drain()
    await attempt(upkeep.learn)
    if not stopped.is_set():
        raise UnavailableError("the endpoint stopped unasked: start it again")


def _stopped() -> asyncio.Event:
    """Set by SIGTERM and SIGINT."""
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    return stopped


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
