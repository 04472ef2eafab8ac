"""After a run: what was sold, and whether the shop's own books say so too."""

import logging
from collections.abc import Iterator

from gevent.pool import Pool
from locust.env import Environment
from locust.exception import CatchResponseError

from loadtest.answers import Wrong, check_order
from loadtest.shop import CannotPrepare, Shop

# Orders that are looked up again, the last ones, and how many at once.
SAMPLE, AT_ONCE = 200, 8

log = logging.getLogger("load_test")


def report(environment: Environment, name: str, message: str) -> None:
    """Makes a failure of the run, in Locust's statistics and by the exit code."""
    environment.process_exit_code = 1
    environment.events.request.fire(
        request_type="CHECK",
        name=name,
        response_time=0,
        response_length=0,
        exception=CatchResponseError(message),
        context={},
        response=None,
    )


def verify(environment: Environment, shop: Shop) -> None:
    """Prints the totals and reports what does not agree with the shop."""
    try:
        faults = list(_faults(shop))
    except CannotPrepare as reason:
        faults = [("shop", f"The books cannot be compared: {reason}")]
    for name, message in faults:
        log.error("%s", message)
        report(environment, name, message)
    log.info("%s", _totals(shop))
    if shop.orders and not faults:
        log.info("The shop's own books agree")


def _totals(shop: Shop) -> str:
    text = f"Orders acknowledged: {len(shop.orders)}; units sold: {shop.sold.total()}; given back: {shop.given_back.total()}"
    most = ", ".join(f"product {product}: {units}" for product, units in shop.sold.most_common(5))
    return f"{text}; most of {most}" if most else text


def _faults(shop: Shop) -> Iterator[tuple[str, str]]:
    yield from _lost_orders(shop)
    yield from _stock_too_high(shop)
    if shop.sale:
        yield from shop.sale.faults(shop)


def _lost_orders(shop: Shop) -> Iterator[tuple[str, str]]:
    """Orders that were acknowledged and are not there, or not as they were acknowledged."""
    orders = list(shop.orders.values())[-SAMPLE:]
    found = Pool(AT_ONCE).map(lambda order: shop.ask("GET", f"/orders/{order['id_key']}"), orders)
    for order, kept in zip(orders, found, strict=True):
        try:
            check_order(kept, order["client_id"], order["items"])
        except Wrong as wrong:
            yield "own order", f"Order {order['id_key']} is not as it was acknowledged: {wrong}"


def _stock_too_high(shop: Shop) -> Iterator[tuple[str, str]]:
    """Units that were sold and are still in stock. Others may have bought too, so that less is in order."""
    before = {product["id_key"]: product["stock"] for product in shop.products}
    now = {product["id_key"]: product["stock"] for product in shop.first_products()} if shop.sold else {}
    for product in shop.sold.keys() & before.keys() & now.keys():
        left = now[product]
        most = before[product] - shop.sold[product] + shop.given_back[product]
        if left > most:
            yield "stock", f"Product {product} had {before[product]}, sold {shop.sold[product]} and has {left} left: {left - most} too many"
