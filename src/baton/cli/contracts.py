"""Commands on what was promised at a boundary."""
# ruff: noqa: PLC0415 # late imports, see `baton.cli`

from __future__ import annotations

from typing import TYPE_CHECKING, Unpack

import click

from baton.cli.options import FILE, WINDOW, Asked, format_option, question_of
from baton.cli.output import EXIT_CHECK, counted, screen, tell, write

if TYPE_CHECKING:
    from pathlib import Path


@click.group()
def contracts() -> None:
    """Hold what was seen against what was promised, or draft it.

    Contracts stand in contracts.yaml (docs/contracts.md) and in AsyncAPI 3 documents with x-baton.
    """


@contracts.command()
@WINDOW
@format_option("table", "json", "markdown")
@click.pass_context
def check(ctx: click.Context, output: str, **asked: Unpack[Asked]) -> None:
    """Check every clause: it holds, is breached, or unproven.

    The exit code is 1 if one is breached. What is unproven breaks nothing, and says what is missing.
    """
    from baton import queries
    from baton.reports import contracts, rows

    found, notes = queries.contracts(question_of(asked))
    if output == "table":
        write(contracts.as_table(found, notes, **screen()))
    elif output == "markdown":
        write(contracts.as_markdown(found, notes).encode())
    else:
        write(rows.as_json(found).encode())
        for note in notes:
            tell(note)
    if "breached" in found["verdict"]:
        ctx.exit(EXIT_CHECK)


@contracts.command()
@WINDOW
@click.option("--output", "file", type=FILE, metavar="FILE", help="Write it there, where no file is yet.")
def draft(file: Path | None, **asked: Unpack[Asked]) -> None:
    """Draft contracts for the boundaries that have none.

    Each clause is filled with what was measured in the window, and says on what: for people to tighten and sign.
    """
    from baton import queries
    from baton.errors import UsageError

    text, count = queries.draft(question_of(asked))
    if file is None:
        write(text.encode())
        return
    try:
        with file.open("x", encoding="utf-8") as drafted:
            drafted.write(text)
    except FileExistsError as error:
        raise UsageError(f"{file} is there already, and may be signed: name another --output") from error
    tell(f"{counted(count, 'contract')} drafted in {file}: read, tighten and sign them")


COMMANDS = (contracts,)
