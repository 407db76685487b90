"""`baton coverage`."""
# ruff: noqa: PLC0415 # late imports, see `baton.cli`

from __future__ import annotations

from math import isnan
from typing import Unpack

import click

from baton.cli.options import WINDOW, Asked, format_option, question_of
from baton.cli.output import EXIT_CHECK, screen, tell, write
from baton.limits import STALE_DAYS, STALE_DAYS_MAX


def _number(_ctx: click.Context, param: click.Parameter, value: float | None) -> float | None:
    """A number: `nan` is in every range, and no share reaches it."""
    if value is not None and isnan(value):
        raise click.BadParameter("nan is no number: write 95", param=param)
    return value


@click.command()
@WINDOW
@click.option(
    "--min",
    "minimum",
    type=click.FloatRange(0, 100),
    callback=_number,
    metavar="PERCENT",
    help="Exit with 1 unless each of the four shares reaches it.",
)
@click.option(
    "--stale-days",
    type=click.IntRange(1, STALE_DAYS_MAX),
    default=STALE_DAYS,
    show_default=True,
    metavar="DAYS",
    help="What the ownership file names and nothing did for so long is stale; of the whole store.",
)
@format_option("table", "json", "markdown")
@click.pass_context
def coverage(ctx: click.Context, output: str, minimum: float | None, stale_days: int, **asked: Unpack[Asked]) -> None:
    """Show how much is owned, and what is not.

    The shares of spans, services, channels and journeys that have an owner; who owns nothing of it, what several claim,
    channels between two owners that are nobody's, entries of the ownership file that match nothing any more.
    """
    from baton import queries
    from baton.reports import coverage as report

    answer = queries.coverage(question_of(asked), stale_days=stale_days, minimum=minimum)
    if output == "table":
        write(report.as_table(answer, **screen()))
    else:
        write({"json": report.as_json, "markdown": report.as_markdown}[output](answer).encode())
    if answer.met is False:
        tell(report.verdict(answer))
        ctx.exit(EXIT_CHECK)


COMMANDS = (coverage,)
