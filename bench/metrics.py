"""Reads what /metrics says."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass

_LINE = re.compile(r"^([a-z_:A-Z0-9]+)(?:\{(.*)\})? (\S+)")
_LABEL = re.compile(r'([a-z_A-Z0-9]+)="((?:[^"\\]|\\.)*)"')

REQUESTS = "http_server_request_duration_seconds"

# No requests of customers.
_OWN_ROUTES = ("/metrics", "/health_check", "/health/live", "/health/ready")


@dataclass(frozen=True)
class _Sample:
    name: str
    labels: dict[str, str]
    value: float


class Metrics:
    """One look at a shop's figures."""

    def __init__(self, text: str) -> None:
        self._samples = [
            _Sample(found.group(1), dict(_LABEL.findall(found.group(2) or "")), float(found.group(3)))
            for found in map(_LINE.match, text.splitlines())
            if found
        ]

    def sum(self, name: str, **labels: str) -> float:
        return sum(
            sample.value
            for sample in self._samples
            if sample.name == name and all(sample.labels.get(label) == value for label, value in labels.items())
        )

    def by(self, name: str, label: str) -> dict[str, float]:
        sums: dict[str, float] = defaultdict(float)
        for sample in self._samples:
            if sample.name == name:
                sums[sample.labels.get(label, "")] += sample.value
        return dict(sums)

    def request_buckets(self) -> dict[float, float]:
        """The cumulative histogram of customers' requests."""
        buckets: dict[float, float] = defaultdict(float)
        for sample in self._samples:
            if sample.name == REQUESTS + "_bucket" and sample.labels.get("http_route") not in _OWN_ROUTES:
                buckets[float(sample.labels["le"].replace("+Inf", "inf"))] += sample.value
        return dict(buckets)


def hit_rate(before: Metrics, after: Metrics) -> float:
    """Percent of the cacheable reads in between for which the database was not asked."""
    name = "tienda_cache_reads_total"
    reads = after.sum(name) - before.sum(name)
    misses = after.sum(name, result="miss") - before.sum(name, result="miss")
    return 100 * (reads - misses) / reads if reads > 0 else 0.0


def pool_in_use(metrics: Metrics) -> float:
    """Percent of the connections that requests may take."""
    used = metrics.sum("db_client_connection_count", db_client_connection_pool_name="tienda", db_client_connection_state="used")
    most = metrics.sum("db_client_connection_max", db_client_connection_pool_name="tienda")
    return 100 * used / most if most > 0 else 0.0
