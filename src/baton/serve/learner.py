"""Learning in a process of its own: whatever it takes or breaks, the endpoint goes on.

Run as a module, this is that process: `python -m baton.serve.learner STORE [OWNERS]` writes what it learned to
standard output, an Arrow IPC file of EXPECTATIONS.
"""

from __future__ import annotations

import asyncio
import io
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from baton.errors import UnavailableError
from baton.limits import LEARN_NICENESS, LEARN_S_MAX
from baton.wire.quote import quote

if TYPE_CHECKING:
    import polars as pl


async def learn(store: Path, owners: Path | None) -> pl.DataFrame:
    """What the store teaches, EXPECTATIONS's columns.

    Raises:
        UnavailableError: the process failed, was killed, or took longer than `LEARN_S_MAX`.
    """
    import polars as pl  # noqa: PLC0415 - imported where it is used

    arguments = [str(store)] if owners is None else [str(store), str(owners)]
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        __name__,
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        # Ctrl-C is for the endpoint: it lets the child finish.
        start_new_session=True,
    )
    try:
        output, errors = await asyncio.wait_for(process.communicate(), LEARN_S_MAX)
    except TimeoutError as error:
        raise UnavailableError(f"learning took longer than {LEARN_S_MAX:.0f} s and was given up") from error
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode:
        last = errors.strip().rpartition(b"\n")[2].decode(errors="replace")
        raise UnavailableError(f"learning failed with exit code {process.returncode}: {quote(last)}")
    return pl.read_ipc(io.BytesIO(output))


def main(arguments: list[str]) -> None:
    """Learns, and writes the result to standard output; the endpoint's work comes first."""
    from baton.queries import learn as learned  # noqa: PLC0415 - the endpoint itself must not import the analysis

    os.nice(LEARN_NICENESS)
    store, *owners = (Path(argument) for argument in arguments)
    sys.stdout.buffer.write(learned(store, owners[0] if owners else None))


if __name__ == "__main__":
    main(sys.argv[1:])
