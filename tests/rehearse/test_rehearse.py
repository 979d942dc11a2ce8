"""`ringfence rehearse`: what it sees, what it calls a hazard, what it leaves alone."""

from __future__ import annotations

import itertools
import json
import os
import re
from typing import TYPE_CHECKING

import psycopg
import pytest

from projects import ROOT, Project, lines
from ringfence.model import quoted
from ringfence.pg.connect import named
from ringfence.pg.observe import Lock, Observed, Observer
from ringfence.rehearse import effects, pages
from ringfence.rehearse.hazards import Measured, Part, hazards
from ringfence.rehearse.sizes import Rates, Size, expected, inject
from ringfence.script import Script
from ringfence.step import HazardCode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

BASE = """
CREATE TABLE parents (id bigint PRIMARY KEY, name text NOT NULL);
CREATE TABLE things (
    id bigint PRIMARY KEY, parent_id bigint, label varchar(20), size integer NOT NULL DEFAULT 1
);
CREATE INDEX things_size ON things (size);
CREATE VIEW labels AS SELECT id, label FROM things;
CREATE FUNCTION total() RETURNS bigint LANGUAGE plpgsql AS
    'BEGIN RETURN (SELECT count(label) FROM things); END';
CREATE FUNCTION twice(n integer) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT n * 2';
"""
UNDO = "DROP FUNCTION twice(integer); DROP FUNCTION total(); DROP VIEW labels;\nDROP TABLE things;\nDROP TABLE parents;"


@pytest.fixture
def project(tmp_path: Path, database: str) -> Project:
    made = Project(tmp_path / "project", database)
    made.revision("0001", BASE, UNDO)
    assert made.run("migrate").status == 0
    return made


def found(project: Project, up: str, down: str = "", *argv: str) -> dict[str, list[str]]:
    """Code → the objects of the errors and warnings that rehearsing this revision finds."""
    project.revision("0002", up, down, after="0001")
    done = project.run("rehearse", "--format", "json", *argv)
    document = json.loads(done.out)
    assert done.status == document["status"], done.err
    result: dict[str, list[str]] = {}
    for finding in document["findings"]:
        if finding["severity"] != "info":
            result.setdefault(finding["code"], []).append(finding["ref"])
    return result


@pytest.mark.parametrize(
    ("up", "down", "expected"),
    [
        pytest.param(
            "ALTER TABLE things ALTER size TYPE bigint;",
            "ALTER TABLE things ALTER size TYPE integer;",
            {"REWRITE": ["table:public.things"], "OLD_READER": ["column:public.things.size"]},
            id="a rewrite",
        ),
        pytest.param(
            "CREATE INDEX things_label ON things (label);",
            "DROP INDEX things_label;",
            {"INDEX_BUILD": ["index:public.things_label"]},
            id="an index build",
        ),
        pytest.param(
            "-- ringfence: transaction: none\n"
            "CREATE INDEX CONCURRENTLY things_label ON things (label);",
            "DROP INDEX things_label;",
            {},
            id="an index built concurrently",
        ),
        pytest.param(
            "ALTER TABLE things ADD CHECK (size > 0);",
            "ALTER TABLE things DROP CONSTRAINT things_size_check;",
            {"SCAN_UNDER_LOCK": ["table:public.things"]},
            id="a check",
        ),
        pytest.param(
            "ALTER TABLE things ADD CONSTRAINT c CHECK (size > 0) NOT VALID;",
            "ALTER TABLE things DROP CONSTRAINT c;",
            {},
            id="a check that is not valid yet",
        ),
        pytest.param(
            "ALTER TABLE things ADD CONSTRAINT c CHECK (size > 0) NOT VALID;\n"
            "ALTER TABLE things VALIDATE CONSTRAINT c;",
            "ALTER TABLE things DROP CONSTRAINT c;",
            {"LONG_LOCK": ["table:public.things"], "SCAN_UNDER_LOCK": ["table:public.things"]},
            id="validated in the transaction that added it",
        ),
        pytest.param(
            "-- ringfence: transaction: none\n"
            "ALTER TABLE things ADD CONSTRAINT c CHECK (size > 0) NOT VALID;\n"
            "ALTER TABLE things VALIDATE CONSTRAINT c;",
            "ALTER TABLE things DROP CONSTRAINT c;",
            {},
            id="validated in a transaction of its own",
        ),
        pytest.param(
            "ALTER TABLE things ADD colour text DEFAULT 'red';",
            "ALTER TABLE things DROP colour;",
            {},
            id="a column with a constant default",
        ),
        pytest.param(
            "ALTER TABLE things ADD colour text NOT NULL;",
            "ALTER TABLE things DROP colour;",
            {"FAILS": [None]},
            id="a column that no row can have",
        ),
        pytest.param(
            "ALTER TABLE things ADD colour text;\nUPDATE things SET colour = 'red';\n"
            "ALTER TABLE things ALTER colour SET NOT NULL;",
            "ALTER TABLE things DROP colour;",
            {
                "LONG_LOCK": ["table:public.things", "table:public.things"],
                "SCAN_UNDER_LOCK": ["table:public.things"],
                "BACKFILL": ["table:public.things"],
                "OLD_WRITER": ["table:public.things"],
            },
            id="a column filled and then required",
        ),
        pytest.param(
            "DROP VIEW labels;\nALTER TABLE things RENAME label TO title;\n"
            "CREATE VIEW labels AS SELECT id, title AS label FROM things;",
            "DROP VIEW labels;\nALTER TABLE things RENAME title TO label;\n"
            "CREATE VIEW labels AS SELECT id, label FROM things;",
            {"OLD_READER": ["table:public.things", "routine:public.total()"]},
            id="a renamed column",
        ),
        pytest.param(
            "DROP FUNCTION twice(integer);\nCREATE FUNCTION twice(n integer, m integer DEFAULT 2)"
            " RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT n * m';",
            "DROP FUNCTION twice(integer, integer);\nCREATE FUNCTION twice(n integer) RETURNS integer"
            " LANGUAGE sql IMMUTABLE AS 'SELECT n * 2';",
            {},
            id="a function with one argument more, which has a default",
        ),
        pytest.param(
            "DROP FUNCTION twice(integer);",
            "CREATE FUNCTION twice(n integer) RETURNS integer LANGUAGE sql IMMUTABLE AS"
            " 'SELECT n * 2';",
            {"OLD_READER": ["routine:public.twice(integer)"]},
            id="a function that is gone",
        ),
        pytest.param(
            "ALTER TABLE things ADD CONSTRAINT f FOREIGN KEY (parent_id) REFERENCES parents (id)"
            " NOT VALID;",
            "ALTER TABLE things DROP CONSTRAINT f;",
            {},
            id="a foreign key that is not valid yet",
        ),
        pytest.param(
            "ALTER TABLE things DROP COLUMN parent_id;",
            "ALTER TABLE things ADD parent_id bigint;",
            {
                "DATA_LOSS": ["column:public.things.parent_id"],
                "OLD_READER": ["table:public.things"],
                "NOT_REVERSIBLE": [],
            },
            id="a dropped column",
        ),
        pytest.param(
            "DELETE FROM things WHERE id IN (SELECT min(id) FROM things);",
            "",
            {"DATA_LOSS": ["table:public.things"]},
            id="rows deleted",
        ),
        pytest.param(
            "CREATE TABLE more (id bigint PRIMARY KEY);\nCREATE INDEX more_id ON more (id);",
            "",
            {"NOT_REVERSIBLE": ["table:public.more"]},
            id="a down file that leaves a trace",
        ),
        pytest.param(
            "CREATE TABLE more (id bigint PRIMARY KEY);\nCREATE INDEX more_id ON more (id);\n"
            "ALTER TABLE more ALTER id TYPE integer;",
            "DROP TABLE more;",
            {},
            id="a table that is new",
        ),
    ],
)
def test_what_it_finds(
    project: Project, up: str, down: str, expected: dict[str, list[str | None]]
) -> None:
    seen = found(project, up, down)
    assert {code: refs for code, refs in seen.items() if code != "NOT_REVERSIBLE"} == {
        code: refs for code, refs in expected.items() if code != "NOT_REVERSIBLE"
    }
    if "NOT_REVERSIBLE" in expected:
        assert set(expected["NOT_REVERSIBLE"]) <= set(seen.get("NOT_REVERSIBLE", []))
    else:
        assert "NOT_REVERSIBLE" not in seen


def test_the_page(project: Project) -> None:
    project.revision(
        "0002",
        "CREATE INDEX things_label ON things (label);\nCREATE TABLE other (id integer);",
        "DROP TABLE other;\nDROP INDEX things_label;",
    )
    done = project.run("rehearse")
    assert done.status == 1
    assert done.out.startswith(
        lines(
            "0002 (revision 0002), in one transaction",
            "   1  CREATE INDEX things_label ON things (label)",
            "      public.things: SHARE, stops writers",
            "      builds public.things_label",
            "      reads all of public.things",
            "  1 statement ran while others wait for the locks above",
            "",
            "error: builds public.things_label while writers of public.things wait [INDEX_BUILD, measured]",
            "  index:public.things_label",
            "  migrations/versions/0002.up.sql:1:1",
            "  1 | CREATE INDEX things_label ON things (label);",
            "    | ^",
        )
    )
    assert "CREATE INDEX CONCURRENTLY things_label ON public.things" in done.out
    assert done.err.endswith("to agree: --allow 'INDEX_BUILD:public.things_label'\n")
    agreed = project.run("rehearse", "--allow", "INDEX_BUILD:public.things_label")
    assert agreed.status == 0


def test_nothing_is_written_to_the_target(project: Project) -> None:
    before = project.query("SELECT oid, relname FROM pg_class ORDER BY 1")
    project.revision("0002", "ALTER TABLE things DROP COLUMN size;", "")
    assert project.run("rehearse").status == 1
    assert project.query("SELECT oid, relname FROM pg_class ORDER BY 1") == before
    assert project.query("SELECT count(*) FROM things") == [(0,)]


def test_nothing_pending(project: Project) -> None:
    done = project.run("rehearse")
    assert done.status == 0
    assert "nothing is: at 0001" in done.out


def test_a_file_instead_of_revisions(project: Project) -> None:
    path = project.root / "fix.sql"
    path.write_text("ALTER TABLE things ALTER size TYPE bigint;\n", encoding="utf-8")
    done = project.run("rehearse", "--sql", str(path))
    assert done.status == 1
    assert "REWRITE" in done.out
    assert "nothing here can be undone" in done.out


def test_a_revision_that_fails_halfway_says_what_had_been_done(project: Project) -> None:
    project.revision(
        "0002",
        "-- ringfence: transaction: none\nCREATE TABLE a (i integer);\nCREATE TABLE b (i integr);",
        "DROP TABLE a;",
    )
    done = project.run("rehearse")
    assert done.status == 1
    assert done.out.count('0002 fails: type "integr" does not exist') == 1
    assert "migrations/versions/0002.up.sql:3:19" in done.out
    assert "1 statement before it ran and would stay" in done.out


def test_sizes_of_the_real_database_weigh(
    project: Project, database: str, make_database: Callable[..., str]
) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO things SELECT g, g, 'x', g FROM generate_series(1, 200) AS g"
        )
        connection.execute(
            "INSERT INTO parents SELECT g, repeat('x', 200) FROM generate_series(1, 9000) AS g"
        )
        connection.execute("ANALYZE")
    project.revision(
        "0002", "CREATE INDEX things_label ON things (label);", "DROP INDEX things_label;"
    )
    done = project.run("rehearse", "--format", "json")
    (finding,) = json.loads(done.out)["findings"]
    assert (finding["code"], finding["severity"]) == ("INDEX_BUILD", "info")
    assert done.status == 0


def test_bad_questions(project: Project) -> None:
    project.revision("0002", "SELECT 1;", "")
    project.revision("0003", "SELECT 1;", "")
    done = project.run("rehearse", "0001", "0003")
    assert (done.status, done.err) == (
        2,
        (
            "error: 0003 does not follow 0001\n"
            "hint: name revisions that follow each other, or rehearse them one by one\n"
        ),
    )
    done = project.run("rehearse", "0001", "--sql", "pyproject.toml")
    assert done.status == 2


def said(project: Project, text: str) -> tuple[int, str, str]:
    """Status, what is said of a loose file before what was checked, and stderr."""
    (project.root / "loose.sql").write_text(text, encoding="utf-8")
    done = project.run("rehearse", "--sql", str(project.root / "loose.sql"))
    page = done.out.replace(f"{project.root}/", "").partition("\nchecked ")[0]
    return done.status, page, done.err.replace(f"{project.root}/", "")


@pytest.mark.parametrize(
    ("text", "page"),
    [
        (
            "hola, esto no es SQL\n",
            lines(
                "loose.sql, statement by statement",
                "   1  hola, esto no es SQL",
                "      fails",
                "",
                'error: loose.sql fails: syntax error at or near "hola" [FAILS, measured]',
                "  loose.sql:1:1",
                "  1 | hola, esto no es SQL",
                "    | ^",
                "  help: nothing of the file is left",
            ),
        ),
        (
            "CREATE TABLE a (i integer);\nCREATE TABLE b (",
            lines(
                "loose.sql, statement by statement",
                "   2  CREATE TABLE b (",
                "      fails",
                "  1 statement kept nobody waiting",
                "",
                "error: loose.sql fails: syntax error at end of input [FAILS, measured]",
                "  loose.sql:2:17",
                "  2 | CREATE TABLE b (",
                "    |                 ^",
                "  help: 1 statement before it ran and would stay",
            ),
        ),
        (
            (
                "CREATE TABLE a (i integer);\nBEGIN;\n"
                "CREATE TABLE b (i integer);\nCREATE TABLE c (i integr);\nCOMMIT;\nDROP TABLE a;\n"
            ),
            lines(
                "loose.sql, in 1 transaction of its own, else statement by statement",
                "   3  CREATE TABLE c (i integr)",
                "      fails",
                "  2 statements kept nobody waiting",
                "",
                'error: loose.sql fails: type "integr" does not exist [FAILS, measured]',
                "  loose.sql:4:19",
                "  4 | CREATE TABLE c (i integr);",
                "    |                   ^",
                "  help: 1 statement before it ran and would stay",
            ),
        ),
    ],
    ids=["not SQL", "a half statement", "halfway"],
)
def test_a_file_that_cannot_be_run(project: Project, text: str, page: str) -> None:
    assert said(project, text) == (1, page, "")


@pytest.mark.parametrize(
    ("text", "err"),
    [
        (
            "SELECT 1;\nSELECT 'abc\n",
            lines(
                "error: unterminated quoted string",
                "  loose.sql:2:8",
                "  2 | SELECT 'abc",
                "    |        ^",
                "hint: close it: the rest of the file is read as part of it",
            ),
        ),
        (
            "SELECT 1;\n\\i x.sql\n",
            lines(
                "error: psql's own commands cannot be used here",
                "  loose.sql:2:1",
                "  2 | \\i x.sql",
                "    | ^",
                "hint: write it as SQL: ringfence sends the file to the server itself",
            ),
        ),
    ],
    ids=["a string without an end", "a command of psql"],
)
def test_a_file_that_cannot_be_divided(project: Project, text: str, err: str) -> None:
    assert said(project, text) == (2, "", err)


ADDED = "ALTER TABLE things ADD CONSTRAINT c CHECK (size > 0) NOT VALID;"
VALIDATED = "ALTER TABLE things VALIDATE CONSTRAINT c;"


@pytest.mark.parametrize(
    ("text", "how", "codes"),
    [
        (f"{ADDED}\n{VALIDATED}", "statement by statement", set()),
        (
            f"BEGIN; {ADDED}\n{VALIDATED} COMMIT;",
            "in 1 transaction of its own",
            {"LONG_LOCK", "SCAN_UNDER_LOCK"},
        ),
        (
            f"BEGIN; {ADDED} COMMIT; BEGIN; {VALIDATED} COMMIT;",
            "in 2 transactions of its own",
            set(),
        ),
        (
            f"-- ringfence: transaction: one\n{ADDED}\n{VALIDATED}",
            "in one transaction",
            {"LONG_LOCK", "SCAN_UNDER_LOCK"},
        ),
        (
            f"BEGIN; DROP TABLE things CASCADE; ROLLBACK;\n{ADDED}\n{VALIDATED}",
            "in 1 transaction of its own, else statement by statement",
            set(),
        ),
        (
            (
                f"{ADDED}\nBEGIN; ALTER TABLE things ADD COLUMN z int; COMMIT AND CHAIN;"
                " CREATE INDEX i ON things (z); END;"
            ),
            "in 2 transactions of its own, else statement by statement",
            {"INDEX_BUILD"},
        ),
        (
            "BEGIN; ALTER TABLE things ADD UNIQUE (parent_id); COMMIT;",
            "in 1 transaction of its own",
            {"INDEX_BUILD"},
        ),
    ],
)
def test_a_loose_file_is_measured_as_the_transactions_it_is(
    project: Project, text: str, how: str, codes: set[str]
) -> None:
    path = project.root / "loose.sql"
    path.write_text(text, encoding="utf-8")
    done = project.run("rehearse", "--sql", str(path), "--format", "json")
    document = json.loads(done.out)
    waits = {"REWRITE", "INDEX_BUILD", "SCAN_UNDER_LOCK", "LONG_LOCK", "FAILS", "DATA_LOSS"}
    assert {f["code"] for f in document["findings"]} & waits == codes, done.err
    shown = project.run("rehearse", "--sql", str(path)).out
    assert shown.startswith(f"loose.sql, {how}\n"), shown


@pytest.mark.parametrize(
    ("text", "err"),
    [
        (
            "SELECT 1;\nBEGIN;\nSELECT 2;\n",
            lines(
                "error: loose.sql begins a transaction and does not end it",
                "  loose.sql:3:1",
                "  3 | SELECT 2;",
                "    | ^",
                "hint: write the COMMIT: psql would undo it all when the file ends",
            ),
        ),
        (
            "-- ringfence: transaction: one\nSELECT 1;\nCOMMIT;\n",
            lines(
                "error: COMMIT in a file that says it runs in one transaction",
                "  loose.sql:3:1",
                "  3 | COMMIT;",
                "    | ^",
                "hint: leave it out, or the line at the top: -- ringfence: transaction: one",
            ),
        ),
    ],
)
def test_transactions_that_do_not_fit(project: Project, text: str, err: str) -> None:
    assert said(project, text) == (2, "", err)


def test_a_transaction_in_a_file_that_lies_where_revisions_do(project: Project) -> None:
    (project.versions / "hot.sql").write_text("BEGIN;\nSELECT 1;\nCOMMIT;\n", encoding="utf-8")
    done = project.run("rehearse", "--sql", str(project.versions / "hot.sql"))
    assert (done.status, done.err) == (
        2,
        lines(
            "error: BEGIN in a file that lies where revisions do, and runs in one transaction as"
            " they do",
            "  migrations/versions/hot.sql:1:1",
            "  1 | BEGIN;",
            "    | ^",
            "hint: leave it out, or run the file statement by statement: its first line is then"
            " -- ringfence: transaction: none",
        ),
    )


def test_an_index_that_made_up_rows_cannot_be_in_is_built_without_them(project: Project) -> None:
    path = project.root / "loose.sql"
    path.write_text(
        "CREATE INDEX CONCURRENTLY i ON things ((label::varchar(5)::integer));", encoding="utf-8"
    )
    done = project.run("rehearse", "--sql", str(path), "--format", "json")
    # It is built; that such rows cannot be written any more is another thing.
    assert {f["code"] for f in json.loads(done.out)["findings"]} == {"OLD_WRITER"}, done.out
    assert "refuses the rows made up for it" in done.out


def test_a_file_of_a_revision_is_run_as_ringfence_runs_it(project: Project) -> None:
    project.revision("0002", f"{ADDED}\n{VALIDATED}", "SELECT 1;")
    path = project.versions / "0002.up.sql"
    done = project.run("rehearse", "--sql", str(path))
    assert done.out.startswith("migrations/versions/0002.up.sql, in one transaction\n")


@pytest.mark.parametrize("command", ["rehearse", "check"])
def test_a_hazard_that_does_not_exist_cannot_be_agreed_to(project: Project, command: str) -> None:
    every = sorted({*pages.codes(), *map(str, HazardCode)})
    for name, hint in (
        ("REWRIT:things", "did you mean REWRITE?"),
        ("x", f"one of {', '.join(every)}"),
    ):
        done = project.run(command, "--allow", name)
        said = f"error: --allow {name}: no such hazard\nhint: {hint}\n"
        assert (done.status, done.out, done.err) == (2, "", said)
    path = project.root / "pyproject.toml"
    path.write_text(f'{path.read_text()}\n[tool.ringfence.migrate]\nallow = ["LONGLOCK:a"]\n')
    done = project.run(command)
    assert (done.status, done.out, done.err) == (
        2,
        "",
        (
            "error: [tool.ringfence.migrate] allow: LONGLOCK:a: no such hazard\n"
            "hint: did you mean LONG_LOCK?\n"
        ),
    )


def test_a_file_is_no_revision_but_one_outside_the_project_can_be_rehearsed(
    project: Project, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "elsewhere.sql"
    elsewhere.write_text("CREATE TABLE elsewhere ();", encoding="utf-8")
    done = project.run("rehearse", str(elsewhere))
    assert (done.status, done.out, done.err) == (
        2,
        "",
        f"error: {elsewhere} is a file and no revision\nhint: ringfence rehearse --sql {elsewhere}\n",
    )
    assert project.run("rehearse", "--sql", str(elsewhere)).status == 0
    gone = project.run("rehearse", "--sql", str(tmp_path / "gone.sql"))
    assert (gone.status, gone.out) == (2, "")
    assert gone.err == (
        f"error: Invalid value for '--sql': File '{tmp_path}/gone.sql' does not exist\n"
        "hint: ringfence rehearse --help\n"
    )


def test_a_file_that_copies_to_whoever_runs_it_is_refused(project: Project) -> None:
    path = project.root / "out.sql"
    path.write_text("SELECT 1;\nCOPY things TO STDOUT;\n", encoding="utf-8")
    done = project.run("rehearse", "--sql", str(path))
    assert (done.status, done.err) == (
        2,
        (
            "error: a rehearsal can send this COPY nothing and take nothing from it\n"
            "  out.sql:2:1\n  2 | COPY things TO STDOUT;\n    | ^\n"
            "hint: write the data below COPY … FROM STDIN;, and \\. on a line after them\n"
        ),
    )


def test_a_file_has_one_name_however_it_is_given(project: Project) -> None:
    path = project.root / "sub" / "loose.sql"
    path.parent.mkdir()
    path.write_text("CREATE INDEX slow ON things (label);")
    shown = {f"{path.parent}/../sub/loose.sql", str(path), "sub/loose.sql"}
    for given in shown:
        done = project.run("rehearse", "--sql", given, "--format", "json")
        assert done.out, done.err
        (finding,) = json.loads(done.out)["findings"]
        assert finding["place"]["path"] == "sub/loose.sql"
        assert finding["fingerprint"].startswith("INDEX_BUILD:sub/loose.sql:index:public.slow:")


@pytest.mark.parametrize(
    ("sql", "fix"),
    [
        ("REINDEX TABLE things;", "REINDEX TABLE CONCURRENTLY things;"),
        (
            "REINDEX (VERBOSE) INDEX things_size;",
            "REINDEX (VERBOSE) INDEX CONCURRENTLY things_size;",
        ),
        ('REINDEX SCHEMA "public"; -- all', 'REINDEX SCHEMA CONCURRENTLY "public";'),
    ],
)
def test_an_index_is_built_anew_while_others_work(project: Project, sql: str, fix: str) -> None:
    path = project.root / "loose.sql"
    path.write_text(sql)
    done = project.run("rehearse", "--sql", str(path), "--format", "json")
    built = [f for f in json.loads(done.out)["findings"] if f["code"] == "INDEX_BUILD"]
    fixes = {f["fix"] for f in built}
    assert fixes == {f"-- in a file of its own, outside a transaction:\n{fix}"}, done.out
    # Who plans a query of the table looks at every index of it.
    assert all(" while readers and writers of public." in f["message"] for f in built)
    done = project.run("rehearse", "--sql", str(path), "--rewrite")
    assert done.err.endswith(
        "loose.sql as it is written now leads to the same schema, with no hazard\n"
    )


@pytest.mark.parametrize(
    ("sql", "fix"),
    [
        ("CLUSTER things USING things_size;", None),
        ("VACUUM FULL things;", None),
        ("REFRESH MATERIALIZED VIEW sums;", "REFRESH MATERIALIZED VIEW CONCURRENTLY sums;"),
        ("REFRESH MATERIALIZED VIEW bare;", None),
    ],
)
def test_what_writes_a_table_anew_has_a_form_where_one_does_the_same(
    project: Project, sql: str, fix: str | None
) -> None:
    made = "CREATE MATERIALIZED VIEW {0} AS SELECT size, count(*) FROM things GROUP BY 1;\n"
    project.revision(
        "0002",
        f"{made.format('sums')}CREATE UNIQUE INDEX ON sums (size);\n{made.format('bare')}",
        "DROP MATERIALIZED VIEW sums, bare;",
    )
    assert project.run("migrate").status == 0
    path = project.root / "loose.sql"
    path.write_text(sql)
    done = project.run("rehearse", "--sql", str(path), "--format", "json")
    (found,) = [f for f in json.loads(done.out)["findings"] if f["code"] == "REWRITE"]
    assert (found.get("fix") or None) == fix


def test_a_made_up_value_that_is_none_of_the_new_type_is_information(project: Project) -> None:
    project.revision(
        "0002", "ALTER TABLE parents ALTER name TYPE integer USING length(name);", "SELECT 1;"
    )
    done = project.run("rehearse", "--format", "json")
    (found,) = [f for f in json.loads(done.out)["findings"] if f["code"] == "OLD_WRITER"]
    assert (found["severity"], found["ref"]) == ("info", "table:public.parents")
    assert found["evidence"] == {"sqlstate": "22P02"}
    assert found["help"] == "the value was made up: look whether somebody writes such"


@pytest.mark.parametrize(
    ("text", "reached"),
    [
        ("COMMENT ON TABLE things IS 'x'; INSERT INTO things VALUES (7, 7)", frozenset()),
        ("ALTER TABLE things ADD x int", frozenset({"public.things"})),
        ("CREATE OR REPLACE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'", None),
        ("ALTER TABLE things ADD x int; DO $$ BEGIN END $$", None),
        ("ALTER TYPE t RENAME VALUE 'a' TO 'b'", None),
        ("DROP TABLE parents CASCADE", frozenset({"public.parents"})),
        ("SELECT f()", None),
    ],
)
def test_others_are_tried_where_a_statement_may_have_reached_them(
    text: str, reached: frozenset[str] | None
) -> None:
    """Between statements; behind the file everything is."""
    script = Script("x.sql", text)
    locks = tuple(
        Lock(f"public.{t}", "ACCESS EXCLUSIVE") for t in ("things", "parents") if t in text
    )
    seen = [(s, Observed(locks=locks)) for s in script.statements]
    assert effects.reached(seen) == reached


def test_others_that_are_tried_are_not_counted(project: Project) -> None:
    path = project.root / "loose.sql"
    path.write_text(
        "ALTER TABLE things ADD later int;\nCREATE INDEX CONCURRENTLY i ON parents (name);\n"
        "ALTER TABLE things ADD more int;\nCREATE INDEX CONCURRENTLY j ON parents (name);\n"
    )
    done = project.run("rehearse", "--sql", str(path), "--format", "json")
    (part,) = json.loads(done.out)["parts"]
    assert [set(s["scanned"]) for s in part["statements"]] == [
        set(), {"public.parents"}, set(), {"public.parents"}
    ]  # fmt: skip


PLACED = """
-- above
ALTER TABLE things ADD COLUMN later integer;
COMMENT ON COLUMN things.label IS 'x';
DROP VIEW labels;
DROP VIEW IF EXISTS labels;
COMMENT ON COLUMN things.size IS 'x';
ALTER TABLE things RENAME COLUMN parent_id TO parent;
DELETE FROM things;
ALTER TABLE things DROP COLUMN label;
ALTER TABLE things ALTER size TYPE bigint;
REVOKE ALL ON FUNCTION twice FROM PUBLIC;
DROP FUNCTION twice;
CREATE FUNCTION twice(n integer, more integer) RETURNS integer LANGUAGE sql AS 'SELECT n';
UPDATE parents SET name = 'x';
"""


@pytest.mark.parametrize("head", ["", "-- ringfence: transaction: none\n"])
def test_what_is_broken_or_lost_has_the_place_of_the_statement(project: Project, head: str) -> None:
    project.revision("0002", head + PLACED, "")
    document = json.loads(project.run("rehearse", "--format", "json").out)
    lines = {
        (f["code"], f["ref"]): f["place"]["line"] - bool(head)
        for f in document["findings"]
        if f["code"] in {"OLD_READER", "OLD_WRITER", "DATA_LOSS", "DATA_CHANGED"} and f["place"]
    }
    assert lines == {
        ("OLD_READER", "view:public.labels"): 5,
        ("OLD_READER", "table:public.things"): 8,
        ("DATA_LOSS", "table:public.things"): 9,
        ("OLD_READER", "column:public.things.size"): 11,
        ("OLD_READER", "routine:public.twice(integer)"): 13,
        ("DATA_CHANGED", "column:public.parents.name"): 15,
    }


def test_a_long_file_is_looked_at_where_something_may_have_come_of_it(project: Project) -> None:
    quiet = "COMMENT ON TABLE parents IS 'x';\n"
    project.revision("0002", f"{quiet * 70}DROP TABLE things CASCADE;\n{quiet * 3}", "")
    document = json.loads(project.run("rehearse", "--format", "json").out)
    lines = {(f["code"], f["ref"]): f["place"]["line"] for f in document["findings"] if f["place"]}
    assert lines == {
        ("OLD_READER", "table:public.things"): 71,
        ("OLD_READER", "view:public.labels"): 71,
        ("DATA_LOSS", "table:public.things"): 71,
    }


def test_what_python_does_has_the_place_of_the_call(project: Project) -> None:
    project.python(
        "0002",
        "def more():\n    op.drop_column('things', 'size')\n\n\ndef upgrade():\n    op.create_index(\n"
        "        'slow', 'things', ['label'],\n    )\n"
        "    with op.get_context().autocommit_block():\n"
        "        op.execute('ALTER TABLE things ALTER parent_id TYPE numeric')\n    more()\n\n\n"
        "def downgrade():\n    op.execute('SELECT 1')\n",
    )
    done = project.run("rehearse", "--format", "sarif")
    text = (project.versions / "0002.py").read_text().split("\n")
    seen = set()
    for result in json.loads(done.out)["runs"][0]["results"]:
        (place,) = result["locations"]
        assert place["physicalLocation"]["artifactLocation"]["uri"] == "migrations/versions/0002.py"
        region = place["physicalLocation"]["region"]
        seen.add((result["ruleId"], text[region["startLine"] - 1][region["startColumn"] - 1 :]))
    assert seen == {
        ("INDEX_BUILD", "op.create_index("),
        ("REWRITE", "op.execute('ALTER TABLE things ALTER parent_id TYPE numeric')"),
        ("OLD_READER", "op.execute('ALTER TABLE things ALTER parent_id TYPE numeric')"),
        ("OLD_READER", "op.drop_column('things', 'size')"),
        ("DATA_LOSS", "op.drop_column('things', 'size')"),
        ("NOT_REVERSIBLE", "op.execute('SELECT 1')"),
    }


def test_a_revision_in_python_is_measured_by_its_sql(project: Project) -> None:
    project.python(
        "0002",
        "def upgrade():\n    op.execute('CREATE INDEX slow ON things (label)')\n\n\n"
        "def downgrade():\n    op.execute('SELECT 1')\n",
    )
    project.revision(
        "0003", "DROP VIEW labels;", "CREATE VIEW labels AS SELECT id, label FROM things;"
    )
    done = project.run("rehearse", "--format", "json")
    document = json.loads(done.out)
    seen = {(f["code"], f["place"]["path"]) for f in document["findings"]}
    assert seen == {
        ("INDEX_BUILD", "migrations/versions/0002.py"),
        ("NOT_REVERSIBLE", "migrations/versions/0002.py"),
        ("OLD_READER", "migrations/versions/0003.up.sql"),
    }, done.out
    assert [part["name"] for part in document["parts"]] == ["0002", "0003"]


def test_what_python_makes_concurrently_is_run_by_itself(project: Project) -> None:
    project.python(
        "0002",
        "def upgrade():\n    with op.get_context().autocommit_block():\n"
        "        op.execute('CREATE INDEX CONCURRENTLY quick ON things (label)')\n\n\n"
        "def downgrade():\n    op.execute('DROP INDEX quick')\n",
    )
    done = project.run("rehearse")
    assert (done.status, done.err) == (0, ""), done.out


def test_what_python_does_before_it_leaves_its_transaction_is_one(project: Project) -> None:
    project.python(
        "0002",
        "def upgrade():\n"
        "    op.execute('ALTER TABLE things ADD CONSTRAINT q CHECK (id > -9) NOT VALID')\n"
        "    op.execute('ALTER TABLE things VALIDATE CONSTRAINT q')\n"
        "    with op.get_context().autocommit_block():\n        op.execute('ANALYZE things')\n\n\n"
        "def downgrade():\n    op.execute('ALTER TABLE things DROP CONSTRAINT q')\n",
    )
    done = project.run("rehearse", "--format", "json")
    assert done.status == 1
    codes = {f["code"] for f in json.loads(done.out)["findings"]}
    assert {"LONG_LOCK", "SCAN_UNDER_LOCK"} <= codes


@pytest.mark.parametrize(
    "asks",
    [
        "op.get_context().as_sql",
        "op.get_context().impl.as_sql",
        "op.get_context().connection is None",
        "op.get_context().opts.get('as_sql')",
        "op.get_bind() is None",
        "context.is_offline_mode()",
    ],
)
def test_python_that_would_do_something_else_when_it_runs_is_not_rehearsed(
    project: Project, asks: str
) -> None:
    project.python(
        "0002",
        "def upgrade():\n    from alembic import context\n    op.execute('SELECT 1')\n"
        f"    if not ({asks}):\n        op.execute('DELETE FROM things')\n\n\n"
        "def downgrade():\n    pass\n",
    )
    done = project.run("rehearse", "--format", "json")
    found = json.loads(done.out)["findings"]
    assert [f["code"] for f in found] == ["NOT_REHEARSED"]
    assert found[0]["place"]["line"] > 1
    assert done.status == 1


def test_a_revision_whose_sql_is_not_known_keeps_only_those_behind_it(project: Project) -> None:
    project.revision("0002", "CREATE INDEX slow ON things (label);", "DROP INDEX slow;")
    project.python(
        "0003",
        "def upgrade():\n    for row in op.get_bind().execute('SELECT 1'):\n        pass\n\n\n"
        "def downgrade():\n    pass\n",
    )
    project.revision("0004", "SELECT 1;", "SELECT 1;")
    done = project.run("rehearse", "--format", "json")
    document = json.loads(done.out)
    assert [f["code"] for f in document["findings"]] == ["INDEX_BUILD", "NOT_REHEARSED"]
    (place,) = [f["place"] for f in document["findings"] if f["code"] == "NOT_REHEARSED"]
    source = (project.versions / "0003.py").read_text().split("\n")
    assert source[place["line"] - 1] == "    for row in op.get_bind().execute('SELECT 1'):"
    (told,) = [f["message"] for f in document["findings"] if f["code"] == "NOT_REHEARSED"]
    assert told.startswith("0003 is Python of which no SQL is known before it runs: ")
    (behind,) = [row for row in document["coverage"] if row["subject"] == "behind"]
    assert (behind["title"], behind["skipped"]) == (
        "0004", "0003 was not run, and they come after it"
    )  # fmt: skip


def test_what_comes_behind_a_revision_that_fails_is_named(project: Project) -> None:
    project.revision("0002", "SELECT 1;\nSELECT 1 / 0;", "SELECT 1;")
    project.revision("0003", "SELECT 1;", "SELECT 1;")
    project.revision("0004", "SELECT 1;", "SELECT 1;")
    done = project.run("rehearse", "--format", "json")
    rows = {row["subject"]: row for row in json.loads(done.out)["coverage"]}
    assert rows["behind"]["title"] == "0003, 0004"
    assert rows["behind"]["skipped"] == "0002 fails, and they come after it"
    assert rows["measured"]["count"] == 1
    assert rows["readers"]["skipped"] == "0002 fails"
    assert (rows["kept"]["count"], rows["kept"]["skipped"]) == (0, "0002 fails")
    assert (rows["tenants"]["count"], rows["tenants"]["skipped"]) == (0, "0002 fails")


@pytest.mark.parametrize(
    ("head", "lost"),
    [("-- ringfence: transaction: none\n", ["table:public.things"]), ("", [])],
)
def test_what_was_lost_before_something_fails_is_told(
    project: Project, head: str, lost: list[str]
) -> None:
    project.revision("0002", f"{head}DELETE FROM things;\nSELECT 1 / 0;", "SELECT 1;")
    document = json.loads(project.run("rehearse", "--format", "json").out)
    found = {f["code"]: f for f in document["findings"]}
    assert [f["ref"] for f in document["findings"] if f["code"] == "DATA_LOSS"] == lost
    if lost:
        assert found["DATA_LOSS"]["place"]["text"] == "DELETE FROM things;"


def test_a_table_that_has_no_row_is_named(project: Project) -> None:
    project.revision("0002", "CREATE TABLE none (id int) PARTITION BY LIST (id);", "SELECT 1;")
    assert project.run("migrate").status == 0
    project.revision("0003", "SELECT 1;", "SELECT 1;")
    document = json.loads(project.run("rehearse", "--format", "json").out)
    rows = {row["subject"]: row["skipped"] for row in document["coverage"]}
    assert rows["unwritten"] == "there was no row of public.none to write again"


def test_what_earlier_files_lost_is_told_where_a_later_one_fails(project: Project) -> None:
    project.revision("0002", "ALTER TABLE things DROP COLUMN parent_id;", "SELECT 1;")
    project.revision("0003", "SELECT 1 / 0;", "SELECT 1;")
    document = json.loads(project.run("rehearse", "--format", "json").out)
    found = [f for f in document["findings"] if f["code"] == "DATA_LOSS"]
    assert [f["ref"] for f in found] == ["column:public.things.parent_id"]
    assert found[0]["place"]["path"] == "migrations/versions/0002.up.sql"


def test_rows_are_known_to_be_kept_as_far_as_it_came(project: Project) -> None:
    project.revision("0002", "CREATE TABLE later (id int);", "DROP TABLE later;")
    project.revision("0003", "SELECT 1 / 0;", "SELECT 1;")
    done = project.run("rehearse", "--format", "json")
    rows = {row["subject"]: row for row in json.loads(done.out)["coverage"]}
    assert re.fullmatch(r"0003 fails; \d+ rows before it were", rows["kept"]["skipped"])


def test_what_an_index_costs_is_its_build_not_only_the_reading() -> None:
    seen = Observed(built=("s.i",), built_on={"s.i": "s.t"}, scanned={"s.t": 10})
    size = Size(rows=10**7, heap=10**9, indexes=2 * 10**8, index_count=2)
    cost = expected(seen, {"s.t": size}, Rates(scan=10**9, rewrite=10**8, build=10**8))
    assert (cost.seconds, cost.disk) == (11.0, 2 * 10**8)  # the index, and its sort


def test_an_index_is_told_with_its_table(database: str) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("CREATE TABLE t (id integer)")
    text = Script("x.sql", "CREATE INDEX new ON t (id)")
    with Observer(named(database, "the test")) as observer:
        seen = observer.observe(text, text.statements[0])
    assert seen.built_on == {"public.new": "public.t"}


def test_made_up_rows_need_not_obey_what_is_new(project: Project) -> None:
    # parent_id is no foreign key yet: what is made up for it refers to nothing.
    seen = found(
        project,
        "ALTER TABLE things ADD CONSTRAINT f FOREIGN KEY (parent_id) REFERENCES parents (id);\n"
        "ALTER TABLE things ADD CONSTRAINT u UNIQUE (size);\n"
        "ALTER TABLE parents ADD CONSTRAINT n CHECK (length(name) < 1 OR id % 2 = 0);",
        "ALTER TABLE parents DROP CONSTRAINT n;\nALTER TABLE things DROP CONSTRAINT u;\n"
        "ALTER TABLE things DROP CONSTRAINT f;",
    )
    assert set(seen) == {"SCAN_UNDER_LOCK", "INDEX_BUILD", "LONG_LOCK"}
    done = project.run("rehearse")
    assert "made-up rows of public.parents, public.things were in the way" in done.out


def test_a_lock_on_an_index_stops_readers_to_the_end(project: Project) -> None:
    up = "REINDEX INDEX things_size;\nALTER TABLE parents ADD CHECK (id > -9);"
    project.revision("0002", up, "ALTER TABLE parents DROP CONSTRAINT parents_id_check;")
    document = json.loads(project.run("rehearse", "--format", "json").out)
    said = [f["message"] for f in document["findings"] if f["code"] == "LONG_LOCK"]
    assert said == [
        "works while readers and writers of public.things wait since statement 1 of the transaction"
    ]


@pytest.mark.parametrize(
    "required",
    [
        "ALTER TABLE things ADD colour text;\nALTER TABLE things ALTER colour SET NOT NULL;",
        "ALTER TABLE things ADD colour text, ALTER colour SET NOT NULL;",
        (
            "-- ringfence: transaction: none\n"
            "ALTER TABLE things ADD colour text;\nALTER TABLE things ALTER colour SET NOT NULL;"
        ),
    ],
)
def test_a_column_that_nobody_fills_cannot_be_required(project: Project, required: str) -> None:
    assert "FAILS" in found(project, required, "ALTER TABLE things DROP colour;")


def test_made_up_rows_that_an_update_does_not_meet_are_changed(project: Project) -> None:
    seen = found(
        project,
        "ALTER TABLE things ADD colour text;\nUPDATE things SET colour = 'red' WHERE size < -9;\n"
        "ALTER TABLE things ALTER colour SET NOT NULL;",
        "ALTER TABLE things DROP colour;",
    )
    assert "FAILS" not in seen


def test_rows_that_the_rehearsal_took_are_nobodys_loss(project: Project) -> None:
    key = "ALTER TABLE things ADD CONSTRAINT f FOREIGN KEY (parent_id) REFERENCES parents (id);"
    project.revision("0002", key, "ALTER TABLE things DROP CONSTRAINT f;")
    assert project.run("migrate").status == 0
    project.revision("0003", "ALTER TABLE parents ADD CHECK (name = 'a');", "SELECT 1;")
    document = json.loads(project.run("rehearse", "--format", "json").out)
    said = [f for f in document["findings"] if f["code"] == "OLD_WRITER"]
    assert [f["ref"] for f in said] == ["table:public.parents"]


def test_a_revision_without_a_down_file_is_told(project: Project) -> None:
    project.revision("0002", "ALTER TABLE things ADD colour text;")
    (project.versions / "0002.down.sql").unlink()
    document = json.loads(project.run("rehearse", "--format", "json").out)
    assert document["status"] == 0
    assert [(f["code"], f["severity"], f["message"]) for f in document["findings"]] == [
        ("NOT_REVERSIBLE", "info", "0002 has no down file: nothing undoes it")
    ]


def test_a_view_that_comes_back_with_less_is_told(project: Project) -> None:
    up = (
        "-- ringfence: transaction: none\nDROP VIEW labels;\n"
        "CREATE VIEW labels AS SELECT id FROM things;"
    )
    project.revision("0002", up, "SELECT 1;")
    document = json.loads(project.run("rehearse", "--format", "json").out)
    assert {
        f["message"].partition(" public.labels cannot be read as before: ")[::2]
        for f in document["findings"]
        if (f["code"], f["ref"]) == ("OLD_READER", "view:public.labels")
    } == {
        ("after statement 1 of 0002", 'relation "public.labels" does not exist'),
        ("after 0002", 'column "label" does not exist'),
    }


def test_a_table_of_an_earlier_revision_has_rows_when_the_next_one_runs(project: Project) -> None:
    project.revision(
        "0002", "CREATE TABLE more (id bigint PRIMARY KEY, n int);", "DROP TABLE more;"
    )
    project.revision(
        "0003",
        "ALTER TABLE more ADD CHECK (n <> 1000000);",
        "ALTER TABLE more DROP CONSTRAINT more_n_check;",
    )
    document = json.loads(project.run("rehearse", "--format", "json").out)
    assert [f["code"] for f in document["findings"]] == ["SCAN_UNDER_LOCK"]


def test_who_comes_between_two_statements(project: Project) -> None:
    seen = found(
        project,
        "-- ringfence: transaction: none\nALTER TABLE things RENAME TO stuff;\n"
        "CREATE VIEW things AS SELECT * FROM stuff;",
        "DROP VIEW things;\nALTER TABLE stuff RENAME TO things;",
    )
    assert "table:public.things" in seen["OLD_READER"]
    done = project.run("rehearse")
    assert "after statement 1 of 0002 public.things cannot be read as before" in done.out


def test_what_belongs_behind_the_deploy_breaks_nobody(project: Project) -> None:
    drop = (
        "-- ringfence: phase: contract\n-- ringfence: allowed: DATA_LOSS:public.things.parent_id\n"
    )
    seen = found(project, f"{drop}ALTER TABLE things DROP COLUMN parent_id;", "")
    assert "OLD_READER" not in seen


def test_a_backfill_is_no_backfill_in_one_transaction(project: Project) -> None:
    assert found(project, "UPDATE things SET size = 2;") == {"BACKFILL": ["table:public.things"]}
    head = "-- ringfence: backfill key=id batch=200ms\n"
    assert found(project, f"{head}UPDATE things SET size = 2;") == {}


def test_what_a_file_says_is_allowed_is_agreed_to(project: Project) -> None:
    said = "-- ringfence: allowed: INDEX_BUILD:public.things_label\n"
    up = f"{said}CREATE INDEX things_label ON things (label);"
    assert found(project, up, "DROP INDEX things_label;") == {}


def test_files_that_a_sort_is_spilled_to_are_measured(database: str) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("CREATE TABLE t AS SELECT md5(g::text) FROM generate_series(1, 9000) g")
    text = Script("x.sql", "SET work_mem = 64;\nCREATE TABLE u AS SELECT * FROM t ORDER BY 1")
    with Observer(named(database, "the test")) as observer:
        seen = [observer.observe(text, statement) for statement in text.statements]
    assert (seen[0].temporary, seen[1].temporary > 100_000) == (0, True)


def test_estimates_of_the_real_tables_are_set_on_the_shadow(database: str) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute('CREATE TABLE "o d" (i int)')
        row = inject(connection, {'public."o d"': Size(10**6, 8192 * 500, 0, 0)})
        assert (row.count, row.skipped) == (1, "")
        estimated = connection.execute(
            "SELECT reltuples, relpages FROM pg_class WHERE relname = 'o d'"
        ).fetchall()
        assert estimated == [(10**6, 500)]


def test_every_hazard_has_a_page(project: Project) -> None:
    said = (ROOT / "src" / "ringfence" / "rehearse").glob("*.py")
    used = {
        c
        for path in said
        for c in re.findall(r'^ +"([A-Z_]{5,})",$', path.read_text(), re.MULTILINE)
    }
    assert {"FAILS", "REWRITE", "NOT_REVERSIBLE"} < used
    assert used | {str(code) for code in HazardCode} | {"UNMODELED"} <= set(pages.codes())
    for code in pages.codes():
        done = project.run("explain", code, dsn="")
        assert (done.status, done.out) == (0, pages.page(code))
        for part in ("Why it matters:", "Safe form:", "Seen by:"):
            assert f"\n{part}" in done.out
    assert pages.page("LONG_LOCK") in project.run("explain", "LONG_LOCK:app.t", dsn="").out
    assert "BACKFILL            Most of a table" in project.run("explain", dsn="").out
    table = (ROOT / "docs" / "reference" / "rehearse.md").read_text()
    assert all(f"`{code}`" in table for code in used)


@pytest.mark.parametrize(
    "sql",
    [
        "ALTER USER u WITH PASSWORD\n'hunter2bb' 'dd';",
        "ALTER ROLE nobody_here PASSWORD 'hunter2bb';",
        "SET search_path = public; ALTER ROLE postgres PASSWORD $$hunter2bb$$ ADD;",
    ],
)
def test_a_password_is_in_no_rehearsal(project: Project, sql: str) -> None:
    project.revision("0002", sql, "")
    for format_ in ("text", "json", "markdown"):
        done = project.run("rehearse", "--format", format_)
        assert done.status == 1
        assert "hunter2bb" not in done.out + done.err


WRITERS = """
CREATE TABLE w_raise (id bigint PRIMARY KEY, a int);
CREATE TABLE w_default (id bigint PRIMARY KEY, n int NOT NULL DEFAULT 0);
CREATE TABLE w_always (id bigint PRIMARY KEY);
CREATE TABLE w_serial (id bigserial PRIMARY KEY, a int);
CREATE TABLE w_rule (id bigint PRIMARY KEY);
CREATE TABLE w_null (id bigint PRIMARY KEY, a int);
CREATE TABLE w_wide (id bigint PRIMARY KEY, a varchar(10), b numeric(10,2), c varchar(20));
CREATE FUNCTION w_result(x int) RETURNS int LANGUAGE sql AS 'SELECT x';
CREATE FUNCTION w_names(x int) RETURNS int LANGUAGE sql AS 'SELECT x';
CREATE FUNCTION w_any(x anyelement) RETURNS int LANGUAGE sql AS 'SELECT 1';
"""
BREAKS = """
CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''no''; END';
CREATE TRIGGER x BEFORE INSERT ON w_raise FOR EACH ROW EXECUTE FUNCTION no();
ALTER TABLE w_default ALTER n DROP DEFAULT;
ALTER TABLE w_always ALTER id ADD GENERATED ALWAYS AS IDENTITY;
ALTER TABLE w_serial ALTER id DROP DEFAULT;
ALTER TABLE w_serial ALTER id ADD GENERATED ALWAYS AS IDENTITY (START 1000000);
CREATE RULE r AS ON INSERT TO w_rule DO INSTEAD NOTHING;
ALTER TABLE w_null ADD CONSTRAINT a_there CHECK (a IS NOT NULL) NOT VALID;
ALTER TABLE w_wide ALTER a TYPE varchar(20), ALTER b TYPE numeric(12,2), ALTER c TYPE varchar(15);
DROP FUNCTION w_result(int); CREATE FUNCTION w_result(x int) RETURNS text LANGUAGE sql AS 'SELECT 1::text';
DROP FUNCTION w_names(int); CREATE FUNCTION w_names(y int) RETURNS int LANGUAGE sql AS 'SELECT y';
"""


def test_who_wrote_and_called_before_is_tried(project: Project) -> None:
    project.revision("0002", WRITERS, "SELECT 1;")
    assert project.run("migrate").status == 0
    path = project.root / "breaks.sql"
    path.write_text(f"BEGIN;{BREAKS}COMMIT;", encoding="utf-8")
    done = project.run("rehearse", "--sql", str(path), "--format", "json")
    said = {
        (f["code"], f["severity"], f["ref"].partition(":")[2].removeprefix("public."))
        for f in json.loads(done.out)["findings"]
        if f["code"].startswith("OLD_")
    }
    assert said == {
        ("OLD_WRITER", "warning", "w_raise"),
        ("OLD_WRITER", "error", "w_default"),
        ("OLD_WRITER", "error", "w_always"),
        ("OLD_WRITER", "error", "w_always_id_seq"),
        ("OLD_WRITER", "warning", "w_serial"),
        ("OLD_WRITER", "error", "w_rule"),
        ("OLD_WRITER", "info", "w_null"),
        ("OLD_READER", "info", "w_wide.a"),
        ("OLD_READER", "info", "w_wide.b"),
        ("OLD_WRITER", "warning", "w_wide.c"),
        ("OLD_READER", "warning", "w_result(integer)"),
        ("OLD_READER", "error", "w_names(integer)"),
    }


TENANTS = """
CREATE SCHEMA app;
CREATE TABLE app.tenants (id uuid PRIMARY KEY);
CREATE TABLE app.docs (
    id uuid PRIMARY KEY, tenant_id uuid NOT NULL REFERENCES app.tenants (id), n int NOT NULL DEFAULT 0
);
ALTER TABLE app.docs ENABLE ROW LEVEL SECURITY;
CREATE POLICY t ON app.docs USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
ALTER TABLE app.tenants ENABLE ROW LEVEL SECURITY;
CREATE POLICY t ON app.tenants USING (id = nullif(current_setting('app.tenant_id', true), '')::uuid);
DO $$ BEGIN CREATE ROLE rt; EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$;
GRANT USAGE ON SCHEMA app TO rt;
GRANT SELECT, INSERT, UPDATE, DELETE ON app.docs TO rt;
GRANT SELECT ON app.tenants TO rt;
"""


@pytest.mark.parametrize(
    ("sql", "code"),
    [
        (
            (
                "ALTER TABLE app.docs DISABLE ROW LEVEL SECURITY;"
                " ALTER TABLE app.docs ADD CONSTRAINT z CHECK (n < 0 AND n > 0) NOT VALID;"
            ),
            "isolation/inconclusive",
        ),
        ("ALTER ROLE rt LOGIN BYPASSRLS;", "isolation/role"),
        ("ALTER TABLE app.docs DISABLE ROW LEVEL SECURITY;", "isolation/row-security-off"),
        ("REVOKE SELECT ON app.docs FROM rt; REVOKE INSERT ON app.docs FROM rt;", ""),
    ],
)
def test_a_hole_is_told_however_it_hides(project: Project, sql: str, code: str) -> None:
    project.revision("0002", TENANTS, "SELECT 1;")
    path = project.root / "hole.sql"
    path.write_text(f"SELECT 1;\n{sql}", encoding="utf-8")
    ran = project.run("migrate")
    assert ran.status == 0, ran.err
    done = project.run("rehearse", "--sql", str(path), "--format", "json")
    found = json.loads(done.out)["findings"]
    if code:
        assert code in {f["code"] for f in found if f["severity"] == "error"}, done.out
        its = [f for f in found if f["code"].startswith("isolation/") and f["ref"]]
        places = {f["place"] and (f["place"]["path"], f["place"]["line"]) for f in its}
        assert places <= {("hole.sql", 2)}, done.out
    else:
        assert {f["message"] for f in found if f["code"].startswith("OLD_")} == {
            "after hole.sql role rt may not INSERT on app.docs any more",
            "after hole.sql role rt may not SELECT on app.docs any more",
        }


def test_who_cannot_be_tried_as_any_more_is_told(project: Project) -> None:
    more = (
        "DO $$ BEGIN CREATE ROLE rt_more; EXCEPTION WHEN duplicate_object OR unique_violation"
        " THEN NULL; END $$; GRANT USAGE ON SCHEMA app TO rt_more; GRANT SELECT ON app.docs TO rt_more;"
    )
    project.revision("0002", TENANTS + more, "SELECT 1;")
    assert project.run("migrate").status == 0
    path = project.root / "less.sql"
    path.write_text("REVOKE USAGE ON SCHEMA app FROM rt_more;\n", encoding="utf-8")
    done = project.run("rehearse", "--sql", str(path), "--format", "json")
    said = "role rt_more can use no table of tenants: it was not tried as"

    def told(out: str) -> list[tuple[str, str, str]]:
        found = json.loads(out)["findings"]
        return [
            (f["severity"], f["ref"], f["message"])
            for f in found
            if f["code"] == "isolation/not-tried"
        ]

    assert told(done.out) == [("warning", "role:rt_more", f"{said}, and before it was")]
    project.query("REVOKE USAGE ON SCHEMA app FROM rt_more")
    verify = ("verify", "--claim", "isolation", "--format", "json")
    assert told(project.run(*verify).out) == [("info", "role:rt_more", said)]
    config = project.root / "pyproject.toml"
    config.write_text(config.read_text() + '[tool.ringfence.tenancy]\nroles = ["rt", "rt_more"]\n')
    assert told(project.run(*verify).out) == [("warning", "role:rt_more", said)]


def test_a_rewrite_is_named_behind_a_lock_and_has_its_own_form(project: Project) -> None:
    seen = found(
        project,
        "CREATE INDEX things_label ON things (label);\n"
        "ALTER TABLE things ALTER label SET NOT NULL;\n"
        "ALTER TABLE things ADD u uuid DEFAULT gen_random_uuid();",
        "ALTER TABLE things DROP u;\nALTER TABLE things ALTER label DROP NOT NULL;\n"
        "DROP INDEX things_label;",
    )
    assert seen["REWRITE"] == ["table:public.things"]
    done = project.run("rehearse", "--format", "sarif")
    results = json.loads(done.out)["runs"][0]["results"]
    rewrite = next(r for r in results if r["ruleId"] == "REWRITE")
    assert "rewrites public.things while readers and writers wait" in rewrite["message"]["text"]
    assert "SET DEFAULT" in rewrite["properties"]["fix"]
    places = [r["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] for r in results]
    assert set(places) == {"migrations/versions/0002.up.sql"}
    prints = [r["partialFingerprints"]["ringfence/v1"] for r in results]
    assert len(prints) == len(set(prints))
    assert all(":0002:" in each for each in prints), prints


def test_what_is_left_behind_by_a_file_that_makes_a_role(project: Project) -> None:
    up = "CREATE ROLE ringfence_trace; CREATE TABLE left_over (id int);"
    project.revision("0002", up, "DROP ROLE ringfence_trace;")
    done = project.run("rehearse", "--format", "json")
    left = [f for f in json.loads(done.out)["findings"] if f["code"] == "NOT_REVERSIBLE"]
    assert "0002 undone, table:public.left_over is left" in [f["message"] for f in left]
    assert {f["place"]["path"] for f in left} == {"migrations/versions/0002.down.sql"}


COMPUTED = """
CREATE TABLE line (
    id bigint PRIMARY KEY, qty int NOT NULL, price int NOT NULL,
    total int GENERATED ALWAYS AS (qty + price) STORED
);
"""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("UPDATE line SET price = price + 1;", [("column:public.line.price", 1)]),
        (
            (
                "ALTER TABLE line ADD later int;\nALTER TABLE line DROP total;\n"
                "ALTER TABLE line ADD total int GENERATED ALWAYS AS (qty + price + 1) STORED;"
            ),
            [("column:public.line.total", 3)],
        ),
        (
            (
                "ALTER TABLE line ADD later int;\nALTER TABLE line DROP total;\n"
                "ALTER TABLE line ADD total int GENERATED ALWAYS AS (price + qty) STORED;"
            ),
            [],
        ),
        (
            (
                "SELECT 1;\nALTER TABLE line ADD qty_new bigint;\nUPDATE line SET qty_new = qty;\n"
                "ALTER TABLE line DROP qty CASCADE;\nALTER TABLE line RENAME qty_new TO qty;"
            ),
            [],
        ),
        (
            (
                "ALTER TABLE line ADD qty_new bigint;\nALTER TABLE line DROP qty CASCADE;\n"
                "ALTER TABLE line RENAME qty_new TO qty;"
            ),
            [("column:public.line.qty", 2)],
        ),
    ],
)
def test_values_are_followed_where_a_column_is_computed_or_made_anew(
    project: Project, text: str, expected: list[tuple[str, int]]
) -> None:
    project.revision("0002", COMPUTED, "DROP TABLE line;", after="0001")
    assert project.run("migrate").status == 0
    assert _data(project, text) == expected


def test_a_new_expression_gives_other_values(project: Project) -> None:
    project.revision("0002", COMPUTED, "DROP TABLE line;", after="0001")
    assert project.run("migrate").status == 0
    with psycopg.connect(project.dsn) as connection:
        if connection.info.server_version < 170000:
            pytest.skip("SET EXPRESSION is of PostgreSQL 17")
    expression = "ALTER TABLE line ALTER total SET EXPRESSION AS ((qty + price) * {});"
    assert _data(project, f"SELECT 1;\n{expression.format(2)}") == [("column:public.line.total", 2)]
    assert _data(project, f"SELECT 1;\n{expression.format(1)}") == []


def _data(project: Project, text: str) -> list[tuple[str, int]]:
    """What a file loses and changes, and the line."""
    path = project.root / "loose.sql"
    path.write_text(text, encoding="utf-8")
    done = project.run("rehearse", "--sql", str(path), "--format", "json")
    return [
        (f["ref"], f["place"]["line"])
        for f in json.loads(done.out)["findings"]
        if f["code"] in {"DATA_LOSS", "DATA_CHANGED"}
    ]


SHOP = """
CREATE TYPE state AS ENUM ('new', 'paid');
CREATE TABLE shop (
    "Id" bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, code text NOT NULL, s state,
    CONSTRAINT shop_code UNIQUE (code), CONSTRAINT "Apart" EXCLUDE USING btree (lower(code) WITH =)
);
CREATE UNIQUE INDEX shop_some ON shop (lower(code)) WHERE s = 'new';
CREATE MATERIALIZED VIEW few AS SELECT "Id" AS id FROM shop;
CREATE UNIQUE INDEX few_id ON few (id);
CREATE SEQUENCE own;
CREATE TABLE other (n int DEFAULT nextval('own'), m int);
"""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            'ALTER TABLE shop ALTER "Id" SET GENERATED ALWAYS;',
            [("warning", "table:public.shop")],
        ),
        ('ALTER TABLE shop ALTER "Id" RESTART WITH 1;', [("error", 'sequence:public."shop_Id_seq"')]),
        ('ALTER TABLE shop ALTER "Id" RESTART WITH 100000;', []),
        ("SELECT setval('own', 1, false);", [("warning", "sequence:public.own")]),
        ("SELECT setval('own', (SELECT max(n) FROM other));", []),
        ("TRUNCATE shop RESTART IDENTITY;", []),
        (
            ('ALTER TABLE shop ALTER "Id" DROP IDENTITY; ALTER TABLE shop ALTER "Id"'
            " ADD GENERATED BY DEFAULT AS IDENTITY;"),
            [("error", 'sequence:public."shop_Id_seq"')],
        ),
        ("ALTER TABLE shop DROP CONSTRAINT shop_pkey;", [("warning", "table:public.shop")]),
        (
            "ALTER TABLE shop DROP CONSTRAINT shop_code; ALTER TABLE shop ADD UNIQUE (code);",
            [("warning", "table:public.shop")],
        ),
        (
            ("ALTER TABLE shop DROP CONSTRAINT shop_code;"
            " ALTER TABLE shop ADD CONSTRAINT shop_code UNIQUE (code);"),
            [],
        ),
        (
            'ALTER TABLE shop RENAME CONSTRAINT "Apart" TO apart;',
            [("warning", "table:public.shop")],
        ),
        (
            "ALTER TABLE shop DROP CONSTRAINT shop_code; ALTER TABLE shop ADD UNIQUE (code, s);",
            [("warning", "table:public.shop")],
        ),
        ("DROP INDEX shop_some;", [("warning", "table:public.shop")]),
        (
            "DROP INDEX shop_some; CREATE UNIQUE INDEX ON shop (lower(code));",
            [],
        ),
        ("DROP INDEX few_id;", [("warning", "materialized_view:public.few")]),
        ("ALTER TYPE state RENAME VALUE 'paid' TO 'payed';", [("error", "enum:public.state")]),
        (
            "-- ringfence: phase: contract\nALTER TYPE state RENAME VALUE 'paid' TO 'payed';",
            [],
        ),
    ],
)  # fmt: skip
def test_what_writers_rely_on_is_kept(
    project: Project, text: str, expected: list[tuple[str, str]]
) -> None:
    project.revision("0002", SHOP, "SELECT 1;", after="0001")
    assert project.run("migrate").status == 0
    path = project.root / "loose.sql"
    path.write_text(
        f"BEGIN;\nSELECT 1;\n{text}\nCOMMIT;\n".replace(
            "BEGIN;\nSELECT 1;\n-- ringfence: phase: contract\n",
            "-- ringfence: phase: contract\nBEGIN;\n",
        )
    )
    done = project.run("rehearse", "--sql", str(path), "--format", "json")
    told = [f for f in json.loads(done.out)["findings"] if f["code"] == "OLD_WRITER"]
    assert [(f["severity"], f["ref"]) for f in told if f["severity"] != "info"] == expected
    assert {f["place"]["line"] for f in told} <= {3}


def test_a_key_is_told_once_with_its_columns_in_their_order(project: Project) -> None:
    made = (
        "CREATE TABLE pairs (id bigint PRIMARY KEY, z int, a int, UNIQUE (z, a));"
        " CREATE UNIQUE INDEX more ON pairs (a, z);"
    )
    project.revision("0002", made, "DROP TABLE pairs;", after="0001")
    assert project.run("migrate").status == 0
    path = project.root / "loose.sql"
    path.write_text("ALTER TABLE pairs DROP CONSTRAINT pairs_z_a_key; DROP INDEX more;\n")
    done = project.run("rehearse", "--sql", str(path), "--format", "json")
    told = [f["message"] for f in json.loads(done.out)["findings"] if f["code"] == "OLD_WRITER"]
    assert len(told) == 1, told
    project.revision("0003", "DROP INDEX more;", "CREATE UNIQUE INDEX more ON pairs (a, z);")
    assert project.run("migrate").status == 0
    path.write_text("ALTER TABLE pairs DROP CONSTRAINT pairs_z_a_key;\n")
    done = project.run("rehearse", "--sql", str(path), "--format", "json")
    (only,) = (f["message"] for f in json.loads(done.out)["findings"] if f["code"] == "OLD_WRITER")
    assert only.startswith("after loose.sql nothing keeps (z, a) of public.pairs unique any more")


@pytest.mark.parametrize(
    ("name", "rest"),
    [("shop_code", ", or name the columns instead"), ("Apart", "")],
)
def test_a_constraint_that_goes_by_another_name_is_told(
    project: Project, name: str, rest: str
) -> None:
    project.revision("0002", SHOP, "SELECT 1;", after="0001")
    assert project.run("migrate").status == 0
    path = project.root / "loose.sql"
    path.write_text(f'ALTER TABLE shop RENAME CONSTRAINT "{name}" TO elsewhere;\n')
    done = project.run("rehearse", "--sql", str(path), "--format", "json")
    (told,) = json.loads(done.out)["findings"]
    shown = quoted(name)
    assert (told["code"], told["severity"]) == ("OLD_WRITER", "warning")
    assert told["message"] == (
        f"after loose.sql public.shop has no constraint {shown} any more that INSERT … ON CONFLICT ON"
        f" CONSTRAINT {shown} could name: it is refused"
    )
    assert told["help"] == (
        f"look whether somebody writes so; let the new one have the old name{rest}"
    )


def test_what_no_writer_left_out_before_is_not_left_out_when_tried(project: Project) -> None:
    """The tenant has a default that is NULL here: who left it out was refused before, too."""
    project.revision(
        "0002",
        "CREATE TABLE kept (id bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,"
        " tenant text NOT NULL DEFAULT nullif(current_setting('app.tenant', true), ''), n int);",
        "DROP TABLE kept;",
        after="0001",
    )
    assert project.run("migrate").status == 0
    path = project.root / "loose.sql"
    path.write_text("ALTER TABLE kept ALTER id SET GENERATED ALWAYS;\n", encoding="utf-8")
    done = project.run("rehearse", "--sql", str(path), "--format", "json")
    (told,) = json.loads(done.out)["findings"]
    assert (told["code"], told["severity"]) == ("OLD_WRITER", "warning")
    assert told["message"].endswith('cannot insert a non-DEFAULT value into column "id"')


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("LOCK TABLE things", "LOCK TABLE"),
        ("SAVEPOINT a", "SAVEPOINT"),
        ("DECLARE c CURSOR FOR SELECT 1", "DECLARE CURSOR"),
        ("DECLARE c CURSOR WITH HOLD FOR SELECT 1", ""),
    ],
)
def test_what_wants_a_transaction_is_refused_without(
    project: Project, text: str, what: str
) -> None:
    path = project.root / "loose.sql"
    for around in ("{}", "BEGIN; {}; COMMIT"):
        path.write_text(f"{around.format(text)};\n", encoding="utf-8")
        done = project.run("rehearse", "--sql", str(path), "--format", "json")
        told = [f["message"] for f in json.loads(done.out)["findings"]]
        refused = f"loose.sql fails: {what} can only be used in transaction blocks"
        assert told == [refused] * (bool(what) and around == "{}")


def test_a_lock_is_long_while_something_takes_its_time() -> None:
    lock = Lock("public.t", "ACCESS EXCLUSIVE")
    at = Script("x.sql", "SELECT 1").span(0)
    for seconds, codes in ((3.0, ["LONG_LOCK"]), (0.1, [])):
        each = (
            Measured("LOCK TABLE t", at, Observed(locks=(lock,)), transaction=1),
            Measured("SELECT pg_sleep(3)", at, Observed(seconds=seconds), transaction=1),
        )
        found = list(hazards(Part("x.sql", "", False, each)))
        assert [f.code for f in found] == codes
        assert all(
            "takes 3 s while readers and writers of public.t wait" in f.message for f in found
        )


def test_a_right_that_is_lost_is_told_once(granted: tuple[Project, str]) -> None:
    project, role = granted
    texts = [
        f"SELECT 1;\nREVOKE INSERT ON things FROM {role};",
        "SELECT 2;",
        f"SELECT 3;\nREVOKE SELECT ON things FROM {role};\nREVOKE UPDATE (label) ON things FROM {role};",
        "SELECT 4;",
    ]
    argv = []
    for number, text in enumerate(texts):
        path = project.root / f"f{number}.sql"
        path.write_text(text, encoding="utf-8")
        argv += ["--sql", str(path)]
    done = project.run("rehearse", *argv, "--format", "json")
    told = [
        (f["place"]["line"], f["message"].replace(role, "r"))
        for f in json.loads(done.out)["findings"]
        if "may not" in f["message"]
    ]
    assert sorted(told) == [
        (2, "after f0.sql role r may not INSERT on public.things any more"),
        (2, "after f2.sql role r may not SELECT on public.things any more"),
        (3, "after f2.sql role r may not UPDATE (label) on public.things any more"),
    ]


SWAPPED = "ALTER TABLE things RENAME TO things_old; ALTER INDEX things_pkey RENAME TO o; "
MADE = SWAPPED + "CREATE TABLE things (LIKE things_old INCLUDING DEFAULTS, PRIMARY KEY (id)); "
COPY = "INSERT INTO things SELECT * FROM things_old; "
COLUMN = (
    "ALTER TABLE things ADD c bigint{}; {} ALTER TABLE things RENAME size TO o;"
    " ALTER TABLE things ALTER o DROP NOT NULL; ALTER TABLE things RENAME c TO size; "
)


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        (MADE, {("table:public.things", "error", "5 rows before, 0 now")}),
        (MADE + COPY, set()),
        (SWAPPED + "CREATE VIEW things AS SELECT * FROM things_old;", set()),
        (MADE + "ALTER TABLE things_old INHERIT things;", set()),
        (
            COLUMN.format("", ""),
            {("column:public.things.size", "error", "it is NULL in every row")},
        ),
        (COLUMN.format("", "UPDATE things SET c = size;"), set()),
    ],
)
def test_who_reads_by_a_name_finds_what_was_there(
    project: Project, sql: str, expected: set[tuple[str, str, str]]
) -> None:
    path = project.root / "swap.sql"
    path.write_text(f"BEGIN; {sql} COMMIT;", encoding="utf-8")
    done = project.run("rehearse", "--sql", str(path), "--format", "json")
    told = {
        (
            f["ref"],
            f["severity"],
            f["message"].partition(" reads otherwise: ")[2].partition(", and")[0],
        )
        for f in json.loads(done.out)["findings"]
        if "reads otherwise" in f["message"]
    }
    assert told == expected


VIEWS = """
CREATE VIEW small AS SELECT id, label, size FROM things;
CREATE VIEW outer_small AS SELECT * FROM small;
CREATE VIEW moving AS SELECT id, random() AS r FROM things;
CREATE VIEW none AS SELECT id FROM things WHERE false;
CREATE MATERIALIZED VIEW kept AS SELECT id, size FROM things;
"""
SMALL = "CREATE OR REPLACE VIEW small AS SELECT id, label, size FROM things"


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        (
            f"{SMALL} WHERE id > (SELECT min(id) FROM things);",
            {
                (
                    "view:public.small",
                    "warning",
                    "public.small reads otherwise: 5 rows before, 4 now",
                )
            },
        ),
        (
            f"{SMALL} WHERE false;",
            {("view:public.small", "error", "public.small reads otherwise: 5 rows before, 0 now")},
        ),
        (
            f"{SMALL} UNION ALL SELECT id, label, size FROM things;",
            {
                (
                    "view:public.small",
                    "warning",
                    "public.small reads otherwise: 5 rows before, 10 now",
                )
            },
        ),
        (
            SMALL.replace(", size", ", size + 1 AS size") + ";",
            {
                (
                    "view:public.small",
                    "warning",
                    "public.small.size reads otherwise: it has other values than before",
                )
            },
        ),
        (
            SMALL.replace("label", "NULL::varchar(20) AS label") + ";",
            {
                (
                    "view:public.small",
                    "error",
                    "public.small.label reads otherwise: it is NULL in every row, and had values before",
                )
            },
        ),
        (
            "DROP MATERIALIZED VIEW kept; CREATE TABLE kept AS SELECT id, size FROM things LIMIT 2;",
            {
                (
                    "materialized_view:public.kept",
                    "warning",
                    "public.kept reads otherwise: 5 rows before, 2 now",
                )
            },
        ),
        # What it reads is otherwise, and is told itself; the definition is not, or comes to the same.
        (f"UPDATE things SET size = size + 1; {SMALL} WHERE id IS NOT NULL;", set()),
        ("ALTER TABLE things RENAME size TO s;", set()),
        (f"{SMALL} WHERE id IS NOT NULL ORDER BY id;", set()),
        ("DROP VIEW outer_small, small;", set()),
        (
            "CREATE OR REPLACE VIEW moving AS SELECT id, random() AS r FROM things WHERE id > 0;",
            set(),
        ),
    ],
)
def test_a_view_that_shows_something_else_is_told(
    project: Project, sql: str, expected: set[tuple[str, str, str]]
) -> None:
    project.revision("0002", VIEWS, "SELECT 1;")
    assert project.run("migrate").status == 0
    path = project.root / "view.sql"
    path.write_text(f"BEGIN; {sql} COMMIT;", encoding="utf-8")
    done = project.run("rehearse", "--sql", str(path), "--format", "json")
    told = {
        (f["ref"], f["severity"], f["message"].partition(f"{path.name} ")[2])
        for f in json.loads(done.out)["findings"]
        if "reads otherwise" in f["message"]
    }
    assert told == expected


def test_a_view_that_showed_nothing_is_named(project: Project) -> None:
    project.revision("0002", VIEWS, "SELECT 1;")
    assert project.run("migrate").status == 0
    path = project.root / "view.sql"
    path.write_text(
        "CREATE OR REPLACE VIEW none AS SELECT id FROM things WHERE id < 0;", encoding="utf-8"
    )
    done = project.run("rehearse", "--sql", str(path), "--format", "json")
    rows = {row["subject"]: row for row in json.loads(done.out)["coverage"]}
    assert rows["views"]["skipped"] == (
        "nothing was seen of public.none before, or now: there was no row to compare"
    )


REFUSES = """
CREATE FUNCTION refuses() RETURNS trigger LANGUAGE plpgsql AS
    $$BEGIN RAISE EXCEPTION 'not any more'; END$$;
CREATE FUNCTION ignores() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
CREATE TRIGGER t BEFORE {} ON things FOR EACH ROW EXECUTE FUNCTION {}();
"""
WRITTEN = """
CREATE VIEW small AS SELECT id, label FROM things;
CREATE TABLE children (id bigint PRIMARY KEY, thing bigint NOT NULL REFERENCES things (id));
CREATE TABLE tree (id bigint PRIMARY KEY, parent bigint NOT NULL REFERENCES tree (id));
CREATE PUBLICATION everything FOR TABLE things;
"""
NO_IDENTITY = 'table "things" because it does not have a replica identity and publishes {}'


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        (
            REFUSES.format("UPDATE", "refuses"),
            {("table:public.things", "warning", "cannot be updated as before: not any more")},
        ),
        (
            REFUSES.format("DELETE", "refuses"),
            {("table:public.things", "warning", "cannot be deleted from as before: not any more")},
        ),
        (
            REFUSES.format("DELETE", "ignores").replace("things", "tree"),
            {
                (
                    "table:public.tree",
                    "error",
                    "cannot be deleted from as before: DELETE does nothing",
                )
            },
        ),
        (
            REFUSES.format("INSERT OR UPDATE OR DELETE", "refuses"),
            {("table:public.things", "warning", "cannot be written as before: not any more")},
        ),
        (
            "CREATE RULE r AS ON UPDATE TO things DO INSTEAD NOTHING;",
            {("table:public.things", "error", "cannot be updated as before: UPDATE does nothing")},
        ),
        (
            "ALTER TABLE things REPLICA IDENTITY NOTHING;",
            {
                ("table:public.things", "error", f"cannot be {how} as before: cannot {what} {why}")
                for how, what, why in (
                    ("updated", "update", NO_IDENTITY.format("updates")),
                    ("deleted from", "delete from", NO_IDENTITY.format("deletes")),
                )
            },
        ),
        (
            "CREATE OR REPLACE VIEW small AS SELECT DISTINCT id, label FROM things;",
            {
                (
                    "view:public.small",
                    "warning",
                    f'cannot be {how} as before: cannot {what} view "small"',
                )
                for how, what in (
                    ("written", "insert into"),
                    ("updated", "update"),
                    ("deleted from", "delete from"),
                )
            },
        ),
        (
            "CREATE OR REPLACE VIEW small AS SELECT id, label FROM things WHERE id IS NOT NULL;",
            set(),
        ),
        # Whoever goes by the name writes through a view; and what is refused was refused before.
        (
            "ALTER TABLE things RENAME TO stuff; CREATE VIEW things AS SELECT * FROM stuff;",
            set(),
        ),
        ("DELETE FROM children;", set()),
        ("ALTER TABLE children ALTER thing DROP NOT NULL;", set()),
    ],
)
def test_who_updates_and_deletes_is_told(
    project: Project, sql: str, expected: set[tuple[str, str, str]]
) -> None:
    project.revision("0002", WRITTEN, "SELECT 1;")
    assert project.run("migrate").status == 0
    path = project.root / "rows.sql"
    path.write_text(f"BEGIN; {sql} COMMIT;", encoding="utf-8")
    done = project.run("rehearse", "--sql", str(path), "--format", "json")
    told = {
        (f["ref"], f["severity"], "cannot be " + f["message"].partition(" cannot be ")[2])
        for f in json.loads(done.out)["findings"]
        if f["code"] == "OLD_WRITER" and " cannot be " in f["message"]
    }
    assert told == expected


PARTS = """
CREATE TABLE whole (id bigint NOT NULL, label text) PARTITION BY LIST (id);
CREATE TABLE part_one PARTITION OF whole FOR VALUES IN (1);
CREATE TABLE part_two PARTITION OF whole DEFAULT;
INSERT INTO whole VALUES (1, 'a'), (2, 'b'), (3, 'c');
CREATE TABLE heirs (id bigint);
CREATE TABLE heir () INHERITS (heirs);
INSERT INTO heir VALUES (1), (2);
"""


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        (
            "ALTER TABLE whole DETACH PARTITION part_two;",
            {
                (
                    "table:public.whole",
                    "warning",
                    "8 rows before, 4 now, without those of public.part_two",
                )
            },
        ),
        (
            "ALTER TABLE whole DETACH PARTITION part_one; ALTER TABLE whole DETACH PARTITION part_two;",
            {
                (
                    "table:public.whole",
                    "error",
                    "8 rows before, 0 now, without those of public.part_one, public.part_two",
                )
            },
        ),
        (
            "ALTER TABLE heir NO INHERIT heirs;",
            {
                (
                    "table:public.heirs",
                    "warning",
                    "12 rows before, 5 now, without those of public.heir",
                )
            },
        ),
        (
            (
                "ALTER TABLE whole DETACH PARTITION part_one;"
                " ALTER TABLE whole ATTACH PARTITION part_one FOR VALUES IN (1);"
            ),
            set(),
        ),
        (
            "ALTER TABLE whole DETACH PARTITION part_one; INSERT INTO whole SELECT * FROM part_one;",
            set(),
        ),
    ],
)
def test_rows_that_leave_a_whole_are_told(
    project: Project, sql: str, expected: set[tuple[str, str, str]]
) -> None:
    project.revision("0002", PARTS, "SELECT 1;")
    assert project.run("migrate").status == 0
    path = project.root / "parts.sql"
    path.write_text(f"BEGIN; {sql} COMMIT;", encoding="utf-8")
    done = project.run("rehearse", "--sql", str(path), "--format", "json")
    assert done.out, done.err
    told = {
        (f["ref"], f["severity"], f["message"].partition(" reads otherwise: ")[2])
        for f in json.loads(done.out)["findings"]
        if "reads otherwise" in f["message"]
    }
    assert told == expected


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("", {"SELECT", "INSERT"}),
        ("CREATE POLICY p ON things USING (false);", {"SELECT", "INSERT"}),
        ("CREATE POLICY p ON things FOR SELECT USING (true);", {"INSERT"}),
        ("CREATE POLICY p ON things USING (size > 3 OR current_user = 'x');", set()),
        ("CREATE POLICY p ON things TO pg_monitor USING (true);", {"SELECT", "INSERT"}),
        ("ALTER TABLE things OWNER TO {role};", set()),
    ],
)
def test_who_is_shut_out_by_row_security_is_told(
    granted: tuple[Project, str], sql: str, expected: set[str]
) -> None:
    project, role = granted
    path = project.root / "rows.sql"
    text = f"BEGIN; REVOKE UPDATE (label, size) ON things FROM {role}; {sql.format(role=role)}"
    path.write_text(f"{text} ALTER TABLE things ENABLE ROW LEVEL SECURITY; COMMIT;", "utf-8")
    done = project.run("rehearse", "--sql", str(path), "--format", "json")
    told = [
        (f["code"], f["severity"], f["message"].partition(f"role {role} can ")[2].split()[0])
        for f in json.loads(done.out)["findings"]
        if "lets none through" in f["message"]
    ]
    codes = {"SELECT": "OLD_READER", "INSERT": "OLD_WRITER"}
    assert sorted(told) == sorted((codes[right], "warning", right) for right in expected)


PROCEDURES = """
CREATE PROCEDURE p_more(x int) LANGUAGE sql AS 'SELECT 1';
CREATE PROCEDURE p_wider(x int) LANGUAGE sql AS 'SELECT 1';
CREATE PROCEDURE p_gone(x int) LANGUAGE sql AS 'SELECT 1';
CREATE PROCEDURE "p Out"(x int, OUT y int) LANGUAGE sql AS 'SELECT 1';
CREATE PROCEDURE p_other(x int, OUT y int) LANGUAGE sql AS 'SELECT 1';
CREATE PROCEDURE p_many(VARIADIC x int[]) LANGUAGE sql AS 'SELECT 1';
"""
OTHERS = """
DROP PROCEDURE p_more; CREATE PROCEDURE p_more(x int, y int DEFAULT 0) LANGUAGE sql AS 'SELECT 1';
DROP PROCEDURE p_wider; CREATE PROCEDURE p_wider(x bigint) LANGUAGE sql AS 'SELECT 1';
DROP PROCEDURE p_gone; CREATE PROCEDURE p_gone(x int, y int) LANGUAGE sql AS 'SELECT 1';
DROP PROCEDURE "p Out"; CREATE PROCEDURE "p Out"(x int, OUT y int) LANGUAGE sql AS 'SELECT 2';
DROP PROCEDURE p_other; CREATE PROCEDURE p_other(x int) LANGUAGE sql AS 'SELECT 1';
DROP PROCEDURE p_many; CREATE PROCEDURE p_many(x text) LANGUAGE sql AS 'SELECT 1';
"""


def test_a_procedure_is_looked_up_as_a_call_does(project: Project) -> None:
    project.revision("0002", PROCEDURES, "SELECT 1;")
    assert project.run("migrate").status == 0
    path = project.root / "others.sql"
    path.write_text(f"BEGIN;{OTHERS}COMMIT;", encoding="utf-8")
    done = project.run("rehearse", "--sql", str(path), "--format", "json")
    told = {f["ref"]: f["message"] for f in json.loads(done.out)["findings"]}
    assert set(told) == {
        "routine:public.p_gone(integer)",
        "routine:public.p_many(integer[])",
        "routine:public.p_other(integer)",
    }
    assert told["routine:public.p_gone(integer)"].endswith(
        "cannot be called as before: procedure public.p_gone(integer) does not exist"
    )


def test_what_could_not_be_read_before_is_not_lost(project: Project) -> None:
    view = "CREATE MATERIALIZED VIEW totals AS SELECT count(*) AS n FROM things WITH NO DATA;"
    project.revision("0002", view, "DROP MATERIALIZED VIEW totals;")
    assert project.run("migrate").status == 0
    path = project.root / "more.sql"
    path.write_text("ALTER TABLE things ADD colour text;", encoding="utf-8")
    done = project.run("rehearse", "--sql", str(path), "--format", "json")
    assert [f["code"] for f in json.loads(done.out)["findings"]] == []


def test_a_block_that_commits_runs_as_it_does_when_migrated(project: Project) -> None:
    done = "-- ringfence: transaction: none\nDO $$ BEGIN PERFORM 1; COMMIT; PERFORM 2; END $$;"
    assert found(project, done, "SELECT 1;") == {}


def test_a_backfill_needs_a_key_that_is_one(project: Project) -> None:
    head = "-- ringfence: backfill key=nosuch batch=200ms\n"
    project.revision("0002", f"{head}UPDATE things SET size = 2;", "")
    done = project.run("rehearse")
    assert done.status == 2
    assert done.err.startswith("error: the backfill's key nosuch is no column of things\n")


def test_a_table_without_rows_is_seen_to_be_read(project: Project) -> None:
    """None of the made-up rows may stay: the bound refuses them all."""
    project.revision(
        "0002",
        "CREATE TABLE events (id bigint NOT NULL, at date NOT NULL) PARTITION BY RANGE (at);\n"
        "CREATE TABLE year (id bigint NOT NULL, at date NOT NULL);",
        "DROP TABLE year; DROP TABLE events;",
    )
    assert project.run("migrate").status == 0
    attach = (
        "ALTER TABLE events ATTACH PARTITION year FOR VALUES FROM ('1901-01-01') TO ('1901-01-02');"
    )
    path = project.root / "attach.sql"

    def codes(text: str) -> set[str]:
        path.write_text(text, encoding="utf-8")
        done = project.run("rehearse", "--sql", str(path), "--format", "json")
        return {f["code"] for f in json.loads(done.out)["findings"] if f["severity"] == "error"}

    assert codes(attach) == {"SCAN_UNDER_LOCK"}
    proven = (
        "-- ringfence: transaction: none\n"
        "ALTER TABLE year ADD CHECK (at >= '1901-01-01' AND at < '1901-01-02') NOT VALID;\n"
        "ALTER TABLE year VALIDATE CONSTRAINT year_at_check;\n"
    )
    assert codes(proven + attach) == set()


def test_a_file_that_refuses_rows_of_its_own_accord_is_run_without(project: Project) -> None:
    check = (
        "DO $$ BEGIN IF EXISTS (SELECT FROM things WHERE size <> 77) THEN"
        " RAISE EXCEPTION 'not these rows'; END IF; END $$;\n"
    )
    seen = found(
        project, f"{check}ALTER TABLE things ADD later int;", "ALTER TABLE things DROP later;"
    )
    assert seen == {}
    done = project.run("rehearse")
    assert (
        "0002 refuses the rows made up for it, as it may refuse real ones: it was run on empty tables"
        in done.out
    )
    assert "undone" in done.out
    always = "DO $$ BEGIN RAISE EXCEPTION 'never'; END $$;"
    assert found(project, always) == {"FAILS": [None]}


def test_an_index_that_is_built_concurrently_finds_rows_that_it_takes(project: Project) -> None:
    head = "-- ringfence: transaction: none\n"
    up = f"{head}CREATE UNIQUE INDEX CONCURRENTLY u ON things ((size * 0));"
    assert found(project, up, "DROP INDEX u;") == {}


RIGHTS = """
DO $$ BEGIN CREATE ROLE {role}; EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$;
CREATE SCHEMA s;
CREATE TABLE s.x (id integer);
CREATE SEQUENCE sq;
GRANT USAGE ON SCHEMA s TO {role};
GRANT SELECT ON s.x TO {role};
GRANT USAGE ON SEQUENCE sq TO {role};
GRANT SELECT, INSERT ON things TO {role};
GRANT UPDATE (label, size) ON things TO {role};
CREATE TABLE own (id integer);
ALTER TABLE own OWNER TO {role};
"""


@pytest.fixture
def granted(project: Project) -> Iterator[tuple[Project, str]]:
    """A project whose first two revisions give a role something to do, and the role."""
    role = f"reader_{os.getpid()}_{next(_roles)}"
    project.revision("0002", RIGHTS.format(role=role), "SELECT 1;", after="0001")
    assert project.run("migrate").status == 0
    yield project, role
    with psycopg.connect(project.dsn, autocommit=True) as connection:
        connection.execute(f"DROP OWNED BY {role}")
        connection.execute(f"DROP ROLE {role}")


_roles = itertools.count()


@pytest.mark.parametrize(
    ("up", "message"),
    [
        ("REVOKE SELECT ON things FROM {role}", "SELECT on public.things"),
        ("REVOKE INSERT ON things FROM {role}", "INSERT on public.things"),
        (
            "REVOKE SELECT ON things FROM {role}; GRANT SELECT (id) ON things TO {role}",
            "SELECT (label, parent_id, size) on public.things",
        ),
        ("REVOKE UPDATE (label) ON things FROM {role}", "UPDATE (label) on public.things"),
        ("REVOKE USAGE ON SCHEMA s FROM {role}", "SELECT on s.x"),
        (
            "REVOKE EXECUTE ON FUNCTION twice(integer) FROM PUBLIC",
            "EXECUTE on public.twice(integer)",
        ),
        ("REVOKE USAGE ON SEQUENCE sq FROM {role}", "USAGE on public.sq"),
        ("DROP TABLE s.x; DROP SEQUENCE sq; ALTER TABLE things DROP COLUMN label CASCADE", ""),
        (
            "ALTER TABLE s.x RENAME TO y; CREATE VIEW s.x AS SELECT * FROM s.y",
            "SELECT on s.x",
        ),
        (
            (
                "ALTER TABLE s.x RENAME TO y; CREATE VIEW s.x AS SELECT * FROM s.y;"
                " GRANT SELECT ON s.x TO {role}"
            ),
            "",
        ),
        ("ALTER TABLE things OWNER TO {role}", ""),
        (
            ("ALTER TABLE own OWNER TO pg_monitor; GRANT INSERT, UPDATE, DELETE ON own TO {role}"),
            "SELECT on public.own",
        ),
        ("DROP TABLE own; CREATE TABLE own (id integer)", ""),
    ],
)
def test_a_right_that_is_lost_is_an_error(
    granted: tuple[Project, str], up: str, message: str
) -> None:
    project, role = granted
    for phase, severity in (("", "error"), ("-- ringfence: phase: contract\n", "info")):
        path = project.root / "fix.sql"
        path.write_text(phase + up.format(role=role) + ";\n", encoding="utf-8")
        done = project.run("rehearse", "--sql", str(path), "--format", "json")
        findings = json.loads(done.out)["findings"]
        told = [
            (f["severity"], f["message"].partition(f"role {role} may not ")[2])
            for f in findings
            if f"role {role} may not" in f["message"]
        ]
        assert told == ([(severity, f"{message} any more")] if message else [])


@pytest.mark.parametrize(
    ("up", "down", "message"),
    [
        ("ALTER ROLE {role} SET work_mem = '5MB'", "SELECT 1", 'role_setting:{role}."".work_mem is left'),
        ("ALTER ROLE {role} SET work_mem = '5MB'", "ALTER ROLE {role} RESET work_mem", ""),
        ("ALTER ROLE {role} CREATEDB", "SELECT 1", "role:{role} is not as it was: create_database"),
        (
            "CREATE ROLE {role}_new; GRANT SELECT ON things TO {role}_new",
            "DROP OWNED BY {role}_new; DROP ROLE {role}_new",
            "",
        ),
    ],
)  # fmt: skip
def test_a_way_back_takes_back_what_was_done_to_roles(
    granted: tuple[Project, str], up: str, down: str, message: str
) -> None:
    project, role = granted
    project.revision("0003", up.format(role=role) + ";", down.format(role=role) + ";")
    done = project.run("rehearse", "--format", "json")
    told = [f["message"] for f in json.loads(done.out)["findings"] if f["code"] == "NOT_REVERSIBLE"]
    assert told == ([f"0003 undone, {message.format(role=role)}"] if message else [])


WRAPPER = """
CREATE EXTENSION postgres_fdw;
CREATE SERVER afar FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '/nowhere', port '1');
CREATE USER MAPPING FOR PUBLIC SERVER afar;
"""
AFAR = f"""
{WRAPPER}
CREATE TABLE pt (id integer GENERATED BY DEFAULT AS IDENTITY, note text) PARTITION BY RANGE (id);
CREATE FOREIGN TABLE ft PARTITION OF pt FOR VALUES FROM (1) TO (100) SERVER afar;
CREATE TABLE pn PARTITION OF pt FOR VALUES FROM (100) TO (200);
CREATE FOREIGN TABLE alone (id integer, note text) SERVER afar;
CREATE VIEW over AS SELECT id FROM pt;
CREATE TABLE parent (id integer);
CREATE FOREIGN TABLE child () INHERITS (parent) SERVER afar;
INSERT INTO pn VALUES (100, 'x');
INSERT INTO parent VALUES (1);
"""


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("ALTER TABLE pt ADD w integer;", set()),
        (
            "ALTER TABLE pt RENAME note TO remark;",
            {
                ("OLD_READER", 'public.pt cannot be read as before: column "note" does not exist'),
                ("OLD_READER", 'public.ft cannot be read as before: column "note" does not exist'),
                ("OLD_READER", 'public.pn cannot be read as before: column "note" does not exist'),
            },
        ),
        (
            "DROP FOREIGN TABLE alone;",
            {
                (
                    "OLD_READER",
                    'public.alone cannot be read as before: relation "public.alone" does not exist',
                )
            },
        ),
        (
            "CREATE FOREIGN TABLE more PARTITION OF pt FOR VALUES FROM (200) TO (300) SERVER afar;",
            set(),
        ),
        (
            (
                "ALTER TABLE things ADD whole boolean; CREATE TABLE parts (id bigint) PARTITION BY LIST (id);"
                " CREATE FOREIGN TABLE other (id bigint) SERVER afar; ALTER FOREIGN TABLE other INHERIT twigs;"
            ),
            set(),
        ),
        # What looks at rows and refuses those made up is run without: those afar stay.
        (
            "DO $$ BEGIN IF EXISTS (SELECT FROM things) THEN RAISE 'no'; END IF; END $$;",
            set(),
        ),
        *[
            (
                sql,
                {
                    (
                        "NOT_REHEARSED",
                        (
                            "reaches another server, and a rehearsal does not: foreign-data wrapper"
                            f' "{wrapper}" has no handler'
                        ),
                    )
                },
            )
            for sql, wrapper in (
                ("INSERT INTO things (id) SELECT id FROM pt;", "postgres_fdw"),
                ("DELETE FROM alone;", "postgres_fdw"),
                ("IMPORT FOREIGN SCHEMA public FROM SERVER afar INTO public;", "postgres_fdw"),
                (
                    (
                        "CREATE FOREIGN DATA WRAPPER w HANDLER postgres_fdw_handler;"
                        " CREATE SERVER s FOREIGN DATA WRAPPER w; CREATE FOREIGN TABLE q (id int) SERVER s;"
                        " SELECT FROM q;"
                    ),
                    "w",
                ),
            )
        ],
    ],
)
def test_no_other_server_is_reached(
    project: Project, sql: str, expected: set[tuple[str, str]]
) -> None:
    project.revision("0002", f"{AFAR} CREATE TABLE twigs (id bigint);", "SELECT 1;")
    assert project.run("migrate").status == 0
    path = project.root / "afar.sql"
    path.write_text(f"BEGIN; {sql} COMMIT;", encoding="utf-8")
    done = project.run("rehearse", "--sql", str(path), "--format", "json")
    assert done.out, done.err
    document = json.loads(done.out)
    told = {
        (f["code"], f["message"].partition(f"{path.name} ")[2])
        for f in document["findings"]
        if f["severity"] == "error"
    }
    assert told == expected
    rows = {row["subject"]: row["skipped"] for row in document["coverage"]}
    names = "public.pt, public.ft, public.alone, public.over, public.parent, public.child"
    assert rows["afar"] == f"a rehearsal reaches no other server: {names}"


@pytest.mark.parametrize(("zone", "codes"), [("UTC", set()), ("America/Mexico_City", {"REWRITE"})])
def test_a_table_is_written_anew_as_the_databases_time_zone_has_it(
    project: Project, database: str, zone: str, codes: set[str]
) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(
            f"ALTER DATABASE {quoted(connection.info.dbname)} SET timezone = '{zone}'"
        )
    up = "ALTER TABLE things ADD COLUMN at timestamp;"
    project.revision("0002", up, "ALTER TABLE things DROP COLUMN at;", after="0001")
    assert project.run("migrate").status == 0
    (project.root / "x.sql").write_text("ALTER TABLE things ALTER at TYPE timestamptz;")
    done = project.run("rehearse", "--sql", "x.sql", "--format", "json")
    found = {f["code"] for f in json.loads(done.out)["findings"] if f["severity"] == "error"}
    assert found == codes
