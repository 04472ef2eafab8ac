"""Locust: users who wait between their requests, as load_test.py has them."""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from pathlib import Path

from bench.processes import ROOT, BenchError, Processes, tail
from bench.shop import KEY

LOAD_TEST = ROOT / "load_test.py"
NOISE = ROOT / "bench/noise.py"
# Beyond the time of the test itself: registering buyers, and comparing the books at the end.
_PATIENCE_SECONDS = 300


@dataclass(frozen=True)
class Visit:
    """What Locust saw, over all requests. Milliseconds."""

    requests: int
    failures: int
    rate: float
    p50: float
    p95: float
    p99: float
    worst: float
    # The time of day when the first user began.
    began: float
    # Seconds, users, requests a second, and p50 and p95 of the last ten seconds.
    history: list[dict[str, float]]
    # By request: how many, p50, p95, p99.
    by_request: list[list[str]]
    problems: str
    report: Path

    @property
    def error_percent(self) -> float:
        return 100 * self.failures / self.requests if self.requests else 100


def visit(
    processes: Processes,
    url: str,
    *,
    users: int,
    seconds: float,
    classes: tuple[str, ...] = (),
    report: Path,
    file: Path = LOAD_TEST,
    spawn: int = 50,
    more: tuple[str, ...] = (),
) -> Visit:
    """Sends users to a shop for a while, and keeps Locust's own report."""
    prefix = processes.folder / report.stem
    log = processes.folder / f"{report.stem}.log"
    process = processes.start(
        [
            *("locust", "-f", file, "--headless", "--host", url, "-u", str(users), "-r", str(spawn), "-t", f"{seconds:.0f}s"),
            *("--csv", prefix, "--html", report, "--only-summary", *more, *classes),
        ],
        settings={"ADMIN_API_KEY": KEY},
        # In one folder, where a later visit finds the buyers whom an earlier one has registered.
        cwd=processes.folder,
        log=log,
    )
    try:
        process.wait(seconds + _PATIENCE_SECONDS)
    finally:
        processes.end(process)
    # It ends with 1 where a request has failed, which is for us to judge.
    if process.returncode not in (0, 1) or not Path(f"{prefix}_stats.csv").exists():
        raise BenchError(f"Locust ended with {process.returncode}:\n{tail(log, 40)}")
    return _read(prefix, log, report)


def _rows(file: Path) -> list[dict[str, str]]:
    with file.open(newline="") as text:
        return list(csv.DictReader(text))


def _number(text: str) -> float:
    return float(text) if re.fullmatch(r"-?[\d.]+(e-?\d+)?", text or "") else 0.0


def _read(prefix: Path, log: Path, report: Path) -> Visit:
    stats = _rows(Path(f"{prefix}_stats.csv"))
    total = next(row for row in stats if row["Name"] == "Aggregated")
    if not _number(total["Request Count"]):
        raise BenchError(f"Locust made no request:\n{tail(log, 40)}")
    history = [row for row in _rows(Path(f"{prefix}_stats_history.csv")) if row["Name"] == "Aggregated"]
    began = _number(history[0]["Timestamp"]) if history else 0
    return Visit(
        requests=int(_number(total["Request Count"])),
        failures=int(_number(total["Failure Count"])),
        rate=_number(total["Requests/s"]),
        p50=_number(total["50%"]),
        p95=_number(total["95%"]),
        p99=_number(total["99%"]),
        worst=_number(total["Max Response Time"]),
        began=began,
        history=[
            {
                "second": _number(row["Timestamp"]) - began,
                "users": _number(row["User Count"]),
                "rate": _number(row["Requests/s"]),
                "p50_ms": _number(row["50%"]),
                "p95_ms": _number(row["95%"]),
            }
            for row in history
        ],
        by_request=[
            [
                f"{row['Type']} {row['Name']}",
                f"{int(_number(row['Request Count'])):,}",
                *(row[column] for column in ("Failure Count", "50%", "95%", "99%")),
            ]
            for row in stats
            if row["Name"] != "Aggregated"
        ],
        problems="\n".join(
            f"{row['Occurrences']} × {row['Method']} {row['Name']}: {row['Error']}" for row in _rows(Path(f"{prefix}_failures.csv"))
        ),
        report=report,
    )
