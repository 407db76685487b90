"""`python tests/fuzz/replay.py`: replays the corpus and the hostile requests; says what differs, and fails if any does.

A process of its own, so that the environment decides how the kernels run: with bounds checked, or as Python.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from fuzz.hostile import REFUSED, TAKEN
from reference.agreement import disagreement

CORPUS = Path(__file__).parent / "corpus"


def bodies() -> dict[str, bytes]:
    """Name -> bytes, of all that is kept."""
    return {**TAKEN, **REFUSED, **{file.name: file.read_bytes() for file in sorted(CORPUS.iterdir())}}


if __name__ == "__main__":
    differences = {name: difference for name, body in bodies().items() if (difference := disagreement(body))}
    for name, difference in differences.items():
        print(f"{name}: {difference}")  # noqa: T201 - it is a command
    print(f"replayed {len(bodies())}")  # noqa: T201
    sys.exit(bool(differences))
