"""Run the benches: `python -m bench [--large] [WORD …]`, those with a WORD in their title, or all.

With `--large`, those of a schema of 5,000 tables too, which takes minutes.
"""

from __future__ import annotations

import os
import platform
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

import bench.benches
import bench.isolating
import bench.linting
import bench.rehearsing
import bench.seeding  # noqa: F401
from bench.lab import ROOT, benches, opened

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.lab import Bench

PAGE = ROOT / "docs" / "reference" / "performance.md"
BEGIN = "<!-- bench: begin -->"
END = "<!-- bench: end -->"


@dataclass(frozen=True, slots=True)
class Result:
    """What a bench measured."""

    bench: Bench
    value: float

    @property
    def kept(self) -> bool:
        """Whether it stayed within its limit."""
        return self.bench.limit is None or self.value <= self.bench.limit


def main(words: Sequence[str]) -> int:
    """Measure, print, write what was measured into the page; 1 when a limit is broken."""
    large, words = "--large" in words, [word for word in words if word != "--large"]
    chosen = [
        b
        for b in benches
        if (large or not b.large) and (not words or any(word in b.title for word in words))
    ]
    console = Console(highlight=False)
    results: list[Result] = []
    with opened() as lab:
        for each in chosen:
            Console(stderr=True).print(
                f"[dim]{each.title.replace('`', '')} …[/dim]", highlight=False
            )
            results.append(Result(each, each.measure(lab)))
    console.print(_table(results))
    page = PAGE.read_text(encoding="utf-8")
    head, _, rest = page.partition(BEGIN)
    before, _, tail = rest.partition(END)
    PAGE.write_text(f"{head}{BEGIN}\n{_markdown(results, before)}\n{END}{tail}", encoding="utf-8")
    return int(not all(result.kept for result in results))


def _table(results: Sequence[Result]) -> Table:
    table = Table(box=None, pad_edge=False)
    for heading in ("", "measured", "limit", ""):
        table.add_column(heading, justify="right" if heading else "left")
    for result in results:
        mark = "[green]✓[/green]" if result.kept else "[red]✗[/red]"
        unit = result.bench.unit
        title = result.bench.title.replace("`", "")
        limit = "" if result.bench.limit is None else _number(result.bench.limit, unit)
        table.add_row(title, _number(result.value, unit), limit, mark if limit else "")
    return table


def _markdown(results: Sequence[Result], before: str) -> str:
    """The table: what was measured now, and what the page had `before` of the others."""
    rows = {line.split(" | ")[0]: line for line in before.splitlines() if line.startswith("| ")}
    for result in results:
        bench = result.bench
        limit = "" if bench.limit is None else _number(bench.limit, bench.unit)
        kept = "" if bench.limit is None else "yes" if result.kept else "no"
        value = _number(result.value, bench.unit)
        rows[f"| {bench.title}"] = f"| {bench.title} | {value} | {limit} | {kept} |"
    ordered = [rows[f"| {b.title}"] for b in benches if f"| {b.title}" in rows]
    machine = (
        f"`make bench BENCH=--large` on {platform.system()} {platform.machine()},"
        f" {os.cpu_count()} cores, Python {platform.python_version()}:"
    )
    return "\n".join(
        ["", machine, "", "| | measured | limit | kept |", "|---|--:|--:|--:|", *ordered, ""]
    )


def _number(value: float, unit: str) -> str:
    text = f"{value:.0f}" if unit in ("ms", "MB") else f"{value:.2f}"
    return f"{text} {unit}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
