"""What the fuzzer found so far, and a short run of it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from fuzz.replay import CORPUS, bodies
from reference.agreement import disagreement

FUZZER, REPLAY = Path(__file__).parent / "fuzz_decode.py", Path(__file__).parent / "replay.py"
SECONDS_MAX = 500


def run(*arguments: str | Path, **environment: str) -> str:
    """What a Python of its own says; fails the test where it fails."""
    done = subprocess.run(
        [sys.executable, *arguments],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=SECONDS_MAX,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_the_corpus_is_read_alike_by_machine_code() -> None:
    """What the fuzzer kept, with the kernels as Python, gives the same compiled."""
    differences = {name: disagreement(body) for name, body in bodies().items()}
    assert {name: told for name, told in differences.items() if told} == {}
    assert len(list(CORPUS.iterdir())) > 100


def test_no_kernel_reads_or_writes_beyond_an_array() -> None:
    """With every index checked, in a cache of its own, the corpus and the hostile requests give the same."""
    # Not optimised: it compiles in a third of the time, and checks the same.
    assert f"replayed {len(bodies())}" in run(REPLAY, NUMBA_BOUNDSCHECK="1", NUMBA_OPT="0")


@pytest.mark.skipif(sys.version_info >= (3, 14), reason="atheris has no release for Python 3.14 yet")
def test_a_short_run_of_the_fuzzer_finds_nothing(tmp_path: Path) -> None:
    """A few thousand new inputs, guided by what they reach, differ nowhere; `make fuzz` goes on for longer."""
    told = run(
        FUZZER, tmp_path, CORPUS, "-runs=4000", "-max_total_time=20", "-max_len=1024", f"-artifact_prefix={tmp_path}/"
    )
    assert "Done" in told
