"""Requests a second: refused by the rate limit, counted and answered, and not counted at all."""

from __future__ import annotations

from bench.figures import Series
from bench.options import Options
from bench.processes import Processes
from bench.report import Report
from bench.shop import Shop
from bench.wrk import wrk


def run(options: Options) -> Report:
    runs, seconds = options.times(5, 1), 1 if options.quick else 3
    report = options.report("denied", runs=runs, seconds=seconds)
    rates: dict[str, list[float]] = {"live": [], "counted": [], "denied": []}
    with Processes() as processes:
        folder = processes.folder_of("shop")

        def rate(shop: Shop, path: str) -> float:
            return wrk(processes, shop.url + path, connections=16, threads=1, seconds=seconds, may_refuse=True).rate

        for _ in range(runs):
            shop = Shop(processes, "", {"ACCESS_LOG": "false", "RATE_LIMIT_CALLS": "1000000"}, folder=folder)
            for path in ("/health/live", "/"):
                rate(shop, path)
            rates["live"].append(rate(shop, "/health/live"))
            rates["counted"].append(rate(shop, "/"))
            shop.stop()
            # The question whether it has started is the one that is let through.
            shop = Shop(processes, "", {"ACCESS_LOG": "false", "RATE_LIMIT_CALLS": "1"}, folder=folder)
            rate(shop, "/")
            rates["denied"].append(rate(shop, "/"))
            shop.stop()
    titles = {
        "live": "not counted, GET /health/live",
        "counted": "counted and answered, GET /",
        "denied": "refused with 429, GET /",
    }
    found = {name: Series.of(values) for name, values in rates.items()}
    for name, series in found.items():
        report.figure(name, series, "requests/s")
    report.table(["requests/s", "median (range)"], [[titles[name], str(series)] for name, series in found.items()])
    return report
