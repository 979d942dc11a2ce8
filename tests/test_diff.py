"""`ringfence diff` and `ringfence snapshot`: sources, shadows, scripts, proofs, and bad input."""

from __future__ import annotations

import json
import os
import re
import subprocess
from dataclasses import replace
from typing import TYPE_CHECKING

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

import ringfence
from engine import psql
from projects import Project
from ringfence import proof, sources
from ringfence.model import Ref
from ringfence.project import find
from ringfence.proof import prove
from ringfence.step import Plan, Step, from_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from conftest import SomeServer

ONE = "CREATE TABLE t (id integer PRIMARY KEY, name text);"
TWO = (
    "CREATE TABLE t (id bigint PRIMARY KEY, name text NOT NULL);\nCREATE INDEX t_name ON t (name);"
)


@pytest.fixture
def project(tmp_path: Path, database: str) -> Project:
    made = Project(tmp_path / "project", database)
    (made.root / "ddl").mkdir()
    return made


def _file(project: Project, name: str, text: str) -> str:
    path = project.root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_the_script_runs_as_it_stands_and_leaves_nothing_to_do(
    project: Project, database: str
) -> None:
    psql(database, ONE)
    b = _file(project, "b.sql", TWO)
    result = project.run("diff", "live", b)
    assert result.status == 1
    assert "ALTER COLUMN id TYPE bigint" in result.out
    assert "CREATE INDEX t_name" in result.out
    assert "proved: applied to a clone" in result.err
    assert "proved: pg_dump of the clone equals pg_dump of the target, but for owners" in result.err
    psql(database, result.out)
    again = project.run("diff", "live", b)
    assert (again.status, again.out) == (0, "")
    assert again.err == f"live and {b} are the same\n"


def test_nothing_is_written_to_either_side(
    project: Project, make_database: Callable[..., str]
) -> None:
    one, two = make_database(), make_database()
    psql(one, ONE)
    psql(two, TWO)
    before = [_traces(one), _traces(two)]
    result = project.run("diff", one, two)
    assert result.status == 1, result.err
    assert [_traces(one), _traces(two)] == before


def _traces(conninfo: str) -> list[tuple[object, ...]]:
    with psycopg.connect(conninfo) as connection:
        return connection.execute(
            "SELECT oid, xmin, relname FROM pg_class WHERE oid > 16383 ORDER BY 1"
        ).fetchall()


def test_no_shadow_is_left(project: Project, server: SomeServer, database: str) -> None:
    psql(database, ONE)
    project.run("diff", "live", _file(project, "b.sql", TWO))
    with psycopg.connect(server.dsn()) as connection:
        mine = connection.execute(
            "SELECT datname FROM pg_database AS d WHERE datname LIKE 'ringfence\\_shadow\\_%%'"
            " AND NOT EXISTS (SELECT 1 FROM pg_stat_activity AS a WHERE"
            " a.pid = split_part(d.datname, '_', 3)::integer)"
        ).fetchall()
    assert mine == []


def test_the_shadow_of_a_killed_run_is_swept(
    project: Project, server: SomeServer, database: str
) -> None:
    left = "ringfence_shadow_1_1_1"  # of a session that cannot be
    with psycopg.connect(server.dsn(), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {left}")
        project.run("diff", "live", _file(project, "b.sql", TWO))
        there = connection.execute(
            "SELECT 1 FROM pg_database WHERE datname = %s", [left]
        ).fetchone()
    assert there is None


def test_files_in_any_order_and_in_a_circle(project: Project) -> None:
    _file(project, "ddl/1_view.sql", "CREATE VIEW s.v AS SELECT s.f(id) FROM s.a;")
    _file(project, "ddl/2_a.sql", "CREATE TABLE s.a (id int PRIMARY KEY, b int REFERENCES s.b);")
    _file(
        project,
        "ddl/3_b.sql",
        "CREATE TABLE s.b (id int PRIMARY KEY);\nALTER TABLE s.b ADD a int REFERENCES s.a;",
    )
    _file(
        project,
        "ddl/4_f.sql",
        "CREATE FUNCTION s.f(x int) RETURNS bigint LANGUAGE sql AS"
        " 'SELECT count(*) FROM s.later WHERE id = x';\nCREATE TABLE s.later (id int);",
    )
    _file(project, "ddl/5_schema.sql", "CREATE SCHEMA s;")
    result = project.run("diff", "live", "ddl")
    assert result.status == 1, result.err
    assert "proved" in result.err


def test_a_body_may_leave_out_schemas_where_the_server_looks_into_it(
    project: Project, database: str
) -> None:
    """pg_dump's own text of such a table does not load: it empties search_path."""
    psql(
        database,
        "CREATE TYPE kind AS (a integer);\n"
        "CREATE FUNCTION as_kind(x integer) RETURNS kind IMMUTABLE LANGUAGE sql"
        " AS 'SELECT ROW(x)::kind';\n"
        "CREATE TABLE t (a integer, b kind GENERATED ALWAYS AS (as_kind(a)) STORED);\n",
    )
    b = _file(project, "b.sql", "CREATE TABLE other (id integer);")
    result = project.run("diff", "live", b)
    assert result.status == 1, result.err
    assert "proved: applied to a clone" in result.err


def test_a_plan_in_json_is_the_plan(project: Project, database: str) -> None:
    psql(database, ONE)
    result = project.run("diff", "live", _file(project, "b.sql", TWO), "--format", "json")
    document = json.loads(result.out)
    plan = from_json(document)
    assert plan.to_json() == document
    assert plan.proof is not None
    assert plan.proof.holds
    assert {h.code for h in plan.hazards} >= {"REWRITE", "SCAN_UNDER_LOCK", "INDEX_BUILD"}


def test_a_review_in_markdown(project: Project, database: str) -> None:
    psql(database, TWO)
    result = project.run("diff", "live", _file(project, "b.sql", ONE), "--format", "markdown")
    assert result.out.startswith("## Schema: live → ")
    assert "```sql\n" in result.out
    same = project.run("diff", "live", "live", "--format", "markdown")
    assert (same.status, same.out) == (0, "## Schema: live → live\n\nNo differences.\n")


def test_what_differs_is_told_in_words_and_where_it_does(project: Project) -> None:
    text = (
        "CREATE TABLE t (a text{}, b integer);"
        " CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN new; END';"
        " CREATE TRIGGER touch BEFORE UPDATE ON t FOR EACH ROW WHEN (new.a <> '{}') EXECUTE FUNCTION f();"
        " GRANT SELECT{} ON t TO PUBLIC;{}"
    )
    a = _file(project, "a.sql", text.format("", "a", "", ""))
    default = " ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO PUBLIC;"
    b = _file(project, "b.sql", text.format(" COMPRESSION pglz", "b", ", INSERT", default))
    result = project.run("diff", a, b, "--no-proof")
    told = (
        "~ column public.t.a (compression: DEFAULT → pglz)",
        (
            "~ trigger public.t.touch (definition: …ROW WHEN ((new.a <> 'a'::text)) EXECUTE FUNCTION"
            " public.f() → …ROW WHEN ((new.a <> 'b'::text)) EXECUTE FUNCTION public.f())"
        ),
        "~ grant on table public.t to PUBLIC (privileges: SELECT → SELECT, INSERT)",
    )
    for line in told:
        assert f"{line}\n" in result.err
    assert "+ default privileges on TABLES to PUBLIC\n" in result.err
    review = project.run("diff", a, b, "--no-proof", "--format", "markdown").out
    assert all(f"{line}\n" in review for line in told)


def test_what_is_made_again_is_told_though_it_does_not_differ(project: Project) -> None:
    text = (
        "CREATE TABLE t (a {}); CREATE VIEW v AS SELECT count(a) AS n FROM t;"
        " CREATE VIEW w AS SELECT a FROM t; CREATE VIEW x AS SELECT 1 AS y;"
    )
    a = _file(project, "a.sql", text.format("integer"))
    b = _file(project, "b.sql", text.format("bigint"))
    result = project.run("diff", a, b, "--no-proof")
    assert "\n~ view public.v (dropped and made again)\n" in result.err
    assert "~ view public.w (columns: a integer → a bigint; made anew)\n" in result.err
    assert "view public.x" not in result.err


def test_a_huge_difference_is_counted(project: Project) -> None:
    a = _file(project, "a.sql", "".join(f"CREATE TABLE t{n} (a text);" for n in range(410)))
    b = _file(project, "b.sql", "CREATE TABLE t0 (a text);")
    result = project.run("diff", a, b, "--no-proof")
    assert result.status == 1
    lines = result.err.splitlines()
    assert len(lines) == 403
    assert lines[-3:] == [
        "… and 209 dropped, 209 hazards more: --format markdown tells all",
        "hazards: 409 DATA_LOSS",
        "not proved",
    ]


def test_made_up_rows_outlive_the_plan(project: Project, database: str) -> None:
    psql(database, ONE)
    widened = _file(project, "b.sql", "CREATE TABLE t (id bigint PRIMARY KEY, name text);")
    result = project.run("diff", "live", widened)
    assert re.search(r"^proved: [1-9]\d* made-up rows are still there$", result.err, re.MULTILINE)
    dropped = _file(project, "c.sql", "CREATE TABLE t (id integer PRIMARY KEY);")
    result = project.run("diff", "live", dropped)
    assert "made-up rows are still there but for those that a hazard tells of\n" in result.err


RANGES = (
    "CREATE TABLE w (id int, k int, note text, PRIMARY KEY (id, k)) PARTITION BY RANGE (k);"
    " CREATE TABLE w1 PARTITION OF w FOR VALUES FROM (0) TO ({});"
)
DEFAULT = " CREATE TABLE wd PARTITION OF w DEFAULT;"
MORE = " CREATE TABLE w2 PARTITION OF w FOR VALUES FROM (20) TO (30);"


@pytest.mark.parametrize("part", ["w1", "w2"], ids=["narrowed", "new"])
def test_rows_lie_where_the_bounds_of_partitions_move(
    project: Project, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    monkeypatch.chdir(project.root)
    a = _file(project, "a.sql", RANGES.format(10) + DEFAULT)
    more = MORE if part == "w2" else ""
    b = _file(project, "b.sql", RANGES.format(10 if more else 5) + DEFAULT + more)
    done = ringfence.compare(a, b)
    assert done.plan.proof is not None
    assert "4 made-up rows are still there" in done.plan.proof.checked  # two lie there
    # A plan that loses them does not hold.
    *_, last = (s for s in done.plan.steps if "INSERT INTO" in s.sql)
    instead = replace(last, sql="DELETE FROM public.wd WHERE k = 20")
    forgetful = [instead if s is last else s for s in done.plan.steps]
    bad = ringfence.prove(replace(done.plan, steps=tuple(forgetful)), a, b)
    assert bad.proof is not None
    assert any("rows and has" in said for said in bad.proof.differences)


def test_rows_that_the_new_bounds_have_no_place_for_are_told(project: Project) -> None:
    a = _file(project, "a.sql", RANGES.format(10))
    b = _file(project, "b.sql", RANGES.format(5))
    result = project.run("diff", a, b)
    assert "proved: 2 made-up rows are still there\n" in result.err
    assert (
        "not checked: rows: the made-up rows that lie where bounds move are refused, as real ones"
        ' may be: no partition of relation "w" found for row\n' in result.err
    )


def test_what_is_told_of_the_whole_is_told_of_its_partitions(project: Project) -> None:
    whole = "CREATE TABLE w (k int{}) PARTITION BY LIST (k);"
    parts = (
        " CREATE TABLE w1 PARTITION OF w FOR VALUES IN (1) PARTITION BY LIST (k);"
        " CREATE TABLE w11 PARTITION OF w1 DEFAULT; CREATE TABLE w2 PARTITION OF w DEFAULT;"
    )
    a = _file(project, "a.sql", whole.format(", a text") + parts)
    b = _file(project, "b.sql", whole.format("") + parts)
    result = project.run("diff", a, b)
    assert "are still there but for those that a hazard tells of\n" in result.err
    assert "not proved" not in result.err
    of = "CREATE TYPE t AS (k int{}); CREATE TABLE w OF t PARTITION BY LIST (k);"
    c = _file(project, "c.sql", of.format(", a text") + parts)
    d = _file(project, "d.sql", of.format("") + parts)
    assert "not proved" not in project.run("diff", c, d).err


def test_an_index_touches_its_table(project: Project) -> None:
    a = _file(project, "a.sql", "CREATE TABLE t (a int);")
    b = _file(project, "b.sql", "CREATE TABLE t (a int); CREATE INDEX i ON t (a);")
    assert "proved: 2 made-up rows are still there\n" in project.run("diff", a, b).err


def test_rows_are_made_up_for_what_a_plan_touches(
    project: Project, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project.root)
    monkeypatch.setattr(proof, "_MOST", 3)
    tables = (
        "CREATE TABLE a (id integer PRIMARY KEY);"
        " CREATE TABLE b (id integer PRIMARY KEY, a_id integer NOT NULL REFERENCES a);"
        ' CREATE TABLE "C c" (k integer, n {}) PARTITION BY LIST (k);'
        ' CREATE TABLE c1 PARTITION OF "C c" DEFAULT; CREATE TABLE d (id integer PRIMARY KEY);'
        " CREATE DOMAIN short AS text CHECK (length(VALUE) < {}); CREATE TABLE e (s short);"
        " CREATE TABLE f (id integer); CREATE TABLE z (id integer CHECK (id < 0 AND id > 0));"
    )
    psql(database, tables.format("integer", 99))
    psql(database, "CREATE INDEX ON b (a_id)")
    later = _file(project, "b.sql", tables.format("bigint", 99) + "CREATE INDEX ON b (a_id, id);")
    done = ringfence.compare(database, later)
    assert done.plan.proof is not None
    assert "6 made-up rows are still there" in done.plan.proof.checked  # of a, b and c1
    assert done.plan.proof.unchecked == ()
    other = _file(project, "c.sql", tables.format("integer", 98) + "CREATE INDEX ON b (a_id);")
    done = ringfence.compare(database, other)
    assert done.plan.proof is not None
    assert "2 made-up rows are still there" in done.plan.proof.checked  # of e
    monkeypatch.setattr(proof, "_MOST", 1)
    done = ringfence.compare(database, later)
    assert done.plan.proof is not None
    assert done.plan.proof.unchecked == (
        "rows: the plan touches 2 tables: too many to make rows up for",
    )


def test_generated_columns_have_other_values_when_they_say_so(
    project: Project, database: str, server: SomeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    if server.major < 18:
        pytest.skip(f"the server is PostgreSQL {server.major}")
    monkeypatch.chdir(project.root)
    psql(
        database,
        "CREATE TABLE t (a integer, v integer GENERATED ALWAYS AS (a * 2) VIRTUAL,"
        " s integer GENERATED ALWAYS AS (a * 2) STORED, gone integer GENERATED ALWAYS AS (a) STORED,"
        " gone_too integer GENERATED ALWAYS AS (a + 1) VIRTUAL,"
        " other text GENERATED ALWAYS AS (a::text) STORED);",
    )
    b = _file(
        project,
        "b.sql",
        "CREATE TABLE t (a integer, v integer GENERATED ALWAYS AS (a * 3) VIRTUAL,"
        " s integer GENERATED ALWAYS AS (a * 3) STORED, other bigint GENERATED ALWAYS AS (a) VIRTUAL,"
        " come integer GENERATED ALWAYS AS (a) VIRTUAL);",
    )
    done = ringfence.compare(database, b)
    assert done.plan.proof is not None
    assert done.plan.proof.differences == ()
    assert "2 made-up rows are still there" in done.plan.proof.checked


def test_rows_that_the_plan_refuses_prove_nothing(project: Project, database: str) -> None:
    psql(database, "CREATE TABLE t (id integer CHECK (id > 5));")
    b = _file(project, "b.sql", "CREATE TABLE t (id integer CHECK (id < 5));")
    result = project.run("diff", "live", b)
    assert result.status == 1
    assert (
        "not checked: rows: the made-up rows are refused, as real ones may be: check constraint"
        in result.err
    )
    assert "proved: the clone's catalog equals the target's" in result.err


def test_rows_that_the_plan_refuses_cost_the_proof_of_their_own_table_alone(
    project: Project, database: str
) -> None:
    text = (
        "CREATE TABLE t (id integer PRIMARY KEY CHECK (id {} 5)); CREATE TABLE kept (id {});"
        " CREATE TABLE u (id integer PRIMARY KEY, t integer REFERENCES t);"
        " CREATE TABLE w (id integer{}); CREATE TABLE other (id integer PRIMARY KEY{});"
    )
    psql(database, text.format(">", "integer", "", ", v text"))
    b = _file(project, "b.sql", text.format("<", "bigint", " CHECK (id = 77777)", ""))
    result = project.run("diff", "live", b)
    said = "are refused, as real ones may be: check constraint"
    assert f"not checked: rows: the made-up rows of public.t {said}" in result.err
    assert (
        "is violated by some row (left out, with what refers to them);"
        f" the made-up rows of public.w {said}" in result.err
    )
    assert "proved: 4 made-up rows are still there but for those that a hazard tells of\n" in (
        result.err
    )  # of kept and other: what refers to t went with it


def test_other_rows_are_made_up_that_fit_where_those_that_are_there_are_refused(
    project: Project, database: str
) -> None:
    text = (
        "CREATE TYPE e AS ENUM ('a'{}); CREATE TABLE enums (e e DEFAULT 'a');"
        ' CREATE TABLE types (n integer, u {} UNIQUE, j {}, b {}, i {}, "a ""b" {});'
        " CREATE TABLE parent (x integer, y text, PRIMARY KEY (x, y));"
        " CREATE TABLE child (y text, x integer UNIQUE{});"
    )
    psql(database, text.format(", 'b'", "text", "text", "text", "numeric", "text", ""))
    reference = ", FOREIGN KEY (x, y) REFERENCES parent ON DELETE CASCADE"
    new = text.format("", "uuid", "jsonb", "boolean", "smallint", "date", reference)
    result = project.run("diff", "live", _file(project, "b.sql", new))
    assert "proved: 8 made-up rows are still there" in result.err
    for name in ("types", "child"):
        assert re.search(
            rf"the made-up rows of public\.{name} are refused, [^;]* \(others that fit are kept\)",
            result.err,
        )
    assert "left out" not in result.err


def test_a_plan_that_loses_rows_in_silence_is_not_proved(project: Project, database: str) -> None:
    psql(database, ONE)
    a = sources.source(None, database)
    with sources.shop(None, (a, a), None) as shop:
        wanted = shop.catalog(a)
        ref = Ref("table", ("public", "t"))
        step = Step("DELETE FROM t WHERE id = (SELECT min(id) FROM t)", ref, "alter")
        plan = Plan((step,), wanted.fingerprint, wanted.fingerprint, wanted.server_version)
        proof = prove(plan, shop, a, a, wanted).proof
    assert proof is not None
    assert not proof.holds
    assert proof.differences[0].startswith("rows: public.t had ")
    assert project.query("SELECT count(*) FROM t") == [(0,)]


def test_without_proof_it_says_so(project: Project, database: str) -> None:
    psql(database, ONE)
    result = project.run("diff", "live", _file(project, "b.sql", TWO), "--no-proof")
    assert result.err.endswith("not proved\n")
    assert "proved:" not in result.err


def test_enum_values_are_committed_before_they_are_used(project: Project, database: str) -> None:
    psql(database, "CREATE TYPE e AS ENUM ('a'); CREATE TABLE t (x e);")
    b = _file(
        project, "b.sql", "CREATE TYPE e AS ENUM ('a', 'b'); CREATE TABLE t (x e DEFAULT 'b');"
    )
    result = project.run("diff", "live", b)
    psql(database, result.out)
    assert project.run("diff", "live", b).status == 0


def test_snapshot_is_a_source_anywhere(project: Project, database: str, tmp_path: Path) -> None:
    psql(database, ONE)
    where = tmp_path / "then.json"
    wrote = project.run("snapshot", "-o", str(where))
    assert (wrote.status, wrote.out) == (0, "")
    assert project.run("diff", str(where), "live").status == 0
    psql(database, "ALTER TABLE t ADD COLUMN more int")
    result = project.run("diff", str(where), "live")
    assert "ADD COLUMN more integer" in result.out
    assert project.run("snapshot").out == project.run("snapshot").out


def test_files_of_a_commit_come_in_the_order_of_those_that_lie_there(tmp_path: Path) -> None:
    made = Project(tmp_path / "project")
    for name in ("a/b.sql", "a-b.sql", "a.sql"):
        path = made.root / "ddl" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("SELECT 1;\n", encoding="utf-8")
    git = ["git", "-C", str(made.root), "-c", "user.name=a", "-c", "user.email=a@example.com"]
    for argv in (["init", "-q"], ["add", "."], ["commit", "-qm", "all"]):
        subprocess.run([*git, *argv], check=True)
    project = find(made.root)
    there, kept = (
        [each.path.removeprefix("HEAD:") for each in sources.source(project, spec).scripts]
        for spec in ("ddl", "git:HEAD")
    )
    assert kept == there


def test_a_commit_is_a_source(project: Project) -> None:
    def git(*argv: str) -> None:
        who = ["-c", "user.name=n", "-c", "user.email=e@example.org"]
        subprocess.run(
            ["git", "-C", str(project.root), *who, *argv], check=True, capture_output=True
        )

    _file(project, "ddl/t.sql", ONE)
    git("init", "-q")
    git("add", ".")
    git("commit", "-qm", "one")
    _file(project, "ddl/t.sql", TWO)
    result = project.run("diff", "git:HEAD", "ddl")
    assert result.status == 1
    assert "CREATE INDEX t_name" in result.out
    gone = project.run("diff", "git:nowhere", "ddl")
    assert gone.status == 2
    assert gone.err.startswith("error: git has no ddl at nowhere: fatal: not a valid object name")


def test_roles_that_are_missing_get_a_stand_in(project: Project, server: SomeServer) -> None:
    role = "diff test role nobody made"
    _file(project, "ddl/t.sql", f'{ONE}\nGRANT SELECT ON t TO "{role}";')
    try:
        result = project.run("diff", "live", "ddl")
        assert f"note: role {role} did not exist: a stand-in was made (ddl/t.sql:2:1)" in result.err
        assert result.status == 1
    finally:
        with psycopg.connect(server.dsn(), autocommit=True) as connection:
            connection.execute(f'DROP ROLE IF EXISTS "{role}"')


def test_an_owner_left_open_is_no_difference(project: Project, database: str) -> None:
    psql(database, ONE)
    result = project.run("diff", "live", _file(project, "b.sql", ONE))
    assert (result.status, result.out) == (0, "")


def test_data_in_ddl_is_said_and_left_out(project: Project, database: str) -> None:
    psql(database, ONE)
    b = _file(project, "b.sql", ONE + "\nINSERT INTO t VALUES (1, 'x');")
    result = project.run("diff", "live", b)
    assert result.status == 0
    assert f"note: INSERT is data, not schema: left out ({b}:2:1)\n" in result.err


# Bad input: the whole message


def _says(project: Project, text: str, *argv: str, status: int = 2) -> None:
    result = project.run(*argv)
    assert (result.out, result.err, result.status) == ("", text, status)


def test_no_such_thing(project: Project) -> None:
    _says(
        project,
        "error: no revision nothing in migrations/versions\nhint: ringfence status lists them\n",
        "diff",
        "nothing",
        "ddl",
    )


def test_an_error_in_a_file_has_its_place(project: Project) -> None:
    _file(project, "ddl/t.sql", "CREATE SCHEMA s;\n\nCREATE TABLE s.t (é text, id integr);")
    _says(
        project,
        'error: type "integr" does not exist\n'
        "  ddl/t.sql:3:30\n"
        "  3 | CREATE TABLE s.t (é text, id integr);\n"
        "    |                              ^\n",
        "diff",
        "live",
        "ddl",
        status=3,
    )


def test_a_file_that_cannot_be_read(project: Project) -> None:
    (project.root / "ddl" / "t.sql").write_bytes(b"CREATE TABLE t (\n  n\xf1 text);")
    _says(
        project,
        "error: ddl/t.sql is not UTF-8: byte 0xf1\n"
        "  ddl/t.sql:2:4\n"
        "hint: save it as UTF-8, for instance: iconv -f ISO-8859-1 -t UTF-8 ddl/t.sql > new.sql\n",
        "diff",
        "live",
        "ddl",
    )


def test_a_quote_that_is_not_closed(project: Project) -> None:
    _file(project, "ddl/t.sql", "CREATE TABLE t (a text DEFAULT 'x);")
    _says(
        project,
        "error: unterminated quoted string\n"
        "  ddl/t.sql:1:32\n"
        "  1 | CREATE TABLE t (a text DEFAULT 'x);\n"
        "    |                                ^\n"
        "hint: close it: the rest of the file is read as part of it\n",
        "diff",
        "live",
        "ddl",
    )


def test_a_command_of_psql(project: Project) -> None:
    _file(project, "ddl/t.sql", "\\i other.sql\n")
    result = project.run("diff", "live", "ddl")
    assert result.status == 2
    assert result.err.splitlines()[:2] == [
        "error: psql's own commands cannot be used here",
        "  ddl/t.sql:1:1",
    ]


DEFAULTS = """
ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO pg_monitor;
ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
"""


def test_default_privileges_of_a_snapshot_are_those_of_files_that_name_nobody(
    project: Project, database: str, tmp_path: Path
) -> None:
    role = f"maker {os.getpid()}"
    where, files = tmp_path / "s.json", tmp_path / "b.sql"
    psql(database, f'CREATE ROLE "{role}"')
    try:
        for_role = f'ALTER DEFAULT PRIVILEGES FOR ROLE "{role}"'
        psql(
            database, "CREATE TABLE t ();" + DEFAULTS.replace("ALTER DEFAULT PRIVILEGES", for_role)
        )
        assert project.run("snapshot", "-o", str(where)).status == 0
        files.write_text(f"CREATE TABLE t ();{DEFAULTS}")
        same = project.run("diff", str(where), str(files))
        assert (same.status, same.out) == (0, ""), same
        files.write_text(f"CREATE TABLE t ();{DEFAULTS.replace('SELECT', 'SELECT, INSERT')}")
        more = project.run("diff", str(where), str(files))
        statements = [line for line in more.out.splitlines() if line.startswith("ALTER")]
        assert statements == [f"{for_role} GRANT INSERT ON TABLES TO pg_monitor;"]
        # Whose they are cannot be told where several have some.
        psql(database, "ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO pg_monitor;")
        assert project.run("snapshot", "-o", str(where)).status == 0
        assert project.run("diff", str(where), str(files)).out.count("FOR ROLE") > 1
    finally:
        psql(database, f'DROP OWNED BY "{role}"; DROP ROLE "{role}"')


def test_a_snapshot_of_another_format(project: Project) -> None:
    path = _file(project, "old.json", '{"format": 99, "facts": []}')
    _says(
        project,
        f"error: {path} is a snapshot of format 99; this ringfence reads 1\n"
        "hint: make it again: ringfence snapshot -o FILE\n",
        "diff",
        path,
        "live",
    )
    path = _file(project, "bad.json", "{")
    result = project.run("diff", path, "live")
    assert result.status == 2
    assert result.err.startswith(f"error: {path} is not a snapshot: ")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"facts": [{"ref": 3}]}', "s.json is not a snapshot: "),
        (
            '{"facts": [{"ref": "table:a.b", "attrs": {"x": {"y": 1}}}]}',
            "s.json is not a snapshot: ",
        ),
        ('{"facts": [7]}', "s.json is not a snapshot: "),
        ('{"facts": [{"ref": "table:a.b"}], "server_version": "x"}', "s.json is not a snapshot: "),
        (
            '{"facts": [{"ref": "wheel:a.b"}]}',
            (
                "s.json has wheel:a.b, and this ringfence knows no wheel\n"
                "hint: make it again: ringfence snapshot -o FILE\n"
            ),
        ),
        (
            '{"facts": [{"ref": "table:a.b", "uses": ["schema:a"]}]}',
            (
                "s.json is not whole: table:a.b needs schema:a, which is not in it\n"
                "hint: make it again: ringfence snapshot -o FILE\n"
            ),
        ),
        (
            '{"facts": [{"ref": "column:a.b.c", "parent": "table:a.b"}]}',
            (
                "s.json is not whole: column:a.b.c needs table:a.b, which is not in it\n"
                "hint: make it again: ringfence snapshot -o FILE\n"
            ),
        ),
        ("\udcff", "cannot read s.json: it is not UTF-8\n"),
    ],
)
def test_a_snapshot_that_was_damaged(project: Project, text: str, said: str) -> None:
    head = '{"format": 1, "server_version": 180000, "unmodeled": [], '
    whole = text.replace("{", head, 1) if text.startswith("{") else text
    if "server_version" in text:
        whole = whole.replace('"server_version": 180000, ', "", 1)
    (project.root / "s.json").write_text(whole, encoding="utf-8", errors="surrogateescape")
    result = project.run("diff", "s.json", "s.json", dsn="")
    assert result.status == 2
    assert result.err.startswith(f"error: {said}")
    assert "bug" not in result.err


def test_a_side_that_is_empty(project: Project) -> None:
    result = project.run("diff", "", "ddl", dsn="")
    assert (result.status, result.err) == (
        2,
        "error: FROM or TO is empty\nhint: is the variable set that it comes from?\n",
    )


def test_an_empty_directory(project: Project) -> None:
    (project.root / "empty").mkdir()
    _says(
        project,
        "error: no .sql files in empty\nhint: ringfence pull writes them from a database\n",
        "diff",
        "live",
        "empty",
    )


def test_an_extension_that_is_not_there(project: Project) -> None:
    _file(project, "ddl/t.sql", "CREATE EXTENSION no_such_thing;")
    result = project.run("diff", "live", "ddl")
    assert result.status == 3
    assert result.err.splitlines()[0] == 'error: extension "no_such_thing" is not available'
    assert "comes without no_such_thing" in result.err


@pytest.fixture
def poor(server: SomeServer, database: str) -> Iterator[str]:
    """A role that owns its database and may create none."""
    name = str(conninfo_to_dict(database)["dbname"])
    role = f"poor_{name}"
    with psycopg.connect(server.dsn(), autocommit=True) as connection:
        connection.execute(f"CREATE ROLE {role} LOGIN")
        connection.execute(f"ALTER DATABASE {name} OWNER TO {role}")
        yield server.dsn(name, user=role)
        connection.execute(f"ALTER DATABASE {name} OWNER TO CURRENT_USER")
        connection.execute(f"DROP ROLE {role}")


def test_a_role_without_createdb_gets_a_local_shadow(project: Project, poor: str) -> None:
    result = project.run("diff", "live", _file(project, "b.sql", ONE), dsn=poor)
    assert result.status == 1, result.err
    assert "proved:" in result.err


def test_a_shadow_of_another_major_is_refused_before_anything_is_done(
    project: Project, poor: str, server: SomeServer
) -> None:
    result = project.run(
        "diff", "live", _file(project, "b.sql", ONE), "--shadow", "host=/nowhere", dsn=poor
    )
    assert result.status == 3
    assert result.err.startswith("error: cannot connect to ")


_AFAR = """
CREATE EXTENSION postgres_fdw;
CREATE SERVER afar FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '/nowhere', port '1');
CREATE USER MAPPING FOR PUBLIC SERVER afar;
CREATE TABLE pt (id integer{more}) PARTITION BY RANGE (id);
CREATE FOREIGN TABLE ft PARTITION OF pt FOR VALUES FROM (1) TO ({end}) SERVER afar;
CREATE TABLE near PARTITION OF pt FOR VALUES FROM (100) TO (200);
CREATE TABLE only_afar (id integer{more}) PARTITION BY RANGE (id);
CREATE FOREIGN TABLE fo PARTITION OF only_afar FOR VALUES FROM (1) TO (5) SERVER afar;
CREATE TABLE t (id integer);
"""


def test_the_proof_never_asks_a_foreign_server(
    project: Project, make_database: Callable[..., str]
) -> None:
    one = _file(project, "a.sql", _AFAR.format(end=5, more=""))
    for end, more in ((6, ""), (5, ", w integer")):
        two = _file(project, "b.sql", _AFAR.format(end=end, more=more))
        result = project.run("diff", one, two)
        assert result.status == 1, result.err
        assert "made-up rows are still there" in result.err
        assert "not checked: rows of foreign tables: another server has them" in result.err
