"""The shop as the load test prepares it, and what the users note about it. None of these requests is in Locust's statistics."""

import random
from collections import Counter
from typing import TYPE_CHECKING

import requests

from loadtest.answers import Body, check_product, parse

if TYPE_CHECKING:
    from loadtest.accounts import Buyers
    from loadtest.flash import Sale

# The guide's scenario is about these many products.
PRODUCTS = 100

# Stock below the first is brought up to the second, so that a run tests orders and not refusals.
LEAST_STOCK, FULL_STOCK = 100_000, 200_000

# 198.18.0.0/15 is for measurements (RFC 2544): nobody else's addresses.
FIRST_ADDRESS, ADDRESSES = (198 << 24) + (18 << 16), 1 << 17

# Seconds within which every worker shows a change (docs/caching.md), and a little for the way.
STALE_AT_MOST = 2.5

TIMEOUT = 30


class CannotPrepare(Exception):
    """Why the test cannot begin, and what to do about it."""


class Shop:
    """The administrator's view of the shop, and the run's own books: what was ordered, acknowledged and canceled."""

    def __init__(self, host: str, key: str | None) -> None:
        self.host = host.rstrip("/")
        self.products: list[Body] = []
        self.categories: list[Body] = []
        self.sold: Counter[int] = Counter()
        self.given_back: Counter[int] = Counter()
        self.orders: dict[int, Body] = {}
        self.buyers: Buyers
        self.sale: Sale | None = None
        self._key = key
        self._session = requests.Session()
        # Another range of addresses each time, so that runs that follow one another do not share the limits of a window.
        self._first_address = random.randrange(ADDRESSES)
        # Administrators are not counted, but a wrong key is.
        self.credentials = {"X-Forwarded-For": self.address(-1), **({"X-API-Key": key} if key else {})}

    def address(self, number: int) -> str:
        """The address of a user; the same one at every call."""
        value = FIRST_ADDRESS + (self._first_address + number) % ADDRESSES
        return ".".join(str(value >> shift & 255) for shift in (24, 16, 8, 0))

    def call(self, method: str, path: str, body: Body = None, headers: dict[str, str] | None = None) -> requests.Response:
        """A request, as the administrator unless other headers are given."""
        sent = self.credentials if headers is None else headers
        try:
            return self._session.request(method, self.host + path, json=body, headers=sent, timeout=TIMEOUT)
        except requests.RequestException as reason:
            message = f"the shop at {self.host} does not answer ({type(reason).__name__}). Start it with ./run.sh, or name it with --host."
            raise CannotPrepare(message) from reason

    def ask(self, method: str, path: str, body: Body = None, status: int = 200) -> Body:
        """The body of an answer to the administrator, who expects this status."""
        answer = self.call(method, path, body)
        if answer.status_code != status:
            raise CannotPrepare(f"{method} {path} is answered {answer.status_code}: {answer.text[:300]}")
        return parse(answer.text) if answer.text else None

    def look_around(self) -> None:
        """Makes sure of the key and of the products, and says so if all users would share one limit."""
        if self.call("GET", "/clients?limit=1").status_code in (401, 403):
            raise CannotPrepare(
                "the shop does not take this administrator's key. Give its ADMIN_API_KEY by --admin-key or in the environment."
                if self._key
                else "no administrator's key was found. Start this in the folder where ./run.sh was started, which keeps its key in"
                " data/secrets.env, or give the shop's ADMIN_API_KEY by --admin-key or in the environment."
            )
        self.products = [product for product in self.first_products() if product["active"]]
        if len(self.products) < 20:
            raise CannotPrepare(f"the shop has {len(self.products)} products; 20 are needed. ./run.sh seed --products 1000 makes some.")
        self.categories = self.ask("GET", "/categories?limit=1000")

    def first_products(self) -> list[Body]:
        """As they are now: administrators read past the cache."""
        return list(self.ask("GET", f"/products?skip=0&limit={PRODUCTS}"))

    def fill_up(self) -> None:
        for product in self.products:
            if product["stock"] < LEAST_STOCK:
                change = {"stock_change": FULL_STOCK - product["stock"]}
                product.update(self.ask("PATCH", f"/products/{product['id_key']}", change))
            check_product(product)

    def note_order(self, order: Body) -> None:
        """An order that the shop has acknowledged."""
        if order["id_key"] not in self.orders:
            self.orders[order["id_key"]] = order
            self.sold.update({line["product_id"]: line["quantity"] for line in order["items"]})

    def note_canceled(self, order: Body) -> None:
        self.given_back.update({line["product_id"]: line["quantity"] for line in order["items"]})
