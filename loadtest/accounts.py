"""Buyers with tokens of their own. They are registered and signed in before the test, since hashing passwords would measure itself."""

import json
import logging
import os
import re
import secrets
import time
from dataclasses import dataclass, field
from pathlib import Path

from gevent.lock import BoundedSemaphore
from gevent.pool import Pool

from loadtest.answers import Body, parse, problem
from loadtest.shop import CannotPrepare, Shop

# Seconds after which the test begins with the buyers that there are. The next run makes more.
PATIENCE = 90

# The shop hashes one password after the other for every two cores of a worker; so many keep all workers of a host busy.
AT_ONCE = 8

log = logging.getLogger("load_test")


@dataclass
class Buyer:
    """A client of the shop who is signed in."""

    client_id: int
    refresh_token: str
    access_token: str = ""
    good_until: float = 0
    renewing: BoundedSemaphore = field(default_factory=BoundedSemaphore, repr=False)

    def take(self, signed_in: Body) -> None:
        """Goes on with the tokens of an answer of /auth/token or /auth/refresh."""
        self.access_token, self.refresh_token = signed_in["access_token"], signed_in["refresh_token"]
        self.good_until = time.time() + signed_in["expires_in"]


class Buyers:
    """The buyers of a run. A file keeps their refresh tokens until the next one, which need not hash passwords again."""

    def __init__(self, shop: Shop) -> None:
        self.all: list[Buyer] = []
        self._spare: list[Buyer] = []
        self._shop = shop
        self._file = Path.cwd() / ".load-test" / (re.sub(r"\W+", "-", shop.host) + ".json")

    def prepare(self, count: int) -> None:
        began = time.monotonic()
        kept = self._claim() if count else []
        self._spare = kept[count:]
        self.all = [buyer for buyer in Pool(AT_ONCE).map(self._resume, kept[:count]) if buyer]
        resumed = len(self.all)
        if resumed < count:
            log.info("Registering %d buyers, in %d s at most; later runs find them again", count - resumed, PATIENCE)
            until = began + PATIENCE
            self.all += [buyer for buyer in Pool(AT_ONCE).map(lambda n: self._register(n, until), range(resumed, count)) if buyer]
        if count:
            took = time.monotonic() - began
            log.info("%d buyers are signed in, %d of them anew; it took %.1f s", len(self.all), len(self.all) - resumed, took)
            if not self.all:
                raise CannotPrepare(f"no buyer could be registered within {PATIENCE} s.")

    def of_user(self, number: int) -> Buyer:
        return self.all[number % len(self.all)]

    def save(self) -> None:
        """Leaves the buyers to the next run."""
        if not self.all:
            return
        buyers = [{"client_id": b.client_id, "refresh_token": b.refresh_token} for b in self.all + self._spare + self._claim()]
        self._file.parent.mkdir(parents=True, exist_ok=True)
        half = self._file.with_suffix(f".{os.getpid()}")
        with open(os.open(half, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
            json.dump(buyers, file)
        half.replace(self._file)

    def _claim(self) -> list[Buyer]:
        """Takes the file away: a refresh token that two runs used would end the session of both."""
        mine = self._file.with_suffix(f".{os.getpid()}")
        try:
            self._file.replace(mine)
            text = mine.read_text(encoding="utf-8")
            mine.unlink()
            return [Buyer(**kept) for kept in json.loads(text)]
        except (OSError, ValueError, TypeError):
            return []

    def _resume(self, buyer: Buyer) -> Buyer | None:
        """The buyer with new tokens; or nobody, if the session has ended or the database is another one."""
        answer = self._shop.call("POST", "/auth/refresh", {"refresh_token": buyer.refresh_token}, self._at(buyer.client_id))
        if answer.status_code == 401:
            return None
        if answer.status_code != 200:
            raise CannotPrepare(str(problem(answer.status_code, answer.text, answer.headers.get("RateLimit-Policy"))))
        signed_in = parse(answer.text)
        buyer.take(signed_in)
        return buyer

    def _register(self, number: int, until: float) -> Buyer | None:
        if time.monotonic() > until:
            return None
        email, password = f"buyer-{secrets.token_hex(8)}@load-test.example", secrets.token_urlsafe(16)
        client = self._shop.ask("POST", "/clients", {"name": "Load", "lastname": "Test", "email": email, "password": password}, 201)
        answer = self._shop.call("POST", "/auth/token", {"email": email, "password": password}, self._at(number))
        if answer.status_code != 200:
            raise CannotPrepare(str(problem(answer.status_code, answer.text, answer.headers.get("RateLimit-Policy"))))
        buyer = Buyer(client["id_key"], "")
        buyer.take(parse(answer.text))
        return buyer

    def _at(self, number: int) -> dict[str, str]:
        return {"X-Forwarded-For": self._shop.address(number)}
