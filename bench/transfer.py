"""Files of products: how fast an import and an export are beside PostgreSQL's own COPY of the same rows, and what memory they take."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Callable
from pathlib import Path

from bench.figures import Series, grouped
from bench.proc import peak_mb
from bench.processes import BenchError, Processes
from bench.report import CORRECT, RATIO, Report
from bench.shop import KEY, Shop

_COLUMNS = "sku, name, description, price, stock, category_id"
_EXPORTED = "id_key, sku, name, description, price, stock, category_id, active, rating_count, created_at, updated_at"
_HALF, _FLOOR = 0.5, 0.35
_MOST_MB = 250
_BLOCK = 1 << 20


def _seconds(act: Callable[[], object]) -> float:
    began = time.monotonic()
    act()
    return time.monotonic() - began


def _request(shop: Shop, method: str, path: str, body: Path | None = None, into: Path | None = None) -> bytes:
    connection = http.client.HTTPConnection("127.0.0.1", shop.port, timeout=3600, blocksize=_BLOCK)
    headers = {"X-API-Key": KEY}
    if body is None:
        connection.request(method, path, headers=headers)
    else:
        with body.open("rb") as file:
            connection.request(method, path, file, {**headers, "Content-Type": "text/csv", "Content-Length": str(body.stat().st_size)})
    response = connection.getresponse()
    if response.status >= 300:
        raise BenchError(f"{method} {path} answered {response.status}: {response.read(2000)!r}")
    if into is None:
        return response.read()
    with into.open("wb") as file:
        while block := response.read(_BLOCK):
            file.write(block)
    return b""


class Transfer:
    """From a catalog of so many products to a file, and from there to an empty shop."""

    def __init__(self, processes: Processes, first: Shop, source: Shop, products: int) -> None:
        self._source, self._products = source, products
        self._target = Shop(processes, "transfer", {"ACCESS_LOG": "false"}, joins=first, database="transfer")
        self._target.psql(
            "-q", "-c", "INSERT INTO categories (name) SELECT 'Branch ' || n FROM generate_series(1, 10) AS n",
            "-c", "INSERT INTO categories (name, parent_id) SELECT 'Twig ' || n, 1 + n % 10 FROM generate_series(0, 89) AS n")
        self._file, self._rows = processes.folder / "products.csv", processes.folder / "rows.csv"
        self._rows.write_text(source.psql("-q", "-c", f"COPY (SELECT {_COLUMNS} FROM products ORDER BY id_key) TO STDOUT (FORMAT csv)"))
        self._export()

    def measure(self, runs: int) -> dict[str, Series]:
        taken: dict[str, list[float]] = {name: [] for name in ("import", "copy in", "export", "copy out")}
        # In turns, because the machine's speed drifts.
        for _ in range(runs):
            taken["copy in"].append(self._into_empty(self._copy_in))
            taken["import"].append(self._into_empty(self._import))
            taken["copy out"].append(_seconds(self._copy_out))
            taken["export"].append(_seconds(self._export))
        return {name: Series.of([self._products / seconds for seconds in found]) for name, found in taken.items()}

    def peaks_mb(self) -> tuple[float, float]:
        """Of the process that imports, and of the one that exports."""
        return peak_mb(self._target.process.pid), peak_mb(self._source.process.pid)

    def _into_empty(self, act: Callable[[], object]) -> float:
        self._target.psql("-q", "-c", "TRUNCATE products CASCADE", "-c", "TRUNCATE search_words", "-c", "CHECKPOINT")
        seconds = _seconds(act)
        if self._target.sql("SELECT count(*) FROM products") != [[str(self._products)]]:
            raise BenchError("Not every product has arrived.")
        return seconds

    def _copy_in(self) -> None:
        self._target.psql("-q", "-c", rf"\copy products ({_COLUMNS}) FROM '{self._rows}' (FORMAT csv)")

    def _import(self) -> None:
        answer = json.loads(_request(self._target, "POST", "/products/import", self._file))
        while answer["status"] == "applying":
            time.sleep(0.05)
            answer = json.loads(_request(self._target, "GET", f"/products/imports/{answer['id_key']}"))
        if answer["status"] != "completed":
            raise BenchError(f"The import ended as {answer}.")

    def _copy_out(self) -> None:
        self._source.psql("-q", "-c", rf"\copy products ({_EXPORTED}) TO '/dev/null' (FORMAT csv)")

    def _export(self) -> None:
        _request(self._source, "GET", "/products/export", into=self._file)


def tell(report: Report, products: int, found: dict[str, Series], peaks: tuple[float, float]) -> None:
    """Adds the ratios and the memory to a report."""
    rows = []
    for name, bare, title in (("import", "copy in", "import"), ("export", "copy out", "export")):
        ratio = found[name].paired(found[bare])
        report.figure(name, found[name], "products/s")
        report.figure(bare.replace(" ", "_"), found[bare], "products/s")
        rows.append([f"{title} of {products:,} products", str(found[name]), str(found[bare]), str(ratio)])
        report.target(f"{name}_ratio", f"{title} over a bare COPY", ratio.median, "≥", _HALF, "×", RATIO, floor=_FLOOR)
    report.table(["products/s", "Tienda", "bare COPY", "times"], rows)
    for name, peak in zip(("import", "export"), peaks, strict=True):
        report.figure(f"{name}_peak", peak, "MB")
        report.target(f"{name}_memory", f"highest memory of the process, {name}", peak, "<", _MOST_MB, "MB", CORRECT)
    report.notes.append(f"Highest memory of the process: import {grouped(peaks[0])} MB, export {grouped(peaks[1])} MB.")
