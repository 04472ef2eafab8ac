"""What all users have in common."""

import itertools
import random
import time
from collections.abc import Callable
from typing import Any, ClassVar

from locust import FastHttpUser, between

from loadtest import settings
from loadtest.accounts import Buyer
from loadtest.answers import Body, Wrong, parse, problem
from loadtest.shop import Shop

Check = Callable[[Body], None]

# An access token is renewed when it has so many seconds left, each buyer's at another moment, so that not all are renewed at once.
RENEWED_BEFORE = (60, 420)


def pause(least: float, most: float) -> Callable[["ShopUser"], float]:
    """Seconds between two requests of a user, times --pauses."""
    usual = between(least, most)
    return lambda user: settings.pauses() * usual(user)


def every(count: int) -> Callable[[], bool]:
    """Says yes to the first who asks and to every so-manieth after that: what is done sometimes is also done in a short run."""
    calls = itertools.count()
    return lambda: next(calls) % count == 0


# FastHttpUser, with the interface of HttpUser: that one takes 2.3 ms of processor time for a request and this one 1 ms, of the cores that
# the shop may run on too. With 400 users and HttpUser the median of an answer was that of waiting for Python.
class ShopUser(FastHttpUser):
    """Somebody with an address of their own, who looks at every answer."""

    abstract = True
    wait_time = pause(1, 3)
    network_timeout = connection_timeout = 30.0

    # Whether it acts as a buyer who is signed in.
    buys: ClassVar[bool] = False
    shop: ClassVar[Shop | None] = None
    _numbers: ClassVar[Any] = itertools.count()

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        assert ShopUser.shop
        self.books: Shop = ShopUser.shop
        number = next(ShopUser._numbers)
        self.address = self.books.address(number)
        self.link = ""
        self.renewed_before = random.uniform(*RENEWED_BEFORE)
        if self.buys:
            self.buyer: Buyer = self.books.buyers.of_user(number)

    def ask(
        self,
        method: str,
        path: str,
        body: Body = None,
        *,
        name: str | None = None,
        status: int = 200,
        check: Check | None = None,
        refusals: dict[str, str] | None = None,
        headers: dict[str, str] | None = None,
    ) -> Body:
        """The body of an answer that is as it should be, else None; then Locust has a failure.

        check raises Wrong. refusals are types of problems that are in order here, each with the name that it is counted under; the body is
        then the problem.
        """
        sent = {"X-Forwarded-For": self.address, **(headers or {})}
        with self.client.request(method, path, name=name or path, json=body, headers=sent, catch_response=True) as answer:
            # Without a status there was no answer: leaving the block reports the error of the connection.
            if answer.status_code == 0:
                return None
            try:
                body = self._refused(answer, refusals or {}) if answer.status_code != status else self._accepted(answer, check)
                answer.success()
                return body
            except Wrong as wrong:
                answer.failure(str(wrong))
        return None

    def get(self, path: str, name: str | None = None, check: Check | None = None, as_buyer: bool = False) -> Body:
        return self.ask("GET", path, name=name, check=check, headers=self.credentials() if as_buyer else None)

    def credentials(self) -> dict[str, str]:
        """The buyer's token, renewed in time."""
        with self.buyer.renewing:
            if time.time() > self.buyer.good_until - self.renewed_before:
                renewed = self.ask("POST", "/auth/refresh", {"refresh_token": self.buyer.refresh_token})
                if renewed:
                    self.buyer.take(renewed)
        return {"Authorization": f"Bearer {self.buyer.access_token}"}

    def some_product(self) -> Body:
        """One of the first products of the shop, as it was when the test began."""
        return random.choice(self.books.products)

    def _accepted(self, answer: Any, check: Check | None) -> Body:
        self.link = answer.headers.get("Link") or ""
        body = parse(answer.text) if answer.text else None
        try:
            if check:
                check(body)
        except (AttributeError, KeyError, TypeError) as reason:
            raise Wrong(f"The answer has another form than it should: {reason!r}") from reason
        return body

    def _refused(self, answer: Any, refusals: dict[str, str]) -> Body:
        if "problem+json" in (answer.headers.get("Content-Type") or ""):
            body = parse(answer.text)
            if body["type"] in refusals:
                answer.request_meta["name"] = refusals[body["type"]]
                return body
        raise problem(answer.status_code, answer.text, answer.headers.get("RateLimit-Policy"))
