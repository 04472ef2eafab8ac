"""The scenario of the guide."""

import random

from locust import task

from loadtest.answers import check_order, check_product, check_products
from loadtest.user import ShopUser, pause


class EcommerceUser(ShopUser):
    """Looks at the list, at products and orders, 3 to 2 to 1, with one to three seconds between."""

    buys = True
    wait_time = pause(1, 3)

    @task(3)
    def view_products(self) -> None:
        self.get("/products?skip=0&limit=20", check=lambda products: check_products(products, 20))

    @task(2)
    def view_product_detail(self) -> None:
        self.get(f"/products/{self.some_product()['id_key']}", "/products/[id]", check_product)

    @task(1)
    def create_order(self) -> None:
        wanted = random.sample(self.books.products, random.randint(1, 3))
        items = [{"product_id": product["id_key"], "quantity": random.randint(1, 3)} for product in wanted]
        order = self.ask(
            "POST",
            "/orders",
            {"client_id": self.buyer.client_id, "delivery_method": random.randint(1, 3), "items": items},
            status=201,
            check=lambda answered: check_order(answered, self.buyer.client_id, items),
            headers=self.credentials(),
        )
        if order:
            self.books.note_order(order)
