"""People who look around."""

import random
import re

from locust import task

from loadtest.answers import Body, check_product, check_products, require
from loadtest.user import ShopUser, pause

FIRST_PAGE = "/products?skip=0&limit=20"
SORTS = ("price", "-price", "name", "-rating", "-created_at")


def check_reviews(reviews: Body) -> None:
    require(all(1 <= review["rating"] <= 5 for review in reviews), "A rating is not from 1 to 5")


class BrowsingUser(ShopUser):
    """Lists, searches, filters, sorts and turns pages; looks at products and what others think of them."""

    wait_time = pause(1, 3)

    @task(5)
    def list_products(self) -> None:
        self.get(FIRST_PAGE, check=lambda products: check_products(products, 20))

    @task(2)
    def turn_page(self) -> None:
        first = self.get(FIRST_PAGE, check=lambda products: check_products(products, 20))
        following = re.search(r'<([^>]*)>; rel="next"', self.link)
        if first and following:
            last = first[-1]["id_key"]

            def check(products: Body) -> None:
                check_products(products)
                require(all(product["id_key"] > last for product in products), "The next page has products of the page before")

            self.get(re.sub(r"^https?://[^/]*", "", following[1]), "/products?after=[cursor]", check)

    @task(4)
    def search(self) -> None:
        word = random.choice(re.findall(r"\w{4,}", self.some_product()["name"]) or ["shop"])

        def check(products: Body) -> None:
            check_products(products)
            require(len(products) > 0, "The search does not find a word of a product's name")

        self.get(f"/products?search={word}&limit=20", "/products?search=[word]", check)

    @task(3)
    def look_into_category(self) -> None:
        parents = {category["parent_id"] for category in self.books.categories}
        category = self.some_product()["category_id"]
        if category is None or category in parents:
            return self.list_products()

        def check(products: Body) -> None:
            check_products(products)
            require(all(product["category_id"] == category for product in products), "A category lists what is not in it")

        self.get(f"/products?category_id={category}&limit=20", "/products?category_id=[id]", check)

    @task(2)
    def filter_by_price(self) -> None:
        most = random.randint(2, 20) * 10

        def check(products: Body) -> None:
            check_products(products)
            require(all(product["price"] <= most for product in products), "A product is above the price that was asked for")
            require(all(product["stock"] > 0 for product in products), "A product is not in stock, as was asked for")

        self.get(f"/products?max_price={most}&in_stock=true&limit=20", "/products?max_price=[price]&in_stock=true", check)

    @task(2)
    def sort(self) -> None:
        order = random.choice(SORTS)

        def check(products: Body) -> None:
            check_products(products)
            prices = [product["price"] for product in products]
            require(order != "price" or prices == sorted(prices), "Sorted by price, the prices do not rise")
            require(order != "-price" or prices == sorted(prices, reverse=True), "Sorted by falling price, the prices do not fall")

        self.get(f"/products?sort={order}&limit=20", "/products?sort=[order]", check)

    @task(4)
    def look_at_product(self) -> None:
        self.get(f"/products/{self.some_product()['id_key']}", "/products/[id]", check_product)

    @task(2)
    def read_reviews(self) -> None:
        self.get(f"/products/{self.some_product()['id_key']}/reviews", "/products/[id]/reviews", check_reviews)

    @task(2)
    def list_categories(self) -> None:
        self.get("/categories", check=lambda categories: require(isinstance(categories, list), "The list of categories is no list"))
