"""Load without a pause, by wrk."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bench.processes import ROOT, BenchError, Processes


@dataclass(frozen=True)
class Load:
    """What one call of wrk gave."""

    rate: float
    requests: int
    refused: int
    output: str

    def result(self) -> list[float]:
        """The numbers that a script has printed behind RESULT."""
        found = re.search(r"^RESULT (.*)$", self.output, re.MULTILINE)
        if not found:
            raise BenchError(f"wrk's script printed no RESULT:\n{self.output}")
        return [float(word) for word in found.group(1).split()]


def command(
    url: str, *, connections: int, seconds: float, threads: int = 2, script: str | None = None, headers: Mapping[str, str] | None = None
) -> list[str | Path]:
    words: list[str | Path] = ["wrk", f"-t{min(threads, connections)}", f"-c{connections}", f"-d{seconds:.0f}", "--timeout", "10s"]
    if script:
        words += ["-s", ROOT / "bench" / script]
    for name, value in (headers or {}).items():
        words += ["-H", f"{name}: {value}"]
    return [*words, url]


def wrk(
    processes: Processes,
    url: str,
    *,
    connections: int,
    seconds: float,
    threads: int = 2,
    script: str | None = None,
    headers: Mapping[str, str] | None = None,
    settings: Mapping[str, str] | None = None,
    may_refuse: bool = False,
) -> Load:
    words = command(url, connections=connections, seconds=seconds, threads=threads, script=script, headers=headers)
    load = parse(processes.run(words, settings=settings))
    if not load.requests:
        raise BenchError(f"{url} has answered nothing:\n{load.output}")
    if load.refused and not may_refuse:
        raise BenchError(f"{load.refused} of the answers of {url} were errors:\n{load.output}")
    return load


def parse(output: str) -> Load:
    rate = re.search(r"Requests/sec: +([\d.]+)", output)
    requests = re.search(r"(\d+) requests in", output)
    refused = re.search(r"Non-2xx or 3xx responses: (\d+)", output)
    if not rate or not requests:
        raise BenchError(f"wrk said something else:\n{output}")
    return Load(float(rate.group(1)), int(requests.group(1)), int(refused.group(1)) if refused else 0, output)
