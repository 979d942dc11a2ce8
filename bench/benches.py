"""The benches: one function each. Its title, its limit, and how to measure it."""

from __future__ import annotations

from bench.lab import ALEMBIC, PYTHON, RINGFENCE, ROOT, Lab, bench


@bench('`ringfence --version` ÷ `python -c "import click"`', limit=1.5, unit="×")
def version(lab: Lab) -> float:
    """What every command pays before it begins."""
    return lab.ratio([*RINGFENCE, "--version"], [*PYTHON, "-c", "import click"], runs=21)


@bench("`ringfence migrate` ÷ `alembic upgrade head`, nothing to do", limit=0.6, unit="×")
def migrate_without_work(lab: Lab) -> float:
    """What a deploy pays that brings no revision."""
    lab.run([*RINGFENCE, "migrate"])
    return lab.ratio([*RINGFENCE, "migrate"], [*ALEMBIC, "upgrade", "head"])


@bench("`ringfence db start`, no data yet", limit=300, unit="ms")
def start_cold(lab: Lab) -> float:
    """A new server, its data copied from the template that the first one left in the cache."""
    (seconds,) = lab.medians([*RINGFENCE, "db", "start"], before=_DESTROY)
    return seconds * 1000


@bench("`ringfence db start` − `python -c pass`, it runs already", limit=60, unit="ms")
def start_warm(lab: Lab) -> float:
    """What the command costs above the interpreter's own start when there is nothing to start."""
    ours, python = lab.medians([*RINGFENCE, "db", "start"], [*PYTHON, "-c", "pass"], runs=21)
    return (ours - python) * 1000


@bench("`make demo`, the environment is there", limit=10, unit="s")
def demo(lab: Lab) -> float:
    """From an empty database to a verified one, the earlier demo's database dropped first."""
    lab.run(_DESTROY)
    (seconds,) = lab.medians(["make", "demo"], runs=3, cwd=ROOT)
    return seconds


_DESTROY = [*RINGFENCE, "db", "destroy", "--yes"]
