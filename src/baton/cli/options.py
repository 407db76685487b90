"""Options that commands share, and what they make of them."""
# ruff: noqa: PLC0415 # late imports, see `baton.cli`

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict, TypeVar

import click

from baton.errors import UsageError
from baton.reports.times import ACCEPTED, parse

if TYPE_CHECKING:
    from collections.abc import Callable

    from baton.brokers.snapshot import Source
    from baton.queries import Question


ROW_FORMATS = ("table", "json", "ndjson", "csv", "parquet", "markdown")

Command = TypeVar("Command", bound="Callable[..., None]")


class Asked(TypedDict, total=False):
    """The options that make a question."""

    store: str | None
    owners: tuple[Path, ...]
    contracts: tuple[Path, ...]
    since: int | None
    until: int | None
    as_of: int | None
    journey_type: str | None
    team: str | None
    tenant: str | None


class Placed(TypedDict):
    """What the options say of a broker."""

    tenant: str
    environment: str | None
    address: str | None


def time_ns(_ctx: click.Context, param: click.Parameter, value: str | None) -> int | None:
    """A time, in ns since 1970."""
    if value is None:
        return None
    try:
        return parse(value, time.time_ns())
    except UsageError as error:
        raise click.BadParameter(str(error), param=param) from error


def options(*options: Callable[[Command], Command]) -> Callable[[Command], Command]:
    """Several options as one decorator, in the order of the help."""

    def decorate(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


STORE = click.option("--store", metavar="DIR", help="The store's folder; else $BATON_STORE, else ./baton-store.")

OWNERS = click.option(
    "--owners",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="An ownership file, several times for several; else ownership.yaml in the store or the working folder.",
)

CONTRACTS = click.option(
    "--contracts",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Contracts or an AsyncAPI document, several times for several; else contracts.yaml, likewise.",
)

_JUDGED = options(
    click.option("--as-of", callback=time_ns, metavar="TIME", help="Judge as of this time; default now."),
    click.option("--tenant", metavar="NAME", help="Only this tenant's telemetry; default every tenant's."),
)

KNOWN = options(STORE, OWNERS, CONTRACTS, _JUDGED)

WINDOW = options(
    STORE,
    OWNERS,
    CONTRACTS,
    click.option("--since", callback=time_ns, metavar="TIME", help=f"Handoffs sent at or after: {ACCEPTED}."),
    click.option("--until", callback=time_ns, metavar="TIME", help="Handoffs sent before."),
    _JUDGED,
)


def placed_option(prefix: str) -> Callable[[Command], Command]:
    """The options that say of a broker what it does not know of itself."""
    return options(
        click.option(
            f"--{prefix}tenant",
            "tenant",
            default="default",
            show_default=True,
            metavar="NAME",
            help="Whose broker it is.",
        ),
        click.option(
            f"--{prefix}environment", "environment", metavar="NAME", help="Where it is, as spans name it; default any."
        ),
        click.option(
            f"--{prefix}address", "address", metavar="HOST:PORT", help="The broker as spans name it; default any."
        ),
    )


METRICS = "its node's counters in Prometheus's format, such as http://HOST:15692/metrics; asked without a login."

NARROW = options(
    click.option("--journey-type", metavar="NAME", help="Only this declared journey type."),
    click.option("--team", metavar="TEAM", help="Only where this team sends, receives, owns the channel or answers."),
)

FILE = click.Path(path_type=Path)


def format_option(*formats: str) -> Callable[[Command], Command]:
    """The option `--format`; the first is the default, on a terminal or not."""
    return click.option(
        "--format",
        "output",
        type=click.Choice(formats),
        default=formats[0],
        show_default=True,
        help="Form of the answer.",
    )


def source_of(url: str, metrics: str | None, placed: Placed) -> Source:
    """The broker that the options name, with the login of the environment."""
    from baton.brokers.document import Place
    from baton.brokers.login import login
    from baton.brokers.snapshot import Source

    return Source(url, metrics, login(os.environ), Place(at_ns=None, **placed))


def question_of(asked: Asked, verdicts: tuple[str, ...] = ()) -> Question:
    """The options as a question to `baton.queries`."""
    from baton import queries, settings

    store = settings.store_path(asked["store"])
    since, until = asked.get("since"), asked.get("until")
    if since is not None and until is not None and since >= until:
        raise UsageError("--since is not before --until, so no handoff can match: give an earlier --since")
    return queries.Question(
        store=store,
        owners=settings.owners_paths(asked["owners"], store),
        since_ns=since,
        until_ns=until,
        as_of_ns=asked["as_of"],
        verdicts=verdicts,
        journey_type=asked.get("journey_type"),
        team=asked.get("team"),
        tenant=asked["tenant"],
        contracts=settings.contracts_paths(asked["contracts"], store),
    )
