"""A coverage-guided fuzzer: whatever the bytes, the kernels say what protobuf's objects say.

    make fuzz                                                       until it is stopped
    python tests/fuzz/fuzz_decode.py tests/fuzz/corpus -runs=1000   libFuzzer's own options

The kernels run as Python here, for the fuzzer to see into them; the corpus that it grows is replayed compiled. What it
finds it writes to `crash-*`: put it into the corpus with the mend.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from random import Random

os.environ["NUMBA_DISABLE_JIT"] = "1"
sys.path.insert(0, str(Path(__file__).parents[1]))

import atheris

with atheris.instrument_imports(include=["baton.wire"], enable_loader_override=False):
    from baton.wire import attributes, fill, rendering, scan, views  # noqa: F401 - to see into them

from fuzz.mutate import mutated
from reference.agreement import disagreement

MUTATIONS_MAX = 4


def mutate(data: bytes, size_max: int, seed: int) -> bytes:
    """One in four blindly, by libFuzzer."""
    random = Random(seed)
    if random.random() < 0.25:
        return atheris.Mutate(data, size_max)
    for _ in range(random.randrange(1, MUTATIONS_MAX + 1)):
        data = mutated(data, random)
    return data[:size_max]


def one(data: bytes) -> None:
    """One input; raises where the two differ."""
    difference = disagreement(data)
    if difference is not None:
        raise AssertionError(difference)


if __name__ == "__main__":
    atheris.Setup(sys.argv, one, custom_mutator=mutate)
    atheris.Fuzz()
