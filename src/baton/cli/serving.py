"""Commands that take spans, keep them and delete them."""
# ruff: noqa: PLC0415 # late imports, see `baton.cli`

from __future__ import annotations

from pathlib import Path
from typing import TypedDict, Unpack

import click

from baton.cli.options import FILE, METRICS, OWNERS, STORE, Placed, placed_option, source_of
from baton.cli.output import EXIT_CHECK, EXIT_INPUT, counted, progress_bar, tell, write
from baton.errors import UsageError
from baton.limits import BROKER_INTERVAL_S, BROKER_INTERVAL_S_MAX, BROKER_INTERVAL_S_MIN
from baton.reports.text import clean


class _Options(TypedDict):
    """How `serve` listens: what `serve.options.Options` holds."""

    grpc: str
    http: str
    tls_cert: Path | None
    tls_key: Path | None
    tls_client_ca: Path | None
    tokens: Path | None
    insecure: bool
    broker_interval_s: float


class _Serve(click.Command):
    """`baton serve`, its many options in groups."""

    _GROUPS = (
        ("The store", ("store", "owners")),
        ("Where to listen", ("grpc", "http")),
        ("Who may come in", ("tls_cert", "tls_key", "tls_client_ca", "tokens", "insecure")),
        (
            "The broker to look at",
            ("broker", "broker_metrics", "broker_interval_s", "tenant", "environment", "address"),
        ),
    )

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The options under their groups' headings; what is in none comes last."""
        records = {param.name: param.get_help_record(ctx) for param in self.get_params(ctx)}
        grouped = {name for _, names in self._GROUPS for name in names}
        rest = ("Other", tuple(name for name in records if name not in grouped))
        for title, names in (*self._GROUPS, rest):
            with formatter.section(title):
                formatter.write_dl([record for name in names if (record := records.get(name))])


@click.command(
    cls=_Serve,
    epilog="What is sent to /v1/traces by HTTP or Export by gRPC is acknowledged when it is durable. /healthz and "
    "/readyz, and grpc.health.v1, need no token. SIGHUP reads certificates and tokens again.",
)
@STORE
@OWNERS
@click.option(
    "--grpc", default="127.0.0.1:4317", show_default=True, metavar="HOST:PORT", help="OTLP/gRPC; port 0 is any."
)
@click.option(
    "--http", default="127.0.0.1:4318", show_default=True, metavar="HOST:PORT", help="OTLP/HTTP; port 0 is any."
)
@click.option("--tls-cert", type=FILE, metavar="FILE", help="PEM certificate chain of both doors.")
@click.option("--tls-key", type=FILE, metavar="FILE", help="PEM private key of the certificate.")
@click.option("--tls-client-ca", type=FILE, metavar="FILE", help="Let in only clients that these PEM authorities know.")
@click.option("--tokens", type=FILE, metavar="FILE", help="YAML file of bearer tokens and tenants; else $BATON_TOKENS.")
@click.option("--insecure", is_flag=True, help="Listen beyond this machine without TLS or tokens.")
@click.option(
    "--broker", metavar="URL", help="RabbitMQ's management API: look at it again and again; see `baton broker`."
)
@click.option("--broker-metrics", metavar="URL", help=f"And at {METRICS}")
@click.option(
    "--broker-interval",
    "broker_interval_s",
    type=click.FloatRange(BROKER_INTERVAL_S_MIN, BROKER_INTERVAL_S_MAX),
    default=BROKER_INTERVAL_S,
    show_default=True,
    metavar="SECONDS",
    help="How often.",
)
@placed_option("broker-")
def serve(  # noqa: PLR0913 # options of the command line
    store: str | None,
    owners: tuple[Path, ...],
    *,
    broker: str | None,
    broker_metrics: str | None,
    tenant: str,
    environment: str | None,
    address: str | None,
    **options: Unpack[_Options],
) -> None:
    """Take spans by OTLP until interrupted.

    Listening on anything but this machine's loopback needs TLS and tokens.
    """
    from baton import app, settings
    from baton.serve.options import Options

    folder = settings.store_path(store)
    if broker is None and broker_metrics is not None:
        raise UsageError("--broker-metrics without --broker: name the broker's management API too")
    placed: Placed = {"tenant": tenant, "environment": environment, "address": address}
    source = None if broker is None else source_of(broker, broker_metrics, placed)
    app.serve(folder, settings.owners_paths(owners, folder), Options(broker=source, **options))


@click.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="PATH...")
@STORE
@OWNERS
@click.pass_context
def load(ctx: click.Context, paths: tuple[Path, ...], store: str | None, owners: tuple[Path, ...]) -> None:
    """Load recorded spans from files and folders.

    OTLP/JSON (.json, .jsonl) and OTLP protobuf (.pb, .bin, length-prefixed .pbl), each also with .gz. A file is loaded
    whole or not at all; files that cannot be read are told and passed over, and then the exit code is 3.
    """
    from baton import app, settings

    folder = settings.store_path(store)
    with progress_bar() as progress:
        result = app.load(list(paths), folder, progress, settings.owners_paths(owners, folder))
    for path, reason in result.bad:
        tell(f"passed over {path}: {reason}")
    write(f"Loaded {counted(result.files, 'file')} with {result.spans:,} spans into {clean(str(folder))}.\n")
    if result.bad:
        ctx.exit(EXIT_INPUT)


def _attribute(_ctx: click.Context, param: click.Parameter, value: str) -> tuple[str, str]:
    """An attribute's key and value."""
    key, equals, text = value.partition("=")
    if not (key and equals and text):
        raise click.BadParameter(f"{value!r} is not KEY=VALUE: write customer.id=4711", param=param)
    return key, text


@click.command()
@STORE
def compact(store: str | None) -> None:
    """Make few large files of many, delete what is kept no longer.

    Spans that Baton took more than `retention_days` of baton.toml ago are deleted. `baton serve` does both by itself;
    while it runs this command is refused.
    """
    from baton import app, settings

    folder = settings.store_path(store)
    done = app.compact(folder)
    write(
        f"Put {counted(done.before, 'file')} of {done.before_bytes:,} bytes together as "
        f"{counted(done.after, 'file')} of {done.after_bytes:,} bytes in {clean(str(folder))}.\n"
        f"Deleted {counted(done.removed, 'span')} past retention, and {counted(done.deleted, 'old file')}.\n"
    )


@click.command()
@click.argument("attribute", metavar="KEY=VALUE", callback=_attribute)
@STORE
@OWNERS
@click.option("--tenant", metavar="NAME", help="Only this tenant's spans; default all.")
@click.pass_context
def forget(
    ctx: click.Context, attribute: tuple[str, str], store: str | None, owners: tuple[Path, ...], tenant: str | None
) -> None:
    """Delete every span that carries KEY=VALUE, for good.

    KEY is an attribute of spans, events, links, scopes or resources. No file that held these spans stays. The exit code
    is 1 if there are none. While `baton serve` runs on the store this command is refused.
    """
    from baton import app, settings

    folder = settings.store_path(store)
    key, value = attribute
    done = app.forget(folder, key, value, tenant, settings.owners_paths(owners, folder))
    for path in done.quarantined:
        tell(f"not searched: {path}, a damaged segment of the journal; delete it if it may hold them")
    where = clean(str(folder)) if tenant is None else f"{clean(str(folder))} for tenant {clean(tenant)}"
    if not done.spans:
        tell(f"no span in {where} carries {key}={value}")
        ctx.exit(EXIT_CHECK)
    write(f"Forgot {counted(done.spans, 'span')} of {counted(done.traces, 'trace')} in {where}.\n")


@click.command()
@click.option(
    "--store",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="A new or empty folder for the demo's store; else one among the temporary files.",
)
@click.pass_context
def demo(ctx: click.Context, store: Path | None) -> None:
    """Run a small bank, and report what it dropped.

    The exit code is 1 if the report does not name exactly the messages that the bank's queue lost.
    """
    from baton import app

    ctx.exit(app.demo(store))


COMMANDS = (serve, load, compact, forget, demo)
