"""
Reads of a catalog of a million products, and of the same on a thousand: searches, filtered and sorted pages, deep pages and counts by kind.
Sixteen administrators ask, whom the cache never answers, at the pace of a busy shop, or one alone. And an import and an export of it, beside COPY.
"""

from __future__ import annotations

from bench.figures import Series
from bench.machine import Cores
from bench.options import Options
from bench.processes import ROOT, Processes
from bench.report import MACHINE, RATIO, Report
from bench.shop import KEY, Shop
from bench.transfer import Transfer, tell
from bench.wrk import wrk

_CLIENTS = 16
_SMALLEST = 1_000
# What is asked, and its p95 in ms.
_ASKED = {
    "common": ("search of a common word", 30),
    "rare": ("search of a rare word", 10),
    "mistyped": ("search of a mistyped word", 40),
    "filtered": ("filtered and sorted page", 15),
    "deep": ("page behind a tenth of all", 10),
    "facets": ("counts by kind", 60),
}
# For comparison: what a request costs that asks the database nothing, what PostgreSQL's statistics mislead about, and counts that have to
# look at products.
_ALSO_ASKED = {
    "nothing": "nothing of the database (`/health/live`)",
    "exclusive": "search of two common words that exclude each other",
    "cut": "counts by kind, of any range of prices",
    "found": "counts by kind, of a common word",
}
# What the host may keep from the machine, in percent of the time that the cores are wanted. A run with more was on no quiet machine and is
# made again, whatever it has found.
_MOST_KEPT = 5.0
_TRIES = 4
# By how much the large catalog may cost more than the small one.
_MOST = 3.0

# What, how many products there are, and how many clients ask.
_Asked = tuple[str, int, int]
# What the host kept meanwhile, and the p95 in ms.
_Run = tuple[float, float]


class _Catalog:
    """A shop with so many products."""

    def __init__(self, processes: Processes, first: Shop, products: int) -> None:
        self._processes, self._products = processes, products
        self.shop = Shop(processes, f"catalog_{products}", {"ACCESS_LOG": "false"}, joins=first, database=f"catalog_{products}")
        script = processes.folder / "catalog.sql"
        script.write_bytes((ROOT / "bench/catalog.sql").read_bytes())
        self.shop.psql("-q", "-v", f"products={products}", "-f", script)

    def ask(self, what: str, clients: int, seconds: float) -> _Run:
        settings = {"ASK": what, "PRODUCTS": str(self._products), "ADMIN_API_KEY": KEY}
        cores = Cores()
        load = wrk(self._processes, self.shop.url, connections=clients, seconds=seconds, script="catalog.lua", settings=settings)
        _, p95 = load.result()
        return cores.kept_by_host(), p95

    def ask_quietly(self, what: str, clients: int, seconds: float) -> tuple[_Run, int]:
        """A run on a quiet machine, or the one that comes nearest to it; and how many it took."""
        runs: list[_Run] = []
        while len(runs) < _TRIES and (not runs or runs[-1][0] > _MOST_KEPT):
            runs.append(self.ask(what, clients, seconds))
        return min(runs, key=lambda run: run[0]), len(runs)


def run(options: Options) -> Report:
    largest = 20_000 if options.quick else 1_000_000
    runs = options.times(3, 1)
    seconds = options.seconds or (3 if options.quick else 10)
    report = options.report("catalog", products=largest, runs=runs, seconds=seconds)
    with Processes() as processes:
        # Which runs PostgreSQL, and is not asked.
        first = Shop(processes, "first")
        catalogs = {products: _Catalog(processes, first, products) for products in (_SMALLEST, largest)}
        rows = ((_SMALLEST, _CLIENTS), (largest, _CLIENTS), (largest, 1))
        found: dict[_Asked, list[tuple[_Run, int]]] = {(what, *row): [] for row in rows for what in [*_ASKED, *_ALSO_ASKED]}
        # Until the code of each is compiled for good.
        for what, products, clients in found:
            catalogs[products].ask(what, clients, seconds)
        # In turns, because the machine's speed drifts.
        for _ in range(runs):
            for (what, products, clients), taken in found.items():
                taken.append(catalogs[products].ask_quietly(what, clients, seconds))
        transfer = Transfer(processes, first, catalogs[largest].shop, largest)
        # Each takes some ten minutes.
        files, peaks = transfer.measure(min(runs, 2)), transfer.peaks_mb()
    _tell(report, largest, {key: Series.of([p95 for (_, p95), _ in taken], 1) for key, taken in found.items()})
    _tell_of_host(report, [run for taken in found.values() for run in taken])
    tell(report, largest, files, peaks)
    return report


def _tell(report: Report, largest: int, p95: dict[_Asked, Series]) -> None:
    rows = []
    titles = {**{what: title for what, (title, _) in _ASKED.items()}, **_ALSO_ASKED}
    for what, title in titles.items():
        small, large, alone = p95[what, _SMALLEST, _CLIENTS], p95[what, largest, _CLIENTS], p95[what, largest, 1]
        ratio = large.paired(small)
        report.figure(f"{what}_{_SMALLEST}", small, "ms")
        report.figure(f"{what}_{largest}", large, "ms")
        report.figure(f"{what}_{largest}_alone", alone, "ms")
        rows.append([title, str(small), str(large), str(ratio), str(alone)])
        if what in _ASKED:
            bound = _ASKED[what][1]
            report.target(f"{what}_p95", f"{title}, p95 of {largest:,} products", large.median, "<", bound, "ms", MACHINE)
            report.target(f"{what}_ratio", f"{title}, {largest:,} over {_SMALLEST:,} products", ratio.median, "≤", _MOST, "×", RATIO, floor=2 * _MOST)
    heads = [f"{_SMALLEST:,} products", f"{largest:,} products", "times", f"{largest:,} products, one client"]
    report.table([f"p95, ms, {_CLIENTS} clients", *heads], rows)


def _tell_of_host(report: Report, taken: list[tuple[_Run, int]]) -> None:
    kept = Series.of([kept for (kept, _), _ in taken], 1)
    again = sum(tries - 1 for _, tries in taken)
    loud = sum(each > _MOST_KEPT for each in kept.runs)
    report.figure("kept_by_host", kept, "%")
    report.figure("made_again", again, "runs")
    report.figure("loud", loud, "runs")
    report.notes.append(
        f"Of the time that the cores were wanted the host kept {kept} % in a run. {again} runs in which it kept more than {_MOST_KEPT:.0f} % "
        f"were made again and are not in the figures, whatever they found. "
        + (f"Of {loud} no try in {_TRIES} was quieter, and the quietest counts." if loud else "All that count were quieter.")
    )
