"""Learning in a process of its own: whatever it takes or breaks, the endpoint goes on.

Run as a module, this is that process: `python -m baton.serve.learner STORE [OWNERS]` writes what it learned to
standard output, an Arrow IPC file of EXPECTATIONS.
"""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from baton.limits import LEARN_S_MAX
from baton.serve.child import give_way, run_child

if TYPE_CHECKING:
    import polars as pl


async def learn(store: Path, owners: tuple[Path, ...]) -> pl.DataFrame:
    """What the store teaches, EXPECTATIONS's columns.

    Raises:
        UnavailableError: the process failed, was killed, or took longer than `LEARN_S_MAX`.
    """
    import polars as pl  # noqa: PLC0415 - imported where it is used

    arguments = [str(store), *map(str, owners)]
    return pl.read_ipc(io.BytesIO(await run_child(__name__, arguments, LEARN_S_MAX)))


def main(arguments: list[str]) -> None:
    """Learns, and writes the result to standard output."""
    from baton.queries import learn as learned  # noqa: PLC0415 - the endpoint itself must not import the analysis

    give_way()
    store, *owners = (Path(argument) for argument in arguments)
    sys.stdout.buffer.write(learned(store, tuple(owners)))


if __name__ == "__main__":
    main(sys.argv[1:])
