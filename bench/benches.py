"""The benches: one function each. Its title, its limit, and how to measure it."""

from __future__ import annotations

from bench.lab import ALEMBIC, PYTHON, RINGFENCE, ROOT, Lab, bench
from bench.schemas import ddl


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


@bench("`extract` ÷ `pg_dump -s`, 100 tables", limit=None, unit="×")
def extract_small(lab: Lab) -> float:
    """Reading a small schema: the round trips and the statements themselves."""
    return _extraction(lab, 100)


@bench("`extract` ÷ `pg_dump -s`, 1,000 tables", limit=0.5, unit="×")
def extract_medium(lab: Lab) -> float:
    """Reading a live database into a catalog, a new connection each time."""
    return _extraction(lab, 1000)


@bench("`extract` ÷ `pg_dump -s`, 1,000 tables, and what needs what", limit=None, unit="×")
def extract_uses(lab: Lab) -> float:
    """The same, with pg_depend made out, which is put off until a plan asks for it."""
    return _extraction(lab, 1000, uses=True)


@bench("`extract` ÷ `pg_dump -s`, 5,000 tables", limit=None, unit="×", large=True)
def extract_large(lab: Lab) -> float:
    """Reading a large schema."""
    return _extraction(lab, 5000, runs=5)


@bench(
    "`ringfence diff` of two equal databases ÷ two `pg_dump -s`, 1,000 tables", limit=0.6, unit="×"
)
def diff_equal(lab: Lab) -> float:
    """The whole process, from the interpreter's start to its end."""
    a, b = lab.database(1000), _twin(lab, 1000)
    ours, one, other = lab.medians(_diff(a, b), _dump(a), _dump(b), runs=7)
    return ours / (one + other)


@bench("`ringfence diff live FILE` again ÷ extraction alone, 1,000 tables", limit=1.2, unit="×")
def diff_again(lab: Lab) -> float:
    """Nothing changed since the last run: the file's catalog is in the cache. Whole processes."""
    live = lab.database(1000)
    file = lab.project / "schema.sql"
    file.write_text(ddl(1000), encoding="utf-8")
    lab.run(_diff("live", str(file), "--dsn", live))
    return lab.ratio(
        _diff("live", str(file), "--dsn", live), [*PYTHON, "-c", _EXTRACT, live], runs=7
    )


@bench(
    "`ringfence diff`, one table in fifty changed ÷ none changed, 1,000 tables", limit=2, unit="×"
)
def diff_changed(lab: Lab) -> float:
    """What a plan costs above finding that none is needed; whole processes, proof aside."""
    return _changed(lab, 1000)


@bench(
    "`ringfence diff`, one table in fifty changed ÷ none changed, 5,000 tables",
    limit=2,
    unit="×",
    large=True,
)
def diff_changed_large(lab: Lab) -> float:
    """The same of a large schema."""
    return _changed(lab, 5000, runs=3)


@bench(
    "`ringfence diff` of two equal databases, memory, 5,000 tables",
    limit=400,
    unit="MB",
    large=True,
)
def memory(lab: Lab) -> float:
    """The most that the process had at any time."""
    return lab.peak(_diff(lab.database(5000), _twin(lab, 5000)))


_EXTRACT = """
import sys
from ringfence.pg.connect import connect, named
from ringfence.pg.extract import extract
with connect(named(sys.argv[1], "the DSN")) as connection:
    extract(connection)
"""


def _extraction(lab: Lab, tables: int, *, uses: bool = False, runs: int = 9) -> float:
    from ringfence.pg.connect import connect, named
    from ringfence.pg.extract import extract

    dsn = lab.database(tables)

    def read() -> None:
        with connect(named(dsn, "the DSN")) as connection:
            catalog = extract(connection)
        if uses:
            assert catalog.uses

    ours, dump = lab.turns(read, lambda: lab.run(_dump(dsn)), runs=runs)
    return ours / dump


def _changed(lab: Lab, tables: int, runs: int = 7) -> float:
    a, b, c = lab.database(tables), _twin(lab, tables), lab.database(tables, changed=True)
    changed, same = lab.turns(
        lambda: lab.run(_diff(a, c), fine=(1,)), lambda: lab.run(_diff(a, b)), runs=runs
    )
    return changed / same


def _twin(lab: Lab, tables: int) -> str:
    """A database that has the same in it as `lab.database(tables)`."""
    import psycopg
    from psycopg import sql

    lab.database(tables)
    server, name = lab.server(), f"bench_{tables}_twin"
    with psycopg.connect(f"{server} dbname=postgres", autocommit=True) as admin:
        there = "SELECT FROM pg_database WHERE datname = %s"
        if admin.execute(there, (name,)).fetchone() is None:
            admin.execute(
                sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(
                    sql.Identifier(name), sql.Identifier(f"bench_{tables}")
                )
            )
    return f"{server} dbname={name}"


def _diff(*arguments: str) -> list[str]:
    return [*RINGFENCE, "diff", "--no-proof", *arguments]


def _dump(dsn: str) -> list[str]:
    from ringfence.pg import binaries

    return [str(binaries.find_binaries().bin / "pg_dump"), "-s", "-d", dsn]


_DESTROY = [*RINGFENCE, "db", "destroy", "--yes"]


@bench("500 trivial revisions: `ringfence migrate` ÷ plain Alembic", limit=1.5, unit="×")
def five_hundred(lab: Lab) -> float:
    """The audit of every revision, with its SQL, against none; the best of five runs each, by turns."""
    from bench import load

    best: dict[str, float] = {}
    texts = [f"CREATE TABLE t{number} (id INT);" for number in range(500)]
    folders = {
        way: load.project(lab.project.parent / f"many-{way}", way, texts)
        for way in ("ringfence", "alembic")
    }
    for _ in range(5):
        for way, folder in folders.items():
            dsn = load.empty(lab, f"many_{way}")
            lab.environment["LOAD_DSN"] = dsn
            command = [*RINGFENCE, "migrate", "--dsn", dsn]
            command = command if way == "ringfence" else [*ALEMBIC, "upgrade", "head"]
            seconds = lab.run(command, cwd=folder)
            best[way] = min(seconds, best.get(way, seconds))
    return best["ringfence"] / best["alembic"]


@bench("longest wait of a writer while twelve revisions are applied online", limit=1300, unit="ms")
def stall(lab: Lab) -> float:
    """Under a write load; the same done naively by plain Alembic is told beside it."""
    import sys

    from bench import load

    felt = {way: load.under_load(lab, way) for way in ("alembic", "ringfence")}
    for way, each in felt.items():
        sys.stderr.write(
            f"  {way}: longest wait {each.longest * 1000:.0f} ms, {each.failed} of {each.done}"
            f" transactions failed, {each.seconds:.1f} s in all\n"
        )
    if felt["ringfence"].failed:
        sys.exit("error: a writer's transaction failed")
    return felt["ringfence"].longest * 1000
