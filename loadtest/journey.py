"""The whole way of a buyer."""

import random
import secrets
import uuid
from urllib.parse import quote

from locust import SequentialTaskSet, task

from loadtest.accounts import Buyer
from loadtest.answers import Body, check_order, check_product, check_products, require
from loadtest.browsing import FIRST_PAGE, check_reviews
from loadtest.user import Check, ShopUser, every, pause

CANCELED = 4
REFUSALS = {
    "/errors/price-mismatch": "/orders (price changed)",
    "/errors/insufficient-stock": "/orders (sold out)",
    "/errors/inactive-product": "/orders (no longer sold)",
}


class Journey(SequentialTaskSet):
    """Arrives, looks around, orders, looks at the order, and now and then cancels it or says what the product was like."""

    user: "JourneyUser"
    product: Body
    order: Body
    key: str

    @task
    def arrive(self) -> None:
        if self.user.is_new():
            self.user.register()
        self.user.get(FIRST_PAGE, check=lambda products: check_products(products, 20))

    @task
    def search(self) -> None:
        word = self.user.some_product()["name"].split()[0]
        self.user.get(f"/products?search={quote(word)}&limit=20", "/products?search=[word]", check_products)

    @task
    def choose(self) -> None:
        self.product = self.user.get(f"/products/{self.user.some_product()['id_key']}", "/products/[id]", check_product)
        if not self.product:
            self.interrupt(reschedule=False)

    @task
    def read_reviews(self) -> None:
        self.user.get(f"/products/{self.product['id_key']}/reviews", "/products/[id]/reviews", check_reviews)

    @task
    def place(self) -> None:
        self.key = str(uuid.uuid4())
        self.order = self.send("/orders", self.check)
        if not self.order or "id_key" not in self.order:
            self.interrupt(reschedule=False)
        self.user.books.note_order(self.order)

    @task
    def look_at_order(self) -> None:
        if self.user.repeats():
            self.send("/orders (repeated)", lambda order: require(order == self.order, "The repeated order is another one"))
        self.user.get(f"/orders/{self.order['id_key']}", "/orders/[id]", self.check, as_buyer=True)

    @task
    def find_among_own(self) -> None:
        number = self.order["id_key"]

        def check(orders: Body) -> None:
            require(all(order["client_id"] == self.user.buyer.client_id for order in orders), "Another client's orders are listed")
            require(any(order["id_key"] == number for order in orders), "The own order is not among the own orders")

        self.user.get(f"/orders?from={quote(self.order['date'])}&limit=20", "/orders?from=[date]", check, as_buyer=True)

    @task
    def cancel(self) -> None:
        if not self.user.cancels():
            return
        # Before it is asked for: it may be done without an answer, when time is up.
        self.user.books.note_canceled(self.order)
        self.user.ask(
            "PATCH",
            f"/orders/{self.order['id_key']}",
            {"status": CANCELED},
            name="/orders/[id] (cancel)",
            check=lambda order: require(order["status"] == CANCELED, "The order is not canceled"),
            headers=self.user.credentials(),
        )

    @task
    def review(self) -> None:
        if not self.user.reviews():
            return
        body = {"product_id": self.product["id_key"], "rating": random.randint(2, 10) / 2, "comment": "Just as it was described."}
        self.user.ask(
            "POST",
            "/reviews",
            body,
            status=201,
            check=lambda review: require(review["client_id"] == self.user.buyer.client_id, "The review is another client's"),
            refusals={"/errors/duplicate": "/reviews (was written before)"},
            headers=self.user.credentials(),
        )

    def send(self, name: str, check: Check) -> Body:
        """Sends the order, under the same key and with the same content each time, at the price that was seen."""
        seen = {"product_id": self.product["id_key"], "quantity": 2, "price": float(self.product["price"])}
        return self.user.ask(
            "POST",
            "/orders",
            {"delivery_method": 3, "items": [seen]},
            name=name,
            status=201,
            check=check,
            refusals=REFUSALS,
            headers={"Idempotency-Key": self.key, **self.user.credentials()},
        )

    def check(self, order: Body) -> None:
        check_order(order, self.user.buyer.client_id)


class JourneyUser(ShopUser):
    """Goes from the first look to the review, over and over; one in fifty times as somebody new, who registers and signs in."""

    buys = True
    wait_time = pause(1, 3)
    tasks = [Journey]

    is_new = staticmethod(every(50))
    repeats = staticmethod(every(5))
    cancels = staticmethod(every(5))
    reviews = staticmethod(every(3))

    def register(self) -> None:
        """Both requests hash a password, and are meant to be slow."""
        email, password = f"buyer-{secrets.token_hex(8)}@load-test.example", secrets.token_urlsafe(16)
        person = {"name": "Load", "lastname": "Test", "email": email, "password": password}
        client = self.ask("POST", "/clients", person, status=201)
        signed_in = client and self.ask("POST", "/auth/token", {"email": email, "password": password})
        if signed_in:
            self.buyer = Buyer(client["id_key"], "")
            self.buyer.take(signed_in)
