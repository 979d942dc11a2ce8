"""Renames that are asked for: what is renamed keeps its rows, and nothing that named it is made anew."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
import pytest

from engine import catalog, psql, rows
from projects import Project
from ringfence.change import Rename, diff
from ringfence.errors import BadProject
from ringfence.hints import hints
from ringfence.kinds import kinds
from ringfence.renames import steps
from ringfence.script import Script
from ringfence.step import from_json

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ringfence.model import Ref

OLD = """
CREATE SCHEMA "The App";
CREATE TYPE "The App".mood AS ENUM ('sad', 'ok');
CREATE TYPE "The App".pt AS (x int, y int);
CREATE DOMAIN "The App".pos AS int CONSTRAINT above CHECK (VALUE > 0);
CREATE TABLE "The App".people (
    id serial PRIMARY KEY, "First" text NOT NULL, m "The App".mood DEFAULT 'sad', p "The App".pt,
    n "The App".pos, CONSTRAINT c CHECK ("First" <> '')
);
COMMENT ON COLUMN "The App".people."First" IS 'given';
CREATE TABLE "The App".orders (id int PRIMARY KEY, person int REFERENCES "The App".people);
CREATE INDEX people_first ON "The App".people (lower("First"));
CREATE VIEW "The App".v AS SELECT id, "First" AS name FROM "The App".people WHERE m = 'sad';
CREATE MATERIALIZED VIEW "The App".mv AS SELECT "First" AS name FROM "The App".people;
CREATE FUNCTION "The App".f(a int) RETURNS int LANGUAGE plpgsql AS 'BEGIN RETURN (SELECT count(*) FROM people); END';
CREATE FUNCTION "The App".h() RETURNS bigint BEGIN ATOMIC SELECT count(*) FROM "The App".people; END;
ALTER TABLE "The App".people ENABLE ROW LEVEL SECURITY;
CREATE POLICY mine ON "The App".people USING ("First" = current_user);
CREATE SEQUENCE "The App".numbers;
"""

NEW = """
-- ringfence: renamed-from "The App"
CREATE SCHEMA app;
CREATE TYPE app.mood AS ENUM (
    'blue', -- ringfence: renamed-from sad
    'ok'
);
-- ringfence: renamed-from pt
CREATE TYPE app.point AS (
    x int,
    -- ringfence: renamed-from y
    z int
);
-- ringfence: renamed-from pos
CREATE DOMAIN app.positive AS int CONSTRAINT above CHECK (VALUE > 0);
-- ringfence: renamed-from people
CREATE TABLE app.persons (
    id serial PRIMARY KEY
    , first_name text NOT NULL -- ringfence: renamed-from "First"
    , m app.mood DEFAULT 'blue', p app.point
    , n app.positive
    -- ringfence: renamed-from c
    , CONSTRAINT named CHECK (first_name <> '')
);
COMMENT ON COLUMN app.persons.first_name IS 'given';
CREATE TABLE app.orders (id int PRIMARY KEY, person int REFERENCES app.persons);
-- ringfence: renamed-from people_first
CREATE INDEX persons_first ON app.persons (lower(first_name));
-- ringfence: renamed-from v
CREATE VIEW app.w AS SELECT id, first_name AS name FROM app.persons WHERE m = 'blue';
-- ringfence: renamed-from mv
CREATE MATERIALIZED VIEW app.mw AS SELECT first_name AS name FROM app.persons;
-- ringfence: renamed-from f
CREATE FUNCTION app.g(a int) RETURNS int LANGUAGE plpgsql AS 'BEGIN RETURN (SELECT count(*) FROM people); END';
CREATE FUNCTION app.h() RETURNS bigint BEGIN ATOMIC SELECT count(*) FROM app.persons; END;
ALTER TABLE app.persons ENABLE ROW LEVEL SECURITY;
-- ringfence: renamed-from mine
CREATE POLICY own ON app.persons USING (first_name = current_user);
-- ringfence: renamed-from numbers
CREATE SEQUENCE app.digits;
"""


@pytest.fixture
def project(tmp_path: Path, database: str) -> Project:
    made = Project(tmp_path / "project", database)
    (made.root / "ddl").mkdir()
    return made


def _ddl(project: Project, text: str) -> None:
    (project.root / "ddl" / "all.sql").write_text(text, encoding="utf-8")


def _nodes(conninfo: str) -> set[int]:
    """Where the rows of tables and of what is like them lie on disk."""
    with psycopg.connect(conninfo) as connection:
        found = connection.execute(
            "SELECT relfilenode FROM pg_class WHERE oid >= 16384 AND relkind IN ('r', 'm', 'S', 'i')"
        ).fetchall()
    return {int(row[0]) for row in found}


def test_hints_rename_and_nothing_is_made_anew(project: Project, database: str) -> None:
    psql(database, OLD)
    psql(
        database,
        "INSERT INTO \"The App\".people (\"First\", p) VALUES ('a', (1, 2)), ('b', (3, 4))",
    )
    before = _nodes(database)
    _ddl(project, NEW)
    result = project.run("diff", "live", "ddl")
    assert result.status == 1, result.err
    statements = [s for s in result.out.split(";\n") if "RENAME" not in s.upper()]
    assert "".join(statements).split() == [
        "SET",
        "check_function_bodies",
        "=",
        "off",
        "BEGIN",
        "COMMIT",
    ]
    assert "looks like" not in result.err
    assert "owner" not in result.err.replace("but for owners", "")
    assert (
        "note: the text of app.g(integer) has the word people, and PostgreSQL renames nothing"
        in (result.err)
    )
    assert "proved: applied to a clone" in result.err
    assert "not proved" not in result.err
    psql(database, result.out)
    assert rows(database) == {"app.persons": 2}
    assert _nodes(database) == before
    again = project.run("diff", "live", "ddl")
    assert (again.status, again.out) == (0, ""), again.out  # a hint that was heeded is silent


def test_a_revision_renames_there_and_back(project: Project, database: str) -> None:
    project.revision("0001", OLD, "")
    assert project.run("migrate").status == 0
    psql(database, "INSERT INTO \"The App\".people (\"First\") VALUES ('a'), ('b')")
    _ddl(project, NEW.replace("n app.positive", "n app.positive, extra int"))
    before, nodes = catalog(database), _nodes(database)
    result = project.run(
        "plan", "-m", "names", "--shadow", database, dsn="", env={"RINGFENCE_DSN": database}
    )
    assert result.status == 0, result.err
    assert "= table app.people renamed to app.persons" in result.err
    assert project.run("migrate").status == 0
    assert project.run("diff", "live", "ddl").status == 0
    assert rows(database) == {"app.persons": 2}
    assert project.run("migrate", "--to", "0001", "--yes", "--allow", "DATA_LOSS").status == 0
    assert diff(catalog(database), before) == ()
    assert rows(database) == {'"The App".people': 2}
    assert _nodes(database) == nodes


def test_options_rename_what_files_do_not_say(
    project: Project, database: str, make_database: Callable[..., str]
) -> None:
    psql(
        database,
        "CREATE SCHEMA app; CREATE TABLE app.a (x int, y int); CREATE FUNCTION app.f() RETURNS int"
        " LANGUAGE sql RETURN 1; CREATE VIEW app.v AS SELECT x, y FROM app.a; INSERT INTO app.a VALUES (1, 2)",
    )
    other = make_database()
    psql(
        other,
        'CREATE SCHEMA app; CREATE SCHEMA "o\'d"; CREATE TABLE "o\'d"."=" (y int, x int);'
        'CREATE FUNCTION app.g() RETURNS int LANGUAGE sql RETURN 1; CREATE VIEW app.v AS SELECT y AS x, x AS z FROM "o\'d"."=";',
    )
    result = project.run(
        "diff", database, other, "--format", "json",
        "--rename", "table:app.a=\"o'd\".\"=\"",
        "--rename", "column:app.a.x=y", "--rename", "column:app.a.y=x",
        "--rename", "function:app.f=g",
        "--rename", "column:app.v.y=z",
    )  # fmt: skip
    assert result.status == 1, result.err
    import json

    plan = from_json(json.loads(result.out))
    assert plan.proof is not None
    assert plan.proof.holds
    assert {s.verb for s in plan.steps} == {"create", "rename"}, plan.script()  # the schema
    assert len(plan.renames) == 5
    psql(database, plan.script())
    with psycopg.connect(database) as connection:
        assert connection.execute('SELECT y, x FROM "o\'d"."="').fetchall() == [(1, 2)]
    assert project.run("diff", database, other).status == 0


FAMILIES = (
    """
CREATE SCHEMA s;
CREATE TABLE s.w (id int NOT NULL, old int, CONSTRAINT k CHECK (old > 0)) PARTITION BY LIST (id);
CREATE TABLE s.w1 PARTITION OF s.w FOR VALUES IN (1);
CREATE INDEX w_old ON s.w (old);
CREATE TABLE s.p (a int); CREATE TABLE s.c (b int) INHERITS (s.p);
CREATE TYPE s.ty AS (x int); CREATE TABLE s.typed OF s.ty;
CREATE TABLE s.a (i int); CREATE TABLE s.b (j int);
CREATE FUNCTION s.f(int) RETURNS int LANGUAGE sql AS 'SELECT 1'; CREATE FUNCTION s.f(text) RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE PUBLICATION from_pub FOR TABLE s.a;
""",
    """
CREATE SCHEMA s;
CREATE TABLE s.w (id int NOT NULL,
 -- ringfence: renamed-from old
 new int,
 CONSTRAINT k CHECK (new > 0)) PARTITION BY LIST (id);
CREATE TABLE s.w1 PARTITION OF s.w FOR VALUES IN (1);
CREATE INDEX w_new ON s.w (new);
CREATE TABLE s.p (z int -- ringfence: renamed-from a
); CREATE TABLE s.c (b int) INHERITS (s.p);
CREATE TYPE s.ty AS (
 y int -- ringfence: renamed-from x
 ); CREATE TABLE s.typed OF s.ty;
-- ringfence: renamed-from a
CREATE TABLE s.b (i int);
-- ringfence: renamed-from b
CREATE TABLE s.cc (j int);
CREATE FUNCTION s.f(int) RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION s.g(text) RETURNS int LANGUAGE sql AS 'SELECT 1';
-- ringfence: renamed-from from_pub
CREATE PUBLICATION to_pub FOR TABLE s.b;
""",
    """
ALTER TABLE s.b RENAME TO cc
ALTER PUBLICATION from_pub RENAME TO to_pub
ALTER ROUTINE s.f(text) RENAME TO g
ALTER TABLE s.a RENAME TO b
ALTER TABLE s.w RENAME COLUMN old TO new
ALTER TABLE s.p RENAME COLUMN a TO z
ALTER TYPE s.ty RENAME ATTRIBUTE x TO y CASCADE
ALTER INDEX s.w_old RENAME TO w_new
ALTER INDEX s.w1_old_idx RENAME TO w1_new_idx
""",
)


def test_families_chains_and_overloads(project: Project, database: str) -> None:
    before, after, expected = FAMILIES
    psql(database, before)
    _ddl(project, after)
    argv = ["--rename", "function:s.f(text)=g", "--rename", "column:s.w1.old=new"]
    result = project.run("diff", "live", "ddl", *argv)
    assert "not proved" not in result.err
    statements = [s.strip() for s in result.out.split(";\n")][2:-2]
    assert statements == expected.strip().splitlines()


def test_hints_that_things_change_places_are_told_and_not_followed(
    project: Project, database: str
) -> None:
    psql(database, "CREATE TABLE a (i int); CREATE TABLE b (i int); CREATE TABLE c (i int)")
    _ddl(
        project,
        "-- ringfence: renamed-from b\nCREATE TABLE a (i int);\n"
        "-- ringfence: renamed-from a\nCREATE TABLE b (i int);\n"
        "-- ringfence: renamed-from b\nCREATE TABLE c (i int);\n",
    )
    result = project.run("diff", "live", "ddl")
    assert (result.status, result.out) == (0, "")
    assert [line for line in result.err.splitlines() if "not renamed" in line] == [
        (
            "note: ddl/all.sql:1:1: not renamed: table public.b and public.a are both there;"
            " to let them change places, --rename 'table:public.b=public.a'"
        ),
        (
            "note: ddl/all.sql:3:1: not renamed: table public.a and public.b are both there;"
            " to let them change places, --rename 'table:public.a=public.b'"
        ),
    ]
    argv = ["--rename", "table:public.a=public.b", "--rename", "table:public.b=public.a"]
    asked = project.run("diff", "live", "ddl", *argv)
    assert asked.out.count("RENAME TO") == 3
    assert "not renamed" not in asked.err


def test_columns_that_are_inherited_as_one(project: Project, database: str) -> None:
    before = """
CREATE SCHEMA s;
CREATE TABLE s.a (k varchar(9) COLLATE "C" DEFAULT 'a', v text);
CREATE TABLE s.b (k varchar(9) COLLATE "C" NOT NULL, w text);
CREATE TABLE s.c () INHERITS (s.a, s.b);
CREATE TABLE s.d () INHERITS (s.c);
CREATE INDEX one ON s.c (k);
CREATE VIEW s.v AS SELECT k FROM s.d;
INSERT INTO s.d VALUES ('kept');
"""
    psql(database, before)
    after = before.replace(" k ", ' "The key" ').replace("(k ", '("The key" ')
    _ddl(
        project,
        after.replace("(k)", '("The key")').partition("INSERT")[0],
    )
    argv = ["--rename", 'column:s.a.k="The key"', "--rename", 'column:s.b.k="The key"']
    alone = project.run("diff", "live", "ddl", *argv[:2])
    assert alone.err == (
        "error: column s.a.k cannot be renamed alone: a table inherits it and s.b.k as one\n"
        'hint: rename s.b.k to "The key" too\n'
    )
    result = project.run("diff", "live", "ddl", *argv)
    assert "not proved" not in result.err
    assert 'RENAME COLUMN k TO "The key"' in result.out
    psql(database, result.out)
    assert project.run("diff", "live", "ddl").status == 0
    with psycopg.connect(database) as connection:
        assert connection.execute('SELECT "The key" FROM s.a').fetchall() == [("kept",)]


OVERLOADS = """
CREATE SCHEMA s;
CREATE TYPE s."The mood" AS ENUM ('a');
CREATE FUNCTION s.{}(int) RETURNS int LANGUAGE sql RETURN $1;
CREATE FUNCTION s.f(bigint) RETURNS int LANGUAGE sql RETURN 1;
CREATE FUNCTION s.{}(a int, OUT b text, c varchar(3)[] DEFAULT '{{a,b}}') LANGUAGE sql RETURN 'x';
CREATE FUNCTION s.{}(VARIADIC "a b" s."The mood"[]) RETURNS int LANGUAGE sql RETURN 1;
"""


@pytest.mark.parametrize("which", [0, 1, 2])
def test_a_hint_by_one_of_several_overloads(project: Project, database: str, which: int) -> None:
    psql(database, OVERLOADS.format("f", "f", "f"))
    names = ["f"] * 3
    names[which] = "g"
    text = (
        OVERLOADS.format(*names) + "CREATE FUNCTION s.g(x text) RETURNS int LANGUAGE sql RETURN 1;"
    )
    hinted = text.replace(
        "CREATE FUNCTION s.g(", "-- ringfence: renamed-from f\nCREATE FUNCTION s.g(", 1
    )
    _ddl(project, hinted)
    result = project.run("diff", "live", "ddl")
    signature = ("(integer)", "(integer, character varying[])", 's."The mood"[])')[which]
    (renamed,) = [line for line in result.out.splitlines() if "RENAME TO" in line]
    assert signature in renamed
    assert renamed.endswith(" RENAME TO g;")
    assert "DROP" not in result.out


def test_a_move_to_a_new_schema_there_and_back(project: Project, database: str) -> None:
    project.revision("0001", "CREATE TABLE a (x int);", "")
    assert project.run("migrate").status == 0
    before = catalog(database)
    psql(database, "INSERT INTO a VALUES (1)")
    _ddl(
        project, "CREATE SCHEMA n;\n-- ringfence: renamed-from public.a\nCREATE TABLE n.b (x int);"
    )
    env = {"RINGFENCE_DSN": database}
    result = project.run("plan", "-m", "move", "--shadow", database, dsn="", env=env)
    assert result.status == 0, result.err
    assert project.run("migrate").status == 0
    assert rows(database) == {"n.b": 1}
    assert project.run("migrate", "--to", "0001", "--yes").status == 0
    assert rows(database) == {"public.a": 1}
    assert diff(catalog(database), before) == ()


def test_a_snapshot_is_renamed_in_too(project: Project, database: str, tmp_path: Path) -> None:
    psql(database, "CREATE TABLE a (x int); CREATE VIEW v AS SELECT x FROM a")
    where = tmp_path / "then.json"
    assert project.run("snapshot", "-o", str(where)).status == 0
    psql(database, "ALTER TABLE a RENAME TO b")
    result = project.run("diff", str(where), "live", "--rename", "table:public.a=b")
    assert "ALTER TABLE public.a RENAME TO b" in result.out, result.err
    assert "VIEW" not in result.out


def test_a_column_that_goes_from_a_renamed_table_is_the_one_that_is_told_of(
    project: Project, tmp_path: Path
) -> None:
    old, new = tmp_path / "old.sql", tmp_path / "new.sql"
    old.write_text("CREATE TABLE t (id int PRIMARY KEY, a text, b text);")
    new.write_text("-- ringfence: renamed-from t\nCREATE TABLE u (id int PRIMARY KEY, a text);")
    result = project.run("diff", str(old), str(new))
    assert "DATA_LOSS: every value of public.u.b is lost" in result.err
    assert "made-up rows are still there but for those that a hazard tells of" in result.err
    assert "not proved" not in result.err, result.err


def test_what_looks_like_a_rename_is_only_noted(
    project: Project, database: str, make_database: Callable[..., str]
) -> None:
    psql(
        database,
        "CREATE TABLE a (x int, y text CHECK (y <> '')); CREATE INDEX a_y ON a (y);"
        "CREATE TABLE two (m int); CREATE SEQUENCE s INCREMENT 5; CREATE TABLE k (p int, q int)",
    )
    other = make_database()
    psql(
        other,
        "CREATE TABLE b (x int, y text CHECK (y <> '')); CREATE INDEX b_y ON b (y);"
        "CREATE TABLE two (n int); CREATE SEQUENCE r INCREMENT 5; CREATE TABLE k (v int, w int)",
    )
    result = project.run("diff", database, other, "--no-proof")
    notes = [line for line in result.err.splitlines() if line.startswith("note:")]
    assert notes == [
        (
            "note: column public.two.n looks like public.two.m renamed: to say so, --rename"
            " 'column:public.two.m=public.two.n' or -- ringfence: renamed-from m"
        ),
        (
            "note: sequence public.r looks like public.s renamed: to say so, --rename"
            " 'sequence:public.s=public.r' or -- ringfence: renamed-from s"
        ),
        (
            "note: table public.b looks like public.a renamed: to say so, --rename"
            " 'table:public.a=public.b' or -- ringfence: renamed-from a"
        ),
    ]
    assert "RENAME" not in result.out


def test_a_review_shows_renames_as_renames(project: Project, database: str) -> None:
    psql(database, "CREATE TABLE a (x int UNIQUE, y int)")
    _ddl(project, "-- ringfence: renamed-from a\nCREATE TABLE b (x int UNIQUE);")
    result = project.run("diff", "live", "ddl", "--no-proof", "--format", "markdown")
    assert result.out.startswith(
        "## Schema: live → ddl\n\n"
        "2 renamed, 0 created, 0 altered, 1 dropped in 3 statements.\n\n"
        "| renamed | from | to |\n|---|---|---|\n"
        "| table | `public.a` | `public.b` |\n"
        "| constraint | `public.b.a_x_key` | `public.b.b_x_key` |\n\n"
        "| hazard | object | what it means |\n|---|---|---|\n"
        "| **DATA_LOSS** | `public.b.y` | every value of public.b.y is lost |\n"
    ), result.out
    assert "= table public.a renamed to public.b\n" in result.out


# What cannot be


def _refused(project: Project, text: str, *argv: str, status: int = 2) -> None:
    result = project.run("diff", "live", "ddl", *argv)
    assert (result.out, result.err, result.status) == ("", text, status)


def test_a_hint_whose_names_are_both_there(project: Project, database: str) -> None:
    psql(database, "CREATE TABLE a (x int); CREATE TABLE b (x int)")
    _ddl(project, "CREATE SCHEMA s;\n-- ringfence: renamed-from a\nCREATE TABLE b (x int);")
    _refused(
        project,
        "error: renamed-from: table public.a and public.b are both there\n"
        "  ddl/all.sql:2:1\n"
        "  2 | -- ringfence: renamed-from a\n"
        "    | ^\n"
        "hint: drop one of them in a plan of its own, or take the hint away\n",
    )
    # Somebody made another one of the old name since: that is no quarrel.
    _ddl(
        project,
        "CREATE TABLE a (x int);\n-- ringfence: renamed-from a\nCREATE TABLE b (x int);",
    )
    assert project.run("diff", "live", "ddl").status == 0


def test_a_hint_that_names_nothing(project: Project, database: str) -> None:
    psql(database, "CREATE TABLE c (x int)")
    _ddl(
        project,
        "CREATE TABLE c (x int);\nCREATE TABLE b (x int); -- ringfence: renamed-from a",
    )
    result = project.run("diff", "live", "ddl")
    assert result.status == 1
    assert (
        "note: ddl/all.sql:2:25: there is no table public.a to be renamed to public.b\n"
        in result.err
    )


def test_a_value_that_an_enum_never_had_is_told(project: Project, database: str) -> None:
    psql(database, "CREATE TYPE e AS ENUM ('x')")
    _ddl(project, "CREATE TYPE e AS ENUM ('x',\n'y'); -- ringfence: renamed-from gone")
    result = project.run("diff", "live", "ddl")
    told = "there is no enum value public.e.gone to be renamed to public.e.y"
    assert f"note: ddl/all.sql:2:7: {told}\n" in result.err


def test_a_hint_by_nothing_that_has_a_name(project: Project) -> None:
    _ddl(project, "CREATE TABLE b (\n  x int,\n  CHECK (x > 0) -- ringfence: renamed-from k\n);")
    _refused(
        project,
        "error: renamed-from stands by nothing that has a name\n"
        "  ddl/all.sql:3:17\n"
        "  3 |   CHECK (x > 0) -- ringfence: renamed-from k\n"
        "    |                 ^\n"
        "hint: write it above the statement, or by the column, constraint or value\n",
    )


OPTIONS = {
    "sorrow": "not of the form KIND:OLD=NEW",
    "role:a=b": "a role is the whole server's, and no plan for a database renames one",
    "grant:a=b": "grant is nothing that can be renamed",
    "table:a b=c": "a name in it cannot be read",
    "table:public.gone=b": "FROM has no table public.gone",
    "table:public.a=gone": "TO has no table public.gone",
    "function:public.f=g": "there are 2 of that name",
    "table:public.a=x.y.z": "the new name has more parts than the old one",
    "table:public.a=other": "table public.a and public.other are both there",
}


@pytest.mark.parametrize("option", OPTIONS)
def test_an_option_that_cannot_be(project: Project, database: str, option: str) -> None:
    psql(
        database,
        "CREATE TABLE a (x int); CREATE TABLE other (x int); CREATE FUNCTION f(a int) RETURNS int"
        " LANGUAGE sql RETURN 1; CREATE FUNCTION f(a text) RETURNS int LANGUAGE sql RETURN 1",
    )
    _ddl(project, "CREATE TABLE b (x int); CREATE TABLE other (x int)")
    result = project.run("diff", "live", "ddl", "--rename", option)
    assert (result.status, result.out) == (2, "")
    first, second = result.err.splitlines()[:2]
    assert OPTIONS[option] in first
    assert first.startswith("error: --rename ")
    assert second.startswith("hint: ")


# Where hints stand

PLACES = {
    "-- ringfence: renamed-from o\nCREATE TABLE t (a int)": ("table", "t", ()),
    "CREATE TABLE s.t (a int); -- ringfence: renamed-from o": ("table", "s.t", ()),
    "CREATE TABLE t ( -- ringfence: renamed-from: o\na int)": ("table", "t", ()),
    "CREATE TABLE IF NOT EXISTS t (a int, -- ringfence: renamed-from o\nb int)": (
        "column", "a", "t",
    ),
    "CREATE TABLE t (\na numeric(1, 2)\n, b int -- ringfence: renamed-from o\n)": (
        "column", "b", "t",
    ),
    "CREATE TABLE t (\na int,\nb numeric(1, 2)); -- ringfence: renamed-from o": (
        "column", "b", "t",
    ),
    "CREATE TABLE t (\na int,\nb int) -- ringfence: renamed-from o\n;": ("column", "b", "t"),
    "CREATE TABLE t (\na int,\nb int\n); -- ringfence: renamed-from o": ("table", "t", ()),
    "CREATE TABLE t (\na int,\nb int) WITH (fillfactor = 70); -- ringfence: renamed-from o": (
        "table", "t", (),
    ),
    "CREATE TYPE e AS ENUM (\n'x',\n'y'); -- ringfence: renamed-from o": ("enum_value", "y", "e"),
    "CREATE TABLE t (a int,\n-- ringfence: renamed-from o\n-- another\nCONSTRAINT c CHECK (a > 0))": (
        "constraint", "c", "t",
    ),
    "CREATE TYPE e AS ENUM ('x''y', -- ringfence: renamed-from 'o'\n'z')": (
        "enum_value", "x'y", "e",
    ),
    "-- ringfence: renamed-from o\nALTER TABLE ONLY t ADD CONSTRAINT c CHECK (a > 0)": (
        "constraint", "c", "t",
    ),
    "-- ringfence: renamed-from o\nALTER TABLE t ADD COLUMN IF NOT EXISTS c int": (
        "column", "c", "t",
    ),
    "-- ringfence: renamed-from o\nALTER TYPE e ADD VALUE 'v'": ("enum_value", "v", "e"),
    "-- ringfence: renamed-from o\nCREATE TRIGGER g AFTER UPDATE OF a ON s.t EXECUTE FUNCTION f()": (
        "trigger", "g", "s.t",
    ),
    "-- ringfence: renamed-from o\nCREATE RULE r AS ON INSERT TO t DO NOTHING": ("rule", "r", "t"),
    "-- ringfence: renamed-from o\nCREATE UNIQUE INDEX CONCURRENTLY i ON ONLY s.t (a)": (
        "index", "i", "s.t",
    ),
    "-- ringfence: renamed-from o\nCREATE OR REPLACE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; END": (
        "routine", "f", (),
    ),
    "-- ringfence: renamed-from o\nCREATE TEXT SEARCH DICTIONARY \"D\" (template = simple)": (
        "text_search_dictionary", '"D"', (),
    ),
}  # fmt: skip


@pytest.mark.parametrize("text", PLACES)
def test_where_a_hint_stands(text: str) -> None:
    kind, name, on = PLACES[text]
    (hint,) = hints([Script("x.sql", f"CREATE VIEW before AS SELECT 1;\n{text}\n;SELECT 2;")])
    said = ".".join(
        n if (n.isidentifier() and n.islower()) or "'" in n else f'"{n}"' for n in hint.name
    )
    assert (hint.kinds[0], said, ".".join(hint.on) or ()) == (kind, name, on)
    assert hint.old == ("o",)


WRONG = {
    "-- ringfence: renamed-from o\n": "renamed-from stands by nothing that has a name",
    "-- ringfence: renamed-from o\nSELECT 1": "renamed-from stands by nothing that has a name",
    "-- ringfence: renamed-from o\nCREATE INDEX ON t (a)": "renamed-from stands by nothing",
    "CREATE TABLE t (a int\n-- ringfence: renamed-from o\n)": "renamed-from stands by nothing",
    "-- ringfence: renamed-from\nCREATE TABLE t ()": "renamed-from has no name",
    "-- ringfence: renamed-from a b\nCREATE TABLE t ()": "renamed-from has no name: 'a b'",
    "CREATE TYPE e AS ENUM (\n'x'); -- ringfence: renamed-from a b": "renamed-from has no name",
    "/* ringfence: renamed-from o */ CREATE TABLE t ()": (
        "renamed-from is said in a block comment, where nothing heeds it"
    ),
    "CREATE TABLE t (\n a int -- ringfence: filed-with 1\n)": "unknown word filed-with",
    "-- ringfence: renamed_from o\nCREATE TABLE t ()": "unknown word renamed_from",
}


def test_what_an_enum_s_value_was_called_is_a_string() -> None:
    text = "CREATE TYPE e AS ENUM (\n'glad', -- ringfence: renamed-from Happy\n'x');"
    assert [hint.old for hint in hints([Script("x.sql", text)])] == [("Happy",)]
    with pytest.raises(BadProject) as caught:
        list(hints([Script("x.sql", text.replace("Happy", "very happy"))]))
    assert caught.value.hint == "write one as in SQL: -- ringfence: renamed-from 'old value'"


@pytest.mark.parametrize("text", WRONG)
def test_a_hint_that_cannot_be_read(text: str) -> None:
    with pytest.raises(BadProject) as caught:
        list(hints([Script("x.sql", text)]))
    assert caught.value.message.startswith(WRONG[text])
    assert caught.value.span is not None


# Every kind

SETUP = """
CREATE SCHEMA s; CREATE TABLE s.t (a int CONSTRAINT k CHECK (a > 0)); CREATE INDEX i ON s.t (a);
CREATE VIEW s.v AS SELECT a FROM s.t; CREATE MATERIALIZED VIEW s.m AS SELECT a FROM s.t;
CREATE SEQUENCE s.q; CREATE TYPE s.e AS ENUM ('x'); CREATE TYPE s.c AS (a int);
CREATE TYPE s.r AS RANGE (subtype = int4, multirange_type_name = s.rs);
CREATE DOMAIN s.d AS int CONSTRAINT k CHECK (VALUE > 0);
CREATE FUNCTION s.f(int) RETURNS int LANGUAGE sql RETURN $1;
CREATE AGGREGATE s.g(int) (sfunc = int4pl, stype = int, initcond = '0');
CREATE FUNCTION s.tf() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
CREATE FUNCTION s.ef() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';
CREATE TRIGGER g AFTER INSERT ON s.t EXECUTE FUNCTION s.tf();
CREATE EVENT TRIGGER et ON sql_drop WHEN tag IN ('DROP CAST') EXECUTE FUNCTION s.ef();
CREATE POLICY p ON s.t; CREATE RULE ru AS ON DELETE TO s.t DO ALSO NOTHING;
CREATE STATISTICS s.st ON a, (a + 1) FROM s.t; CREATE COLLATION s.co (locale = 'C');
CREATE CONVERSION s.cv FOR 'LATIN1' TO 'UTF8' FROM iso8859_1_to_utf8;
CREATE PUBLICATION pu; CREATE FOREIGN DATA WRAPPER fdw; CREATE SERVER se FOREIGN DATA WRAPPER fdw;
CREATE FOREIGN TABLE s.ft (a int) SERVER se; CREATE LANGUAGE la HANDLER plpgsql_call_handler;
CREATE TEXT SEARCH CONFIGURATION s.tc (parser = "default");
CREATE TEXT SEARCH DICTIONARY s.td (template = simple);
CREATE TEXT SEARCH PARSER s.tp (start = prsd_start, gettoken = prsd_nexttoken, end = prsd_end, lextypes = prsd_lextype);
CREATE TEXT SEARCH TEMPLATE s.tt (lexize = dsimple_lexize);
CREATE OPERATOR FAMILY s.of USING btree;
CREATE OPERATOR CLASS s.oc FOR TYPE s.e USING btree FAMILY s.of AS STORAGE s.e;
CREATE TYPE s.bt; CREATE FUNCTION s.bi(cstring) RETURNS s.bt LANGUAGE internal IMMUTABLE STRICT AS 'textin';
CREATE FUNCTION s.bo(s.bt) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS 'textout';
CREATE TYPE s.bt (input = s.bi, output = s.bo);
"""

UNMADE = {"role", "subscription"}  # the whole cluster's, and one that would connect


def test_every_kind_is_renamed_and_back(database: str) -> None:
    psql(database, SETUP)
    before = catalog(database)
    able = {n for n, k in kinds().items() if k.keyword and k.renames} - UNMADE
    found: dict[str, Ref] = {}
    for ref in before.facts:
        if ref.kind in able and (ref.kind != "schema" or ref.name == ("s",)):
            found.setdefault(ref.kind, ref)
    assert able == set(found)
    with psycopg.connect(database, autocommit=True) as connection:
        for kind in sorted(found):
            old = found[kind]
            own = kinds()[kind].own % len(old.name)
            new = old._replace(name=(*old.name[:own], 'New "n', *old.name[own + 1 :]))
            for rename, there in ((Rename(old, new), before), (Rename(new, old), None)):
                for step in steps([rename], there or catalog(database)):
                    connection.execute(step.sql.encode())
                if there is not None:
                    now = catalog(database)
                    assert new in now.facts
                    assert old not in now.facts
    assert diff(catalog(database), before) == ()
