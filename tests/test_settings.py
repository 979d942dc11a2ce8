"""Settings and schemas that a database or a role puts before ours: they change nothing of what we do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from projects import Project

if TYPE_CHECKING:
    from pathlib import Path

EVIL = """
CREATE SCHEMA evil;
CREATE TABLE evil.seen (what text);
CREATE VIEW evil.pg_class AS SELECT * FROM pg_catalog.pg_class WHERE false;
CREATE VIEW evil.pg_namespace AS SELECT * FROM pg_catalog.pg_namespace WHERE false;
CREATE VIEW evil.pg_constraint AS SELECT * FROM pg_catalog.pg_constraint WHERE false;
CREATE VIEW evil.pg_index AS SELECT * FROM pg_catalog.pg_index WHERE false;
CREATE VIEW evil.pg_stat_activity AS SELECT * FROM pg_catalog.pg_stat_activity WHERE false;
CREATE FUNCTION evil.to_regclass(text) RETURNS regclass LANGUAGE plpgsql AS
    $$BEGIN INSERT INTO evil.seen VALUES ('to_regclass'); RETURN NULL; END$$;
CREATE FUNCTION evil.to_regnamespace(text) RETURNS regnamespace LANGUAGE plpgsql AS
    $$BEGIN INSERT INTO evil.seen VALUES ('to_regnamespace'); RETURN NULL; END$$;
CREATE FUNCTION evil.pg_try_advisory_lock(integer, integer) RETURNS boolean LANGUAGE sql AS
    'SELECT true';
CREATE FUNCTION evil.pg_is_in_recovery() RETURNS boolean LANGUAGE sql AS 'SELECT true';
CREATE FUNCTION evil.current_setting(text) RETURNS text LANGUAGE sql AS $$SELECT 'evil'$$;
CREATE FUNCTION evil.obj_description(oid, name) RETURNS text LANGUAGE sql AS $$SELECT 'evil'$$;
CREATE FUNCTION evil.clock_timestamp() RETURNS timestamptz LANGUAGE sql AS
    $$SELECT '2000-01-01'::timestamptz$$;
"""


@pytest.fixture
def project(tmp_path: Path, database: str) -> Project:
    made = Project(tmp_path / "project", database)
    made.revision("0001", "CREATE TABLE public.t (id integer);", "DROP TABLE public.t;")
    made.revision(
        "0002",
        "CREATE TABLE here (at date DEFAULT '2020-02-01');",
        "DROP TABLE here;",
        verify="SELECT 1 AS wrong WHERE to_regclass('here') IS NULL;",
    )
    return made


def says(project: Project, setting: str) -> None:
    """Have the database say this to every session."""
    name = str(conninfo_to_dict(project.dsn)["dbname"])
    with psycopg.connect(project.dsn, autocommit=True) as connection:
        connection.execute(
            sql.SQL("ALTER DATABASE {} SET {}").format(sql.Identifier(name), sql.SQL(setting))
        )


def everything(project: Project) -> None:
    """Forward, back, forward, and look."""
    for argv in (
        ("migrate",),
        ("status",),
        ("history",),
        ("migrate", "--to", "-1", "--yes"),
        ("migrate",),
        ("verify", "--claim", "history", "--claim", "head", "--claim", "verify-files"),
        ("status",),
    ):
        done = project.run(*argv)
        assert (done.status, done.err if done.status else "") == (0, ""), (argv, done)


@pytest.mark.parametrize(
    "setting",
    [
        "DateStyle = 'German, DMY'",
        "DateStyle = 'SQL, DMY'",
        "standard_conforming_strings = off",
        "quote_all_identifiers = on",
        "idle_in_transaction_session_timeout = 1",
        "search_path = ''",
        "bytea_output = escape",
        "IntervalStyle = sql_standard",
    ],
)
def test_a_setting_of_the_database(project: Project, setting: str) -> None:
    if setting.startswith("search_path"):
        project.revision(
            "0002",
            "CREATE TABLE public.here (at date);",
            "DROP TABLE public.here;",
            after="0001",
            verify="SELECT 1 AS wrong WHERE to_regclass('public.here') IS NULL;",
        )
    says(project, setting)
    everything(project)


def test_what_stands_before_the_servers_own_functions_is_not_called(project: Project) -> None:
    everything(project)
    project.query(EVIL)
    says(project, "search_path = evil, pg_catalog, public")
    done = project.run("status")
    assert "applied  0002" in done.out
    assert project.run("history").out.count("finished") == 4
    project.revision("0003", "CREATE TABLE public.more (id integer);", "DROP TABLE public.more;")
    done = project.run("migrate")
    assert done.status == 0, done.err
    assert project.run("verify", "--claim", "history", "--claim", "head").status == 0
    assert project.query("SELECT * FROM evil.seen") == []


def test_a_revision_finds_tables_where_the_database_says(project: Project) -> None:
    project.query("CREATE SCHEMA app")
    says(project, "search_path = app, public")
    everything(project)
    assert project.query("SELECT to_regclass('app.here') IS NOT NULL") == [(True,)]


def test_a_database_that_is_not_utf8(project: Project) -> None:
    name = f"latin_{conninfo_to_dict(project.dsn)['dbname']}"
    admin = project.dsn
    project.query(
        f"CREATE DATABASE {name} ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0", dsn=admin
    )
    try:
        project.dsn = make_conninfo(admin, dbname=name)
        assert project.run("migrate").out == "now at 0002\n"
        done = project.run("verify", "--claim", "drift", "--claim", "verify-files")
        assert (done.status, done.err) == (0, "")
        assert project.run("diff", "live", "head").status == 0
        assert project.run("snapshot", "live").status == 0
    finally:
        project.query(f"DROP DATABASE {name} WITH (FORCE)", dsn=admin)
