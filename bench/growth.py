"""
How cost grows with the catalog, with the history of orders and with page depth: it must not, beyond an index's depth. One client asks one
thing after the other, as the administrator, whom the cache never answers, in turns between
shops on one PostgreSQL that differ in size and in nothing else.
"""

from __future__ import annotations

import base64
import http.client
import json
import random
import time
from collections.abc import Callable

from bench.figures import Series
from bench.options import Options
from bench.processes import ROOT, BenchError, Processes
from bench.report import RATIO, Report
from bench.shop import KEY, Shop

_ASKED_A_TURN = 5
_SMALLEST = 1_000
_OF_CATALOG = ("list", "cheapest", "detail", "order")
_OF_HISTORY = ("order", "own orders", "order lines")
# By how much the largest may cost more than the smallest: an index of a million rows is a level or two deeper, and colder.
_MOST = 2.0
_LINES_OF_ORDER = 3


class _Client:
    """One connection of the administrator."""

    def __init__(self, shop: Shop, products: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", shop.port, timeout=60)
        self._random = random.Random(7)
        self._products = products

    def _ask(self, method: str, path: str, body: object = None) -> float:
        headers = {"X-API-Key": KEY, "Content-Type": "application/json"}
        began = time.perf_counter()
        self._connection.request(method, path, json.dumps(body) if body else None, headers)
        answer = self._connection.getresponse()
        text = answer.read()
        took = 1000 * (time.perf_counter() - began)
        if answer.status not in (200, 201):
            raise BenchError(f"{method} {path} is answered {answer.status}: {text[:300]!r}")
        return took

    def _product(self) -> int:
        return self._random.randint(1, self._products)

    def page(self, depth: int) -> float:
        """A page that begins behind so many products, as the Link header of the page before would lead there."""
        after = base64.urlsafe_b64encode(f"{depth}:id:".encode()).decode().rstrip("=")
        return self._ask("GET", f"/products?limit=20&after={after}" if depth else "/products?limit=20")

    def cheapest(self) -> float:
        return self._ask("GET", "/products?limit=20&sort=price")

    def detail(self) -> float:
        return self._ask("GET", f"/products/{self._product()}")

    def own_orders(self) -> float:
        return self._ask("GET", f"/clients/{self._random.randint(1, 20)}/orders?limit=20")

    def last_lines(self) -> float:
        return self._ask("GET", "/order_details?limit=20")

    def order(self) -> float:
        products = self._random.sample(range(1, self._products + 1), _LINES_OF_ORDER)
        items = [{"product_id": product, "quantity": 1} for product in products]
        return self._ask("POST", "/orders", {"client_id": self._random.randint(1, 20), "delivery_method": 1, "items": items})


class _Size:
    """A shop of one size, with a database of its own."""

    def __init__(self, processes: Processes, first: Shop, products: int, lines: int) -> None:
        name = f"with_{products}_{lines}"
        self.shop = Shop(processes, name, {"ACCESS_LOG": "false"}, joins=first, database=name)
        script = processes.folder / "growth.sql"
        script.write_bytes((ROOT / "bench/growth.sql").read_bytes())
        variables = {"products": products, "orders": lines * 2 // 5, "lines": lines}
        self.shop.psql("-q", *(word for each in variables.items() for word in ("-v", f"{each[0]}={each[1]}")), "-f", script)
        client = _Client(self.shop, products)
        self.asks: dict[str, Callable[[], float]] = {
            "list": lambda: client.page(0),
            "cheapest": client.cheapest,
            "detail": client.detail,
            "own orders": client.own_orders,
            "order lines": client.last_lines,
            "order": client.order,
        }
        for depth in _depths(products):
            self.asks[f"page {depth}"] = lambda depth=depth: client.page(depth)


def _depths(products: int) -> list[int]:
    return [depth for depth in (0, 1_000, 10_000, 90_000, 900_000) if depth < products]


def _measure(asked: dict[tuple[_Size, str], list[float]], turns: int) -> None:
    """A few of each in turn, because the machine's speed drifts from one second to the next."""
    for turn in range(-turns // 2, turns):
        for (size, name), taken in asked.items():
            milliseconds = [size.asks[name]() for _ in range(_ASKED_A_TURN)]
            # Before that, code is being compiled and pages are read for the first time.
            if turn >= 0:
                taken += milliseconds


def run(options: Options) -> Report:
    catalogs = (1_000, 10_000) if options.quick else (1_000, 100_000, 1_000_000) if options.large else (1_000, 100_000)
    histories = (0, 10_000) if options.quick else (0, 100_000, 1_000_000, 10_000_000) if options.large else (0, 100_000, 1_000_000)
    turns = options.times(40, 10)
    report = options.report("growth", catalogs=list(catalogs), histories=list(histories), asked=turns * _ASKED_A_TURN)
    with Processes() as processes:
        # Which runs PostgreSQL, and is not asked.
        first = Shop(processes, "first")
        by_catalog = {products: _Size(processes, first, products, 0) for products in catalogs}
        by_history = {lines: _Size(processes, first, _SMALLEST, lines) if lines else by_catalog[_SMALLEST] for lines in histories}
        largest = by_catalog[catalogs[-1]]
        depths = _depths(catalogs[-1])
        asked: dict[tuple[_Size, str], list[float]] = {
            **{(size, name): [] for size in by_catalog.values() for name in _OF_CATALOG},
            **{(size, name): [] for size in by_history.values() for name in _OF_HISTORY},
            **{(largest, f"page {depth}"): [] for depth in depths},
        }
        _measure(asked, turns)
    costs = {key: Series.of(taken, 2) for key, taken in asked.items()}
    _tell(report, "products", {products: {name: costs[size, name] for name in _OF_CATALOG} for products, size in by_catalog.items()})
    _tell(report, "order lines before", {lines: {name: costs[size, name] for name in _OF_HISTORY} for lines, size in by_history.items()})
    _tell(report, "products before the page", {depth: {"page": costs[largest, f"page {depth}"]} for depth in depths})
    return report


def _tell(report: Report, what: str, costs: dict[int, dict[str, Series]]) -> None:
    sizes = list(costs)
    rows = []
    for name in costs[sizes[0]]:
        series = [costs[size][name] for size in sizes]
        ratio = series[-1].over(series[0])
        key = f"{what}_{name}".replace(" ", "_")
        for size, each in zip(sizes, series, strict=True):
            report.figure(f"{key}_{size}", each.median, "ms")
        rows.append([name, *(f"{each.median:.2f}" for each in series), f"{ratio:.2f}"])
        report.target(key, f"{name}: {sizes[-1]:,} over {sizes[0]:,} {what}", ratio, "≤", _MOST, "×", RATIO, floor=4)
    report.table([f"ms, median, by {what}", *(f"{size:,}" for size in sizes), "last over first"], rows)
