"""`baton trust`."""
# ruff: noqa: PLC0415 # late imports, see `baton.cli`

from __future__ import annotations

from typing import Unpack

import click

from baton.cli.options import WINDOW, Asked, format_option, question_of
from baton.cli.output import screen, write


@click.command()
@WINDOW
@click.option("--team", metavar="TEAM", help="Only where this team sends, receives or owns the channel.")
@format_option("table", "json", "markdown")
def trust(output: str, **asked: Unpack[Asked]) -> None:
    """Say per boundary whether Baton may accuse there, and why not.

    Of each: which evidence its handoffs bear, what hides or weakens a loss, and the one change that would mend it.
    """
    from baton import queries
    from baton.reports import rows
    from baton.reports import trust as told

    frame = queries.trust(question_of(asked))
    if output == "table":
        write(told.as_table(frame, **screen()))
    else:
        write({"json": rows.as_json, "markdown": told.as_markdown}[output](frame).encode())


COMMANDS = (trust,)
