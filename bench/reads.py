"""
Uncached reads a second, against pgbench that says the same SQL on the same database: a list of 20 products, one product, and a search. The
shop is asked as its administrator, whom the cache never answers; the request log goes to a file.
"""

from __future__ import annotations

import re

from bench.figures import Series
from bench.options import Options
from bench.processes import BenchError, Processes
from bench.report import RATIO, Report
from bench.shop import KEY, PROGRAM, Shop
from bench.wrk import wrk

_CLIENTS = 16
_TURNS = 5
_PRODUCTS = 10_000
_COLUMNS = (
    "id_key, name, description, sku, price, stock, category_id, active, rating_average, rating_count, created_at, updated_at, stock_version"
)
# As Products/ProductListStore.cs has it for an administrator: one row more than asked for, which tells whether there is a next page.
_SCRIPTS = {
    "list": f"\\set o random(0, 100)\nSELECT {_COLUMNS} FROM products ORDER BY id_key LIMIT 21 OFFSET 20 * :o;",
    "detail": f"\\set i random(1, {_PRODUCTS})\nSELECT {_COLUMNS} FROM products WHERE id_key = :i AND (active OR true);",
    "search": "SELECT word, is_known, is_corrected, query, words, is_begun, categories FROM read_search('lamp', true, false);\n"
    f"SELECT {_COLUMNS} FROM products WHERE search @@ $q$'lamp'$q$::tsquery ORDER BY id_key LIMIT 21 OFFSET 0;",
}
# What HTTP, JSON and the way there and back may cost beside the SQL itself.
_BOUNDS = {"list": 0.3, "detail": 0.15, "search": 0.2}
_TITLES = {"list": "list of 20", "detail": "one product", "search": "search, first 20"}


class _Reads:
    """The shop and its peer."""

    def __init__(self, processes: Processes) -> None:
        self._processes = processes
        self._shop = Shop(processes, "shop")
        processes.run(["dotnet", PROGRAM, "seed", "--products", str(_PRODUCTS), "--clients", "0", "--orders", "0"], cwd=self._shop.folder)
        self._shop.sql("ANALYZE products")

    def pgbench(self, what: str, seconds: int) -> float:
        script = self._processes.folder / f"{what}.sql"
        script.write_text(_SCRIPTS[what])
        output = self._shop.as_owner("pgbench", "-n", "-M", "prepared", "-f", script, "-c", str(_CLIENTS), "-j", "2", "-T", str(seconds))
        found = re.search(r"^tps = ([\d.]+)", output, re.MULTILINE)
        if not found:
            raise BenchError(f"pgbench said something else:\n{output}")
        return float(found.group(1))

    def shop(self, what: str, seconds: int) -> float:
        settings = {"READ": what, "PRODUCTS": str(_PRODUCTS), "ADMIN_API_KEY": KEY}
        rate = wrk(self._processes, self._shop.url, connections=_CLIENTS, seconds=seconds, script="reads.lua", settings=settings).rate
        self._shop.log.write_bytes(b"")
        return rate


def run(options: Options) -> Report:
    runs = options.times(5, 1)
    report = options.report("reads", runs=runs, turns=_TURNS, products=_PRODUCTS)
    found: dict[str, list[float]] = {f"{who}_{what}": [] for what in _SCRIPTS for who in ("pgbench", "shop")}
    with Processes() as processes:
        reads = _Reads(processes)
        for what in _SCRIPTS:
            reads.shop(what, 3)
        # A second each in turn; a run is the sum of several turns.
        for _ in range(runs):
            turns: dict[str, list[float]] = {name: [] for name in found}
            for _ in range(_TURNS):
                for what in _SCRIPTS:
                    turns[f"pgbench_{what}"].append(reads.pgbench(what, 1))
                    turns[f"shop_{what}"].append(reads.shop(what, 1))
            for name, values in turns.items():
                found[name].append(sum(values) / _TURNS)
    _tell(report, {name: Series.of(values) for name, values in found.items()})
    return report


def _tell(report: Report, found: dict[str, Series]) -> None:
    rows = []
    for what, title in _TITLES.items():
        limit, shop = found[f"pgbench_{what}"], found[f"shop_{what}"]
        ratio = shop.paired(limit)
        report.figure(f"pgbench_{what}", limit, "reads/s")
        report.figure(f"shop_{what}", shop, "reads/s")
        report.figure(f"{what}_ratio", ratio, "times pgbench")
        rows.append([title, str(limit), str(shop), str(ratio)])
        bound = _BOUNDS[what]
        report.target(f"{what}_ratio", f"uncached {title}", ratio.median, "≥", bound, "× pgbench", RATIO, floor=bound / 2)
    report.table([f"reads/s, {_CLIENTS} clients", "pgbench, the SQL alone", "shop over HTTP, uncached", "times pgbench (range)"], rows)
