"""Commands that keep what brokers say of themselves, and show it."""
# ruff: noqa: PLC0415 # late imports, see `baton.cli`

from __future__ import annotations

from typing import TYPE_CHECKING, Unpack

import click

from baton.cli.options import FILE, METRICS, STORE, Placed, placed_option, source_of, time_ns
from baton.cli.output import counted, screen, write
from baton.reports.text import clean
from baton.reports.times import ACCEPTED

if TYPE_CHECKING:
    from pathlib import Path

    from baton.app import FactsResult


@click.group()
def broker() -> None:
    """Keep what brokers say of themselves, and show it.

    Limits, bindings, consumers and counters, which spans never name. The login for a broker is $BATON_BROKER_USER and
    $BATON_BROKER_PASSWORD, or the line user:password in the file that $BATON_BROKER_CREDENTIALS names.
    """


@broker.command()
@click.argument("url", metavar="URL")
@click.option("--metrics", metavar="URL", help=f"Also {METRICS}")
@STORE
@placed_option("")
def snapshot(url: str, metrics: str | None, store: str | None, **placed: Unpack[Placed]) -> None:
    """Ask RabbitMQ's management API at URL, and keep the answer.

    URL is its root, such as http://HOST:15672, without a user or password.
    """
    from baton import app, settings

    folder = settings.store_path(store)
    _kept(app.broker_snapshot(folder, source_of(url, metrics, placed)), folder)


@broker.command("load")
@click.argument("file", metavar="FILE", type=FILE)
@click.option("--at", callback=time_ns, metavar="TIME", help=f"When it held; else the file's own word. {ACCEPTED}.")
@STORE
@placed_option("")
def load_facts(file: Path, at: int | None, store: str | None, **placed: Unpack[Placed]) -> None:
    """Keep what a saved FILE says of a broker.

    Answers of RabbitMQ's management API, a definitions export, metrics in Prometheus's format, or the document of
    docs/facts.md, the door for every other broker; each may be gzipped.
    """
    from baton import app, settings
    from baton.brokers.document import Place

    folder = settings.store_path(store)
    _kept(app.broker_load(folder, file, Place(at_ns=at, **placed)), folder)


@broker.command()
@STORE
@click.option("--tenant", metavar="NAME", help="Only this tenant's; default every tenant's.")
def show(store: str | None, tenant: str | None) -> None:
    """Show the queues of brokers, by the newest word on each."""
    from baton import queries, settings
    from baton.reports import facts

    write(facts.as_table(queries.broker_queues(settings.store_path(store), tenant), **screen()))


def _kept(result: FactsResult, folder: Path) -> None:
    """Says what a snapshot told."""
    told = [
        counted(result.queues, "queue"),
        counted(result.routes, "route"),
        *([counted(result.subscriptions, "subscription")] if result.subscriptions else []),
        counted(result.counters, "counter"),
    ]
    news = f"{counted(result.added, 'row')} new" if result.added else "nothing new"
    write(f"Read {', '.join(told)} into {clean(str(folder))}: {news}.\n")


COMMANDS = (broker,)
