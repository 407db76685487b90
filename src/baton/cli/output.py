"""What commands print, and where: people's text or programs' bytes on standard output, all else on standard error."""
# ruff: noqa: PLC0415 # late imports, see `baton.cli`

from __future__ import annotations

import os
import shutil
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypedDict

import click

from baton.limits import TEXT_WIDTH_DEFAULT, TEXT_WIDTH_MAX, TEXT_WIDTH_MIN
from baton.reports.text import clean

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


EXIT_CHECK = 1

EXIT_INPUT = 3


def tell(message: str, exit_code: int = 0) -> int:
    """Say it on standard error; returns the exit code, so that it can be told and returned in one breath."""
    click.echo(f"baton: {clean(message)}", err=True)
    return exit_code


def counted(number: int, noun: str) -> str:
    """The number with its noun: "1 span", "2 spans"."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


class Screen(TypedDict):
    """What a renderer for terminals has to know."""

    width: int
    color: bool


def screen() -> Screen:
    """Measures of standard output: colour only on a terminal that wants it, and a fixed width where there is none."""
    columns = shutil.get_terminal_size((TEXT_WIDTH_DEFAULT, 0)).columns
    wanted = not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    return {"width": min(max(columns, TEXT_WIDTH_MIN), TEXT_WIDTH_MAX), "color": sys.stdout.isatty() and wanted}


def write(content: str | bytes) -> None:
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
def progress_bar() -> Iterator[Callable[[str, int, int], None] | None]:
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
