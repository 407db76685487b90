"""How long a start takes: warm, as every start after the first, and cold, with nothing compiled."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

import baton
from bench.table import Row
from load.server import READY_S_MAX

GROUP = "start of `baton serve`"
STARTS = 3


def rows(folder: Path, *, cold: bool) -> list[Row]:
    """Of a store that exists, until it says that it is ready; a cold start compiles, and takes its time."""
    here = Path(baton.__file__).parent
    _start_s(here, folder / "started")
    warm = [_start_s(here, folder / "started") for _ in range(STARTS)]
    found = [Row(GROUP, "warm", median(warm), "s", most=3, how=f"median of {STARTS}")]
    if cold:
        # A copy without caches is what an installation is at first: no bytecode, no machine code.
        copy = folder / "copy" / "baton"
        shutil.copytree(here, copy, ignore=shutil.ignore_patterns("__pycache__"))
        how = "no bytecode, no compiled kernels: once an installation"
        found.append(Row(GROUP, "cold", _start_s(copy, folder / "started"), "s", how=how))
    return found


def _start_s(package: Path, store: Path) -> float:
    serve = ["serve", "--store", str(store), "--grpc", "127.0.0.1:0", "--http", "127.0.0.1:0"]
    environment = {**os.environ, "PYTHONPATH": str(package.parent)}
    begun = time.monotonic()
    with subprocess.Popen(
        [sys.executable, "-m", "baton", *serve], env=environment, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            for line in process.stdout or ():
                if line.strip() == "ready":
                    return time.monotonic() - begun
                if time.monotonic() - begun > READY_S_MAX:
                    break
        finally:
            process.kill()
    raise TimeoutError(f"`baton serve` from {package} was not ready")
