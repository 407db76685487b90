"""The command that checks brokers' set-ups."""
# ruff: noqa: PLC0415 # late imports, see `baton.cli`

from __future__ import annotations

from pathlib import Path
from typing import Unpack

import click

from baton.cli.options import FILE, WINDOW, Asked, format_option, question_of
from baton.cli.output import EXIT_CHECK, screen, write


@click.command()
@WINDOW
@click.option(
    "--definitions",
    type=FILE,
    metavar="FILE",
    help="Check what this file says of a broker, in place of the store's facts; `broker load` says which files.",
)
@click.option(
    "--fail-on",
    type=click.Choice(["error", "warning", "never"]),
    default="error",
    show_default=True,
    help="The mildest severity at which the exit code is 1.",
)
@format_option("table", "json", "markdown", "sarif")
@click.pass_context
def lint(ctx: click.Context, output: str, definitions: Path | None, fail_on: str, **asked: Unpack[Asked]) -> None:
    """Find what brokers' set-ups will lose, before they do.

    Limits, bindings, consumers and counters are held against the traffic in the store; docs/lint.md has the rules.
    With --definitions and no store, the file alone is checked. The exit code is 1 if an error is found.
    """
    from baton import queries
    from baton.reports import lint as text
    from baton.reports import sarif

    question = question_of(asked)
    stored = definitions is None or asked["store"] is not None or question.store.exists()
    frame = queries.lint(question, definitions, stored=stored)
    if output == "table":
        write(text.as_table(frame, **screen()))
    elif output == "sarif":
        file = None if definitions is None else sarif.uri(definitions, Path.cwd())
        write(sarif.as_sarif(frame, queries.lint_rules(), file).encode())
    else:
        write({"json": text.as_json, "markdown": text.as_markdown}[output](frame).encode())
    grave = {"error": {"error"}, "warning": {"error", "warning"}, "never": set()}[fail_on]
    if grave & set(frame["severity"]):
        ctx.exit(EXIT_CHECK)


COMMANDS = (lint,)
