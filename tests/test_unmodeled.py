"""What ringfence does not model is named, one row a thing, and nothing else is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
import pytest

from engine import catalog, psql
from projects import Project, lines

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

TABLES = "CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE b (id int REFERENCES a); "

CASES = {
    "a system function's privilege": (
        "REVOKE EXECUTE ON FUNCTION pg_catalog.lower(text) FROM PUBLIC",
        "privilege",
        "function lower(text)",
        "it is the system's own, and its privileges are not those it came with",
    ),
    "a system column's privilege": (
        "GRANT SELECT (rolpassword) ON pg_catalog.pg_authid TO pg_monitor",
        "privilege",
        "column rolpassword of table pg_authid",
        "it is the system's own, and its privileges are not those it came with",
    ),
    "a privilege on what an extension made": (
        "CREATE EXTENSION citext; REVOKE EXECUTE ON FUNCTION citext_eq(citext, citext) FROM PUBLIC",
        "privilege",
        "function public.citext_eq(public.citext,public.citext)",
        "it belongs to extension citext, and its privileges are not those it came with",
    ),
    "a privilege on plpgsql": (
        "REVOKE USAGE ON LANGUAGE plpgsql FROM PUBLIC",
        "privilege",
        "language plpgsql",
        "it belongs to extension plpgsql, and its privileges are not those it came with",
    ),
    "a function among the system's": (
        "CREATE FUNCTION pg_catalog.mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "object in a system schema",
        "function mine()",
        "what is in schema pg_catalog is the system's own",
    ),
    "a domain among the system's": (
        "CREATE DOMAIN pg_catalog.mine AS int",
        "object in a system schema",
        "type mine",
        "what is in schema pg_catalog is the system's own",
    ),
    "a view among the system's": (
        "CREATE VIEW information_schema.mine AS SELECT 1 AS one",
        "object in a system schema",
        "view information_schema.mine",
        "what is in schema information_schema is the system's own",
    ),
    "a foreign key that is not held": (
        TABLES + "ALTER TABLE b DISABLE TRIGGER ALL",
        "disabled constraint",
        "b_id_fkey on public.b",
        "the triggers that hold it are disabled on public.b",
    ),
}

MODELED = {
    "nothing": "SELECT 1",
    "extensions as they come": "CREATE EXTENSION citext; CREATE EXTENSION hstore",
    "foreign keys": TABLES,
    "privileges on public": "REVOKE ALL ON SCHEMA public FROM PUBLIC",
    "privileges on one's own": TABLES
    + "GRANT SELECT (id) ON a TO pg_monitor; REVOKE ALL ON b FROM PUBLIC",
    "a transform": (
        "CREATE TRANSFORM FOR int LANGUAGE sql (FROM SQL WITH FUNCTION prsd_lextype(internal),"
        " TO SQL WITH FUNCTION int4recv(internal))"
    ),
}


def _make(database: str, text: str) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("SET allow_system_table_mods = on")
        connection.execute(text.encode())


@pytest.mark.parametrize("case", CASES)
def test_it_is_named(case: str, make_database: Callable[..., str]) -> None:
    text, what, name, reason = CASES[case]
    database = make_database()
    _make(database, text)
    assert [(u.what, u.name, u.reason) for u in catalog(database).unmodeled] == [
        (what, name, reason)
    ]


@pytest.mark.parametrize("case", MODELED)
def test_nothing_is_named(case: str, make_database: Callable[..., str]) -> None:
    database = make_database()
    _make(database, MODELED[case])
    assert catalog(database).unmodeled == ()


# What commands say of it

HIDDEN = TABLES + "ALTER TABLE b DISABLE TRIGGER ALL;"
SAID = (
    "disabled constraint b_id_fkey on public.b: the triggers that hold it are disabled on public.b"
)
NAME = "disabled constraint:b_id_fkey on public.b"


@pytest.fixture
def project(tmp_path: Path, database: str) -> Project:
    made = Project(tmp_path / "project", database)
    (made.root / "ddl").mkdir()
    (made.root / "ddl" / "all.sql").write_text(HIDDEN, encoding="utf-8")
    return made


def _plan(project: Project, *argv: str) -> tuple[int, str]:
    result = project.run("plan", "-m", "x", *argv, dsn="", env={"RINGFENCE_DSN": project.dsn})
    return result.status, result.err


def test_a_plan_refuses_what_it_cannot_see_until_it_is_named(project: Project) -> None:
    assert _plan(project) == (
        1,
        lines(
            "error: 1 thing that ringfence does not model",
            f"detail: {SAID}",
            f"hint: to plan without: --allow 'UNMODELED:{NAME}';"
            " for good: unmodeled in [tool.ringfence]",
        ),
    )
    assert not list(project.versions.glob("*"))
    assert _plan(project, "--allow", "UNMODELED:disabled constraint:other")[0] == 1
    status, err = _plan(project, "--allow", f"UNMODELED:{NAME}")
    assert status == 0, err
    assert f"note: not compared: {SAID}\n" in err


def test_it_is_named_once_for_good(project: Project) -> None:
    project.say(f'[tool.ringfence]\nunmodeled = ["{NAME}"]')
    text = (project.root / "pyproject.toml").read_text().replace("\n[tool.ringfence]\n", "\n", 1)
    (project.root / "pyproject.toml").write_text(text)
    status, err = _plan(project)
    assert status == 0, err
    assert "not compared" not in err


def test_whoever_looks_is_told(project: Project, database: str, tmp_path: Path) -> None:
    psql(database, HIDDEN)
    result = project.run("diff", "live", "ddl")
    assert (result.status, result.out) == (0, "")
    assert f"note: not compared: {SAID}\n" in result.err
    (project.root / "ddl" / "more.sql").write_text("CREATE TABLE c (id int);")
    result = project.run("diff", "live", "ddl")
    assert f"not checked: {SAID}\n" in result.err
    assert "not proved" not in result.err
    result = project.run("snapshot", "-o", str(tmp_path / "s.json"))
    assert f"named, and not described: {SAID}\n" in result.err
    (project.root / "ddl" / "more.sql").unlink()
    result = project.run("pull")
    assert f"not written: {SAID}\n" in result.err
    result = project.run("verify", "--claim", "ddl", "--claim", "drift")
    assert (
        "warning: disabled constraint b_id_fkey on public.b was not compared: the triggers that hold"
        " it are disabled on public.b [drift]" in result.out
    )


def test_a_role_that_may_not_read_a_subscription_says_so(
    database: str, make_database: Callable[..., str]
) -> None:
    from psycopg.conninfo import conninfo_to_dict, make_conninfo

    role = f"reader_{conninfo_to_dict(database)['dbname']}"
    name = f"sub_{conninfo_to_dict(database)['dbname']}"
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(f"CREATE ROLE {role} LOGIN")
        try:
            connection.execute(
                f"CREATE SUBSCRIPTION {name} CONNECTION 'dbname=nowhere' PUBLICATION p"
                " WITH (connect = false)"
            )
            found = catalog(make_conninfo(database, user=role)).unmodeled
            assert [(u.code, u.reason) for u in found] == [
                (f"UNMODELED:subscription:{name}", "only a superuser may read subscriptions")
            ]
        finally:
            connection.execute(f"ALTER SUBSCRIPTION {name} SET (slot_name = NONE)")
            connection.execute(f"DROP SUBSCRIPTION IF EXISTS {name}")
            connection.execute(f"DROP ROLE {role}")
