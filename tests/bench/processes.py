"""What a process costs, as the kernel counts it."""

from __future__ import annotations

import os
from pathlib import Path

TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")
# In /proc/PID/stat behind the name: utime, stime, and both of the children waited for (proc_pid_stat(5)).
TIMES = slice(11, 15)


def cpu_s(pid: int) -> float:
    """CPU seconds, user and system, of the process and all below it, living or waited for."""
    return sum(map(_own_cpu_s, _tree(pid)))


def peak_bytes(pid: int) -> int:
    """The most memory that the process ever had resident, its children apart."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    kilobytes = next(line.split()[1] for line in lines if line.startswith("VmHWM:"))
    return int(kilobytes) * 1024


def _tree(pid: int) -> list[int]:
    found = [pid]
    for parent in found:
        for children in Path(f"/proc/{parent}/task").glob("*/children"):
            found.extend(int(child) for child in _text(children).split())
    return found


def _own_cpu_s(pid: int) -> float:
    # The name stands in brackets and may hold anything; a process that ended meanwhile is its parent's by now.
    fields = _text(Path(f"/proc/{pid}/stat")).rpartition(")")[2].split()
    return sum(map(int, fields[TIMES])) / TICKS_A_SECOND


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""
