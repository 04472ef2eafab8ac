"""
The guide's users for a server that answers everything with the same bytes: what Locust itself and the machine do to response times. They
ask, wait and read as EcommerceUser of load_test.py does, and have nothing to prepare or to check.
"""

from __future__ import annotations

import json
import random
from decimal import Decimal

from locust import FastHttpUser, between, task

_HEADERS = {"X-Forwarded-For": "198.18.0.1"}
_TOKEN = {"Authorization": "Bearer " + "x" * 250}


class EcommerceUser(FastHttpUser):
    """Three lists, two products, one order."""

    wait_time = between(1, 3)

    def _ask(self, method: str, path: str, name: str, body: object = None, headers: dict[str, str] | None = None) -> None:
        with self.client.request(
            method, path, name=name, json=body, headers={**_HEADERS, **(headers or {})}, catch_response=True
        ) as answer:
            if answer.status_code == 0:
                return
            json.loads(answer.text, parse_float=Decimal)
            answer.success()

    @task(3)
    def view_products(self) -> None:
        self._ask("GET", "/products?skip=0&limit=20", "/products?skip=0&limit=20")

    @task(2)
    def view_product_detail(self) -> None:
        self._ask("GET", f"/products/{random.randint(1, 100)}", "/products/[id]")

    @task(1)
    def create_order(self) -> None:
        items = [{"product_id": random.randint(1, 100), "quantity": random.randint(1, 3)} for _ in range(random.randint(1, 3))]
        self._ask("POST", "/orders", "/orders", {"delivery_method": 1, "items": items}, _TOKEN)
