"""First start (database made, migrated and seeded) and later starts, each to the first 200; memory when idle."""

from __future__ import annotations

import time

from bench.figures import Series
from bench.options import Options
from bench.proc import resident_mb
from bench.processes import Processes
from bench.report import MACHINE, Report
from bench.shop import Shop


def run(options: Options) -> Report:
    runs = options.times(5, 2)
    report = options.report("startup", runs=runs)
    first, later, memory = [], [], []
    for number in range(runs):
        with Processes() as processes:
            shop = Shop(processes, str(number), secrets={})
            first.append(shop.started_ms)
            shop.stop()
            shop = Shop(processes, str(number), secrets={}, folder=shop.folder)
            later.append(shop.started_ms)
            time.sleep(3)
            memory.append(resident_mb(shop.process.pid))
    found = {
        "first_start": ("first start", "ms", Series.of(first), 4000),
        "later_start": ("later start", "ms", Series.of(later), 1500),
        "idle_memory": ("idle memory, resident", "MB", Series.of(memory), 150),
    }
    for name, (title, unit, series, bound) in found.items():
        report.figure(name, series, unit)
        report.target(name, title, series.median, "<", bound, unit, MACHINE)
    report.table(
        ["figure", "median (range)", "target"],
        [[f"{title}, {unit}", str(series), f"< {bound}"] for title, unit, series, bound in found.values()],
    )
    return report
