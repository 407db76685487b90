"""The demo: a real endpoint, a small bank that exports to it, the report, and the report held against the truth."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import IO, TYPE_CHECKING

import click
import orjson
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter

from baton.errors import UnavailableError, UsageError
from baton.gameday.bank import run
from baton.gameday.scenario import FLOOD
from baton.gameday.score import Score, score
from baton.gameday.server import COMMAND, serving
from baton.gameday.services import CHANNEL
from baton.gameday.telemetry import own_environment

if TYPE_CHECKING:
    from baton.gameday.queue import Ledger

OWNERS = Path(__file__).parent / "wealth" / "ownership.yaml"
"""Who owns what at the demo's bank."""


def demo(store: Path | None) -> int:
    """Runs the demo, which takes about 15 s, and says what it does while it does it.

    Args:
        store: a new or empty folder for the demo's store; None makes one among the temporary files.

    Returns:
        the exit code: 0 if the report names exactly the messages that the queue lost, else 1.

    Raises:
        UsageError: the folder holds something.
        UnavailableError: a process of the demo failed.
    """
    folder = _folder(store)
    ledger = _bank(folder)
    # Beside the spans, so that every command finds it without --owners.
    shutil.copyfile(OWNERS, folder / "ownership.yaml")
    click.echo("baton: judging\n")
    _baton(folder, "report", output=None)
    drops = _baton(folder, "drops", "--format", "ndjson", output=subprocess.PIPE)
    result = score(map(orjson.loads, drops.splitlines()), ledger)
    click.echo(f"\n{_closing(folder, result, kept=store is not None)}")
    return 0 if result.exact else 1


def _folder(store: Path | None) -> Path:
    if store is None:
        return Path(tempfile.mkdtemp(prefix="baton-demo-"))
    if store.exists() and (not store.is_dir() or any(store.iterdir())):
        raise UsageError(
            f"{store} holds something already, and the demo judges its own spans only: name a new folder with --store"
        )
    return store


def _bank(folder: Path) -> Ledger:
    """Serves the store, runs the bank against it, and stops the endpoint well."""
    own_environment()
    click.echo(
        f"baton: the bank: wealth-gateway -> trade-execution -> queue {CHANNEL} -> notification -> SMS gateway\n"
        f"baton: and market-data, which sends its ticks into the same queue; it holds {FLOOD.queue_limit} messages\n"
        "baton: starting the endpoint, `baton serve`"
    )
    with serving(folder, OWNERS) as address:
        click.echo(f"baton: it takes spans at {address} (OTLP/gRPC); the bank opens, and exports to it")
        ledger = run(
            lambda: OTLPSpanExporter(endpoint=f"http://{address}", insecure=True),
            FLOOD,
            lambda phase: click.echo(f"baton:   {phase}"),
        )
        click.echo("baton: the bank is closed, all its spans are exported; the endpoint drains, learns and stops")
    return ledger


def _baton(folder: Path, *arguments: str, output: int | IO[bytes] | None) -> bytes:
    """Runs a command over the store; returns what it wrote, where `output` is a pipe."""
    done = subprocess.run([*COMMAND, *arguments, "--store", folder], stdout=output, check=False)  # noqa: S603 - ours
    if done.returncode:
        raise UnavailableError(
            f"`baton {shlex.join(arguments)}` ended with exit code {done.returncode}: what it wrote above says why"
        )
    return done.stdout or b""


def _closing(folder: Path, result: Score, *, kept: bool) -> str:
    """The judgement on the report, and what to try next."""
    at = shlex.quote(str(folder))
    lines = [
        *result.lines(),
        "",
        "Try next:",
        f"  baton findings --store {at}",
        f"  baton drops --store {at}",
        f"  baton boundaries --store {at}",
        f"  baton who {CHANNEL} --store {at}",
    ]
    if not kept:
        lines += [f"  rm -r {at}    # when you have seen enough"]
    return "\n".join(lines)
