"""What an answer has to be. Whatever is wrong is raised as Wrong, and becomes a failure in Locust's statistics."""

import json
from decimal import Decimal
from typing import Any

Body = Any


class Wrong(Exception):
    """An answer that is not what was asked for."""


def require(condition: bool, message: str) -> None:
    if not condition:
        raise Wrong(message)


def parse(text: str) -> Body:
    """Amounts keep the decimals they were sent with."""
    try:
        return json.loads(text, parse_float=Decimal)
    except ValueError as reason:
        raise Wrong("The answer is not JSON") from reason


def problem(status: int, text: str | None, policy: str | None) -> Wrong:
    """What to say of a status that nobody expected."""
    if status == 429:
        return Wrong(
            f"429 of the limit {policy}: does the shop tell the users' addresses apart? Name this machine, or the proxy in between, in the"
            " shop's TRUSTED_PROXIES; with more users than accounts, more --accounts (docs/load-test.md)"
        )
    try:
        body = json.loads(text or "")
        return Wrong(f"{status} {body['type']}: {body.get('detail')}")
    except (ValueError, KeyError, TypeError):
        return Wrong(f"{status}, and not a problem of the shop: {(text or '')[:80]!r}")


def is_money(value: Any) -> bool:
    return isinstance(value, Decimal) and value.as_tuple().exponent == -2


def check_product(product: Body) -> None:
    require(is_money(product["price"]), f"The price is not a number with two decimals: {product['price']}")
    require(product["price"] > 0, f"The price is {product['price']}")
    require(isinstance(product["stock"], int) and product["stock"] >= 0, f"The stock is {product['stock']}")


def check_products(products: Body, count: int | None = None) -> None:
    require(isinstance(products, list), "The list of products is no list")
    require(count is None or len(products) == count, f"The list has {len(products)} products instead of {count}")
    for product in products:
        check_product(product)


def check_order(order: Body, client: int, items: list[dict[str, Any]] | None = None) -> None:
    """An order that was read alone: whose it is, that it has the lines that were sent, and that they make its total."""
    require(order["client_id"] == client, "The order is another client's")
    require(is_money(order["total"]), f"The total is not a number with two decimals: {order['total']}")
    lines = order["items"]
    total = sum((line["price"] * line["quantity"] for line in lines), Decimal(0))
    require(order["total"] == total, f"The total is {order['total']}, and the lines make {total}")
    if items is not None:
        sent = sorted((item["product_id"], item["quantity"]) for item in items)
        got = sorted((line["product_id"], line["quantity"]) for line in lines)
        require(sent == got, "The order has other lines than were sent")
