"""The command line: arguments and exit codes only.

Exit codes: 0 done (drops found or not; a reader that closes the pipe is done too), 1 a check failed, 2 usage, 3 input
could not be read, 70 a bug in Baton, 130 interrupted. What goes wrong is told in one line on standard error; a
traceback is printed only where BATON_DEBUG is 1.

Whatever needs more than Click is imported by the command that needs it: `baton --help` answers at once.
"""

from __future__ import annotations

import os
import traceback
from typing import TYPE_CHECKING

import click

from baton import __version__
from baton.cli import asking, brokers, contracts, coverage, lint, maps, schema, serving, trust
from baton.cli.output import EXIT_INPUT, tell
from baton.errors import BatonError

if TYPE_CHECKING:
    from collections.abc import Sequence


_EXIT_BUG = 70  # EX_SOFTWARE of sysexits.h

_EXIT_INTERRUPTED = 130  # 128 + SIGINT, as shells count


@click.group(
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit codes: 0 done, drops found or not; 1 a check failed; 2 usage; 3 input could not be read.",
)
@click.version_option(__version__, prog_name="baton", message="%(prog)s %(version)s")
def cli() -> None:
    """When a customer's journey crosses from one team to the next, was the baton dropped?

    And where, why, and who can fix it.
    """


for _module in (asking, brokers, contracts, coverage, lint, maps, schema, serving, trust):
    for _command in _module.COMMANDS:
        cli.add_command(_command)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; what it returns is the exit code. Every error leaves as one line on standard error."""
    try:
        code = cli.main(arguments, prog_name="baton", standalone_mode=False)
    except click.UsageError as error:
        return _usage(error)
    except BatonError as error:
        return tell(str(error), error.exit_code)
    except (KeyboardInterrupt, click.Abort):
        return _EXIT_INTERRUPTED
    except OSError as error:
        return tell(f"{error}: check that it exists, has room and may be read and written", EXIT_INPUT)
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
    return tell(f"{error.format_message()} (`{command} --help` says more)", error.exit_code)


def _bug(error: BaseException) -> int:
    """An error that nobody expected."""
    if os.environ.get("BATON_DEBUG") == "1":
        traceback.print_exception(error)
        return _EXIT_BUG
    return tell(
        f"unexpected {type(error).__name__}, a bug: please report it with what the command prints under BATON_DEBUG=1",
        _EXIT_BUG,
    )
