"""Keeps what a benchmark has found: in bench/results always, in docs/ if that is wanted."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

from bench import machine
from bench.options import PUBLISHED, Options
from bench.processes import ROOT, BenchError
from bench.report import Report

PAGE = ROOT / "docs/benchmarks.md"
# Whose figures stand on a page of their own.
PAGES = {"capacity": ROOT / "docs/capacity.md"}


def save(report: Report, on: machine.Machine, options: Options) -> Path:
    """Writes the report, and answers where."""
    file = options.results / f"{report.name}.json"
    file.write_text(_json(report, on))
    (options.results / f"{report.name}.md").write_text(report.markdown(options.ci))
    if options.publish:
        publish(report, on, options.results)
    return file


def publish(report: Report, on: machine.Machine, results: Path) -> None:
    """Puts figures, plots and tables into docs/."""
    PUBLISHED.mkdir(exist_ok=True)
    (PUBLISHED / f"{report.name}.json").write_text(_json(report, on))
    for name in report.plots.values():
        if not PUBLISHED.samefile(results):
            shutil.copy(results / name, PUBLISHED / name)
    _write_into_page(report, on)


def _json(report: Report, on: machine.Machine) -> str:
    return json.dumps({"machine": on, **report.as_json()}, indent=1, ensure_ascii=False) + "\n"


def _write_into_page(report: Report, on: machine.Machine) -> None:
    """Puts the tables between their two marks."""
    page = PAGES.get(report.name, PAGE)
    plots = "".join(f"\n![{title}](benchmarks/{name})\n" for title, name in report.plots.items())
    how = "A quick run. " if report.options.get("quick") else ""
    figures = f"{report.markdown()}{plots}\n{how}{machine.sentence(on)} [All figures](benchmarks/{report.name}.json).\n"
    begin, end = f"<!-- {report.name} -->\n", f"<!-- end of {report.name} -->"
    place = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
    text, found = place.subn(lambda _: f"{begin}\n{figures}\n{end}", page.read_text())
    if found != 1:
        raise BenchError(f"docs/{page.name} has no place for {report.name}: it stands between {begin.strip()} and {end}.")
    page.write_text(text)
