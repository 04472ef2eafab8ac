"""
How cost grows with the catalog, with the history of orders and with page depth: it must not, beyond an index's depth. One client asks one
thing after the other, as the administrator, whom the cache never answers; one shop grows, so everything else stays the same.
"""

from __future__ import annotations

import base64
import http.client
import itertools
import json
import random
import time
from collections.abc import Callable

from bench.figures import Series
from bench.options import Options
from bench.processes import ROOT, BenchError, Processes
from bench.report import RATIO, Report
from bench.shop import KEY, Shop

_ASKED = 200
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

    def times(self, ask: Callable[[], float]) -> Series:
        """Milliseconds, as many times as it takes for a median, after some that are not counted."""
        taken = [ask() for _ in range(_ASKED)]
        return Series.of(taken[_ASKED // 10 :], 2)

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


class _Growing:
    """The shop, and what it costs at each size."""

    def __init__(self, processes: Processes) -> None:
        self._shop = Shop(processes, "shop", {"ACCESS_LOG": "false"})
        self._script = processes.folder / "growth.sql"
        self._script.write_bytes((ROOT / "bench/growth.sql").read_bytes())
        self._shop.sql("UPDATE products SET stock = 1000000, active = true")

    def grow(self, products: int, lines: int) -> None:
        orders = max(500, lines * 2 // 5)
        variables = [word for name, value in (("products", products), ("orders", orders), ("lines", lines)) for word in ("-v", f"{name}={value}")]
        self._shop.psql("-q", *variables, "-f", self._script)

    def costs(self, products: int, names: tuple[str, ...]) -> dict[str, Series]:
        client = _Client(self._shop, products)
        asks: dict[str, Callable[[], float]] = {
            "list": lambda: client.page(0),
            "cheapest": client.cheapest,
            "detail": client.detail,
            "own orders": client.own_orders,
            "order lines": client.last_lines,
            "order": client.order,
            **{f"page {depth}": (lambda depth=depth: client.page(depth)) for depth in _depths(products)},
        }
        return {name: client.times(asks[name]) for name in names}


def _depths(products: int) -> list[int]:
    return [depth for depth in (0, 1_000, 10_000, 90_000, 900_000) if depth < products]


def run(options: Options) -> Report:
    catalogs = (1_000, 10_000) if options.quick else (1_000, 100_000, 1_000_000) if options.large else (1_000, 100_000)
    histories = (0, 10_000) if options.quick else (0, 100_000, 1_000_000, 10_000_000) if options.large else (0, 100_000, 1_000_000)
    report = options.report("growth", catalogs=list(catalogs), histories=list(histories), asked=_ASKED)
    reads, writes = ("list", "cheapest", "detail"), ("order", "own orders", "order lines")
    with Processes() as processes:
        growing = _Growing(processes)
        growing.costs(100, ("list", "detail", "order"))
        by_catalog = {}
        for products in catalogs:
            growing.grow(products, 0)
            by_catalog[products] = growing.costs(products, (*reads, "order"))
        depths = _depths(catalogs[-1])
        by_depth = {depth: growing.costs(catalogs[-1], (f"page {depth}",)) for depth in depths}
        by_history = {}
        for lines in histories:
            growing.grow(catalogs[-1], lines)
            by_history[lines] = growing.costs(catalogs[-1], writes)
    _tell(report, "products", by_catalog, (*reads, "order"))
    _tell(report, "order lines before", by_history, writes)
    _tell(report, "behind so many products", {depth: {"page": costs[f"page {depth}"]} for depth, costs in by_depth.items()}, ("page",))
    return report


def _tell(report: Report, what: str, costs: dict[int, dict[str, Series]], names: tuple[str, ...]) -> None:
    sizes = list(costs)
    rows = []
    for name in names:
        series = [costs[size][name] for size in sizes]
        ratio = series[-1].over(series[0])
        key = f"{what}_{name}".replace(" ", "_")
        for size, each in zip(sizes, series, strict=True):
            report.figure(f"{key}_{size}", each, "ms")
        rows.append([name, *(f"{each.median:.2f}" for each in series), f"{ratio:.2f}"])
        # The steps between are looked at too: a scan that fits into memory may hide behind a slower small one.
        worst = max(later.over(earlier) for earlier, later in itertools.pairwise(series)) if len(series) > 1 else ratio
        report.target(key, f"{name}: {sizes[-1]:,} over {sizes[0]:,} {what}", max(ratio, worst), "≤", _MOST, "×", RATIO, floor=4)
    report.table([f"ms, median, by {what}", *(f"{size:,}" for size in sizes), "last over first"], rows)
