"""Commands that ask what was dropped, where and why."""
# ruff: noqa: PLC0415 # late imports, see `baton.cli`

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Unpack

import click

from baton.cli.options import KNOWN, NARROW, ROW_FORMATS, WINDOW, Asked, format_option, question_of
from baton.cli.output import screen, write
from baton.errors import UsageError

if TYPE_CHECKING:
    import polars as pl


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


@click.command()
@WINDOW
@NARROW
@format_option("text", "markdown")
def report(output: str, **asked: Unpack[Asked]) -> None:
    """Report dropped and stuck handoffs, worst first."""
    from baton import queries
    from baton.reports import report, report_markdown

    answer = queries.report(question_of(asked))
    write(report_markdown.as_markdown(answer) if output == "markdown" else report.as_text(answer, **screen()))


@click.command()
@WINDOW
@click.option(
    "--verdict",
    "verdicts",
    multiple=True,
    callback=_verdicts,
    metavar="VERDICT",
    help="Only these: delivered, retried, dropped, unobserved, pending, stuck; repeat it or use commas.",
)
@NARROW
@format_option(*ROW_FORMATS)
def handoffs(output: str, verdicts: tuple[str, ...], **asked: Unpack[Asked]) -> None:
    """List handoffs, a row each, by time sent.

    The table and Markdown show the columns that people need; every other format has the whole row.
    """
    _list_handoffs(output, verdicts, asked)


@click.command()
@WINDOW
@NARROW
@format_option(*ROW_FORMATS)
def drops(output: str, **asked: Unpack[Asked]) -> None:
    """List dropped and stuck handoffs.

    The same as `handoffs --verdict dropped,stuck`.
    """
    _list_handoffs(output, ("dropped", "stuck"), asked)


@click.command()
@WINDOW
@NARROW
@format_option("table", "json", "ndjson", "csv", "markdown")
def findings(output: str, **asked: Unpack[Asked]) -> None:
    """List findings, worst first: one a boundary, cause and episode.

    The table and Markdown show the columns that people need; every other format has them all.
    """
    from baton import queries
    from baton.reports import findings, rows

    question = question_of(asked)
    frame = queries.findings(question)
    if output == "table":
        write(findings.as_table(queries.told(question, frame), **screen()))
    elif output == "markdown":
        write(findings.as_markdown(queries.told(question, frame)).encode())
    else:
        write({"json": rows.as_json, "ndjson": rows.as_ndjson, "csv": rows.as_csv}[output](frame).encode())


@click.command()
@click.argument("finding_id", metavar="ID")
@KNOWN
@format_option("text", "markdown", "json")
def finding(finding_id: str, output: str, **asked: Unpack[Asked]) -> None:
    """Tell one finding whole: cost, cause, who is accountable and why.

    ID is its id, or the first digits of it, six or more.
    """
    from baton import queries
    from baton.reports import report, report_markdown, rows

    question = question_of(asked)
    frame = queries.finding(question, finding_id)
    if output == "json":
        write(rows.as_json(frame).encode())
        return
    (told,) = queries.told(question, frame)
    if output == "markdown":
        write(report_markdown.finding_as_markdown(told, question.store))
    else:
        write(report.finding_as_text(told, question.store, **screen()))


@click.command()
@click.argument("finding_id", metavar="FINDING")
@KNOWN
@format_option("csv", "json", "markdown")
def recover(finding_id: str, output: str, **asked: Unpack[Asked]) -> None:
    """List what a finding lost, to replay or repair: a row a message.

    It says where each is now, whether to send it again (never yes where that may make two of it) and whom to tell.
    """
    from baton import queries
    from baton.reports import recovery, rows

    frame = queries.recovery(question_of(asked), finding_id)
    writers = {"csv": recovery.as_csv, "json": rows.as_json, "markdown": recovery.as_markdown}
    write(writers[output](frame).encode())


@click.command()
@click.argument("journey_id", metavar="ID")
@WINDOW
def journey(journey_id: str, **asked: Unpack[Asked]) -> None:
    """Show one journey's timeline, a lane a team.

    It says where the journey stopped and why. ID is a trace id, a correlation id or an attribute (KEY=VALUE); a value
    that redaction hashed is found by its clear form.
    """
    from baton import queries
    from baton.reports import journey

    write(journey.as_text(queries.journey(question_of(asked), journey_id), **screen()))


@click.command()
@WINDOW
@format_option("table", "json", "csv", "markdown")
def boundaries(output: str, **asked: Unpack[Asked]) -> None:
    """Show drops and latency between teams, worst first."""
    from baton import queries
    from baton.reports import boundaries, rows

    frame = queries.boundaries(question_of(asked))
    if output == "table":
        write(boundaries.as_table(frame, **screen()))
    else:
        write({"json": rows.as_json, "csv": rows.as_csv, "markdown": rows.as_markdown}[output](frame).encode())


@click.command()
@WINDOW
@NARROW
@click.option("--queue", metavar="NAME", help="Only this queue, or the one that this channel leads to.")
@click.option("--finding", metavar="ID", help="Only queues that lost messages of this finding.")
@format_option("text", "json", "csv", "markdown")
def whatif(output: str, queue: str | None, finding: str | None, **asked: Unpack[Asked]) -> None:
    """Say what would have saved the messages that queues lost.

    The same sends are replayed, at the pace that the receivers showed, through other limits, policies and queues.
    """
    from baton import queries, savings
    from baton.reports import rows, whatif

    answers, why = queries.what_if(question_of(asked), queue, finding)
    if output == "text":
        write(whatif.as_text(answers, why, **screen()))
    else:
        frame = savings.frame(answers)
        write({"json": rows.as_json, "csv": rows.as_csv, "markdown": rows.as_markdown}[output](frame).encode())


def _list_handoffs(output: str, verdicts: tuple[str, ...], asked: Asked) -> None:
    """Rows in one of the six formats."""
    if output == "parquet" and sys.stdout.isatty():
        raise UsageError(
            "--format parquet is binary and this is a terminal: redirect it, for example > handoffs.parquet"
        )
    from baton import queries

    write(_rows(queries.handoffs(question_of(asked, verdicts)), output))


def _rows(frame: pl.DataFrame, output: str) -> str | bytes:
    """Handoffs as people's text or programs' bytes."""
    from baton.reports import handoffs, rows

    if output == "table":
        return handoffs.as_table(frame, **screen())
    if output == "parquet":
        return rows.as_parquet(frame)
    writers = {"json": rows.as_json, "ndjson": rows.as_ndjson, "csv": rows.as_csv, "markdown": handoffs.as_markdown}
    return writers[output](frame).encode()


COMMANDS = (report, handoffs, drops, findings, finding, recover, journey, boundaries, whatif)
