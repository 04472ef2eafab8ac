"""
Share of cacheable reads answered without the database: four workers behind which nothing remembers for them, in the guide's mix of reads
and orders; 400 users who wait as the guide's do, then 64 connections that do not.
"""

from __future__ import annotations

from collections import Counter

from bench import wrk
from bench.figures import Series
from bench.options import Options
from bench.processes import BenchError, Processes
from bench.report import CORRECT, RATIO, Report
from bench.servers import start_redis
from bench.shop import KEY, Shop

_RESULTS = ("memory", "redis", "shared", "miss")
_HITS = ("memory", "redis", "shared", "stale")


def _start(processes: Processes) -> list[Shop]:
    redis = start_redis(processes)
    settings = {"RATE_LIMIT_ENABLED": "false", "ACCESS_LOG": "false", "REDIS_HOST": "127.0.0.1", "REDIS_PORT": str(redis.port)}
    first = Shop(processes, "worker0", settings)
    first.sql("UPDATE products SET stock = 1000000, active = true")
    return [first, *(Shop(processes, f"worker{number}", settings, joins=first) for number in (1, 2, 3))]


def _reads(shops: list[Shop]) -> Counter[str]:
    """Of all workers, by result."""
    sums: Counter[str] = Counter()
    for shop in shops:
        sums.update({result: int(count) for result, count in shop.metrics().by("tienda_cache_reads_total", "result").items()})
    return sums


def _load(processes: Processes, shops: list[Shop], paced: bool, seconds: float) -> tuple[float, float]:
    """One wrk for each worker at the same time; requests a second and errors of all."""
    running = []
    for number, shop in enumerate(shops):
        words = wrk.command(shop.url, connections=100 if paced else 16, threads=1, seconds=seconds, script="mix.lua")
        log = processes.folder / f"wrk{number}"
        log.unlink(missing_ok=True)
        settings = {"PACED": "1" if paced else "0", "WORKER": str(number), "ADMIN_API_KEY": KEY}
        running.append((processes.start(words, settings=settings, log=log), log))
    results = []
    for process, log in running:
        if process.wait() != 0:
            raise BenchError(f"wrk failed:\n{log.read_text()}")
        results.append(wrk.parse(log.read_text()).result())
    return sum(result[0] for result in results), sum(result[1] for result in results)


def run(options: Options) -> Report:
    runs, seconds = options.times(5, 1), options.seconds or (5 if options.quick else 20)
    report = options.report("mix", runs=runs, seconds=seconds)
    rows, hit_rates, errors = [], {"400 users": [], "64 connections": []}, 0.0
    with Processes() as processes:
        shops = _start(processes)
        for _ in range(runs):
            for mix, paced in (("400 users", True), ("64 connections", False)):
                before = _reads(shops)
                rate, failed = _load(processes, shops, paced, seconds)
                reads = _reads(shops) - before
                share = {result: 100 * reads[result] / reads.total() for result in (*_RESULTS, "stale")}
                hits = sum(share[result] for result in _HITS)
                hit_rates[mix].append(hits)
                errors += failed
                rows.append([mix, f"{rate:,.0f}", f"{failed:.0f}", *(f"{share[result]:.1f} %" for result in _RESULTS), f"{hits:.1f} %"])
    report.table(["mix", "requests/s", "errors", "memory", "Redis", "shared", "miss", "hits"], rows)
    for mix, values in hit_rates.items():
        name = mix.partition(" ")[2]
        report.figure(f"hit_rate_{name}", Series.of(values, 1), "%")
        # The first run begins with an empty cache; the shorter it is, the more that counts.
        report.target(f"hit_rate_{name}", f"hit rate, {mix}", min(values), "≥", 75, "%", RATIO, floor=50)
    report.target("errors", "requests that failed", errors, "=", 0, "", CORRECT)
    return report
