"""Orders a second over HTTP, against pgbench placing one order per transaction on the same database."""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path

from bench.figures import Series
from bench.options import Options
from bench.processes import ROOT, BenchError, Processes
from bench.report import CORRECT, RATIO, Report
from bench.shop import Shop
from bench.wrk import wrk

_DRAW = r"""\set c random(1, 100)
\set x random(1, 333)
\set y random(334, 666)
\set z random(667, 1000)
"""
_SCRIPTS = {
    "uniform": _DRAW + "SELECT place_one_order(1000000 + :c, ARRAY[1000000 + :x, 1000000 + :y, 1000000 + :z]::bigint[], ARRAY[1, 1, 1]);",
    "hot": r"""\set c random(1, 100)
SELECT place_one_order(1000000 + :c, ARRAY[1000001, 1000002, 1000003]::bigint[], ARRAY[1, 1, 1]);""",
    # What the shop itself says for one order.
    "statement": _DRAW
    + """SELECT * FROM place_orders(ARRAY['api-key'], ARRAY[NULL]::text[], ARRAY[NULL]::bytea[],
ARRAY[1000000 + :c]::bigint[], ARRAY[NULL]::bigint[], ARRAY[1]::smallint[], ARRAY[NULL]::smallint[], ARRAY[0]::bigint[], ARRAY[3],
ARRAY[1, 2, 3], ARRAY[1, 1, 1], ARRAY[NULL, NULL, NULL]::bigint[], ARRAY[1000000 + :x, 1000000 + :y, 1000000 + :z]::bigint[], false);""",
}
_ROWS = {
    "pgbench": "pgbench, one order per transaction",
    "tienda": "Tienda over HTTP",
    "keyed": "… each with an `Idempotency-Key`",
    "billed": "… each with a key and a bill",
}


class _Orders:
    """The shop, its peer, and what both gave."""

    def __init__(self, processes: Processes, seconds: int) -> None:
        self._processes = processes
        self._seconds = seconds
        self._shop = Shop(processes, "shop", {"ACCESS_LOG": "false", "RATE_LIMIT_ENABLED": "false"})
        self._key = {"ADMIN_API_KEY": "the-key-of-the-benchmark"}
        self.rates: dict[str, list[float]] = defaultdict(list)
        self.milliseconds: dict[str, list[float]] = defaultdict(list)
        self.failed = 0.0
        # The peer writes no log of events and no history, so its statements are not to fire the triggers of them.
        self._shop.psql("-q", "-f", _readable(processes, ROOT / "bench/orders.sql"))

    def pgbench(self, name: str, clients: int, script: str) -> None:
        file = self._processes.folder / f"{script}.sql"
        file.write_text(_SCRIPTS[script])
        words = ["-n", "-M", "prepared", "-f", file, "-c", str(clients), "-j", "2", "-T", str(self._seconds)]
        output = self._shop.as_owner("pgbench", *words, options="-c tienda.logs_itself=on -c tienda.cause=sale")
        self.rates[name].append(_number(r"^tps = ([\d.]+)", output))
        self.milliseconds[name].append(_number(r"^latency average = ([\d.]+)", output))
        self.failed += _number(r"failed transactions: (\d+)", output)

    def wrk(self, name: str, connections: int, path: str, **how: str) -> None:
        settings = {"SPREAD": "uniform", "KEYED": "0", "BILLED": "0", **self._key, **how}
        load = wrk(
            self._processes,
            self._shop.url + path,
            connections=connections,
            seconds=self._seconds,
            script="orders.lua",
            settings=settings,
            may_refuse=True,
        )
        rate, milliseconds, failed = load.result()
        self.rates[name].append(rate)
        self.milliseconds[name].append(milliseconds)
        self.failed += failed

    def many(self, spread: str) -> None:
        self.pgbench(f"pgbench-{spread}", 64, spread)
        self.wrk(f"tienda-{spread}", 64, "/orders", SPREAD=spread)
        self.wrk(f"keyed-{spread}", 64, "/orders", SPREAD=spread, KEYED="1")
        self.wrk(f"billed-{spread}", 64, "/orders", SPREAD=spread, KEYED="1", BILLED="1")

    def one(self) -> None:
        self.pgbench("statement", 1, "statement")
        self.wrk("empty", 1, "/health/live", SPREAD="empty")
        self.wrk("alone", 1, "/orders")


def _number(pattern: str, output: str) -> float:
    found = re.search(pattern, output, re.MULTILINE)
    if not found:
        raise BenchError(f"pgbench said something else:\n{output}")
    return float(found.group(1))


def _readable(processes: Processes, file: Path) -> Path:
    """A copy that PostgreSQL's user can read."""
    copy = processes.folder / file.name
    copy.write_bytes(file.read_bytes())
    return copy


def run(options: Options) -> Report:
    runs, seconds = options.times(5, 1), 3 if options.quick else 6
    report = options.report("orders", runs=runs, seconds=seconds)
    with Processes() as processes:
        orders = _Orders(processes, seconds)
        # So that the first run meets compiled code, too. On slow cores the compiler is busy for as long as that.
        for spread in ("hot", "uniform", "uniform"):
            orders.wrk("warm-up", 64, "/orders", KEYED="1", BILLED="1", SPREAD=spread)
        for _ in range(runs):
            for spread in ("uniform", "hot"):
                orders.many(spread)
        # One client alone, after the same warm-up for all.
        for _ in range(runs):
            orders.one()
    _tell(report, orders)
    return report


def _tell(report: Report, orders: _Orders) -> None:
    rates = {name: Series.of(values) for name, values in orders.rates.items() if name != "warm-up"}
    for spread in ("uniform", "hot"):
        limit = rates[f"pgbench-{spread}"]
        rows = []
        for name, title in _ROWS.items():
            series = rates[f"{name}-{spread}"]
            report.figure(f"{name}_{spread}", series, "orders/s")
            report.figure(f"{name}_{spread}_ratio", series.over(limit), "times pgbench")
            rows.append([title, str(series), f"{series.over(limit):.1f}"])
        report.table([f"64 clients, {spread}: orders/s", "median (range)", "times pgbench"], rows)
    alone = {name: Series.of(orders.milliseconds[name], 2) for name in ("statement", "empty", "alone")}
    titles = {"statement": "the statement alone, from pgbench", "empty": "an empty HTTP request", "alone": "an order over HTTP"}
    for name, series in alone.items():
        report.figure(f"{name}_ms", series, "ms")
    report.table(["one client alone: ms", "median (range)"], [[titles[name], str(series)] for name, series in alone.items()])
    pairs = zip(orders.milliseconds["statement"], orders.milliseconds["empty"], strict=True)
    both = Series.of([statement + empty for statement, empty in pairs])
    for spread, bound, floor in (("uniform", 4, 1.5), ("hot", 20, 8)):
        ratio = rates[f"tienda-{spread}"].over(rates[f"pgbench-{spread}"])
        report.target(f"{spread}_ratio", f"orders, {spread}", ratio, "≥", bound, "× pgbench", RATIO, floor=floor)
    lone = alone["alone"].over(both)
    report.target("alone_ratio", "an order alone", lone, "≤", 1.3, "× statement and empty request", RATIO, floor=3)
    report.target("orders_failed", "orders that failed", orders.failed, "=", 0, "", CORRECT)
