"""Plots as SVG. Without matplotlib there are none, and nothing else is missing."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.report import Report
from bench.sampler import Sample
from bench.users import Visit

Line = tuple[str, Sequence[float], Sequence[float]]

# Distinct also for who sees no red and green (Okabe and Ito).
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")


def draw(
    report: Report,
    folder: Path,
    name: str,
    title: str,
    panels: Sequence[tuple[str, Sequence[Line]]],
    across: str,
    *,
    log_across: bool = False,
) -> None:
    """One panel below the other over the same axis; each is a label with its lines."""
    try:
        import matplotlib

        matplotlib.use("svg")
        # The same figures make the same file.
        matplotlib.rcParams.update({"svg.hashsalt": "tienda", "svg.fonttype": "none", "font.size": 10})
        from matplotlib import pyplot
    except ImportError:
        print("matplotlib is not installed, so there are no plots.", file=sys.stderr)
        return
    figure, axes = pyplot.subplots(len(panels), 1, sharex=True, figsize=(8, 1 + 2.4 * len(panels)), squeeze=False, layout="constrained")
    for axis, (label, lines) in zip(axes[:, 0], panels, strict=True):
        _panel(axis, label, lines)
    if log_across:
        axes[-1, 0].set_xscale("log", base=2)
        axes[-1, 0].xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes[-1, 0].set_xlabel(across)
    figure.suptitle(title)
    file = folder / f"{report.name}-{name}.svg"
    figure.savefig(file, metadata={"Date": None})
    pyplot.close(figure)
    report.plots[title] = file.name


def _panel(axis: Any, label: str, lines: Sequence[Line]) -> None:
    for colour, (name, across, up) in zip(_COLOURS * 2, lines, strict=False):
        axis.plot(across, up, color=colour, label=name, linewidth=1.5, marker="o" if len(across) < 20 else None, markersize=4)
    axis.set_ylabel(label)
    axis.set_ylim(bottom=0)
    axis.grid(alpha=0.3)
    axis.spines[["top", "right"]].set_visible(False)
    if len(lines) > 1:
        axis.legend(frameon=False, ncols=3)


def over(rows: Sequence[Sample], name: str, title: str, across: str = "second") -> Line:
    return title, [row[across] for row in rows], [row[name] for row in rows]


def latency_over_time(report: Report, folder: Path, visit: Visit, noise: Visit, samples: Sequence[Sample]) -> None:
    panels = [
        (
            "ms",
            [
                over(visit.history, "p95_ms", "p95, Locust"),
                over(visit.history, "p50_ms", "p50, Locust"),
                over(noise.history, "p95_ms", "p95, bare Kestrel"),
                over(samples, "p95_ms", "p95, the shop's own"),
            ],
        ),
        ("requests/s", [over(samples, "rate", "requests a second")]),
        ("%", [over(samples, "hit_percent", "hit rate"), over(samples, "pool_percent", "pool in use")]),
        ("cores", [over(samples, "cpu_cores", "CPU of the workers")]),
    ]
    draw(report, folder, "over-time", "The guide's load test over time", panels, "seconds")
