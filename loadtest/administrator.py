"""Who edits the catalog while others buy from it."""

import random
import time
from decimal import Decimal
from typing import Any

from locust import task

from loadtest.answers import Body, check_product, require
from loadtest.shop import STALE_AT_MOST
from loadtest.user import Check, ShopUser, every, pause

PIECES = 5


class AdministratorUser(ShopUser):
    """Changes prices and stock, and looks with a visitor's eyes whether it shows. There is one, however many users there are."""

    fixed_count = 1
    wait_time = pause(0.5, 1.5)
    reads_orders = staticmethod(every(3))

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.edited: dict[int, Body] = {}

    @task
    def edit(self) -> None:
        product = self.some_product()
        percent = 100 + random.choice((-1, 1)) * random.randint(1, 10)
        cents = max(1, int(product["price"] * percent))
        price = Decimal(cents).scaleb(-2)

        def is_taken(shown: Body) -> None:
            check_product(shown)
            require(shown["price"] == price, "A new price was not taken")

        def is_shown(shown: Body) -> None:
            check_product(shown)
            require(shown["price"] == price, "A visitor is shown a price that was changed more than two seconds ago")

        self.edited[product["id_key"]] = product
        changed = self.change(product, {"price": cents / 100}, "price", is_taken)
        # Out first and then back: never more than there were, or the sums at the end would not be right.
        is_out = self.change(product, {"stock_change": -PIECES}, "stock")
        time.sleep(STALE_AT_MOST)
        if changed:
            self.get(f"/products/{product['id_key']}", "/products/[id] (after an edit)", is_shown)
        if is_out:
            self.change(product, {"stock_change": PIECES}, "stock")
        if self.reads_orders():
            self.ask("GET", "/orders?limit=20", name="/orders?limit=20 (all)", headers=self.books.credentials)

    def change(self, product: Body, changes: Body, what: str, check: Check = check_product) -> Body:
        path = f"/products/{product['id_key']}"
        return self.ask("PATCH", path, changes, name=f"/products/[id] ({what})", check=check, headers=self.books.credentials)

    def on_stop(self) -> None:
        """Puts the prices back."""
        for product in self.edited.values():
            self.change(product, {"price": float(product["price"])}, "price")
