"""
Cached answers a second: a list of 20 products and one product, as a client without credentials gets them, through the whole pipeline with
the request log (to a file), the metrics and the rate limit. Bare Kestrel sends the same status, headers and body, and once the body alone.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from bench.figures import Series
from bench.options import Options
from bench.processes import Processes
from bench.report import RATIO, Report
from bench.servers import start_bare
from bench.shop import LIST, Shop
from bench.wrk import wrk

_TURNS = 5
_TITLES = {
    "bare_list": "list of 20, bare Kestrel, same bytes",
    "bare_body": "list of 20, bare Kestrel, the body alone",
    "shop_list": "list of 20, shop",
    "shop_unchanged": "list of 20, shop, 304",
    "bare_detail": "one product, bare Kestrel, same bytes",
    "shop_detail": "one product, shop",
}


def _etag(answer: bytes) -> str:
    return next(line[6:].decode() for line in answer.split(b"\r\n") if line.lower().startswith(b"etag: "))


class _Peers:
    """The shop beside bare Kestrels that answer as it does."""

    def __init__(self, processes: Processes) -> None:
        self._processes = processes
        # Nobody is refused, and everybody is counted.
        self.shop = shop = Shop(processes, "shop", {"RATE_LIMIT_CALLS": "1000000", "RATE_LIMIT_PERIOD": "1"})
        listed, product = shop.answer(LIST), shop.answer("/products/7")
        body = b"HTTP/1.1 200 OK\r\nContent-Type: application/json; charset=utf-8\r\n\r\n" + listed.partition(b"\r\n\r\n")[2]
        bare = {
            name: start_bare(processes, self._file(name, answer)).url
            for name, answer in (("bare_list", listed), ("bare_body", body), ("bare_detail", product))
        }
        unchanged = {"If-None-Match": _etag(listed)}
        self.rates: dict[str, Callable[[float], float]] = {
            "bare_list": lambda seconds: self._rate(bare["bare_list"], seconds),
            "shop_list": lambda seconds: self.of_shop(LIST, seconds),
            "shop_unchanged": lambda seconds: self.of_shop(LIST, seconds, unchanged),
            "bare_body": lambda seconds: self._rate(bare["bare_body"], seconds),
            "bare_detail": lambda seconds: self._rate(bare["bare_detail"], seconds),
            "shop_detail": lambda seconds: self.of_shop("/products/7", seconds),
        }

    def of_shop(self, path: str, seconds: float, headers: dict[str, str] | None = None) -> float:
        rate = self._rate(self.shop.url + path, seconds, headers)
        self.shop.log.write_bytes(b"")
        return rate

    def allocated(self, seconds: float) -> float:
        """Bytes of memory for an answer."""
        before = self.shop.metrics()
        self.of_shop(LIST, seconds)
        after = self.shop.metrics()
        memory, answers = "dotnet_gc_heap_total_allocated_bytes_total", "tienda_cache_reads_total"
        return (after.sum(memory) - before.sum(memory)) // (after.sum(answers) - before.sum(answers))

    def _rate(self, url: str, seconds: float, headers: dict[str, str] | None = None) -> float:
        return wrk(self._processes, url, connections=64, seconds=seconds, headers=headers).rate

    def _file(self, name: str, answer: bytes) -> Path:
        file = self._processes.folder / f"{name}.answer"
        file.write_bytes(answer)
        return file


def run(options: Options) -> Report:
    runs = options.times(5, 2)
    report = options.report("cache", runs=runs, turns=_TURNS)
    found: dict[str, list[float]] = {name: [] for name in _TITLES}
    allocated = []
    with Processes() as processes:
        peers = _Peers(processes)
        for _ in range(1 if options.quick else 4):
            for name in ("shop_list", "shop_detail", "bare_list", "bare_detail", "bare_body"):
                peers.rates[name](3)
        # A second each in turn, because the machine's speed drifts from one second to the next; a run is the sum of several turns.
        for _ in range(runs):
            turns: dict[str, list[float]] = {name: [] for name in _TITLES}
            for _ in range(_TURNS):
                for name, rate in peers.rates.items():
                    turns[name].append(rate(1))
            for name, values in turns.items():
                found[name].append(sum(values) / _TURNS)
            allocated.append(peers.allocated(1))
        misses = peers.shop.metrics().sum("tienda_cache_reads_total", result="miss")
    _tell(report, {name: Series.of(values) for name, values in found.items()}, Series.of(allocated), misses)
    return report


def _tell(report: Report, found: dict[str, Series], allocated: Series, misses: float) -> None:
    rows, ratios = [], {}
    for name, title in _TITLES.items():
        limit = found["bare_detail" if name.endswith("detail") else "bare_list"]
        ratios[name] = found[name].paired(limit)
        report.figure(name, found[name], "answers/s")
        report.figure(f"{name}_ratio", ratios[name], "times bare Kestrel")
        rows.append([title, str(found[name]), "1.00" if found[name] is limit else str(ratios[name])])
    report.figure("allocated", allocated, "bytes")
    report.table(["answers/s, 64 connections", "median (range)", "times bare Kestrel, median of the runs (range)"], rows)
    report.notes.append(f"Bytes allocated for an answer: {allocated}. Answers that were no hit: {misses:.0f}.")
    for name, title in (("shop_list", "cached list"), ("shop_detail", "cached product")):
        report.target(f"{name}_ratio", title, ratios[name].median, "≥", 0.85, "× bare Kestrel", RATIO, floor=0.6)
    report.target("allocated", "memory for a cached answer", allocated.median, "≤", 300, "bytes", RATIO, floor=600)
