"""Backfills: rows changed in small transactions, gone on with, paused; and the phases of a deploy."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import psycopg
import pytest

from faults import stages
from projects import Project, lines
from ringfence import backfill
from ringfence.errors import BadProject
from ringfence.script import Script

if TYPE_CHECKING:
    from pathlib import Path

HEAD = "-- ringfence: backfill key=id batch=200ms rows=10\n"


@pytest.fixture
def project(tmp_path: Path, database: str) -> Project:
    """A project whose table has a hundred rows to fill."""
    made = Project(tmp_path / "project", database)
    made.revision(
        "0001",
        "CREATE TABLE t (id INT PRIMARY KEY, x INT);\n"
        "INSERT INTO t SELECT generate_series(1, 100); ANALYZE t;",
    )
    made.run("migrate")
    return made


def transactions(project: Project) -> int:
    """By how many transactions the rows were written."""
    ((count,),) = project.query("SELECT count(DISTINCT xmin::text) FROM t WHERE x IS NOT NULL")
    return int(count)


def test_rows_are_filled_batch_by_batch(project: Project) -> None:
    project.revision("0002", f"{HEAD}UPDATE t SET x = id * 2 WHERE x IS NULL;")
    assert project.run("migrate").out == "now at 0002\n"
    assert project.query("SELECT count(*) FROM t WHERE x = id * 2") == [(100,)]
    assert transactions(project) > 1
    assert project.query("SELECT state, seen, changed, cursor, until FROM ringfence.backfills") == [
        ("finished", 100, 100, ["100"], ["100"])
    ]
    assert project.run("migrate").out == "nothing to do: at 0002\n"


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO k SELECT t.id FROM t WHERE t.id % 2 = 0 OR t.id > 90",
        "INSERT INTO k SELECT a.id, (SELECT count(*) FROM t) FROM t AS a LEFT JOIN k AS b USING (id)",
        "INSERT INTO k SELECT a.id FROM t AS a JOIN t AS b ON b.id = a.id FOR KEY SHARE OF a",
        "INSERT INTO k (id) SELECT t.id FROM t -- WHERE not\nON CONFLICT (id) DO NOTHING",
        "INSERT INTO k SELECT id FROM t ON CONFLICT (id) DO UPDATE SET x = 1 WHERE k.id > 5",
    ],
)
def test_another_table_is_filled_from_the_rows(project: Project, statement: str) -> None:
    project.query(
        "CREATE TABLE k (id INT PRIMARY KEY, x INT); INSERT INTO k VALUES (4), (6)"
        if "CONFLICT" in statement
        else "CREATE TABLE k (id INT PRIMARY KEY, x INT)"
    )
    project.query("CREATE TABLE plain (LIKE k INCLUDING ALL); INSERT INTO plain TABLE k")
    project.query(statement.replace("INTO k", "INTO plain").replace("k.id", "plain.id"))
    project.revision("0002", f"-- ringfence: backfill key=id rows=7\n{statement};\n")
    done = project.run("migrate")
    assert done.out == "now at 0002\n", done.err
    assert project.query("TABLE k ORDER BY id") == project.query("TABLE plain ORDER BY id")
    assert project.query("SELECT batches > 2 FROM ringfence.backfills") == [(True,)]


@pytest.mark.parametrize(
    "statement",
    [
        'UPDATE "s p"."T%" AS q SET x = 1 FROM t WHERE t.id = q."b, =""" -- a comment',
        'DELETE FROM "s p"."T%" WHERE "b, =""" > 0 OR "b, =""" IS NULL RETURNING a',
        'UPDATE ONLY "s p"."T%" SET x = (SELECT max(id) FROM t WHERE id < 5)',
        'WITH w AS (SELECT id FROM t) UPDATE "s p"."T%" SET x = 7 WHERE "b, =""" IN (TABLE w)',
    ],
)
def test_any_statement_any_key_any_name(project: Project, statement: str) -> None:
    project.query(
        'CREATE SCHEMA "s p"; CREATE TABLE "s p"."T%" (a TEXT, "b, =""" INT, x INT, PRIMARY KEY (a, "b, ="""));'
        " INSERT INTO \"s p\".\"T%\" SELECT 'o''k\\' || i % 3, i FROM generate_series(1, 30) AS i;"
        ' CREATE TABLE plain (LIKE "s p"."T%"); INSERT INTO plain SELECT * FROM "s p"."T%"'
    )
    project.query(statement.replace('"s p"."T%"', "plain"))
    project.revision("0002", f'-- ringfence: backfill key=a,"b, =""" rows=7\n{statement};\n')
    done = project.run("migrate")
    assert done.out == "now at 0002\n", done.err
    assert project.query('SELECT * FROM "s p"."T%" ORDER BY 1, 2') == project.query(
        "SELECT * FROM plain ORDER BY 1, 2"
    )
    assert project.query("SELECT batches > 2 FROM ringfence.backfills") == [(True,)]


def test_an_empty_table_is_filled_at_once(project: Project) -> None:
    project.query("TRUNCATE t")
    project.revision("0002", f"{HEAD}UPDATE t SET x = 1;")
    assert project.run("migrate").out == "now at 0002\n"


@stages("F33")
def test_a_backfill_goes_on_where_it_failed(project: Project) -> None:
    path = project.revision("0002", f"{HEAD}UPDATE t SET x = 100 / (id - 51);")
    done = project.run("migrate")
    assert done.status == 3
    assert "error: division by zero\n" in done.err
    ((seen, state),) = project.query("SELECT seen, state FROM ringfence.backfills")
    assert (0 < seen < 51, state) == (True, "running")
    assert project.query("SELECT count(*) FROM t WHERE x IS NOT NULL") == [(seen,)]
    before = project.query("SELECT max(xmin::text::bigint) FROM t WHERE id <= %s", seen)
    path.write_text(f"{HEAD}UPDATE t SET x = 7;")
    done = project.run("migrate")
    assert done.status == 1
    assert "error: statement 1 of revision 0002 has run over part of t and was edited since\n" in (
        done.err
    )
    assert project.query("SELECT count(*) FROM t WHERE x IS NOT NULL") == [(seen,)]
    path.write_text(f"{HEAD}UPDATE t SET x = 100 / (id - 51);")
    project.query("DELETE FROM t WHERE id = 51")
    assert project.run("migrate").out == "now at 0002\n"
    assert project.query("SELECT count(*) FROM t WHERE x IS NULL") == [(0,)]
    assert project.query("SELECT max(xmin::text::bigint) FROM t WHERE id <= %s", seen) == before


def test_a_backfill_may_begin_anew(project: Project) -> None:
    path = project.revision("0002", f"{HEAD}UPDATE t SET x = 100 / (id - 51);")
    project.run("migrate")
    path.write_text(f"{HEAD}UPDATE t SET x = 7;")
    assert project.run("backfill", "restart", "0002").out == (
        "backfill of revision 0002 begins anew\n"
    )
    assert project.run("migrate").out == "now at 0002\n"
    assert project.query("SELECT DISTINCT x FROM t") == [(7,)]


def test_undone_and_applied_again_it_runs_again(project: Project) -> None:
    project.revision("0002", f"{HEAD}UPDATE t SET x = 1;", f"{HEAD}UPDATE t SET x = NULL;")
    project.run("migrate")
    assert project.run("migrate", "--to", "-1", "--yes").out == "now at 0001\n"
    assert project.query("SELECT DISTINCT x FROM t") == [(None,)]
    assert project.run("migrate").out == "now at 0002\n"
    assert project.query("SELECT DISTINCT x FROM t") == [(1,)]


def test_paused_and_resumed(project: Project) -> None:
    project.revision("0002", f"-- ringfence: lock-deadline: 0\n{HEAD}UPDATE t SET x = id;")
    with psycopg.connect(project.dsn) as other:
        other.execute("SELECT 1 FROM t WHERE id = 95 FOR UPDATE")
        assert project.run("migrate").status == 75
    status = project.run("backfill", "status")
    assert status.status == 1
    assert status.out.startswith("stopped   0002 up  ")
    assert project.run("backfill", "pause").out == "backfill of revision 0002 paused\n"
    done = project.run("migrate")
    assert done.status == 75
    assert "  what it had committed stays: run it again to go on\n" in done.err
    assert done.err.endswith(
        lines(
            "error: the backfill of revision 0002 is paused",
            "hint: ringfence backfill resume, then migrate again",
        )
    )
    assert project.run("backfill", "resume", "0002").out == "backfill of revision 0002 may go on\n"
    assert project.run("backfill", "resume", "0002").status == 1
    assert project.run("migrate").out == "now at 0002\n"
    done = project.run("backfill", "status", "--format", "json")
    assert done.status == 0
    (row,) = json.loads(done.out)["backfills"]
    assert (row["state"], row["rows_changed"], row["seconds_left"]) == ("finished", 100, None)


@pytest.mark.parametrize("name", [(), ("0002",)])
def test_paused_before_it_begins(project: Project, name: tuple[str, ...]) -> None:
    project.revision("0002", f"{HEAD}UPDATE t SET x = id;", "UPDATE t SET x = NULL;")
    project.revision("0003", "CREATE TABLE u ();", "DROP TABLE u;")
    for _ in range(2):
        assert project.run("backfill", "pause", *name).out == "backfill of revision 0002 paused\n"
        assert project.run("backfill", "pause", *name).status == 1
        done = project.run("migrate")
        assert (done.status, project.query("SELECT count(x) FROM t")) == (75, [(0,)])
        assert "the backfill of revision 0002 is paused" in done.err
        assert project.run("backfill", "status").out.startswith("paused    0002 up  0 ")
        assert project.run("backfill", "resume").out == "backfill of revision 0002 may go on\n"
        assert project.run("migrate").out == "now at 0003\n"
        assert project.query("SELECT count(x) FROM t") == [(100,)]
        assert project.run("backfill", "pause", *name).status == 1
        assert project.run("migrate", "--to", "0001", "--yes").status == 0


def test_what_is_paused_and_has_no_rows_is_finished(project: Project) -> None:
    project.query("DELETE FROM t")
    project.revision("0002", f"{HEAD}UPDATE t SET x = id;")
    assert project.run("backfill", "pause").status == 0
    assert project.run("migrate").out == "now at 0002\n"
    assert project.run("backfill", "status").status == 0


def test_paused_on_a_database_without_a_history(tmp_path: Path, database: str) -> None:
    project = Project(tmp_path / "project", database)
    project.query("CREATE TABLE t (id INT PRIMARY KEY); INSERT INTO t VALUES (1)")
    project.revision("0001", f"{HEAD}DELETE FROM t;")
    assert project.run("backfill", "pause", "0009").status == 1
    assert project.run("backfill", "pause", "0001").status == 0
    assert project.run("migrate").status == 75
    assert project.run("backfill", "resume").status == 0
    assert project.run("migrate").status == 0
    assert project.query("TABLE t") == []


def test_a_batch_that_waits_for_a_lock_is_tried_with_fewer_rows(project: Project) -> None:
    project.revision(
        "0002",
        "-- ringfence: backfill key=id rows=64\n-- ringfence: lock-timeout: 20ms\n"
        "-- ringfence: lock-deadline: 1s\nUPDATE t SET x = 1;",
    )
    with psycopg.connect(project.dsn) as other:
        other.execute("SELECT 1 FROM t WHERE id = 40 FOR UPDATE")
        done = project.run("migrate")
        assert done.status == 75
        ((seen, state),) = project.query("SELECT seen, state FROM ringfence.backfills")
        assert (1 <= seen < 40, state) == (True, "running")
    assert project.run("migrate").out == "now at 0002\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("UPDATE t SET x = 1; SELECT 1;", "0002.up.sql is a backfill and has 2 statements"),
        ("INSERT INTO t VALUES (1);", "a backfill is an UPDATE, a DELETE, or an INSERT"),
        ("INSERT INTO t SELECT 1;", "a backfill is an UPDATE, a DELETE, or an INSERT"),
        ("INSERT INTO t SELECT id FROM t LIMIT 5;", "a backfill is an UPDATE, a DELETE, or"),
        ("INSERT INTO t SELECT max(id) FROM t GROUP BY x;", "a backfill is an UPDATE, a DEL"),
        ("INSERT INTO t SELECT DISTINCT x FROM t;", "a backfill is an UPDATE, a DELETE, or an"),
        ("INSERT INTO t SELECT 1 UNION SELECT 2;", "a backfill is an UPDATE, a DELETE, or an"),
        ("INSERT INTO t SELECT id FROM generate_series(1, 2) AS id;", "a backfill is an UPD"),
        ("UPDATE t SET x = ;", 'syntax error at or near ";"'),
        ("UPDATE t SET x = 1 WHERE CURRENT OF c;", "a backfill cannot follow a cursor"),
        (
            "WITH m AS (DELETE FROM u RETURNING id, w) UPDATE t SET x = m.w FROM m WHERE m.id = t.id;",
            "in batches it would not be the same: WITH m writes, and would do all of it",
        ),
        (
            "INSERT INTO u WITH m AS (DELETE FROM o RETURNING id) SELECT id FROM t JOIN m USING (id);",
            "in batches it would not be the same: WITH m writes, and would do all of it",
        ),
        (
            "UPDATE t SET x = 1, id = id + 1;",
            "in batches it would not be the same: it changes its own key (id)",
        ),
        (
            "UPDATE t SET (x, id) = (SELECT 1, 2);",
            "in batches it would not be the same: it changes its own key (id)",
        ),
        (
            "INSERT INTO public.t SELECT id + 1 FROM t ON CONFLICT DO NOTHING;",
            "in batches it would not be the same: it reads the table that it writes (t)",
        ),
        (
            "INSERT INTO u SELECT row_number() OVER (ORDER BY id) + 1 FROM t;",
            "in batches it would not be the same: a window function looks at other rows",
        ),
        (
            "INSERT INTO u SELECT id FROM t FULL JOIN v USING (id);",
            "in batches it would not be the same: a RIGHT or FULL JOIN gives rows that are of no",
        ),
        (
            "INSERT INTO u SELECT id FROM t JOIN w USING (id) RIGHT JOIN v USING (id);",
            "in batches it would not be the same: a RIGHT or FULL JOIN gives rows that are of no",
        ),
        (
            "INSERT INTO u SELECT count(*) FROM t;",
            "in batches it would not be the same: an aggregate makes one row of all",
        ),
    ],
)
def test_what_is_no_backfill_is_refused_before_anything_runs(text: str, message: str) -> None:
    with pytest.raises(BadProject) as caught:
        backfill.read(Script("0002.up.sql", HEAD + text))
    assert caught.value.message.startswith(message.removesuffix(' at or near ";"'))


@pytest.mark.parametrize("what", ["sum(x), 1", "1, coalesce(max(id), 0)"])
def test_an_aggregate_is_refused(project: Project, what: str) -> None:
    project.query("CREATE TABLE k (id INT, x INT)")
    project.revision("0002", f"{HEAD}INSERT INTO k SELECT {what} FROM t;")
    done = project.run("migrate")
    assert done.status == 2
    assert "in batches it would not be the same: the aggregate " in done.err
    assert project.query("SELECT count(*) FROM k") == [(0,)]


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ("y", "the backfill's key y is no column of t"),
        ("x", "the backfill's key x may be NULL, and such rows would be passed over"),
        ("n", "no index of t begins with the backfill's key (n)"),
    ],
)
def test_what_is_no_key_is_refused(project: Project, key: str, message: str) -> None:
    project.query("ALTER TABLE t ADD n INT NOT NULL DEFAULT 0")
    project.revision("0002", f"-- ringfence: backfill key={key}\nDELETE FROM t;")
    done = project.run("migrate")
    assert done.status == 2
    assert f"error: {message}\n" in done.err


# Phases


@pytest.fixture
def phased(project: Project) -> Project:
    """A column that is filled and replaces another: before, between, and after a deploy."""
    project.revision("0002", "-- ringfence: phase: expand\nALTER TABLE t ADD y INT;")
    project.revision("0003", f"{HEAD}UPDATE t SET y = id;")
    project.revision("0004", "-- ringfence: phase: contract\nALTER TABLE t DROP x;")
    project.revision("0005", "CREATE TABLE later ();")
    return project


def test_what_contracts_waits_for_its_phase(phased: Project) -> None:
    done = phased.run("migrate", "--phase", "contract")
    assert done.status == 1
    assert done.err == lines(
        "error: revision 0002 (revision 0002) is of phase expand and not finished: what contracts"
        " comes after it",
        "hint: ringfence migrate --phase expand; ringfence backfill status says how far it is",
    )
    assert phased.run("migrate", "--phase", "expand").out == "now at 0003\n"
    assert phased.run("migrate", "--phase", "expand").out == "nothing to do: at 0003\n"
    assert phased.run("migrate", "--phase", "contract").out == "now at 0004\n"
    assert phased.run("migrate", "--phase", "contract").status == 1
    assert phased.run("migrate").out == "now at 0005\n"


def test_what_contracts_waits_for_a_backfill(phased: Project) -> None:
    phased.run("migrate", "--to", "0002")
    done = phased.run("migrate", "--phase", "contract")
    assert done.status == 1
    assert "error: revision 0003 (revision 0003) is a backfill and not finished:" in done.err


def test_undoing_has_no_phase(phased: Project) -> None:
    done = phased.run("migrate", "--phase", "expand", "--to", "-1", "--yes")
    assert (done.status, done.err) == (
        2,
        lines("error: --phase is for going up", "hint: leave it out: undoing has no phases"),
    )


def test_a_key_of_floats_is_not_rounded(project: Project) -> None:
    (name,) = project.query("SELECT current_database()")[0]
    project.query(f"ALTER DATABASE {name} SET extra_float_digits = -10")
    project.query(
        "CREATE TABLE f (id FLOAT8 PRIMARY KEY, x INT DEFAULT 0, said TEXT);"
        " INSERT INTO f SELECT 1 + i / 1e9 FROM generate_series(1, 100) AS i"
    )
    project.revision(
        "0002", "-- ringfence: backfill key=id rows=7\nUPDATE f SET x = x + 1, said = id::text;"
    )
    assert project.run("migrate").out == "now at 0002\n"
    assert project.query("SELECT x, count(*) FROM f GROUP BY 1") == [(1, 100)]
    # What the statement itself writes is as the database says.
    assert project.query("SELECT count(DISTINCT said) < 100 FROM f") == [(True,)]


def test_how_far_it_is_can_be_told_of_a_table_that_nobody_analysed(project: Project) -> None:
    project.query(
        "CREATE TABLE u (id INT PRIMARY KEY, x INT); INSERT INTO u SELECT generate_series(1, 1000)"
    )
    project.revision("0002", "-- ringfence: backfill key=id rows=10\nUPDATE u SET x = id;")
    done = project.run("migrate")
    first = next(line for line in done.err.splitlines() if " rows, " in line)
    assert first.startswith("  10 rows, ")
    assert "100%" not in first
    assert "about 0 ms left" not in first
    assert project.query("SELECT estimate BETWEEN 500 AND 5000 FROM ringfence.backfills") == [
        (True,)
    ]
