"""
CPU of shop, PostgreSQL, nginx and Redis for one request of each kind, with 16 connections that do not wait, and of the guide's users, who
do. From these docs/capacity.md says what machine is needed for what traffic.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from bench.figures import Series
from bench.options import Options
from bench.processes import BenchError, Processes
from bench.report import Report
from bench.rig import Rig
from bench.shop import KEY, LIST
from bench.wrk import wrk

_CONNECTIONS = 16
_TITLES = {
    "hit": "list of 20, from the cache",
    "unchanged": "the same, 304",
    "list": "list of 20, from the database",
    "detail": "one product, from the database",
    "search": "search, from the database",
    "order": "order of three lines",
    "sign_in": "sign-in",
    "guide": "the guide's mix, at the pace of 400 users",
}
# The guide's mix at the hit rate that ./bench.sh load finds, at least.
_GUIDE = {"hit": 5 / 6 * 0.95, "list": 5 / 6 * 0.05, "order": 1 / 6}
_GUIDE_USERS = 400
# Above that share of busy cores whoever waits, waits long.
_BUSY = 0.6


@dataclass(frozen=True)
class _Kind:
    """How wrk asks it."""

    path: str = "/"
    script: str | None = None
    connections: int = _CONNECTIONS
    # Of which there are few in a second.
    is_slow: bool = False
    headers: dict[str, str] | None = None
    settings: dict[str, str] | None = None


class _Kinds:
    def __init__(self, rig: Rig) -> None:
        shop = rig.shop
        etag = next(line[6:] for line in shop.answer(LIST).decode("latin-1").split("\r\n") if line.lower().startswith("etag: "))
        key = {"ADMIN_API_KEY": KEY}
        # Those of the demonstration data have all the same one, as README.md says.
        emails = ",".join(email for (email,) in shop.sql("SELECT email FROM clients ORDER BY id_key LIMIT 20"))
        self.all = {
            "hit": _Kind(LIST),
            "unchanged": _Kind(LIST, headers={"If-None-Match": etag}),
            **{read: _Kind(script="reads.lua", settings={**key, "READ": read, "PRODUCTS": "100"}) for read in ("list", "detail", "search")},
            "order": _Kind("/orders", "orders.lua", settings={**key, "SPREAD": "demo", "KEYED": "1", "BILLED": "0"}),
            "sign_in": _Kind("/auth/token", "sign-in.lua", 4, True, settings={"EMAILS": emails, "PASSWORD": "tienda-demo"}),
            "guide": _Kind(
                script="mix.lua",
                connections=_GUIDE_USERS,
                is_slow=True,
                settings={**key, "PACED": "1", "WORKER": "0", "ADDRESSES": str(_GUIDE_USERS)},
            ),
        }


def run(options: Options) -> Report:
    runs, seconds = options.times(3, 1), options.seconds or (2 if options.quick else 5)
    report = options.report("capacity", runs=runs, seconds=seconds)
    with Processes() as processes:
        rig = Rig(processes, settings={"RATE_LIMIT_CALLS": "1000000", "RATE_LIMIT_PERIOD": "1"})
        kinds = _Kinds(rig).all
        meter = _Meter(rig, seconds, kinds.values())
        found: dict[str, dict[str, list[float]]] = {name: defaultdict(list) for name in kinds}
        for _ in range(runs):
            for name, kind in kinds.items():
                for server, microseconds in meter.measure(kind).items():
                    found[name][server].append(microseconds)
    _tell(report, {name: {server: Series.of(values) for server, values in servers.items()} for name, servers in found.items()}, meter.idle)
    return report


class _Meter:
    """What requests cost beyond what the servers do without any."""

    def __init__(self, rig: Rig, seconds: float, kinds: Iterable[_Kind]) -> None:
        self._rig = rig
        self._seconds = seconds
        self.idle = dict.fromkeys(rig.roots, 0.0)
        for kind in kinds:
            self.measure(kind)
        self.idle = self._least()

    def _least(self) -> dict[str, float]:
        """CPU a second when nobody asks: the quietest of some seconds, because code may still be compiled in the others."""
        looks = []
        for _ in range(10):
            before = self._rig.spent()
            time.sleep(1)
            looks.append({name: cpu - before[name] for name, cpu in self._rig.spent().items()})
        return {name: min(look[name] for look in looks) for name in before}

    def measure(self, kind: _Kind) -> dict[str, float]:
        """Microseconds of CPU for a request, by server."""
        rig, seconds = self._rig, self._seconds * (3 if kind.is_slow else 1)
        before, began = rig.spent(), time.monotonic()
        load = wrk(
            rig.processes,
            rig.url + kind.path,
            connections=kind.connections,
            seconds=seconds,
            script=kind.script,
            headers=kind.headers,
            settings=kind.settings,
        )
        took = time.monotonic() - began
        spent = {name: cpu - before[name] - self.idle[name] * took for name, cpu in rig.spent().items()}
        rig.shop.log.write_bytes(b"")
        if not load.requests:
            raise BenchError(f"{kind.path} was not answered once in {seconds:.0f} seconds.")
        return {name: max(0.0, 1e6 * cpu / load.requests) for name, cpu in spent.items()}


def _tell(report: Report, found: dict[str, dict[str, Series]], idle: dict[str, float]) -> None:
    rows, all_cpu = [], {}
    for name, title in _TITLES.items():
        servers = list(found[name])
        for server in servers:
            report.figure(f"{name}_{server.lower()}", found[name][server], "µs of CPU")
        all_cpu[name] = sum(found[name][server].median for server in servers)
        rows.append([title, *(str(found[name][server]) for server in servers), f"{all_cpu[name]:,.0f}", f"{1e6 / all_cpu[name]:,.0f}"])
    report.table(["µs of CPU for a request, median (range)", "shop", "PostgreSQL", "nginx", "Redis", "all", "requests/s and core"], rows)
    mix = sum(share * all_cpu[name] for name, share in _GUIDE.items())
    report.figure("guide_mix", mix, "µs of CPU")
    for server, seconds in idle.items():
        report.figure(f"idle_{server.lower()}", 1000 * seconds, "ms of CPU a second")
    report.notes.append(
        f"When nobody asks, the shop's processes take {1000 * idle['shop']:.0f} ms of CPU a second and PostgreSQL "
        f"{1000 * idle['PostgreSQL']:.0f}, which is left out above. Put together from the rows above its own, the guide's mix (five reads "
        f"and one order in six requests, 95 % of the reads from the cache) would take {mix:,.0f} µs; at the users' own pace, where orders "
        f"seldom share a transaction, it takes {all_cpu['guide']:,.0f}."
    )
    needed = []
    for users in (_GUIDE_USERS, 1_000, 2_000, 5_000, 10_000):
        busy = sum(idle.values()) + all_cpu["guide"] / 1e6 * users / 2
        needed.append([f"{users:,}", f"{users // 2:,}", f"{busy:.2f}", f"{busy / _BUSY:.1f}"])
    report.table(["users who ask every two seconds", "requests/s", "cores busy", f"cores, {_BUSY:.0%} of them busy"], needed)
