"""Keeps what a benchmark has found: in bench/results always, in docs/ if that is wanted."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Mapping
from pathlib import Path

from bench import machine
from bench.options import PUBLISHED, Options
from bench.processes import ROOT, BenchError
from bench.report import Report

PAGE = ROOT / "docs/benchmarks.md"


def save(report: Report, on: Mapping[str, str | int | float | bool], options: Options) -> Path:
    """Writes the report's JSON, and answers where."""
    text = json.dumps({"machine": on, **report.as_json()}, indent=1, ensure_ascii=False) + "\n"
    file = options.results / f"{report.name}.json"
    file.write_text(text)
    (options.results / f"{report.name}.md").write_text(report.markdown(options.ci))
    if options.publish:
        PUBLISHED.mkdir(exist_ok=True)
        (PUBLISHED / file.name).write_text(text)
        for name in report.plots.values():
            shutil.copy(options.results / name, PUBLISHED / name)
        _write_into_page(report, on)
    return file


def _write_into_page(report: Report, on: Mapping[str, str | int | float | bool]) -> None:
    """Puts the tables between their two marks in docs/benchmarks.md."""
    plots = "\n".join(f"\n![{title}](benchmarks/{name})" for title, name in report.plots.items())
    figures = f"{report.markdown()}{plots}\n{machine.sentence(dict(on))} [All figures](benchmarks/{report.name}.json).\n"
    begin, end = f"<!-- {report.name} -->\n", f"<!-- end of {report.name} -->"
    place = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
    page, found = place.subn(lambda _: f"{begin}\n{figures}\n{end}", PAGE.read_text())
    if found != 1:
        raise BenchError(f"docs/benchmarks.md has no place for {report.name}: it stands between {begin.strip()} and {end}.")
    PAGE.write_text(page)
