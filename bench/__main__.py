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
import bench.linting
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
    """Measure, print, write the page when everything was measured; 1 when a limit is broken."""
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
    if len(chosen) == len(benches):
        page = PAGE.read_text(encoding="utf-8")
        head, _, rest = page.partition(BEGIN)
        tail = rest.partition(END)[2]
        PAGE.write_text(f"{head}{BEGIN}\n{_markdown(results)}\n{END}{tail}", encoding="utf-8")
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


def _markdown(results: Sequence[Result]) -> str:
    rows = [
        f"| {r.bench.title} | {_number(r.value, r.bench.unit)}"
        f" | {'' if r.bench.limit is None else _number(r.bench.limit, r.bench.unit)} |"
        for r in results
    ]
    machine = (
        f"`make bench BENCH=--large` on {platform.system()} {platform.machine()}, {os.cpu_count()} cores,"
        f" Python {platform.python_version()}:"
    )
    return "\n".join(["", machine, "", "| | measured | limit |", "|---|--:|--:|", *rows, ""])


def _number(value: float, unit: str) -> str:
    text = f"{value:.0f}" if unit in ("ms", "MB") else f"{value:.2f}"
    return f"{text} {unit}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
