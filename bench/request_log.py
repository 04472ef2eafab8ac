"""
What the request log costs. Three shops on one database answer the same cached list in turns of a second: without request log, with text and
with JSON, to files. The figure is CPU, that of the log's own thread included, which does not depend on who else uses the machine as much as
a rate does. Then the log alone, without a server around it.
"""

from __future__ import annotations

import time

from bench.figures import Series
from bench.options import Options
from bench.proc import own_cpu_seconds
from bench.processes import ROOT, Processes
from bench.report import MACHINE, Report
from bench.shop import LIST, Shop
from bench.wrk import wrk

_TURNS = 3
_FORMS = {"off": "no request log", "text": "text", "json": "JSON"}
_LOG = ROOT / "artifacts/bin/Log/release/Log.dll"


class _Shops:
    """One for each form of the log."""

    def __init__(self, processes: Processes) -> None:
        self._processes = processes
        unlimited = {"RATE_LIMIT_ENABLED": "false"}
        first = Shop(processes, "off", {**unlimited, "ACCESS_LOG": "false"})
        self._of = {"off": first}
        for form in ("text", "json"):
            self._of[form] = Shop(processes, form, {**unlimited, "LOG_FORMAT": form}, joins=first)

    def microseconds(self, form: str) -> float:
        """Of CPU for a request in a second of load."""
        shop = self._of[form]
        before = own_cpu_seconds(shop.process.pid)
        load = wrk(self._processes, shop.url + LIST, connections=16, threads=1, seconds=1)
        # Until the log has written what has gathered.
        time.sleep(0.1)
        after = own_cpu_seconds(shop.process.pid)
        shop.log.write_bytes(b"")
        return 1e6 * (after - before) / load.requests


def run(options: Options) -> Report:
    runs = options.times(5, 1)
    report = options.report("log", runs=runs, turns=_TURNS)
    found: dict[str, list[float]] = {form: [] for form in _FORMS}
    with Processes() as processes:
        shops = _Shops(processes)
        for _ in range(3):
            for form in _FORMS:
                shops.microseconds(form)
        for _ in range(runs):
            turns: dict[str, list[float]] = {form: [] for form in _FORMS}
            for _ in range(_TURNS):
                for form in _FORMS:
                    turns[form].append(shops.microseconds(form))
            for form, values in turns.items():
                found[form].append(sum(values) / _TURNS)
    with Processes() as processes:
        # The lines are its output, the figures its errors.
        to_file = processes.run(["bash", "-c", f"dotnet '{_LOG}' > alone.log"])
        to_pipe = processes.run(["bash", "-c", f"dotnet '{_LOG}' | cat > /dev/null"])
    _tell(report, {form: Series.of(values, 2) for form, values in found.items()})
    for output, printed in (("a file", to_file), ("a pipe that is read at once", to_pipe)):
        report.notes.append(f"The log alone, to {output}:\n\n{printed.strip()}")
    return report


def _tell(report: Report, found: dict[str, Series]) -> None:
    rows = []
    for form, title in _FORMS.items():
        series, more, ratio = found[form], found[form].minus(found["off"]), found[form].paired(found["off"])
        report.figure(form, series, "µs of CPU")
        rows.append([title, str(series), str(ratio) if form != "off" else "1", str(more) if form != "off" else ""])
        if form != "off":
            report.figure(f"{form}_more", more, "µs of CPU")
            report.target(f"{form}_more", f"request log, {title}, for a cached answer", more.median, "≤", 3, "µs of CPU", MACHINE)
    report.table(["CPU of a cached answer", "µs, median (range)", "times that without a log, median (range)", "more, µs (range)"], rows)
