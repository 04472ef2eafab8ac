"""What the system knows of a process: its CPU, its memory, its children."""

from __future__ import annotations

import os
import re
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


def as_postgres(*command: str | Path) -> list[str | Path]:
    """A command as the user whose the private PostgreSQL is: root's belongs to postgres."""
    return ["runuser", "-u", "postgres", "--", *command] if os.geteuid() == 0 else list(command)


def _stat(process: int) -> list[str] | None:
    try:
        # The name, which may have blanks, stands in parentheses.
        return Path(f"/proc/{process}/stat").read_text().rpartition(") ")[2].split()
    except OSError:
        return None


def children(process: int) -> list[int]:
    pids = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
    return [pid for pid in pids if (stat := _stat(pid)) and int(stat[1]) == process and stat[0] != "Z"]


def family(process: int) -> list[int]:
    """A process with all that it has started and they have."""
    parents = {int(entry.name): _stat(int(entry.name)) for entry in Path("/proc").iterdir() if entry.name.isdigit()}
    found, last = [process], [process]
    while last:
        last = [pid for pid, stat in parents.items() if stat and int(stat[1]) in last and pid not in found]
        found += last
    return found


def cpu_seconds(process: int) -> float:
    """Of a process and its family, with those of them that have ended."""
    stats = [stat for pid in family(process) if (stat := _stat(pid))]
    return sum(sum(int(field) for field in stat[11:15]) for stat in stats) / _TICKS


def own_cpu_seconds(process: int) -> float:
    stat = _stat(process)
    return (int(stat[11]) + int(stat[12])) / _TICKS if stat else 0.0


def resident_mb(process: int) -> float:
    try:
        found = re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{process}/status").read_text())
    except OSError:
        return 0.0
    return int(found.group(1)) / 1024 if found else 0.0


def peak_mb(process: int) -> float:
    """The most that it has held at a time."""
    found = re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{process}/status").read_text())
    return int(found.group(1)) / 1024 if found else 0.0


def runs(process: int, program: str) -> bool:
    try:
        return program.encode() in Path(f"/proc/{process}/cmdline").read_bytes()
    except OSError:
        return False
