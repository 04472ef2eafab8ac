"""What can be said to a benchmark on the command line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bench.processes import ROOT
from bench.report import Report

RESULTS = ROOT / "bench/results"
PUBLISHED = ROOT / "docs/benchmarks"


@dataclass(frozen=True)
class Options:
    """The same for every benchmark; each takes what it understands."""

    runs: int | None = None
    quick: bool = False
    ci: bool = False
    publish: bool = False
    large: bool = False
    users: int | None = None
    seconds: float | None = None
    minutes: float = 60
    # Where reports go, and the files that they name.
    results: Path = RESULTS
    bounds: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.results.mkdir(parents=True, exist_ok=True)

    def times(self, usual: int, quick: int) -> int:
        return self.runs or (quick if self.quick else usual)

    def report(self, name: str, **more: object) -> Report:
        return Report(name, {"quick": self.quick, **more}, self.bounds)
