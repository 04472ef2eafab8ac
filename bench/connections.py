"""Throughput of the cached list over the number of connections, directly and through nginx, four workers."""

from __future__ import annotations

from bench import plots
from bench.figures import Series
from bench.options import Options
from bench.processes import Processes
from bench.report import Report
from bench.rig import Rig
from bench.shop import LIST
from bench.wrk import wrk

_CONNECTIONS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)


def run(options: Options) -> Report:
    runs, seconds = options.times(3, 1), options.seconds or (1 if options.quick else 3)
    report = options.report("connections", runs=runs, seconds=seconds)
    found: dict[tuple[str, int], list[float]] = {}
    with Processes() as processes:
        # wrk asks from one address: nobody is refused, and everybody is counted.
        rig = Rig(processes, settings={"RATE_LIMIT_CALLS": "1000000", "RATE_LIMIT_PERIOD": "1"})
        # nginx lets an address have 512 connections.
        ways = {"directly": rig.shop.url, "through nginx": rig.url}
        for _ in range(2):
            for url in ways.values():
                wrk(processes, url + LIST, connections=64, seconds=3)
        for _ in range(runs):
            for connections in _CONNECTIONS:
                for way, url in ways.items():
                    rate = wrk(processes, url + LIST, connections=connections, seconds=seconds).rate
                    found.setdefault((way, connections), []).append(rate)
                    rig.shop.log.write_bytes(b"")
    series = {key: Series.of(values) for key, values in found.items()}
    for (way, connections), each in series.items():
        report.figure(f"{way.replace(' ', '_')}_{connections}", each, "answers/s")
    rows = [[str(connections), *(str(series[way, connections]) for way in ways)] for connections in _CONNECTIONS]
    report.table(["connections", *(f"answers/s, {way}" for way in ways)], rows)
    lines = [(way, _CONNECTIONS, [series[way, connections].median for connections in _CONNECTIONS]) for way in ways]
    plots.draw(
        report, options.results, "throughput", "A cached list over connections", [("answers/s", lines)], "connections", log_across=True
    )
    return report
