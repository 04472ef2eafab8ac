"""
Throughput and p95 by the number of workers and users. The users are wrk's, who ask what the guide's do at the same pace and cost less than
Locust's, which would measure itself: load_test.py needs most of a core for 1,000 users.
"""

from __future__ import annotations

from bench import plots
from bench.options import Options
from bench.processes import Processes
from bench.report import CORRECT, Report
from bench.rig import Rig
from bench.shop import KEY
from bench.wrk import wrk

_WORKERS = (1, 2, 4)
_USERS = (50, 100, 400, 1000, 2000)
# The first users meet an empty cache and code that is not compiled, each worker for itself.
_WARM_UPS = 3


def run(options: Options) -> Report:
    seconds = options.seconds or (5 if options.quick else 20)
    report = options.report("scale", seconds=seconds)
    rows, lines, failed = [], [], 0.0
    for workers in _WORKERS:
        with Processes() as processes:
            rig = Rig(processes, workers)
            for _ in range(_WARM_UPS):
                _ask(processes, rig, 400, seconds)
            found = [_ask(processes, rig, users, seconds) for users in _USERS]
        for users, (rate, p95, errors, cpu) in zip(_USERS, found, strict=True):
            failed += errors
            report.figure(f"rate_{workers}_{users}", rate, "requests/s")
            report.figure(f"p95_{workers}_{users}", p95, "ms")
            rows.append([str(workers), f"{users:,}", f"{rate:,.0f}", f"{p95:.1f}", f"{errors:.0f}", f"{cpu:.2f}"])
        lines.append((f"{workers} workers" if workers > 1 else "1 worker", _USERS, [p95 for _, p95, _, _ in found]))
    report.table(["workers", "users", "requests/s", "p95, ms", "failed", "CPU of the workers and their supervisor, cores"], rows)
    report.target("errors", "failed requests", failed, "=", 0, "", CORRECT)
    plots.draw(report, options.results, "p95", "p95 by users and workers", [("ms", lines)], "users", log_across=True)
    return report


def _ask(processes: Processes, rig: Rig, users: int, seconds: float) -> tuple[float, float, float, float]:
    """Requests a second, p95 in ms, errors, and cores of CPU."""
    settings = {"PACED": "1", "WORKER": "0", "ADMIN_API_KEY": KEY, "ADDRESSES": str(users)}
    before = rig.spent()["shop"]
    load = wrk(processes, rig.url, connections=users, seconds=seconds, script="mix.lua", settings=settings, may_refuse=True)
    cpu = rig.spent()["shop"] - before
    rate, errors, p95 = load.result()
    return rate, p95, errors, cpu / seconds
