"""Load test of the shop, for Locust: docs/load-test.md.

    locust -f load_test.py --host=http://localhost:8000
    locust -f load_test.py --host=http://localhost:8000 --headless --users 400 --spawn-rate 50 --run-time 5m --html report.html

The first has a page on http://localhost:8089, where the rest is said.

Without more, EcommerceUser runs. Behind the options others can be named: BrowsingUser, JourneyUser, FlashSaleUser, AdministratorUser.

The administrator's key, by which buyers are registered and stock is filled up beforehand, comes from --admin-key, from ADMIN_API_KEY, or
from data/secrets.env, where ./run.sh keeps the one that it made. Every user comes from an address of its own through X-Forwarded-For, so
the shop's rate limits stay on; the shop has to trust this machine in TRUSTED_PROXIES, which it does by default where both are on one.
"""

import logging
import signal
import sys
from typing import Any

import gevent
from locust import events
from locust.env import Environment
from locust.runners import LocalRunner, MasterRunner

from loadtest import settings, verification
from loadtest.accounts import Buyers
from loadtest.administrator import AdministratorUser
from loadtest.browsing import BrowsingUser
from loadtest.flash import FlashSaleUser, Sale
from loadtest.guide import EcommerceUser
from loadtest.journey import JourneyUser
from loadtest.shop import CannotPrepare, Shop
from loadtest.user import ShopUser

__all__ = ["AdministratorUser", "BrowsingUser", "EcommerceUser", "FlashSaleUser", "JourneyUser"]

# Seconds in which a user may finish the request that it is at when time is up, so that the outcome of every order is known.
PATIENCE = 10

log = logging.getLogger("load_test")

events.init_command_line_parser.add_listener(settings.add_arguments)


@events.init.add_listener
def begin(environment: Environment, **_: Any) -> None:
    """Chooses the classes; without a page prepares at once, because Locust counts the run time from the next moment on."""
    options = environment.parsed_options
    if not options.user_classes:
        environment.user_classes = [EcommerceUser]
    environment.stop_timeout = environment.stop_timeout or PATIENCE
    settings.read(options)
    if options.headless and isinstance(environment.runner, LocalRunner):
        try:
            prepare(environment, options.num_users or 1)
        except CannotPrepare as reason:
            sys.exit(f"The load test cannot begin: {reason}")
        end_on_interrupt(environment.runner)


@events.test_start.add_listener
def start(environment: Environment, **_: Any) -> None:
    """Prepares a run that was started from the page or by a master; its statistics begin afterwards."""
    if ShopUser.shop or isinstance(environment.runner, MasterRunner):
        return
    settings.read(environment.parsed_options)
    try:
        # A worker is not told beforehand how many users it will have.
        prepare(environment, environment.runner.target_user_count or settings.accounts())
    except CannotPrepare as reason:
        log.error("The load test cannot begin: %s", reason)
        environment.stats.clear_all()
        verification.report(environment, "preparation", str(reason))
        # It ends the greenlet that is about to start the users, this one.
        gevent.spawn(environment.runner.stop).join()
    environment.stats.clear_all()


@events.test_stop.add_listener
def stop(environment: Environment, **_: Any) -> None:
    """Says what was sold and checks it against the shop's own books."""
    shop, ShopUser.shop = ShopUser.shop, None
    if shop:
        shop.buyers.save()
        verification.verify(environment, shop)


@events.quitting.add_listener
def leave(environment: Environment, **_: Any) -> None:
    """Ends a run that a signal ends: Locust would decide on its exit code before the books are compared."""
    if ShopUser.shop and isinstance(environment.runner, LocalRunner):
        environment.runner.stop()


def end_on_interrupt(runner: LocalRunner) -> None:
    """Has Ctrl+C end the run like its time does. Python's own way breaks whatever is under way, be it a user's order; the second time it is
    the system's."""

    def end() -> None:
        interrupt.cancel()
        runner.quit()

    interrupt = gevent.signal_handler(signal.SIGINT, end)


def prepare(environment: Environment, users: int) -> None:
    classes = environment.user_classes
    shop = Shop(environment.host or classes[0].host or "", settings.admin_key())
    shop.look_around()
    if {EcommerceUser, JourneyUser, AdministratorUser} & set(classes):
        shop.fill_up()
    if FlashSaleUser in classes:
        shop.sale = Sale.open(shop)
    buyers = min(users, settings.accounts()) if any(c.buys for c in classes) else 0
    shop.buyers = Buyers(shop)
    shop.buyers.prepare(buyers)
    ShopUser.shop = shop
