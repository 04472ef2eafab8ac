"""What a benchmark has found: tables for people, figures and targets for programs, and whether it passed."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from bench.figures import Series, grouped

COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "≤": operator.le,
    ">": operator.gt,
    "≥": operator.ge,
    "=": operator.eq,
}

# What a target depends on: on nothing, on the machine a little (a ratio within one run), or on nothing but the machine.
CORRECT, RATIO, MACHINE = "correct", "ratio", "machine"


@dataclass(frozen=True)
class Target:
    """One thing that was promised."""

    name: str
    title: str
    value: float
    comparison: str
    bound: float
    unit: str
    kind: str
    whose: str = "Tienda"
    # What a ratio must reach even on a machine that is busy with other things; what --ci judges.
    floor: float | None = None

    def passed(self, ci: bool = False) -> bool:
        bound = self.floor if ci and self.floor is not None else self.bound
        return (ci and self.kind == MACHINE) or COMPARISONS[self.comparison](self.value, bound)

    def row(self, ci: bool) -> list[str]:
        digits = 0 if self.value == int(self.value) else 2 if abs(self.value) < 100 else 1
        wanted = f"{self.comparison} {grouped(self.bound, 0 if self.bound == int(self.bound) else 2)}"
        met = "pass" if self.passed() else "**missed**, not judged" if self.passed(ci) else "**FAIL**"
        return [self.title, f"{grouped(self.value, digits)} {self.unit}".rstrip(), f"{wanted} {self.unit}".rstrip(), self.whose, met]


@dataclass
class Table:
    """One table of the report."""

    columns: Sequence[str]
    rows: list[list[str]]
    title: str = ""

    def markdown(self) -> str:
        lines = [self.columns, ["---"] * len(self.columns), *self.rows]
        table = "\n".join("| " + " | ".join(line) + " |" for line in lines)
        return f"{self.title}\n\n{table}" if self.title else table


@dataclass
class Report:
    """Of one benchmark."""

    name: str
    options: Mapping[str, Any] = field(default_factory=dict)
    bounds: Mapping[str, float] = field(default_factory=dict)
    figures: dict[str, dict[str, Any]] = field(default_factory=dict)
    targets: list[Target] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    samples: dict[str, Any] = field(default_factory=dict)
    # Names of files, by what they show.
    plots: dict[str, str] = field(default_factory=dict)

    def figure(self, name: str, value: Series | float, unit: str) -> None:
        self.figures[name] = {"unit": unit, **(value if isinstance(value, Series) else Series.of([value])).as_json()}

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[str]], title: str = "") -> None:
        self.tables.append(Table(list(columns), [list(row) for row in rows], title))

    def target(
        self,
        name: str,
        title: str,
        value: float,
        comparison: str,
        bound: float,
        unit: str,
        kind: str,
        *,
        whose: str = "Tienda",
        floor: float | None = None,
    ) -> None:
        """Notes what was promised; `--target NAME=VALUE` puts another bound in the place of Tienda's own."""
        if whose == "Tienda" and name in self.bounds:
            bound, floor = self.bounds[name], None
        self.targets.append(Target(name, title, value, comparison, bound, unit, kind, whose, floor))

    def missed(self, ci: bool) -> list[Target]:
        return [target for target in self.targets if not target.passed(ci)]

    def markdown(self, ci: bool = False) -> str:
        parts = [table.markdown() for table in self.tables] + self.notes
        if self.targets:
            rows = [target.row(ci) for target in self.targets]
            parts.append(Table(["target", "measured", "wanted", "of", ""], rows).markdown())
        return "\n\n".join(parts) + "\n"

    def as_json(self) -> dict[str, Any]:
        return {
            "benchmark": self.name,
            "options": dict(self.options),
            "figures": self.figures,
            "targets": [{**asdict(target), "passed": target.passed()} for target in self.targets],
            "tables": [asdict(table) for table in self.tables],
            "notes": self.notes,
            "samples": self.samples,
            "plots": self.plots,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any], bounds: Mapping[str, float]) -> Report:
        """What was saved, to be judged again."""
        report = cls(
            data["benchmark"],
            data["options"],
            bounds,
            data["figures"],
            [],
            [Table(**table) for table in data["tables"]],
            data["notes"],
            data["samples"],
            data["plots"],
        )
        for target in data["targets"]:
            report.target(**{name: value for name, value in target.items() if name != "passed"})
        return report
