"""The guide's load test, judged by the guide's targets and by Tienda's own; a flash sale; and the machine's own noise."""

from __future__ import annotations

from pathlib import Path

from bench import plots
from bench.options import Options
from bench.processes import BenchError, Processes
from bench.report import CORRECT, MACHINE, Report
from bench.rig import Rig
from bench.sampler import Sampler
from bench.users import NOISE, Visit
from bench.users import visit as send

_USERS = 400
_FLASH_STOCK = 1000


def run(options: Options) -> Report:
    users = options.users or _USERS
    seconds = options.seconds or (60 if options.quick else 300)
    report = options.report("load", users=users, seconds=seconds, workers=4)
    # Fewer users have fewer to quarrel over.
    stock = _FLASH_STOCK * users // _USERS or 1
    with Processes() as processes:
        rig = Rig(processes)
        books = rig.books()
        with Sampler(rig.shop) as sampler:
            visit = send(processes, rig.url, users=users, seconds=seconds, report=options.results / "load.html")
        sampler.keep(visit.began, seconds)
        sale = _flash_sale(rig, options.results / "flash-sale.html", users, min(seconds, 20), stock)
        after = rig.books()
        oversold = sum(abs(after[product] - units) for product, units in books.items())
        noise = send(processes, rig.bare(), users=users, seconds=seconds, report=options.results / "noise.html", file=NOISE)
    _tell(report, visit, noise, sampler)
    _judge(report, visit, sampler, users)
    report.target("bare_errors", "failed requests of bare Kestrel", noise.failures, "=", 0, "", CORRECT)
    report.target("books", "units that the books lost or made (I1)", oversold, "=", 0, "", CORRECT)
    report.target("flash_sold", f"flash sale of {stock:,} items, sold", sale.sold, "=", stock, "", CORRECT)
    report.target("flash_left", "flash sale, left in stock", sale.left, "=", 0, "", CORRECT)
    report.samples = {"shop": sampler.samples, "users": visit.history, "noise": noise.history}
    plots.latency_over_time(report, options.results, visit, noise, sampler.samples)
    return report


class _Sale:
    def __init__(self, sold: int, left: int) -> None:
        self.sold, self.left = sold, left


def _flash_sale(rig: Rig, page: Path, users: int, seconds: float, stock: int) -> _Sale:
    """Everyone wants the one product that the load test has made for that, for as long as it takes to sell it."""
    last = int(rig.shop.sql("SELECT max(id_key) FROM products")[0][0])
    buying = {"classes": ("FlashSaleUser",), "more": ("--flash-stock", str(stock))}
    send(rig.processes, rig.url, users=users, seconds=seconds, report=page, **buying)
    rows = rig.shop.sql(
        f"""
        SELECT p.stock, coalesce(sum(d.quantity) FILTER (WHERE o.status <> 4), 0)
        FROM products p LEFT JOIN order_details d ON d.product_id = p.id_key LEFT JOIN orders o ON o.id_key = d.order_id
        WHERE p.id_key > {last} GROUP BY p.id_key, p.stock
        """
    )
    if len(rows) != 1:
        raise BenchError(f"The flash sale was of {len(rows)} products.")
    return _Sale(left=int(rows[0][0]), sold=int(rows[0][1]))


def _tell(report: Report, visit: Visit, noise: Visit, sampler: Sampler) -> None:
    rows = [
        [
            who,
            f"{each.rate:,.1f}",
            f"{each.requests:,}",
            str(each.failures),
            *(f"{ms:.0f}" for ms in (each.p50, each.p95, each.p99, each.worst)),
        ]
        for who, each in (("Tienda", visit), ("bare Kestrel", noise))
    ]
    report.table(["Locust", "requests/s", "requests", "failed", "p50, ms", "p95", "p99", "longest"], rows)
    report.table(["request", "count", "failed", "p50, ms", "p95", "p99"], visit.by_request)
    own = [
        ["CPU of the workers, cores", f"{sampler.mean('cpu_cores'):.2f}", f"{sampler.highest('cpu_cores'):.2f}"],
        ["memory of the workers, MB", f"{sampler.mean('memory_mb'):.0f}", f"{sampler.highest('memory_mb'):.0f}"],
        ["connection pool in use, %", f"{sampler.mean('pool_percent'):.2f}", f"{sampler.highest('pool_percent'):.2f}"],
        ["p95 of a second, ms", f"{sampler.mean('p95_ms'):.1f}", f"{sampler.highest('p95_ms'):.1f}"],
    ]
    report.table(["as the shop sees it, once a second", "mean", "highest"], own)
    if visit.problems:
        report.notes.append(f"What failed:\n\n```\n{visit.problems}\n```")
    for who, each in (("tienda", visit), ("bare", noise)):
        for name in ("p50", "p95", "p99"):
            report.figure(f"{who}_{name}", getattr(each, name), "ms")
        report.figure(f"{who}_rate", each.rate, "requests/s")
    for name, unit in (("cpu_cores", "cores"), ("memory_mb", "MB"), ("pool_percent", "%")):
        report.figure(f"highest_{name}", sampler.highest(name), unit)


def _judge(report: Report, visit: Visit, sampler: Sampler, users: int) -> None:
    # Users who wait two seconds on average ask for half as many requests a second as there are users.
    wanted = 100 * users / _USERS
    report.target("errors", "failed requests", visit.failures, "=", 0, "", CORRECT)
    report.target("p50", "p50", visit.p50, "<", 5, "ms", MACHINE)
    report.target("p95", "p95", visit.p95, "<", 20, "ms", MACHINE)
    report.target("p99", "p99", visit.p99, "<", 60, "ms", MACHINE)
    report.target("hit_rate", "hit rate", sampler.hit_rate, "≥", 75, "%", MACHINE)
    report.target("hit_rate_goal", "hit rate, the goal", sampler.hit_rate, ">", 90, "%", MACHINE)
    report.target("pool", "pool in use, highest", sampler.highest("pool_percent"), "<", 20, "%", MACHINE)
    guide = {"whose": "guide"}
    report.target("guide_rate", "requests a second", visit.rate, "≥", wanted, "", MACHINE, **guide)
    report.target("guide_errors", "error rate", visit.error_percent, "<", 1, "%", CORRECT, **guide)
    report.target("guide_p50", "p50", visit.p50, "<", 100, "ms", MACHINE, **guide)
    report.target("guide_p95", "p95", visit.p95, "<", 200, "ms", MACHINE, **guide)
    report.target("guide_hit_rate", "hit rate", sampler.hit_rate, ">", 70, "%", MACHINE, **guide)
    report.target("guide_pool", "pool in use, highest", sampler.highest("pool_percent"), "<", 70, "%", MACHINE, **guide)
