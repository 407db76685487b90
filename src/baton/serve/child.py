"""Work in a process of its own: whatever it takes or breaks, the endpoint goes on."""

from __future__ import annotations

import asyncio
import os
import sys
from typing import TYPE_CHECKING

from baton.errors import UnavailableError
from baton.limits import CHILD_NICENESS
from baton.wire.quote import quote

if TYPE_CHECKING:
    from collections.abc import Sequence


async def run_child(module: str, arguments: Sequence[str], seconds_max: float) -> bytes:
    """What `python -m module` with these arguments writes to standard output.

    Raises:
        UnavailableError: the process failed, was killed, or took longer than `seconds_max`.
    """
    name = module.rpartition(".")[2]
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        module,
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        # Ctrl-C is for the endpoint: it lets the child finish.
        start_new_session=True,
    )
    try:
        output, errors = await asyncio.wait_for(process.communicate(), seconds_max)
    except TimeoutError as error:
        raise UnavailableError(f"the {name} took longer than {seconds_max:.0f} s and was given up") from error
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode:
        last = errors.strip().rpartition(b"\n")[2].decode(errors="replace")
        raise UnavailableError(f"the {name} failed with exit code {process.returncode}: {quote(last)}")
    return output


def give_way() -> None:
    """In the child: the endpoint's work comes first."""
    os.nice(CHILD_NICENESS)
