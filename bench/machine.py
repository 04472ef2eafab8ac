"""On what a benchmark ran: without it figures cannot be compared."""

from __future__ import annotations

import os
import platform
import re
import subprocess
import time
from datetime import UTC, datetime
from pathlib import Path

from bench.processes import ENVIRONMENT, ROOT

Machine = dict[str, str | int | float | bool]


def _says(*command: str) -> str:
    try:
        # As the others see it: git refuses the folder of another user, and Locust's own gevent writes to the error output.
        result = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=ENVIRONMENT, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return (result.stdout + result.stderr).strip()


def _version(*command: str) -> str:
    found = re.search(r"\d+\.\d+(\.\d+)?", _says(*command))
    return found.group() if found else "unknown"


def postgres_program(name: str) -> Path:
    """One of PostgreSQL's programs that stands beside its server, of the newest version."""
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda path: int(path.parts[4]))
    return found[-1] if found else Path(name)


def _locust() -> str:
    # Debian's says nothing of its version.
    told = _version("locust", "--version")
    return told if told != "unknown" else _version("dpkg-query", "-W", "-f", "${Version}", "python3-locust")


def _memory_gib() -> int:
    kibibytes = re.search(r"MemTotal: +(\d+)", Path("/proc/meminfo").read_text())
    return round(int(kibibytes.group(1)) / 2**20) if kibibytes else 0


def _dotnet() -> str:
    runtimes = _says("dotnet", "--list-runtimes").splitlines()
    return next((line.split()[1] for line in runtimes if line.startswith("Microsoft.AspNetCore.App 10.")), "unknown")


class Cores:
    """What becomes of the time of all cores together from now on (proc_stat(5)), in percent."""

    def __init__(self) -> None:
        self._began = self._ticks()

    def busy(self) -> float:
        """What was used, and what the host kept. The load average would still have our own build in it."""
        total, idle, _ = self._since()
        return round(100 * (total - idle) / max(total, 1), 1)

    def kept_by_host(self) -> float:
        """What the host kept from the machine (steal), of the time that the cores were wanted."""
        total, idle, stolen = self._since()
        return round(100 * stolen / max(total - idle, 1), 1)

    @staticmethod
    def _ticks() -> tuple[int, int, int]:
        # Those behind are in these already.
        fields = [int(field) for field in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
        _, _, _, idle, waiting, _, _, stolen = fields
        return sum(fields), idle + waiting, stolen

    def _since(self) -> tuple[int, int, int]:
        total, idle, stolen = (now - then for now, then in zip(self._ticks(), self._began, strict=True))
        return total, idle, stolen


def _busy_percent(seconds: float = 3) -> float:
    cores = Cores()
    time.sleep(seconds)
    return cores.busy()


def describe() -> Machine:
    cpu = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "cores": len(os.sched_getaffinity(0)),
        "cpu": cpu.group(1) if cpu else platform.machine(),
        "memory_gib": _memory_gib(),
        "busy_before": _busy_percent(),
        "kernel": platform.release(),
        "dotnet": _dotnet(),
        "postgresql": _version(str(postgres_program("postgres")), "--version"),
        "redis": _version("redis-server", "--version"),
        "nginx": _version("/usr/sbin/nginx", "-v"),
        "locust": _locust(),
        "wrk": _version("wrk", "-v"),
        "commit": _says("git", "rev-parse", "--short=12", "HEAD") or "unknown",
        # What was published a moment before changes no figure.
        "changed": _says("git", "status", "--porcelain", "--untracked-files=no", "--", ":!docs") != "",
    }


def sentence(machine: Machine) -> str:
    # Before 27 November 2026 it was the load average.
    busy, load = machine.get("busy_before"), machine.get("load_before")
    before = f"load of the machine before: {load}" if busy is None else f"{busy} % of the cores busy before"
    kept = machine.get("kept_by_host")
    meanwhile = "" if kept is None else f", of the time that they were wanted the host kept {kept} % meanwhile"
    return (
        f"{str(machine['date'])[:10]}, {machine['cores']} cores ({machine['cpu']}), {machine['memory_gib']} GiB, "
        f"Linux {machine['kernel']}, "
        f".NET {machine['dotnet']}, PostgreSQL {machine['postgresql']}, Redis {machine['redis']}, nginx {machine['nginx']}, "
        f"Locust {machine['locust']}, wrk {machine['wrk']}, commit {machine['commit']}{' with changes' if machine['changed'] else ''}; "
        f"{before}{meanwhile}."
    )
