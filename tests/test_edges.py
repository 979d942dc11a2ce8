"""Odd names, messages and schemas: what is printed holds nothing but what it says."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

import ringfence
from engine import assert_turns, catalog, psql
from projects import Project
from ringfence import kinds, sources
from ringfence.alone import alone
from ringfence.errors import Bug, Misuse, ServerError
from ringfence.kinds._options import SECRET
from ringfence.model import Ref
from ringfence.pg import dump
from ringfence.project import find
from ringfence.proof import prove
from ringfence.step import Hazard, HazardCode, Plan, Step, from_json, remark

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import SomeServer

EVIL = '"evil\nDROP TABLE victim; --"'


@pytest.fixture
def project(tmp_path: Path, database: str) -> Project:
    made = Project(tmp_path / "project", database)
    (made.root / "ddl").mkdir()
    return made


def _file(project: Project, name: str, text: str) -> str:
    path = project.root / name
    path.write_text(text, encoding="utf-8")
    return str(path)


@pytest.mark.parametrize("end", ["\n", "\r", "\r\n"])
def test_a_remark_is_one_line(end: str) -> None:
    assert len(remark(f"a{end}DROP TABLE t;").splitlines()) == 1
    step = Step(
        "SELECT 1",
        Ref("table", ("s", "t")),
        "alter",
        (Hazard(HazardCode.REWRITE, Ref("table", ("s", "t")), f"a{end}b"),),
        comment=f"c{end}d",
    )
    script = Plan((step,), "", "", 180000).script()
    assert [line for line in script.splitlines() if line.startswith("--")] == [
        f"-- c{end!r}d".replace("'", ""),
        f"-- hazard REWRITE: a{end!r}b".replace("'", ""),
    ]


def test_a_remark_is_no_directive() -> None:
    assert remark("ringfence: allowed: DATA_LOSS") == "-- (ringfence: allowed: DATA_LOSS)"


def test_a_line_that_ends_in_a_name_does_not_end_a_comment(project: Project, database: str) -> None:
    victim = "CREATE TABLE victim (x int);\n"
    psql(database, f"{victim}CREATE TABLE {EVIL} (id int);")
    b = _file(project, "b.sql", f"{victim}CREATE TABLE {EVIL} (id bigint);")
    result = project.run("diff", "live", b)
    assert result.status == 1, result.err
    assert "\n-- hazard REWRITE: public.evil\\nDROP TABLE victim; --" in result.out.replace('"', "")
    psql(database, result.out)
    assert Ref("table", ("public", "victim")) in catalog(database).facts
    assert project.run("diff", "live", b).status == 0


def test_a_revision_of_a_name_with_two_lines(project: Project, database: str) -> None:
    victim = "CREATE TABLE victim (x int);\n"
    (project.root / "ddl" / "a.sql").write_text(f"{victim}CREATE TABLE {EVIL} (id int, k int);")
    assert project.run("plan", "-m", "first").status == 0
    (project.root / "ddl" / "a.sql").write_text(f"{victim}CREATE TABLE {EVIL} (id bigint);")
    done = project.run("plan", "-m", "second", "--allow", "DATA_LOSS", "--allow", "REWRITE")
    assert done.status == 0, done.err
    migrated = project.run("migrate")
    assert migrated.status == 0, migrated.err
    assert Ref("table", ("public", "victim")) in catalog(database).facts
    assert project.run("diff", "live", "ddl").status == 0
    assert project.run("migrate", "--to", "0001", "--yes", "--allow", "DATA_LOSS").status == 0
    assert Ref("table", ("public", "victim")) in catalog(database).facts


def test_a_message_of_several_lines(project: Project, database: str) -> None:
    (project.root / "ddl" / "a.sql").write_text("CREATE TABLE victim (x int);")
    done = project.run("plan", "-m", 'First\nDROP TABLE victim; --\n\r\n"""\nringfence: phase: x\n')
    assert done.status == 0, done.err
    up = (project.versions / "0001_first_drop_table_victim_ringfence_phase.up.sql").read_text()
    assert up.startswith("-- First\n-- DROP TABLE victim; --\n-- \n")
    assert "\n-- (ringfence: phase: x)\n" in up
    migrated = project.run("migrate")
    assert migrated.status == 0, migrated.err
    assert Ref("table", ("public", "victim")) in catalog(database).facts
    assert project.run("migrate", "--to", "base", "--yes", "--allow", "DATA_LOSS").status == 0


def test_the_proof_runs_what_is_printed(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    from ringfence.comparison import compare

    a = _file(project, "a.sql", "CREATE TABLE t (a int);")
    b = _file(project, "b.sql", "CREATE TABLE t (a int, b int);")
    found = find(project.root)
    one, two = (sources.source(found, x, project.dsn) for x in (a, b))
    whole = Plan.script
    monkeypatch.setattr(Plan, "script", lambda plan: whole(plan) + "DROP TABLE public.t;\n")
    with sources.shop(found, (one, two), None) as shop:
        done = compare(shop, one, two)
        with pytest.raises(Bug, match="the script has 2 statements for 1 steps"):
            prove(done.plan, shop, one, two, done.new)


COMPOSITE = "CREATE TYPE ct AS (a int, {}b text);\nCREATE TABLE uses (c ct, cs ct[]);"


def test_a_difference_that_cannot_be_planned_is_no_ordinary_one(project: Project) -> None:
    a = _file(project, "a.sql", COMPOSITE.format(""))
    b = _file(project, "b.sql", COMPOSITE.format("x date, "))
    refused = project.run("diff", a, b)
    assert (refused.status, refused.out) == (3, "")
    assert refused.err.startswith("error: ")


def test_who_plans_is_alone(project: Project) -> None:
    (project.root / "ddl" / "a.sql").write_text("CREATE TABLE t (a int);")
    with alone(find(project.root) or pytest.fail("no project")):
        busy = project.run("plan", "-m", "first")
    assert (busy.status, busy.out) == (75, "")
    assert busy.err == (
        "error: another ringfence is at work on the revisions in migrations\n"
        "hint: run it again when that is done\n"
    )
    assert not list(project.versions.iterdir())
    assert project.run("plan", "-m", "first").status == 0


FOREIGN = """
CREATE FOREIGN DATA WRAPPER w OPTIONS (debug 'true', api_key 's3c''ret');
CREATE SERVER s FOREIGN DATA WRAPPER w OPTIONS (host 'a\\b', "sslPassword" 's3c''ret');
CREATE USER MAPPING FOR PUBLIC SERVER s OPTIONS (user 'u', password 's3c\\''ret');
CREATE FOREIGN TABLE t (id int OPTIONS (name 'n')) SERVER s OPTIONS (name 'n', access_token 's3c''ret');
"""
SUBSCRIBED = """
CREATE SUBSCRIPTION sub CONNECTION 'host=h password=s3cret user=u' PUBLICATION p
    WITH (connect = false, slot_name = NONE);
"""


def test_a_schema_with_secrets_is_proved_and_they_are_not_told(
    project: Project, make_database: Callable[..., str]
) -> None:
    empty, full = make_database(), make_database()
    psql(empty, "CREATE TABLE x (id int);")
    psql(full, FOREIGN)
    result = project.run("diff", empty, full)
    assert result.status == 1, result.err
    assert "not proved" not in result.err
    assert "proved: pg_dump of the clone equals pg_dump of the target" in result.err
    back = project.run("diff", full, empty)
    assert "not proved" not in back.err
    assert "s3c" not in result.out + result.err + back.out + back.err


def test_what_pg_dump_tells_has_no_secrets(make_database: Callable[..., str]) -> None:
    full = make_database()
    try:
        psql(full, FOREIGN + SUBSCRIBED)
        text = "\n".join(dump.normalised(full))
    finally:
        psql(full, "DROP SUBSCRIPTION IF EXISTS sub;")
    assert "s3c" not in text
    assert "OPTIONS (access_token '********', name 'n')" in text
    assert "OPTIONS (\"user\" 'u', password '********')" in text
    assert "debug 'true'" in text
    assert "CONNECTION 'host=h password=******** user=u'" in text


def test_what_is_a_secret_is_known_in_one_way() -> None:
    for stem in ("server", "user_mapping", "foreign_table", "foreign_data_wrapper"):
        query = (Path(kinds.__file__).parent / f"{stem}.sql").read_text(encoding="utf-8")
        assert f"'{SECRET.pattern}'" in query


SECURED = (
    "CREATE TABLE t (a int);\nALTER TABLE t ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;\n"
)


ONE = "CREATE FUNCTION one() RETURNS int LANGUAGE sql AS 'SELECT 1';"


T = "CREATE TABLE t (a int);"


def _granted(privileges: str, how: str = "") -> str:
    return f"{T}GRANT {privileges} ON t TO pg_monitor {how};"


def _view(options: str = "", *, rows: str = "a > 0", column: str = "a::int") -> str:
    said = f"WITH ({options})" if options else ""
    return (
        f"CREATE TABLE t (a int); CREATE VIEW v {said} AS SELECT {column} AS a FROM t WHERE {rows};"
    )


USED = "USING (a > 0)"


def _policy(words: str, rows: str) -> str:
    return f"{SECURED}CREATE POLICY p ON t {words} {rows};"


NOT_ALL = "REVOKE EXECUTE ON FUNCTION one() FROM PUBLIC;"


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        (
            "CREATE SEQUENCE s START 5;",
            "CREATE SEQUENCE s MAXVALUE 3;",
            {"DATA_LOSS:public.s"},
        ),
        ("CREATE SEQUENCE s MAXVALUE 3;", "CREATE SEQUENCE s;", set()),
        (
            "CREATE TABLE t (a bigint GENERATED ALWAYS AS IDENTITY);",
            "CREATE TABLE t (a bigint GENERATED ALWAYS AS IDENTITY (MAXVALUE 9));",
            {"DATA_LOSS:public.t.a"},
        ),
        (
            "CREATE TABLE t (a int);",
            "CREATE UNLOGGED TABLE t (a int);",
            {"DATA_LOSS:public.t", "REWRITE:public.t"},
        ),
        ("CREATE UNLOGGED TABLE t (a int);", "CREATE TABLE t (a int);", {"REWRITE:public.t"}),
        (
            "CREATE MATERIALIZED VIEW v AS SELECT 1 AS a;",
            "CREATE MATERIALIZED VIEW v AS SELECT 1 AS a WITH NO DATA;",
            {"DATA_LOSS:public.v", "REWRITE:public.v"},
        ),
        (SECURED, "CREATE TABLE t (a int);", {"LOST_PROTECTION:public.t"}),
        ("CREATE TABLE t (a int);", SECURED, set()),
        (f"{SECURED}CREATE POLICY p ON t;", SECURED, {"LOST_PRIVILEGE:public.t.p"}),
        (
            f"{SECURED}CREATE POLICY p ON t AS RESTRICTIVE;",
            SECURED,
            {"LOST_PROTECTION:public.t.p"},
        ),
        (
            f"{SECURED}CREATE POLICY p ON t AS RESTRICTIVE;",
            f"{SECURED}CREATE POLICY p ON t AS RESTRICTIVE FOR UPDATE;",
            set(),
        ),
        (
            f"{SECURED}CREATE POLICY p ON t AS RESTRICTIVE;",
            f"{SECURED}CREATE POLICY p ON t;",
            {"LOST_PROTECTION:public.t.p"},
        ),
        (
            f"{SECURED}CREATE POLICY p ON t;",
            f"{SECURED}CREATE POLICY p ON t AS RESTRICTIVE;",
            {"LOST_PRIVILEGE:public.t.p"},
        ),
        (_policy("", USED), _policy("", "USING (true)"), {"LOST_PROTECTION:public.t.p"}),
        (_policy("", "USING (true)"), _policy("", USED), set()),
        (_policy("", USED), _policy("", "USING (a > 1)"), set()),
        (
            _policy("", f"{USED} WITH CHECK (a > 3)"),
            _policy("", f"{USED} WITH CHECK (true)"),
            {"LOST_PROTECTION:public.t.p"},
        ),
        (
            _policy("", USED),
            _policy("", f"{USED} WITH CHECK (true)"),
            {"LOST_PROTECTION:public.t.p"},
        ),
        (
            _policy("FOR UPDATE", USED),
            _policy("FOR DELETE", "USING (true)"),
            {"LOST_PROTECTION:public.t.p"},
        ),
        (_policy("", USED), _policy("TO CURRENT_USER", USED), {"LOST_PRIVILEGE:public.t.p"}),
        (_policy("TO CURRENT_USER", USED), _policy("", USED), set()),
        (
            _policy("AS RESTRICTIVE", USED),
            _policy("AS RESTRICTIVE TO CURRENT_USER", USED),
            {"LOST_PROTECTION:public.t.p"},
        ),
        (_view("security_barrier"), _view(), {"LOST_PROTECTION:public.v"}),
        (_view("security_barrier"), _view("security_barrier=off"), {"LOST_PROTECTION:public.v"}),
        (_view("security_barrier=on"), _view("security_barrier=yes"), set()),
        (_view("check_option=cascaded"), _view("check_option=local"), {"LOST_PROTECTION:public.v"}),
        (_view("check_option=local"), _view("check_option=cascaded, security_barrier"), set()),
        (_view("check_option=local"), _view(rows="a > 1"), {"LOST_PROTECTION:public.v"}),
        (_view("check_option=local"), _view(column="a::bigint"), {"LOST_PROTECTION:public.v"}),
        (
            ONE,
            ONE.replace("LANGUAGE", "SECURITY DEFINER LANGUAGE"),
            {"LOST_PROTECTION:public.one()"},
        ),
        (
            ONE,
            ONE.replace("int ", "bigint STABLE SECURITY DEFINER "),
            {"LOST_PROTECTION:public.one()"},
        ),
        (ONE.replace("int ", "int SECURITY DEFINER "), ONE, set()),
        (ONE, ONE.replace("SELECT 1", "SELECT 1 /*\n LANGUAGE x\n SECURITY DEFINER\n*/"), set()),
        (f"{SECURED}CREATE POLICY p ON t;", "CREATE TABLE u (a int);", {"DATA_LOSS:public.t"}),
        (ONE, f"{ONE}{NOT_ALL}", {"LOST_PRIVILEGE:public.one()"}),
        ("CREATE TABLE t (a int);", f"CREATE TABLE t (a int);{ONE}{NOT_ALL}", set()),
        (f"{ONE}{NOT_ALL}", f"{ONE.replace('int', 'bigint')}{NOT_ALL}", set()),
        (ONE, f"{ONE.replace('int', 'bigint')}{NOT_ALL}", {"LOST_PRIVILEGE:public.one()"}),
        (
            f"{ONE}{NOT_ALL}",
            f"{ONE}{NOT_ALL}".replace("one()", "one(v bigint)"),
            set(),
        ),
        (
            ONE,
            f"{ONE}{NOT_ALL}".replace("one()", "one(v bigint)"),
            {"LOST_PRIVILEGE:public.one(bigint)"},
        ),
        (
            f"{ONE}{NOT_ALL}GRANT EXECUTE ON FUNCTION one() TO pg_monitor;",
            f"{ONE}{NOT_ALL}".replace("one()", "one(v bigint)"),
            {"LOST_PRIVILEGE:public.one(bigint)"},
        ),
        (
            f"{ONE}{NOT_ALL}GRANT EXECUTE ON FUNCTION one() TO pg_monitor;",
            ONE.replace("one()", "one(v bigint)"),
            set(),
        ),
        (f"{ONE}GRANT EXECUTE ON FUNCTION one() TO pg_monitor;", ONE, set()),
        (
            f"{ONE}GRANT EXECUTE ON FUNCTION one() TO pg_monitor WITH GRANT OPTION;",
            ONE,
            {"LOST_PRIVILEGE:public.one()"},
        ),
        (_granted("SELECT", "WITH GRANT OPTION"), _granted("SELECT"), {"LOST_PRIVILEGE:public.t"}),
        (_granted("SELECT"), _granted("SELECT", "WITH GRANT OPTION"), set()),
        (_granted("SELECT, SELECT (a)"), _granted("SELECT"), set()),
        (_granted("SELECT, SELECT (a)"), _granted("SELECT (a)"), {"LOST_PRIVILEGE:public.t"}),
        (
            _granted("SELECT") + "GRANT SELECT ON t TO PUBLIC;",
            f"{T}GRANT SELECT ON t TO PUBLIC;",
            set(),
        ),
        (_granted("SELECT"), f"{T}ALTER TABLE t OWNER TO pg_monitor;", set()),
        (
            f"{_view()}GRANT SELECT ON v TO pg_monitor;",
            _view(column="a::bigint"),
            {"LOST_PRIVILEGE:public.v"},
        ),
        (
            f"{_view()}GRANT SELECT (a) ON v TO pg_monitor;",
            _view(column="a::bigint"),
            {"LOST_PRIVILEGE:public.v.a"},
        ),
        (
            f"{_view()}GRANT SELECT ON v TO pg_monitor;",
            f"{_view(column='a::bigint')}GRANT SELECT ON v TO PUBLIC;",
            set(),
        ),
    ],
)
def test_hazards_are_told(
    make_database: Callable[..., str], a: str, b: str, expected: set[str]
) -> None:
    one, two = make_database(), make_database()
    psql(one, a)
    psql(two, b)
    outcome = assert_turns(one, two)
    assert {h.name for h in outcome.plan.hazards} == expected


def test_a_view_that_asks_for_its_owner_s_rights_again_is_told(
    server: SomeServer, make_database: Callable[..., str]
) -> None:
    if server.major < 15:
        pytest.skip("it is of PostgreSQL 15 on")
    one, two = make_database(), make_database()
    psql(one, _view("security_invoker=true"))
    psql(two, _view("security_invoker=off"))
    there = assert_turns(one, two).plan
    assert {h.name for h in there.hazards} == {"LOST_PROTECTION:public.v"}
    three, four = make_database(), make_database()
    psql(three, _view())
    psql(four, _view("security_invoker"))
    assert assert_turns(three, four).plan.hazards == ()


def test_a_new_project_s_schema_is_empty(project: Project) -> None:
    same = project.run("diff", "live", "ddl")
    assert (same.status, same.out) == (0, ""), same.err
    assert project.run("plan", "-m", "first").status == 1
    (project.root / "other").mkdir()
    other = project.run("diff", "live", str(project.root / "other"))
    assert other.status == 2
    assert "no .sql files in" in other.err


def test_a_connection_that_is_at_work_is_not_read(database: str) -> None:
    with psycopg.connect(database) as connection:
        connection.execute("SELECT 1")
        with pytest.raises(Misuse, match="in a transaction that has begun to work"):
            ringfence.extract(connection)
    with psycopg.connect(database) as connection:
        assert ringfence.extract(connection) == catalog(database)
    with pytest.raises(ServerError):
        ringfence.extract(connection)


@pytest.mark.parametrize(
    "document", ["nope", [], {}, {"format": 1}, {"format": 1, "steps": 3}, None]
)
def test_what_is_no_plan_is_none(document: Any) -> None:
    with pytest.raises(Misuse, match="not a plan"):
        from_json(document)


def test_psql_s_commands_are_known_within_a_line(project: Project) -> None:
    a = _file(project, "a.sql", "CREATE TABLE t (a int);\nSELECT '\\x', $$\\y$$, 1 \\gset\n")
    said = project.run("diff", a, a.replace("a.sql", "ddl"))
    assert said.status == 2
    assert "psql's own commands cannot be used here" in said.err
    assert "a.sql:2:24" in said.err
