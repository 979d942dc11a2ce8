"""Migrations side by side, run and measured: the unsafe form shows why, the safe one shows nothing.

The same file tells what lint makes of their text.
"""

from __future__ import annotations

import os
import tomllib
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from ringfence import rows
from ringfence.pg.connect import named
from ringfence.pg.observe import Observer
from ringfence.rehearse import Measured, Part, compat
from ringfence.rehearse.hazards import hazards
from ringfence.rehearse.sizes import Rates, Size, expected
from ringfence.script import Script

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from conftest import SomeServer
    from ringfence.finding import Finding

RULES = Path(__file__).parents[1] / "rules"
TABLES = (RULES / "tables.sql").read_text(encoding="utf-8")
PAIRS = tomllib.loads((RULES / "migrations.toml").read_text(encoding="utf-8"))["pair"]
ROWS = """
INSERT INTO p SELECT g FROM generate_series(1, 50) AS g;
INSERT INTO t SELECT g, g, 'b', 'c' || g % 7, 'd', g, g, g, now(), '{}', 1 + g % 50
FROM generate_series(1, 1500) AS g;
INSERT INTO r SELECT g, g FROM generate_series(1, 1500) AS g;
INSERT INTO r2 SELECT g FROM generate_series(1, 100) AS g;
INSERT INTO part SELECT g % 100 FROM generate_series(1, 100) AS g;
INSERT INTO part2 SELECT 100 + g % 100 FROM generate_series(1, 100) AS g;
INSERT INTO et SELECT g, 'a' FROM generate_series(1, 20) AS g;
INSERT INTO dt SELECT g FROM generate_series(1, 20) AS g;
INSERT INTO g (x) SELECT g FROM generate_series(1, 20) AS g;
REFRESH MATERIALIZED VIEW mv;
CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'begin return old; end';
CREATE TRIGGER touched BEFORE UPDATE ON t FOR EACH ROW EXECUTE FUNCTION f();
"""


@pytest.fixture(scope="module")
def template(server: SomeServer) -> Iterator[str]:
    """The name of a database with the tables, and rows in them."""
    if server.major < 18:
        pytest.skip("the pairs are written for PostgreSQL 18")
    name = f"pairs_{os.environ.get('PYTEST_XDIST_WORKER', 'main')}_{os.getpid()}"
    taken = (psycopg.errors.DuplicateObject, psycopg.errors.UniqueViolation)
    with psycopg.connect(server.dsn(), autocommit=True) as admin:
        with suppress(*taken):
            admin.execute("CREATE ROLE app_user")
        admin.execute(f"CREATE DATABASE {name} TEMPLATE template0")
        with psycopg.connect(server.dsn(name), autocommit=True) as connection:
            connection.execute(TABLES + ROWS)
        yield name
        admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


def parts(dsn: str, sql: str, known: Mapping[str, Size] | None = None) -> list[Part]:
    """What the statements did: those between BEGIN and COMMIT together, the others one by one."""
    text = Script("x.sql", sql)
    found: list[Part] = []
    block: list[Measured] = []
    with Observer(named(dsn, "the test")) as observer:
        observer.open()
        inside = False
        for statement in text.statements:
            if statement.controls_transaction:
                inside = statement.words[0] == "BEGIN"
                (observer.begin if inside else observer.commit)()
                if not inside:
                    found.append(Part("x", "", True, tuple(block)))
                    block = []
                continue
            seen = observer.observe(text, statement)
            cost = expected(seen, known, RATES) if known is not None else None
            block.append(Measured(statement.text, text.span(statement.start), seen, cost))
            if seen.error is not None:
                break
            if not inside:
                found.append(Part("x", "", False, tuple(block)))
                block = []
    return [*found, Part("x", "", True, tuple(block))] if block else found


RATES = Rates(scan=1e9, rewrite=1e8, build=1e8)


def look(dsn: str, sql: str) -> tuple[list[str], list[Finding]]:
    """The codes of what a migration does to those who were there before, and what it rests on."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        before = compat.world(connection, ())
        had = rows.held(connection)
    done = parts(dsn, sql)
    found = [f for part in done for f in hazards(part)]
    codes = {f.code for f in found if f.severity != "info"}
    if "FAILS" not in codes:
        written = {t for p in done for s in p.statements for t in s.observed.changed}
        emptied = {t for p in done for s in p.statements for t in s.observed.emptied}
        with psycopg.connect(dsn, autocommit=True) as connection:
            broken = compat.tried(connection, before).broken
            for each in broken:
                if not each.doubt:
                    codes.add("OLD_WRITER" if each.writes else "OLD_READER")
            after = compat.world(connection, (), before=before)
            if any(lost.sure for lost in compat.unkept(before, after, {b.key for b in broken})):
                codes.add("OLD_WRITER")
            for loss in rows.lost(had, rows.held(connection, (), had)):
                if loss.gone and (loss.table not in written or loss.table in emptied):
                    codes.add("DATA_LOSS")
    return sorted(codes), found


def sides() -> Iterator[Any]:
    for pair in PAIRS:
        for side in ("unsafe", "safe"):
            yield pytest.param(pair, side, id=f"{pair['name']}-{side}")


def test_there_are_enough_of_them() -> None:
    assert 2 * len(PAIRS) >= 260


@pytest.mark.slow
@pytest.mark.parametrize(("pair", "side"), list(sides()))
def test_what_was_measured(
    pair: dict[str, Any], side: str, template: str, make_database: Callable[..., str]
) -> None:
    dsn = make_database(template)
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(pair.get("before", ""))
    codes, _ = look(dsn, pair[side])
    assert codes == (pair.get("hazards", []) if side == "unsafe" else pair.get("nevertheless", []))


# How large a table is


@pytest.mark.parametrize(
    "sql",
    [
        "CREATE INDEX t_e ON t (e);",
        "ALTER TABLE t ALTER COLUMN e TYPE BIGINT;",
        "ALTER TABLE t ADD CONSTRAINT ck CHECK (a > 0);",
        "BEGIN; ALTER TABLE t ADD COLUMN z INT; CREATE INDEX t_e ON t (e); COMMIT;",
    ],
)
def test_a_small_table_is_no_hazard(
    sql: str, template: str, make_database: Callable[..., str]
) -> None:
    large = Size(rows=10**9, heap=10**11, indexes=10**10, index_count=3)
    small = replace(large, rows=1000, heap=10**6, indexes=10**5)
    for size, severities in ((large, {"error"}), (small, {"info"})):
        seen = parts(make_database(template), sql, {"public.t": size})
        found = [f for part in seen for f in hazards(part)]
        assert {str(f.severity) for f in found} == severities
