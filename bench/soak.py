"""Whole journeys of buyers for an hour: memory of each worker, connections of PostgreSQL, and whether the books are right at the end."""

from __future__ import annotations

import time
from collections import defaultdict

from bench import plots
from bench.figures import slope
from bench.options import Options
from bench.proc import children, resident_mb, runs
from bench.processes import Processes
from bench.report import CORRECT, MACHINE, Report
from bench.rig import Rig
from bench.sampler import Sample, Sampler
from bench.users import visit

# Half of what the guide asks for.
_USERS = 200
_PAUSE_SECONDS = 5
# What a process may grow by in the second half, over what it has then: the collector takes its time.
_GROWTH_PERCENT = 10
_OF_DATABASE = "datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'"


class _Watch:
    """What the system and PostgreSQL know of the shop."""

    def __init__(self, rig: Rig) -> None:
        self._rig = rig

    def look(self) -> Sample:
        supervisor = self._rig.shop.process.pid
        # Beside the workers it has started PostgreSQL.
        workers = [process for process in children(supervisor) if runs(process, "Tienda.dll")]
        memory = {f"mb_{process}": round(resident_mb(process), 1) for process in (supervisor, *workers)}
        return {**memory, "postgres_connections": self.connections()}

    def connections(self, condition: str = "true") -> int:
        return int(self._rig.shop.sql(f"SELECT count(*) FROM pg_stat_activity WHERE {_OF_DATABASE} AND {condition}")[0][0])

    def in_use(self) -> int:
        """Once what was under way has ended: a connection that was lost would go on being in use. Looks at the log are short."""
        least = self.most()
        for _ in range(60):
            least = min(least, self.connections("state <> 'idle'"))
            if least == 0:
                break
            time.sleep(0.5)
        return least

    def most(self) -> int:
        """Connections that all workers may have."""
        return int(self._rig.shop.metrics().sum("db_client_connection_max"))


def run(options: Options) -> Report:
    users, seconds = options.users or _USERS, options.seconds or options.minutes * 60
    report = options.report("soak", users=users, seconds=seconds, workers=4)
    pause = max(1.0, min(_PAUSE_SECONDS, seconds / 60))
    with Processes() as processes:
        rig = Rig(processes)
        watch = _Watch(rig)
        books = rig.books()
        with Sampler(rig.shop, pause, watch.look) as sampler:
            seen = visit(processes, rig.url, users=users, seconds=seconds, classes=("JourneyUser",), report=options.results / "soak.html")
        sampler.keep(seen.began, seconds)
        in_use, most = watch.in_use(), watch.most()
        after = rig.books()
        wrong = sum(abs(after[product] - units) for product, units in books.items())
        negative = int(rig.shop.sql("SELECT count(*) FROM products WHERE stock < 0")[0][0])
    samples = sampler.samples
    report.table(
        ["Locust", "requests/s", "requests", "failed", "p50, ms", "p95", "p99"],
        [
            [
                "JourneyUser",
                f"{seen.rate:,.1f}",
                f"{seen.requests:,}",
                str(seen.failures),
                *(f"{ms:.0f}" for ms in (seen.p50, seen.p95, seen.p99)),
            ]
        ],
    )
    if seen.problems:
        report.notes.append(f"What failed:\n\n```\n{seen.problems}\n```")
    _memory(report, samples)
    connections = max((sample["postgres_connections"] for sample in samples), default=0)
    report.figure("connections", connections, "connections")
    report.target("errors", "failed requests", seen.failures, "=", 0, "", CORRECT)
    report.target("books", "units that the books lost or made (I1)", wrong, "=", 0, "", CORRECT)
    report.target("negative", "products with a negative stock", negative, "=", 0, "", CORRECT)
    report.target("connections", "connections of PostgreSQL, highest", connections, "≤", most, "", CORRECT)
    report.target("in_use", "connections still in use afterwards", in_use, "=", 0, "", CORRECT)
    report.figure("hit_rate", sampler.hit_rate, "%")
    report.samples = {"shop": samples}
    _draw(report, options, samples)
    return report


def _by_process(samples: list[Sample]) -> dict[str, list[tuple[float, float]]]:
    """Hours and megabytes of each process that was there from the middle to the end."""
    points: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for sample in samples:
        for name, value in sample.items():
            if name.startswith("mb_"):
                points[name[3:]].append((sample["second"] / 3600, value))
    return dict(points)


def _memory(report: Report, samples: list[Sample]) -> None:
    rows, worst = [], 0.0
    middle = samples[len(samples) // 2]["second"] / 3600 if samples else 0.0
    for process, points in _by_process(samples).items():
        late = [point for point in points if point[0] >= middle]
        if len(late) < 2:
            continue
        per_hour = slope(late)
        growth = 100 * per_hour * (late[-1][0] - late[0][0]) / late[0][1]
        worst = max(worst, growth)
        highest = max(megabytes for _, megabytes in points)
        rows.append([process, f"{points[0][1]:.0f}", f"{late[0][1]:.0f}", f"{points[-1][1]:.0f}", f"{highest:.0f}", f"{per_hour:+.1f}"])
    report.table(["process", "MB at first", "half-way", "at the end", "highest", "MB an hour, second half"], rows)
    report.figure("growth", worst, "%")
    report.target("growth", "growth of a worker in the second half", worst, "<", _GROWTH_PERCENT, "%", MACHINE)


def _draw(report: Report, options: Options, samples: list[Sample]) -> None:
    memory = [
        (process, [60 * hour for hour, _ in points], [megabytes for _, megabytes in points])
        for process, points in _by_process(samples).items()
    ]
    minutes = [{**sample, "minute": sample["second"] / 60} for sample in samples]
    panels = [
        ("MB", memory),
        ("connections", [plots.over(minutes, "postgres_connections", "PostgreSQL", "minute")]),
        ("requests/s", [plots.over(minutes, "rate", "requests", "minute")]),
        ("ms", [plots.over(minutes, "p95_ms", "p95", "minute")]),
    ]
    plots.draw(report, options.results, "over-time", "Soak: memory of each process, connections, traffic", panels, "minutes")
