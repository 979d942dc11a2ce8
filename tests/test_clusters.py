"""Two databases on two servers: roles that only one of them has, and two major versions."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest

from engine import psql
from projects import Project
from ringfence.errors import Error
from ringfence.pg import embedded

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conftest import SomeServer


def _other(major: int) -> Iterator[str]:
    home = Path(tempfile.mkdtemp(prefix="ringfence-other-"))
    try:
        yield embedded.start(home, server_version=major).dsn()
    except Error as error:
        pytest.skip(f"there is no PostgreSQL {major} here: {error.message}")
    finally:
        embedded.stop(home, immediate=True)
        embedded.destroy(home)
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture
def elsewhere(server: SomeServer) -> Iterator[str]:
    """A database on another server of the same major version."""
    yield from _other(server.major)


@pytest.fixture
def older(server: SomeServer) -> Iterator[str]:
    """A database on a server of another major version, the oldest that there is."""
    if server.major < 18:
        pytest.skip(f"the server is PostgreSQL {server.major}")
    yield from _other(15)


@pytest.fixture
def project(tmp_path: Path, database: str) -> Project:
    return Project(tmp_path / "project", database)


def test_roles_that_are_only_elsewhere(project: Project, database: str, elsewhere: str) -> None:
    psql(database, "CREATE TABLE t (a integer); CREATE TABLE u (a integer);")
    psql(
        elsewhere,
        'CREATE ROLE "Only There"; CREATE ROLE theirs; CREATE TABLE t (a bigint);'
        " CREATE TABLE u (a integer); ALTER TABLE u OWNER TO theirs;"
        ' REVOKE INSERT ON t FROM postgres; GRANT SELECT ON t TO "Only There";'
        ' CREATE POLICY p ON t TO "Only There" USING (true);'
        ' ALTER DEFAULT PRIVILEGES FOR ROLE theirs GRANT SELECT ON TABLES TO "Only There";',
    )
    result = project.run("diff", "live", elsewhere)
    assert result.status == 1, result.err
    assert '-- these roles have to exist: "Only There", theirs\n' in result.out
    assert (
        'note: role "Only There" is not on FROM\'s server, and has to be before the script runs\n'
        "note: role theirs is not on FROM's server, and has to be before the script runs\n"
    ) in result.err
    assert "proved: the clone's catalog equals the target's" in result.err
    assert "proved: pg_dump of the clone equals pg_dump of the target\n" in result.err
    with psycopg.connect(database) as connection:
        found = connection.execute("SELECT FROM pg_roles WHERE rolname IN ('Only There', 'theirs')")
        assert found.fetchone() is None
    back = project.run("diff", elsewhere, "live")
    assert back.status == 1, back.err
    assert "have to exist" not in back.out
    assert "proved: pg_dump of the clone equals pg_dump of the target\n" in back.err


BOTH = """
CREATE SCHEMA "S s";
CREATE TABLE "S s".t (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    a text NOT NULL DEFAULT 'x' CHECK (a IN ('p', 'x')),
    b numeric(10, 2) CHECK (b > 0),
    v varchar(10)[]
);
CREATE TABLE p (id integer NOT NULL);
CREATE TABLE c () INHERITS (p);
CREATE INDEX ON "S s".t (lower(a)) WHERE b > 3;
CREATE VIEW w AS SELECT t.a, count(*) FROM "S s".t JOIN "S s".t AS u USING (id)
    WHERE t.a LIKE 'x%' GROUP BY 1 HAVING count(*) > 2;
CREATE FUNCTION f(x integer) RETURNS integer LANGUAGE sql BEGIN ATOMIC SELECT x + 1; END;
CREATE TABLE r (id integer, d date) PARTITION BY RANGE (d);
CREATE TABLE r1 PARTITION OF r FOR VALUES FROM ('2024-01-01') TO (MAXVALUE);
CREATE PUBLICATION pu FOR TABLE "S s".t WHERE (b > 3);
ALTER TABLE "S s".t ENABLE ROW LEVEL SECURITY;
CREATE POLICY pp ON "S s".t USING (a = current_user);
CREATE MATERIALIZED VIEW mv AS SELECT * FROM w;
GRANT SELECT, UPDATE ON "S s".t TO PUBLIC;
GRANT ALL ON r TO PUBLIC;
ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO PUBLIC;
CREATE AGGREGATE ag (integer) (SFUNC = int4pl, STYPE = integer, INITCOND = '0');
CREATE TYPE co AS (a integer, b text);
CREATE TRIGGER tt BEFORE UPDATE ON "S s".t FOR EACH ROW WHEN (old.* IS DISTINCT FROM new.*)
    EXECUTE FUNCTION suppress_redundant_updates_trigger();
"""


@pytest.mark.slow
def test_the_same_schema_on_two_majors_is_the_same(
    project: Project, database: str, older: str
) -> None:
    psql(database, BOTH)
    psql(older, BOTH)
    there, back = project.run("diff", older, "live"), project.run("diff", "live", older)
    assert (there.status, back.status) == (0, 0), there.out + back.out + back.err
    assert "note: FROM is PostgreSQL 15, TO 18: TO is compared as PostgreSQL 15 has it" in there.err
    assert (
        "note: PostgreSQL 15 has no not null name of a column: left out for public.c.id"
        in there.err
    )
    assert "note: FROM is PostgreSQL 18, TO 15: TO is compared as PostgreSQL 18 has it" in back.err
    snapshot = project.root / "new.json"
    assert project.run("snapshot", "-o", str(snapshot)).status == 0
    assert project.run("diff", older, str(snapshot)).status == 0
    elder = project.root / "old.json"
    assert project.run("snapshot", "--dsn", older, "-o", str(elder)).status == 0
    assert project.run("diff", "live", str(elder)).out == ""

    psql(
        database,
        "ALTER PUBLICATION pu SET (publish_generated_columns = stored);"
        ' ALTER TABLE "S s".t ADD CONSTRAINT nn NOT NULL b, ADD more text;',
    )
    there, back = project.run("diff", older, "live"), project.run("diff", "live", older)
    assert "publish_generated_columns" not in there.out
    assert "PostgreSQL 15 has no generated columns of a publication: left out for pu" in there.err
    assert "publish_generated_columns = none" in back.out
    for result in (there, back):
        assert result.status == 1, result.err
        assert "proved: pg_dump of the clone equals pg_dump of the target\n" in result.err
    psql(older, there.out)
    assert project.run("diff", older, "live").status == 0

    psql(database, "CREATE TABLE g (a integer, v integer GENERATED ALWAYS AS (a * 2) VIRTUAL)")
    result = project.run("diff", older, "live")
    assert (result.status, result.out) == (3, "")
    assert result.err == (
        "error: live is PostgreSQL 18, and table public.g cannot be on the PostgreSQL 15 of the"
        ' other side: syntax error at or near "VIRTUAL"\n'
        "detail:   v integer GENERATED ALWAYS AS ((a * 2)) VIRTUAL\n"
        "hint: compare databases of one major version, or take it out of the newer one\n"
    )
