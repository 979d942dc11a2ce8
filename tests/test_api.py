"""What a Python program does with ringfence, without the command line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

import ringfence
from projects import ROOT, Project
from ringfence.errors import Misuse, Refused, ServerError
from ringfence.step import from_json

if TYPE_CHECKING:
    from pathlib import Path

ONE = "CREATE TABLE public.t (id integer PRIMARY KEY, name text);"
TWO = (
    "CREATE TABLE public.t (id bigint PRIMARY KEY, name text NOT NULL);\n"
    "CREATE INDEX t_name ON public.t (name);"
)


@pytest.fixture
def wanted(tmp_path: Path) -> Path:
    path = tmp_path / "b.sql"
    path.write_text(TWO, encoding="utf-8")
    return path


def test_the_way_from_a_database_to_files(database: str, wanted: Path) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(ONE)
        live = ringfence.extract(connection)
        target = ringfence.load(wanted)
        assert next(str(c.ref) for c in ringfence.diff(live, target)) == "column:public.t.id"
        done = ringfence.compare(database, wanted)
        assert done.plan.proof is not None
        assert done.plan.proof.holds
        with pytest.raises(Refused, match="hazards that nobody agreed to"):
            ringfence.apply(connection, done.plan)
        assert ringfence.extract(connection) == live
        ringfence.apply(
            connection,
            from_json(json.loads(json.dumps(done.plan.to_json()))),
            allow=[str(h.code) for h in done.plan.hazards],
        )
        assert ringfence.compare(database, wanted, prove=False).plan.steps == ()
        assert connection.execute("SHOW lock_timeout").fetchone() == ("0",)


def test_steps_that_need_transactions_of_their_own(database: str, wanted: Path) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(ONE)
        live = ringfence.extract(connection)
        target = ringfence.load(wanted)
        owned = ringfence.plan(live, target, online=True)
        assert any(s.transactional == "no" for s in owned.steps)
        proved = ringfence.prove(owned, database, wanted)
        assert proved.proof is not None
        ringfence.apply(connection, owned, allow=["REWRITE"])
        assert ringfence.compare(database, wanted, prove=False).plan.steps == ()


def test_a_database_that_has_changed_since_is_left_alone(database: str, wanted: Path) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(ONE)
        plan = ringfence.compare(database, wanted, prove=False).plan
        connection.execute("ALTER TABLE t ADD more text")
        before = ringfence.extract(connection)
        with pytest.raises(Refused, match="not as it was when the plan was made"):
            ringfence.apply(connection, plan, allow=[str(h.code) for h in plan.hazards])
        assert ringfence.extract(connection) == before


def test_what_fails_says_how_much_is_done(database: str, wanted: Path) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(ONE)
        connection.execute("INSERT INTO t VALUES (1, NULL)")
        plan = ringfence.compare(database, wanted, prove=False).plan
        with pytest.raises(ServerError, match="contains null values") as caught:
            ringfence.apply(connection, plan, allow=[str(h.code) for h in plan.hazards])
        assert caught.value.title.startswith("0 of ")
        assert connection.execute("SELECT count(*) FROM t").fetchone() == (1,)


def test_a_connection_that_is_not_in_autocommit_mode(database: str, wanted: Path) -> None:
    with psycopg.connect(database) as connection:
        plan = ringfence.compare(database, wanted, prove=False).plan
        with pytest.raises(Misuse, match="not in autocommit mode"):
            ringfence.apply(connection, plan)


@pytest.mark.parametrize(
    ("said", "ask"),
    [
        ("in a transaction that has begun to work", "SELECT 1"),
        ("in a transaction that has begun to work", "SELECT 1/0"),
    ],
)
def test_a_connection_that_is_at_work_already(database: str, said: str, ask: str) -> None:
    with psycopg.connect(database) as connection:
        with suppress(psycopg.Error):
            connection.execute(ask)
        with pytest.raises(Misuse, match=said):
            ringfence.extract(connection)
        connection.rollback()
        assert ringfence.extract(connection).facts


def test_whatever_is_wrong_is_an_error_of_ours(database: str) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        live = ringfence.extract(connection)
        plan = ringfence.plan(live, live)
        with pytest.raises(ServerError, match='invalid value for parameter "lock_timeout"'):
            ringfence.apply(connection, plan, lock_timeout="soon")
    with pytest.raises(ServerError, match="the connection is closed"):
        ringfence.extract(connection)
    with pytest.raises(Misuse, match="File name too long"):
        ringfence.load("x" * 5000)
    for nothing in ("nope", None, {"format": 1}, {**plan.to_json(), "steps": "x"}):
        with pytest.raises(Misuse, match="not a plan"):
            from_json(nothing)  # type: ignore[arg-type] # what json.load gives is anything


def test_the_package_is_light_until_a_function_is_asked_for() -> None:
    code = (
        "import sys, ringfence; assert 'psycopg' not in sys.modules;"
        " assert callable(ringfence.plan); assert 'psycopg' in sys.modules;"
        " import ringfence.proof, ringfence.comparison;"
        " assert all(callable(getattr(ringfence, n)) for n in ringfence.__all__ if n[0] != '_')"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_nothing_else_is_promised() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        ringfence.nothing  # noqa: B018


def test_the_example_of_the_page(tmp_path: Path, database: str) -> None:
    page = (ROOT / "docs" / "reference" / "python.md").read_text(encoding="utf-8")
    code, shown = (
        page.partition(f"```{language}\n")[2].partition("```")[0] for language in ("python", "text")
    )
    project = Project(tmp_path / "project", database)
    (project.root / "ddl").mkdir()
    (project.root / "ddl" / "contacts.sql").write_text(
        "CREATE TABLE public.contacts (id integer, name text NOT NULL);"
    )
    project.query("CREATE TABLE contacts (id integer, name text)")
    known = conninfo_to_dict(database)
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=project.root,
        env={
            **os.environ,
            "PGHOST": str(known["host"]),
            "PGPORT": str(known["port"]),
            "PGUSER": str(known["user"]),
            "PGDATABASE": str(known["dbname"]),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout, done.stderr) == (shown, "")
