"""Medians, ratios and how they are written."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


def grouped(value: float, digits: int = 0) -> str:
    return f"{value:,.{digits}f}"


@dataclass(frozen=True)
class Series:
    """What the runs gave for one thing."""

    runs: tuple[float, ...]
    digits: int = 0

    @classmethod
    def of(cls, runs: Iterable[float], digits: int = 0) -> Series:
        return cls(tuple(float(run) for run in runs), digits)

    @property
    def median(self) -> float:
        return statistics.median_low(self.runs)

    @property
    def low(self) -> float:
        return min(self.runs)

    @property
    def high(self) -> float:
        return max(self.runs)

    def over(self, limit: Series) -> float:
        """The median over another one's; for runs that do not belong together."""
        return self.median / limit.median

    def paired(self, limit: Series, digits: int = 2) -> Series:
        """What each run gives over the other's in the same turn, for a machine whose speed drifts between runs."""
        return Series.of([mine / its for mine, its in zip(self.runs, limit.runs, strict=True)], digits)

    def minus(self, other: Series) -> Series:
        return Series.of([mine - its for mine, its in zip(self.runs, other.runs, strict=True)], self.digits)

    def __str__(self) -> str:
        return f"{grouped(self.median, self.digits)} ({grouped(self.low, self.digits)}–{grouped(self.high, self.digits)})"

    def as_json(self) -> dict[str, object]:
        return {"median": self.median, "low": self.low, "high": self.high, "runs": list(self.runs)}


def slope(points: Sequence[tuple[float, float]]) -> float:
    """By how much the second grows for one of the first, by least squares."""
    return statistics.linear_regression([x for x, _ in points], [y for _, y in points]).slope if len(points) > 1 else 0.0


def quantile(buckets: dict[float, float], share: float) -> float:
    """As Prometheus's histogram_quantile() has it: cumulative counts by their upper bound, linear within one."""
    bounds = sorted(buckets)
    total = buckets[bounds[-1]] if bounds else 0
    if total <= 0:
        return 0.0
    wanted, below, lower = share * total, 0.0, 0.0
    for bound in bounds:
        count = buckets[bound]
        if count >= wanted:
            return lower if bound == float("inf") else lower + (bound - lower) * (wanted - below) / max(count - below, 1e-9)
        below, lower = count, bound
    return lower
