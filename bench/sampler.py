"""Looks at a shop once a second, by what it says of itself on /metrics."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from bench.figures import quantile
from bench.metrics import Metrics, hit_rate, pool_in_use
from bench.processes import BenchError
from bench.shop import Shop

Sample = dict[str, float]


class Sampler:
    """Takes samples in a thread of its own, from entering to leaving it."""

    def __init__(self, shop: Shop, pause: float = 1.0, more: Callable[[], Sample] | None = None) -> None:
        self._shop = shop
        self._pause = pause
        self._more = more
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="sampler")
        self.samples: list[Sample] = []
        self.failed_looks = 0
        self._first = shop.metrics()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._stopped.set()
        self._thread.join()

    def keep(self, began: float, seconds: float) -> None:
        """Leaves out what was at another time of day: users who register before, and books that are compared after a test."""
        # The first sample that is kept looks back on what was before.
        inside = [sample for sample in self.samples if began + self._pause < sample["at"] <= began + seconds + self._pause]
        self.samples = [{"second": round(sample["at"] - began, 1), **sample} for sample in inside]

    @property
    def hit_rate(self) -> float:
        """Percent of the cacheable reads for which the database was not asked."""
        reads = sum(sample["reads"] for sample in self.samples)
        return 100 * (1 - sum(sample["misses"] for sample in self.samples) / reads) if reads else 0.0

    def highest(self, name: str) -> float:
        return max((sample[name] for sample in self.samples), default=0.0)

    def mean(self, name: str) -> float:
        return sum(sample[name] for sample in self.samples) / len(self.samples) if self.samples else 0.0

    def _watch(self) -> None:
        before_at = time.monotonic()
        before = self._first
        while not self._stopped.wait(max(0.0, before_at + self._pause - time.monotonic())):
            try:
                now = self._shop.metrics()
            except BenchError:
                self.failed_looks += 1
                before_at = time.monotonic()
                continue
            at = time.monotonic()
            sample = {"at": round(time.time(), 1), **_between(before, now, at - before_at)}
            self.samples.append({**sample, **(self._more() if self._more else {})})
            before, before_at = now, at


def _between(before: Metrics, now: Metrics, seconds: float) -> Sample:
    earlier, later = before.request_buckets(), now.request_buckets()
    buckets = {bound: count - earlier.get(bound, 0) for bound, count in later.items()}
    requests = buckets.get(float("inf"), 0)
    answered = "tienda_cache_reads_total"
    cpu = "dotnet_process_cpu_time_seconds_total"
    return {
        "rate": round(requests / seconds, 1),
        "p50_ms": round(1000 * quantile(buckets, 0.5), 2),
        "p95_ms": round(1000 * quantile(buckets, 0.95), 2),
        "cpu_cores": round((now.sum(cpu) - before.sum(cpu)) / seconds, 3),
        "memory_mb": round(now.sum("dotnet_process_memory_working_set_bytes") / 2**20, 1),
        "pool_percent": round(pool_in_use(now), 2),
        "hit_percent": round(hit_rate(before, now), 2),
        "reads": now.sum(answered) - before.sum(answered),
        "misses": now.sum(answered, result="miss") - before.sum(answered, result="miss"),
        "connections": now.sum("db_client_connection_count"),
    }
