"""A shop as an operator starts it, and what one can ask it and its database."""

from __future__ import annotations

import http.client
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path

from bench.machine import postgres_program
from bench.metrics import Metrics
from bench.proc import as_postgres
from bench.processes import ROOT, BenchError, Processes, free_port, tail

PROGRAM = ROOT / "artifacts/bin/Tienda/release/Tienda.dll"
KEY = "the-key-of-the-benchmark"
SECRETS = {"ADMIN_API_KEY": KEY, "JWT_SECRET": "a-secret-for-the-benchmark-alone"}
LIST = "/products?skip=0&limit=20"
PATIENCE_SECONDS = 90


class Shop:
    """Its workers, and the private PostgreSQL of its folder; unless it joins another one's, with the same database or one of its own."""

    def __init__(
        self,
        processes: Processes,
        name: str,
        settings: Mapping[str, str] | None = None,
        *,
        workers: int = 1,
        joins: Shop | None = None,
        secrets: Mapping[str, str] = SECRETS,
        folder: Path | None = None,
        database: str = "tienda",
    ) -> None:
        self._processes = processes
        self.folder = folder or processes.folder_of(name)
        self.log = self.folder / "log"
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._joined = joins
        server = {"POSTGRES_HOST": str(joins.socket), "POSTGRES_USER": "tienda", "POSTGRES_DB": database} if joins else {}
        self._database = database
        if database != "tienda":
            self.psql("-q", "-d", "postgres", "-c", f"CREATE DATABASE {database}")
            processes.run(["dotnet", PROGRAM, "migrate"], settings={**secrets, **server}, cwd=self.folder)
        command = ["dotnet", PROGRAM, "--port", str(self.port), "--workers", str(workers)]
        began = time.monotonic()
        self.process: subprocess.Popen[bytes] = processes.start(
            command, settings={**secrets, **server, **(settings or {})}, cwd=self.folder, log=self.log
        )
        if not joins:
            processes.at_end(self._end_postgres)
        self._await(lambda: self.get("/products?limit=20") is not None)
        self.started_ms = 1000 * (time.monotonic() - began)
        if workers > 1:
            self._await(lambda: self.metrics().sum("tienda_workers") == workers)

    def stop(self) -> None:
        self._processes.end(self.process)

    @property
    def socket(self) -> Path:
        """The folder of the socket of its PostgreSQL."""
        return self._joined.socket if self._joined else Path(self._postmaster()[4])

    @property
    def postmaster(self) -> int:
        return self._joined.postmaster if self._joined else int(self._postmaster()[0])

    def get(self, path: str, **headers: str) -> bytes | None:
        """The body of a good answer, or null."""
        try:
            with urllib.request.urlopen(urllib.request.Request(self.url + path, headers=headers), timeout=10) as answer:
                return answer.read()
        except (urllib.error.URLError, OSError, http.client.HTTPException):
            return None

    def answer(self, path: str) -> bytes:
        """An answer as it goes over the wire, the second time it is asked for, when it comes from the cache."""
        self.get(path)
        connection = http.client.HTTPConnection("127.0.0.1", self.port)
        connection.request("GET", path)
        response = connection.getresponse()
        head = "".join(f"{name}: {value}\r\n" for name, value in response.getheaders())
        return f"HTTP/1.1 {response.status} {response.reason}\r\n{head}\r\n".encode() + response.read()

    def metrics(self) -> Metrics:
        text = self.get("/metrics", **{"X-API-Key": KEY})
        if text is None:
            raise BenchError(f"The shop does not tell its figures:\n{tail(self.log)}")
        return Metrics(text.decode())

    def sql(self, statement: str) -> list[list[str]]:
        """Rows of what psql prints, one column after the other."""
        return [row.split("\t") for row in self.psql("-qAtX", "-F", "\t", "-c", statement).splitlines()]

    def psql(self, *arguments: str | Path) -> str:
        return self.as_owner("psql", "-v", "ON_ERROR_STOP=1", *arguments)

    def as_owner(self, program: str, *arguments: str | Path, options: str = "") -> str:
        """Runs one of PostgreSQL's programs on the shop's database."""
        where = [f"PGHOST={self.socket}", "PGUSER=tienda", f"PGDATABASE={self._database}", f"PGOPTIONS={options}"]
        return self._processes.run(as_postgres("env", *where, postgres_program(program), *arguments))

    def _await(self, holds: Callable[[], bool]) -> None:
        patience = time.monotonic() + PATIENCE_SECONDS
        while not holds():
            if self.process.poll() is not None or time.monotonic() > patience:
                raise BenchError(f"The shop in {self.folder} does not answer:\n{tail(self.log)}")
            time.sleep(0.01)

    def _postmaster(self) -> list[str]:
        return (self.folder / "data/postgres/postmaster.pid").read_text().splitlines()

    def _end_postgres(self) -> None:
        # The shop does that, unless it had to be killed.
        data = (self.folder / "data/postgres").resolve()
        if (data / "postmaster.pid").exists():
            subprocess.run(as_postgres(postgres_program("pg_ctl"), "stop", "-m", "immediate", "-D", data), check=False, capture_output=True)
