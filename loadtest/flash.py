"""Everyone wants the same product, and there is not enough of it."""

import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass

from locust import task

from loadtest import settings
from loadtest.answers import Body, check_order, check_product, require
from loadtest.shop import STALE_AT_MOST, Shop
from loadtest.user import ShopUser, pause

SOLD_OUT = "/errors/insufficient-stock"


@dataclass
class Sale:
    """One product that nobody else knows of, so that its books are exact."""

    product: int
    stock: int
    sold_out_since: float | None = None

    @classmethod
    def open(cls, shop: Shop) -> "Sale":
        stock = settings.flash_stock()
        product = shop.ask("POST", "/products", {"name": "Flash sale of the load test", "price": 9.9, "stock": stock}, 201)
        return cls(product["id_key"], stock)

    def faults(self, shop: Shop) -> Iterator[tuple[str, str]]:
        left, sold = shop.ask("GET", f"/products/{self.product}")["stock"], shop.sold[self.product]
        books = f"Flash sale: {self.stock} were for sale, {sold} orders of one were acknowledged, {left} are left"
        if sold != self.stock - left:
            yield "flash sale", books
        elif left:
            yield "flash sale", f"{books}: it was not over when the time was. Let it run longer, or sell fewer (--flash-stock)"
        shop.ask("PATCH", f"/products/{self.product}", {"active": False})


class FlashSaleUser(ShopUser):
    """Orders one, again and again until there are none left; from then on only looks."""

    buys = True
    wait_time = pause(0.7, 1.3)
    key: str | None = None
    is_disappointed = False

    @task
    def hunt(self) -> None:
        if self.is_disappointed:
            self.look()
        else:
            self.order()

    def order(self) -> None:
        sale = self.sale
        # An order whose answer was lost is repeated under the same key, so that every one is known at the end.
        self.key = self.key or str(uuid.uuid4())
        items = [{"product_id": sale.product, "quantity": 1}]
        answered = self.ask(
            "POST",
            "/orders",
            {"client_id": self.buyer.client_id, "delivery_method": 2, "items": items},
            status=201,
            check=lambda order: check_order(order, self.buyer.client_id, items),
            refusals={SOLD_OUT: "/orders (sold out)"},
            headers={"Idempotency-Key": self.key, **self.credentials()},
        )
        if answered is None:
            return
        self.key = None
        if answered.get("type") == SOLD_OUT:
            self.is_disappointed = True
            sale.sold_out_since = sale.sold_out_since or time.monotonic()
        else:
            self.books.note_order(answered)

    def on_stop(self) -> None:
        """Time was up before an answer came: the order may be there."""
        if self.key:
            self.order()

    def look(self) -> None:
        is_known = time.monotonic() - (self.sale.sold_out_since or 0) > STALE_AT_MOST

        def check(product: Body) -> None:
            check_product(product)
            require(product["stock"] == 0 or not is_known, "What is sold out is still shown in stock")

        self.get(f"/products/{self.sale.product}", "/products/[id]", check)

    @property
    def sale(self) -> Sale:
        assert self.books.sale
        return self.books.sale
