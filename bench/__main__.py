"""./bench.sh without what has to be on the machine first: python3 -m bench COMMAND."""

from __future__ import annotations

import argparse
import importlib
import json
import sys
import time
from pathlib import Path

from bench import machine, publishing
from bench.options import RESULTS, Options
from bench.processes import BenchError, exit_on_signals
from bench.report import Report

# By the command: the module that has it.
COMMANDS = {
    "load": "load",
    "orders": "orders",
    "cache": "cache",
    "reads": "reads",
    "startup": "startup",
    "log": "request_log",
    "mix": "mix",
    "denied": "denied",
    "connections": "connections",
    "scale": "scale",
    "growth": "growth",
    "catalog": "catalog",
    "capacity": "capacity",
    "soak": "soak",
}
# What has a target, and a figure in docs/benchmarks.md.
ALL = ("load", "orders", "cache", "reads", "startup", "log", "mix", "denied", "connections")


def _bound(text: str) -> tuple[str, float]:
    name, _, value = text.partition("=")
    return name, float(value)


def _parse(words: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="./bench.sh", description="Measures Tienda on this machine.")
    parser.add_argument("command", nargs="?", default="load", choices=[*COMMANDS, "all", "judge"])
    parser.add_argument("what", nargs="?", help="how many runs; of judge: the file")
    parser.add_argument("--runs", type=int, help="medians are over so many")
    parser.add_argument("--quick", action="store_true", help="short, for a look; load takes 60 s instead of 5 min")
    parser.add_argument("--ci", action="store_true", help="judge only what does not depend on the machine's speed")
    parser.add_argument("--publish", action="store_true", help="write figures, plots and tables into docs/")
    parser.add_argument("--results", type=Path, default=RESULTS, help="where reports go")
    parser.add_argument("--users", type=int, help="load, soak: users at the same time")
    parser.add_argument("--seconds", type=float, help="load, mix, scale: how long")
    parser.add_argument("--minutes", type=float, default=60, help="soak: how long")
    parser.add_argument("--large", action="store_true", help="growth: a million products and ten million lines as well")
    parser.add_argument("--target", action="append", default=[], type=_bound, metavar="NAME=VALUE", help="another bound for a target")
    return parser.parse_args(words)


def _judge(report: Report, ci: bool) -> bool:
    """Prints what was found, and what was missed."""
    print(report.markdown(ci), flush=True)
    missed = report.missed(ci)
    if missed:
        print(f"{report.name}: missed {', '.join(target.name for target in missed)}", file=sys.stderr)
    return not missed


def _measure(command: str, options: Options) -> bool:
    on = machine.describe()
    began, cores = time.monotonic(), machine.Cores()
    report: Report = importlib.import_module(f"bench.{COMMANDS[command]}").run(options)
    on["took_seconds"], on["kept_by_host"] = round(time.monotonic() - began, 1), cores.kept_by_host()
    print(f"## {command}\n\n{machine.sentence(on)}\n", flush=True)
    passed = _judge(report, options.ci)
    file = publishing.save(report, on, options)
    print(f"{file}\n", file=sys.stderr)
    return passed


def _again(file: Path, options: Options) -> bool:
    """Judges what was saved, and may publish it."""
    data = json.loads(file.read_text())
    report = Report.from_json(data, options.bounds)
    if options.publish:
        publishing.publish(report, data["machine"], file.parent)
    return _judge(report, options.ci)


def main(words: list[str]) -> int:
    given = _parse(words)
    options = Options(
        runs=given.runs or (int(given.what) if given.what and given.command != "judge" else None),
        quick=given.quick,
        ci=given.ci,
        publish=given.publish,
        large=given.large,
        users=given.users,
        seconds=given.seconds,
        minutes=given.minutes,
        results=given.results.resolve(),
        bounds=dict(given.target),
    )
    if given.command == "judge":
        return 0 if _again(Path(given.what), options) else 1
    exit_on_signals()
    try:
        # Every one of them, also after one that missed something.
        passed = [_measure(command, options) for command in (ALL if given.command == "all" else [given.command])]
    except BenchError as failure:
        print(failure, file=sys.stderr)
        return 1
    return 0 if all(passed) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
