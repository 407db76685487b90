"""The command line: arguments and exit codes only.

Exit codes: 0 done (drops found or not; a reader that closes the pipe is done too), 1 a check failed, 2 usage, 3 input
could not be read, 70 a bug in Baton, 130 interrupted. What goes wrong is told in one line on standard error; a
traceback is printed only where BATON_DEBUG is 1.

Whatever needs more than Click is imported by the command that needs it: `baton --help` answers at once.
"""
# ruff: noqa: PLC0415 # late imports are the point, see above

from __future__ import annotations

import os
import shutil
import sys
import time
import traceback
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict, TypeVar, Unpack

import click

from baton import __version__
from baton.errors import BatonError, UsageError
from baton.limits import (
    BROKER_INTERVAL_S,
    BROKER_INTERVAL_S_MAX,
    BROKER_INTERVAL_S_MIN,
    TEXT_WIDTH_DEFAULT,
    TEXT_WIDTH_MAX,
    TEXT_WIDTH_MIN,
)
from baton.reports.text import clean
from baton.reports.times import ACCEPTED, parse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import polars as pl

    from baton.app import FactsResult
    from baton.brokers.snapshot import Source
    from baton.queries import Question

_EXIT_CHECK = 1
_EXIT_INPUT = 3
_EXIT_BUG = 70  # EX_SOFTWARE of sysexits.h
_EXIT_INTERRUPTED = 130  # 128 + SIGINT, as shells count

_ROW_FORMATS = ("table", "json", "ndjson", "csv", "parquet", "markdown")

_Command = TypeVar("_Command", bound="Callable[..., None]")


class _Asked(TypedDict, total=False):
    """The options that make a question."""

    store: str | None
    owners: Path | None
    since: int | None
    until: int | None
    as_of: int | None
    journey_type: str | None
    team: str | None
    tenant: str | None


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


class _Placed(TypedDict):
    """What the options say of a broker."""

    tenant: str
    environment: str | None
    address: str | None


def _time(_ctx: click.Context, param: click.Parameter, value: str | None) -> int | None:
    """A time, in ns since 1970."""
    if value is None:
        return None
    try:
        return parse(value, time.time_ns())
    except UsageError as error:
        raise click.BadParameter(str(error), param=param) from error


def _options(*options: Callable[[_Command], _Command]) -> Callable[[_Command], _Command]:
    """Several options as one decorator, in the order of the help."""

    def decorate(command: _Command) -> _Command:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


def _verdicts(_ctx: click.Context, param: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...]:
    """Verdicts given one by one or as lists with commas."""
    if not values:
        return ()
    from baton.schema import VERDICTS

    verdicts = tuple(verdict.strip() for value in values for verdict in value.split(","))
    for verdict in verdicts:
        if verdict not in VERDICTS:
            raise click.BadParameter(f"{verdict!r} is no verdict: name some of {', '.join(VERDICTS)}", param=param)
    return verdicts


def _attribute(_ctx: click.Context, param: click.Parameter, value: str) -> tuple[str, str]:
    """An attribute's key and value."""
    key, equals, text = value.partition("=")
    if not (key and equals and text):
        raise click.BadParameter(f"{value!r} is not KEY=VALUE: write customer.id=4711", param=param)
    return key, text


_STORE = click.option("--store", metavar="DIR", help="The store's folder; else $BATON_STORE, else ./baton-store.")
_OWNERS = click.option(
    "--owners",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The ownership file; else ownership.yaml in the store or the working folder.",
)
_JUDGED = _options(
    click.option("--as-of", callback=_time, metavar="TIME", help="Judge as of this time; default now."),
    click.option("--tenant", metavar="NAME", help="Only this tenant's telemetry; default every tenant's."),
)
_KNOWN = _options(_STORE, _OWNERS, _JUDGED)
_WINDOW = _options(
    _STORE,
    _OWNERS,
    click.option("--since", callback=_time, metavar="TIME", help=f"Handoffs sent at or after: {ACCEPTED}."),
    click.option("--until", callback=_time, metavar="TIME", help="Handoffs sent before."),
    _JUDGED,
)


def _placed(prefix: str) -> Callable[[_Command], _Command]:
    """The options that say of a broker what it does not know of itself."""
    return _options(
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


_METRICS = "its node's counters in Prometheus's format, such as http://HOST:15692/metrics; asked without a login."
_NARROW = _options(
    click.option("--journey-type", metavar="NAME", help="Only this declared journey type."),
    click.option("--team", metavar="TEAM", help="Only where this team sends, receives, owns the channel or answers."),
)


def _format(*formats: str) -> Callable[[_Command], _Command]:
    """The option `--format`; the first is the default, on a terminal or not."""
    return click.option(
        "--format",
        "output",
        type=click.Choice(formats),
        default=formats[0],
        show_default=True,
        help="Form of the answer.",
    )


@click.group(
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit codes: 0 done, drops found or not; 1 a check failed; 2 usage; 3 input could not be read.",
)
@click.version_option(__version__, prog_name="baton", message="%(prog)s %(version)s")
def cli() -> None:
    """When a customer's journey crosses from one team to the next, was the baton dropped?

    And where, why, and who can fix it.
    """


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


_FILE = click.Path(path_type=Path)


@cli.command(
    cls=_Serve,
    epilog="What is sent to /v1/traces by HTTP or Export by gRPC is acknowledged when it is durable. /healthz and "
    "/readyz, and grpc.health.v1, need no token. SIGHUP reads certificates and tokens again.",
)
@_STORE
@_OWNERS
@click.option(
    "--grpc", default="127.0.0.1:4317", show_default=True, metavar="HOST:PORT", help="OTLP/gRPC; port 0 is any."
)
@click.option(
    "--http", default="127.0.0.1:4318", show_default=True, metavar="HOST:PORT", help="OTLP/HTTP; port 0 is any."
)
@click.option("--tls-cert", type=_FILE, metavar="FILE", help="PEM certificate chain of both doors.")
@click.option("--tls-key", type=_FILE, metavar="FILE", help="PEM private key of the certificate.")
@click.option(
    "--tls-client-ca", type=_FILE, metavar="FILE", help="Let in only clients that these PEM authorities know."
)
@click.option(
    "--tokens", type=_FILE, metavar="FILE", help="YAML file of bearer tokens and tenants; else $BATON_TOKENS."
)
@click.option("--insecure", is_flag=True, help="Listen beyond this machine without TLS or tokens.")
@click.option(
    "--broker", metavar="URL", help="RabbitMQ's management API: look at it again and again; see `baton broker`."
)
@click.option("--broker-metrics", metavar="URL", help=f"And at {_METRICS}")
@click.option(
    "--broker-interval",
    "broker_interval_s",
    type=click.FloatRange(BROKER_INTERVAL_S_MIN, BROKER_INTERVAL_S_MAX),
    default=BROKER_INTERVAL_S,
    show_default=True,
    metavar="SECONDS",
    help="How often.",
)
@_placed("broker-")
def serve(  # noqa: PLR0913 # options of the command line
    store: str | None,
    owners: Path | None,
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
    placed: _Placed = {"tenant": tenant, "environment": environment, "address": address}
    source = None if broker is None else _source(broker, broker_metrics, placed)
    app.serve(folder, settings.owners_path(owners, folder), Options(broker=source, **options))


@cli.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="PATH...")
@_STORE
@_OWNERS
@click.pass_context
def load(ctx: click.Context, paths: tuple[Path, ...], store: str | None, owners: Path | None) -> None:
    """Load recorded spans from files and folders.

    OTLP/JSON (.json, .jsonl) and OTLP protobuf (.pb, .bin, length-prefixed .pbl), each also with .gz. A file is loaded
    whole or not at all; files that cannot be read are told and passed over, and then the exit code is 3.
    """
    from baton import app, settings

    folder = settings.store_path(store)
    with _progress() as progress:
        result = app.load(list(paths), folder, progress, settings.owners_path(owners, folder))
    for path, reason in result.bad:
        _tell(f"passed over {path}: {reason}")
    _write(f"Loaded {_counted(result.files, 'file')} with {result.spans:,} spans into {clean(str(folder))}.\n")
    if result.bad:
        ctx.exit(_EXIT_INPUT)


@cli.group()
def broker() -> None:
    """Keep what brokers say of themselves, and show it.

    Limits, bindings, consumers and counters, which spans never name. The login for a broker is $BATON_BROKER_USER and
    $BATON_BROKER_PASSWORD, or the line user:password in the file that $BATON_BROKER_CREDENTIALS names.
    """


@broker.command()
@click.argument("url", metavar="URL")
@click.option("--metrics", metavar="URL", help=f"Also {_METRICS}")
@_STORE
@_placed("")
def snapshot(url: str, metrics: str | None, store: str | None, **placed: Unpack[_Placed]) -> None:
    """Ask RabbitMQ's management API at URL, and keep the answer.

    URL is its root, such as http://HOST:15672, without a user or password.
    """
    from baton import app, settings

    folder = settings.store_path(store)
    _kept(app.broker_snapshot(folder, _source(url, metrics, placed)), folder)


@broker.command("load")
@click.argument("file", metavar="FILE", type=_FILE)
@click.option("--at", callback=_time, metavar="TIME", help=f"When it held; else the file's own word. {ACCEPTED}.")
@_STORE
@_placed("")
def load_facts(file: Path, at: int | None, store: str | None, **placed: Unpack[_Placed]) -> None:
    """Keep what a saved FILE says of a broker.

    Answers of RabbitMQ's management API, a definitions export, metrics in Prometheus's format, or the document of
    docs/facts.md, the door for every other broker; each may be gzipped.
    """
    from baton import app, settings
    from baton.brokers.document import Place

    folder = settings.store_path(store)
    _kept(app.broker_load(folder, file, Place(at_ns=at, **placed)), folder)


@broker.command()
@_STORE
@click.option("--tenant", metavar="NAME", help="Only this tenant's; default every tenant's.")
def show(store: str | None, tenant: str | None) -> None:
    """Show the queues of brokers, by the newest word on each."""
    from baton import queries, settings
    from baton.reports import facts

    _write(facts.as_table(queries.broker_queues(settings.store_path(store), tenant), **_screen()))


@cli.command()
@_WINDOW
@_NARROW
@_format("text", "markdown")
def report(output: str, **asked: Unpack[_Asked]) -> None:
    """Report dropped and stuck handoffs, worst first."""
    from baton import queries
    from baton.reports import report, report_markdown

    answer = queries.report(_question(asked))
    _write(report_markdown.as_markdown(answer) if output == "markdown" else report.as_text(answer, **_screen()))


@cli.command()
@_WINDOW
@click.option(
    "--verdict",
    "verdicts",
    multiple=True,
    callback=_verdicts,
    metavar="VERDICT",
    help="Only these: delivered, retried, dropped, unobserved, pending, stuck; repeat it or use commas.",
)
@_NARROW
@_format(*_ROW_FORMATS)
def handoffs(output: str, verdicts: tuple[str, ...], **asked: Unpack[_Asked]) -> None:
    """List handoffs, a row each, by time sent.

    The table and Markdown show the columns that people need; every other format has the whole row.
    """
    _list_handoffs(output, verdicts, asked)


@cli.command()
@_WINDOW
@_NARROW
@_format(*_ROW_FORMATS)
def drops(output: str, **asked: Unpack[_Asked]) -> None:
    """List dropped and stuck handoffs.

    The same as `handoffs --verdict dropped,stuck`.
    """
    _list_handoffs(output, ("dropped", "stuck"), asked)


@cli.command()
@_WINDOW
@_NARROW
@_format("table", "json", "ndjson", "csv", "markdown")
def findings(output: str, **asked: Unpack[_Asked]) -> None:
    """List findings, worst first: one a boundary, cause and episode.

    The table and Markdown show the columns that people need; every other format has them all.
    """
    from baton import queries
    from baton.reports import findings, rows

    question = _question(asked)
    frame = queries.findings(question)
    if output == "table":
        _write(findings.as_table(queries.told(question, frame), **_screen()))
    elif output == "markdown":
        _write(findings.as_markdown(queries.told(question, frame)).encode())
    else:
        _write({"json": rows.as_json, "ndjson": rows.as_ndjson, "csv": rows.as_csv}[output](frame).encode())


@cli.command()
@click.argument("finding_id", metavar="ID")
@_KNOWN
@_format("text", "markdown", "json")
def finding(finding_id: str, output: str, **asked: Unpack[_Asked]) -> None:
    """Tell one finding whole: cost, cause, who is accountable and why.

    ID is its id, or the first digits of it, six or more.
    """
    from baton import queries
    from baton.reports import report, report_markdown, rows

    question = _question(asked)
    frame = queries.finding(question, finding_id)
    if output == "json":
        _write(rows.as_json(frame).encode())
        return
    (told,) = queries.told(question, frame)
    if output == "markdown":
        _write(report_markdown.finding_as_markdown(told, question.store))
    else:
        _write(report.finding_as_text(told, question.store, **_screen()))


@cli.command()
@click.argument("finding_id", metavar="FINDING")
@_KNOWN
@_format("csv", "json", "markdown")
def recover(finding_id: str, output: str, **asked: Unpack[_Asked]) -> None:
    """List what a finding lost, to replay or repair: a row a message.

    It says where each is now, whether to send it again (never yes where that may make two of it) and whom to tell.
    """
    from baton import queries
    from baton.reports import recovery, rows

    frame = queries.recovery(_question(asked), finding_id)
    writers = {"csv": recovery.as_csv, "json": rows.as_json, "markdown": recovery.as_markdown}
    _write(writers[output](frame).encode())


@cli.command()
@click.argument("journey_id", metavar="ID")
@_WINDOW
def journey(journey_id: str, **asked: Unpack[_Asked]) -> None:
    """Show one journey's timeline, a lane a team.

    It says where the journey stopped and why. ID is a trace id, a correlation id or an attribute (KEY=VALUE); a value
    that redaction hashed is found by its clear form.
    """
    from baton import queries
    from baton.reports import journey

    _write(journey.as_text(queries.journey(_question(asked), journey_id), **_screen()))


@cli.command()
@click.argument("name")
@_WINDOW
def who(name: str, **asked: Unpack[_Asked]) -> None:
    """Say who owns NAME, and what depends on it.

    NAME is a service, a channel or a journey type.
    """
    from baton import queries
    from baton.reports import who

    _write(who.as_text(queries.who(_question(asked), name), **_screen()))


@cli.command()
@_WINDOW
@_format("table", "json", "csv", "markdown")
def boundaries(output: str, **asked: Unpack[_Asked]) -> None:
    """Show drops and latency between teams, worst first."""
    from baton import queries
    from baton.reports import boundaries, rows

    frame = queries.boundaries(_question(asked))
    if output == "table":
        _write(boundaries.as_table(frame, **_screen()))
    else:
        _write({"json": rows.as_json, "csv": rows.as_csv, "markdown": rows.as_markdown}[output](frame).encode())


@cli.command()
@_WINDOW
@_NARROW
@click.option("--queue", metavar="NAME", help="Only this queue, or the one that this channel leads to.")
@click.option("--finding", metavar="ID", help="Only queues that lost messages of this finding.")
@_format("text", "json", "csv", "markdown")
def whatif(output: str, queue: str | None, finding: str | None, **asked: Unpack[_Asked]) -> None:
    """Say what would have saved the messages that queues lost.

    The same sends are replayed, at the pace that the receivers showed, through other limits, policies and queues.
    """
    from baton import queries, savings
    from baton.reports import rows, whatif

    answers, why = queries.what_if(_question(asked), queue, finding)
    if output == "text":
        _write(whatif.as_text(answers, why, **_screen()))
    else:
        frame = savings.frame(answers)
        _write({"json": rows.as_json, "csv": rows.as_csv, "markdown": rows.as_markdown}[output](frame).encode())


@cli.command()
@_STORE
def compact(store: str | None) -> None:
    """Make few large files of many, delete what is kept no longer.

    Spans that Baton took more than `retention_days` of baton.toml ago are deleted. `baton serve` does both by itself;
    while it runs this command is refused.
    """
    from baton import app, settings

    folder = settings.store_path(store)
    done = app.compact(folder)
    _write(
        f"Put {_counted(done.before, 'file')} of {done.before_bytes:,} bytes together as "
        f"{_counted(done.after, 'file')} of {done.after_bytes:,} bytes in {clean(str(folder))}.\n"
        f"Deleted {_counted(done.removed, 'span')} past retention, and {_counted(done.deleted, 'old file')}.\n"
    )


@cli.command()
@click.argument("attribute", metavar="KEY=VALUE", callback=_attribute)
@_STORE
@_OWNERS
@click.option("--tenant", metavar="NAME", help="Only this tenant's spans; default all.")
@click.pass_context
def forget(
    ctx: click.Context, attribute: tuple[str, str], store: str | None, owners: Path | None, tenant: str | None
) -> None:
    """Delete every span that carries KEY=VALUE, for good.

    KEY is an attribute of spans, events, links, scopes or resources. No file that held these spans stays. The exit code
    is 1 if there are none. While `baton serve` runs on the store this command is refused.
    """
    from baton import app, settings

    folder = settings.store_path(store)
    key, value = attribute
    done = app.forget(folder, key, value, tenant, settings.owners_path(owners, folder))
    for path in done.quarantined:
        _tell(f"not searched: {path}, a damaged segment of the journal; delete it if it may hold them")
    where = clean(str(folder)) if tenant is None else f"{clean(str(folder))} for tenant {clean(tenant)}"
    if not done.spans:
        _tell(f"no span in {where} carries {key}={value}")
        ctx.exit(_EXIT_CHECK)
    _write(f"Forgot {_counted(done.spans, 'span')} of {_counted(done.traces, 'trace')} in {where}.\n")


@cli.command()
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


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; what it returns is the exit code. Every error leaves as one line on standard error."""
    try:
        code = cli.main(arguments, prog_name="baton", standalone_mode=False)
    except click.UsageError as error:
        return _usage(error)
    except BatonError as error:
        return _tell(str(error), error.exit_code)
    except (KeyboardInterrupt, click.Abort):
        return _EXIT_INTERRUPTED
    except OSError as error:
        return _tell(f"{error}: check that it exists, has room and may be read and written", _EXIT_INPUT)
    except SystemExit:
        raise
    except BaseException as error:  # noqa: BLE001 # a panic of Polars is no Exception, and must not print a traceback
        return _bug(error)
    return code if isinstance(code, int) else 0


def _usage(error: click.UsageError) -> int:
    """Arguments that Click refused; without any, the help."""
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        error.show()
        return error.exit_code
    command = error.ctx.command_path if error.ctx else "baton"
    return _tell(f"{error.format_message()} (`{command} --help` says more)", error.exit_code)


def _bug(error: BaseException) -> int:
    """An error that nobody expected."""
    if os.environ.get("BATON_DEBUG") == "1":
        traceback.print_exception(error)
        return _EXIT_BUG
    return _tell(
        f"unexpected {type(error).__name__}, a bug: please report it with what the command prints under BATON_DEBUG=1",
        _EXIT_BUG,
    )


def _tell(message: str, exit_code: int = 0) -> int:
    """Say it on standard error; returns the exit code, so that it can be told and returned in one breath."""
    click.echo(f"baton: {clean(message)}", err=True)
    return exit_code


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def _source(url: str, metrics: str | None, placed: _Placed) -> Source:
    """The broker that the options name, with the login of the environment."""
    from baton.brokers.document import Place
    from baton.brokers.login import login
    from baton.brokers.snapshot import Source

    return Source(url, metrics, login(os.environ), Place(at_ns=None, **placed))


def _kept(result: FactsResult, folder: Path) -> None:
    """Says what a snapshot told."""
    told = [
        _counted(result.queues, "queue"),
        _counted(result.routes, "route"),
        *([_counted(result.subscriptions, "subscription")] if result.subscriptions else []),
        _counted(result.counters, "counter"),
    ]
    news = f"{_counted(result.added, 'row')} new" if result.added else "nothing new"
    _write(f"Read {', '.join(told)} into {clean(str(folder))}: {news}.\n")


def _question(asked: _Asked, verdicts: tuple[str, ...] = ()) -> Question:
    """The options as a question to `baton.queries`."""
    from baton import queries, settings

    store = settings.store_path(asked["store"])
    since, until = asked.get("since"), asked.get("until")
    if since is not None and until is not None and since >= until:
        raise UsageError("--since is not before --until, so no handoff can match: give an earlier --since")
    return queries.Question(
        store=store,
        owners=settings.owners_path(asked["owners"], store),
        since_ns=since,
        until_ns=until,
        as_of_ns=asked["as_of"],
        verdicts=verdicts,
        journey_type=asked.get("journey_type"),
        team=asked.get("team"),
        tenant=asked["tenant"],
    )


def _list_handoffs(output: str, verdicts: tuple[str, ...], asked: _Asked) -> None:
    """Rows in one of the six formats."""
    if output == "parquet" and sys.stdout.isatty():
        raise UsageError(
            "--format parquet is binary and this is a terminal: redirect it, for example > handoffs.parquet"
        )
    from baton import queries

    _write(_rows(queries.handoffs(_question(asked, verdicts)), output))


def _rows(frame: pl.DataFrame, output: str) -> str | bytes:
    """Handoffs as people's text or programs' bytes."""
    from baton.reports import handoffs, rows

    if output == "table":
        return handoffs.as_table(frame, **_screen())
    if output == "parquet":
        return rows.as_parquet(frame)
    writers = {"json": rows.as_json, "ndjson": rows.as_ndjson, "csv": rows.as_csv, "markdown": handoffs.as_markdown}
    return writers[output](frame).encode()


class _Screen(TypedDict):
    """What a renderer for terminals has to know."""

    width: int
    color: bool


def _screen() -> _Screen:
    """Measures of standard output: colour only on a terminal that wants it, and a fixed width where there is none."""
    columns = shutil.get_terminal_size((TEXT_WIDTH_DEFAULT, 0)).columns
    wanted = not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    return {"width": min(max(columns, TEXT_WIDTH_MIN), TEXT_WIDTH_MAX), "color": sys.stdout.isatty() and wanted}


def _write(content: str | bytes) -> None:
    """Print it: programs' bytes as they are, people's text as the terminal can show it.

    A closed pipe (`baton drops | head`) ends the command well: whoever closed it has read enough.
    """
    if isinstance(content, str):
        content = content.encode(sys.stdout.encoding, "backslashreplace")
    rest = memoryview(content)
    try:
        while rest:  # under PYTHONUNBUFFERED a write may take a part only, and says so
            rest = rest[sys.stdout.buffer.write(rest) :]
        sys.stdout.buffer.flush()
    except OSError as error:
        # Python flushes standard output once more as it exits: let what is left go nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if isinstance(error, BrokenPipeError):
            raise click.exceptions.Exit(0) from None
        raise


@contextmanager
def _progress() -> Iterator[Callable[[str, int, int], None] | None]:
    """A progress bar on standard error, told (file, files done, files); None where that is no terminal."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}", markup=False))
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("")
        yield lambda name, done, total: bar.update(task, description=clean(name), completed=done, total=total)
