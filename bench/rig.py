"""What a shop in production has: workers under a supervisor, PostgreSQL, Redis, nginx; rate limit, request log and metrics on."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Mapping
from pathlib import Path

from bench.proc import cpu_seconds, family
from bench.processes import Processes
from bench.servers import start_bare, start_nginx, start_redis
from bench.shop import KEY, LIST, Shop

_BOOKS = """
SELECT p.id_key, p.stock + coalesce(sum(d.quantity) FILTER (WHERE o.status <> 4), 0)
FROM products p LEFT JOIN order_details d ON d.product_id = p.id_key LEFT JOIN orders o ON o.id_key = d.order_id
GROUP BY p.id_key, p.stock
"""
# Enough for every order of an hour.
_STOCK = 10_000_000


class Rig:
    """The shop and its servers."""

    def __init__(self, processes: Processes, workers: int = 4, settings: Mapping[str, str] | None = None) -> None:
        self.processes = processes
        self.redis = start_redis(processes)
        redis = {"REDIS_HOST": "127.0.0.1", "REDIS_PORT": str(self.redis.port)}
        self.shop = Shop(processes, "shop", {**redis, **(settings or {})}, workers=workers)
        self.nginx = start_nginx(processes, self.shop.port)
        self.shop.sql(f"UPDATE products SET stock = {_STOCK}, active = true")

    @property
    def url(self) -> str:
        """Where customers ask: nginx."""
        return self.nginx.url

    @property
    def roots(self) -> dict[str, int]:
        """The first process of each server."""
        return {
            "shop": self.shop.process.pid,
            "PostgreSQL": self.shop.postmaster,
            "nginx": self.nginx.process.pid,
            "Redis": self.redis.process.pid,
        }

    def spent(self) -> dict[str, float]:
        """Seconds of CPU by server, since it was started."""
        spent = {name: cpu_seconds(root) for name, root in self.roots.items()}
        # The private PostgreSQL may be a child of the shop.
        spent["shop"] -= spent["PostgreSQL"] if self.shop.postmaster in family(self.shop.process.pid) else 0
        return spent

    def books(self) -> dict[int, int]:
        """What there was of each product at first: what is left and what was sold. Whatever is ordered and cancelled, it stays the same."""
        return {int(product): int(units) for product, units in self.shop.sql(_BOOKS)}

    def bare(self) -> str:
        """A Kestrel behind the same nginx, which answers what the guide's users ask with the bytes that the shop would send."""
        files: dict[str, Path] = {}
        for name, answer in {"list": self.shop.answer(LIST), "product": self.shop.answer("/products/7"), "order": self._order()}.items():
            files[name] = self.processes.folder / f"bare-{name}.answer"
            files[name].write_bytes(answer)
        bare = start_bare(self.processes, files["list"], "/products/", files["product"], "/orders", files["order"])
        return start_nginx(self.processes, bare.port).url

    def _order(self) -> bytes:
        order = {"client_id": 1, "delivery_method": 1, "items": [{"product_id": 1, "quantity": 1}, {"product_id": 2, "quantity": 2}]}
        request = urllib.request.Request(
            self.shop.url + "/orders", json.dumps(order).encode(), {"X-API-Key": KEY, "Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request) as answer:
            head = "".join(f"{name}: {value}\r\n" for name, value in answer.headers.items())
            return f"HTTP/1.1 {answer.status} Created\r\n{head}\r\n".encode() + answer.read()
