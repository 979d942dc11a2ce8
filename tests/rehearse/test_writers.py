"""What `ringfence rehearse` says to those who wrote, read and called before, beside what is refused."""

from __future__ import annotations

import itertools
import json
import os
from typing import TYPE_CHECKING

import psycopg
import pytest

from projects import Project

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SHOP = r"""
CREATE TABLE item (
    id bigint PRIMARY KEY, code text NOT NULL, label text DEFAULT 'a', size integer, span int4range,
    big bigint
);
CREATE VIEW labels AS SELECT id, code, label, size FROM item;
CREATE VIEW plain AS SELECT id, code FROM item;
CREATE TABLE note (
    id bigint PRIMARY KEY, code varchar(8) CHECK (code ~ '^\S+$'), note text, at timestamptz(3),
    day date, kind text CHECK (kind = upper(kind))
);
CREATE SEQUENCE counter;
CREATE SEQUENCE round CYCLE;
CREATE FUNCTION twice(n integer) RETURNS integer LANGUAGE sql AS 'SELECT n * 2';
CREATE FUNCTION put() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
"""


@pytest.fixture
def project(tmp_path: Path, database: str) -> Project:
    made = Project(tmp_path / "project", database)
    made.revision("0001", SHOP, "SELECT 1;")
    assert made.run("migrate").status == 0
    return made


def told(project: Project, text: str, *codes: str) -> set[tuple[str, str, str]]:
    """What is said to readers and writers of before: of what, how grave, and in words."""
    path = project.root / "loose.sql"
    line = " ".join(text.split())
    path.write_text(f"BEGIN;\nSELECT 1;\n{line}\nCOMMIT;", encoding="utf-8")
    done = project.run("rehearse", "--sql", str(path), "--format", "json")
    findings = json.loads(done.out)["findings"]
    found = [f for f in findings if f["code"] in (codes or ("OLD_READER", "OLD_WRITER"))]
    assert {f["place"]["line"] for f in found} <= {3}
    return {(f["ref"], f["severity"], f["message"].removeprefix("after loose.sql ")) for f in found}


OVERWRITES = """CREATE FUNCTION upper_code() RETURNS trigger LANGUAGE plpgsql AS
    $$BEGIN NEW.code := upper(NEW.code) || '!'; NEW.label := 'own'; NEW.size := coalesce(NEW.size, 7);
    RETURN NEW; END$$;
CREATE TRIGGER t BEFORE INSERT OR UPDATE ON item FOR EACH ROW EXECUTE FUNCTION upper_code();
"""
ITEM = "table:public.item"
VIEW = "public.item is a view now, which refuses "
BROKEN = "public.item cannot be "
ITS_OWN = " has another value than is written: a trigger stores its own"
REFUSED = f'{BROKEN}written as before: new row for relation "item" violates check constraint "{{}}"'
ALIKE = "public.item refuses rows that are alike now: "


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(
            "ALTER TABLE item ADD UNIQUE (code), ADD UNIQUE (code, id);",
            {(ITEM, "info", f"{ALIKE}UNIQUE (code)")},
            id="a key, and one that follows from another",
        ),
        pytest.param(
            "CREATE UNIQUE INDEX ON item (lower(code)) WHERE size > 0;",
            {(ITEM, "info", f"{ALIKE}UNIQUE (lower(code)) WHERE (size > 0)")},
            id="an index of some rows",
        ),
        pytest.param(
            "ALTER TABLE item ADD EXCLUDE USING gist (span WITH &&);",
            {(ITEM, "info", f"{ALIKE}EXCLUDE USING gist (span WITH &&)")},
            id="an exclusion",
        ),
        pytest.param("ALTER TABLE item ADD extra text UNIQUE;", set(), id="a key of a new column"),
        pytest.param(
            "ALTER SEQUENCE counter MAXVALUE 1000; ALTER SEQUENCE round NO CYCLE;",
            {
                (
                    "sequence:public.counter",
                    "warning",
                    "public.counter gives numbers from 1 to 1000, before from 1 to 9223372036854775807",
                ),
                (
                    "sequence:public.round",
                    "info",
                    "public.round ends when it has given its last number",
                ),
            },
            id="a sequence that ends sooner",
        ),
        pytest.param(
            "ALTER VIEW plain SET (check_option = local);",
            {
                (
                    "view:public.plain",
                    "info",
                    "public.plain has a CHECK OPTION now: a row that it would not show is refused",
                )
            },
            id="a view that checks",
        ),
        pytest.param(
            "ALTER TABLE item ALTER label SET DEFAULT 'b', ALTER size SET DEFAULT 1;",
            {
                (
                    "column:public.item.label",
                    "info",
                    "public.item.label is 'b'::text where none is given, before 'a'::text",
                ),
                (
                    "column:public.item.size",
                    "info",
                    "public.item.size is 1 where none is given, before NULL",
                ),
            },
            id="another default",
        ),
        pytest.param(
            "DROP VIEW plain; CREATE VIEW plain AS SELECT code, id, label FROM item;",
            {
                (
                    "view:public.plain",
                    "info",
                    "public.plain has its columns in another order, (code, id, label)",
                )
            },
            id="columns that change places",
        ),
        pytest.param(
            "ALTER TABLE item ALTER big TYPE integer;",
            {
                (
                    "column:public.item.big",
                    "warning",
                    "public.item.big is read as integer, before as bigint",
                ),
                (
                    "column:public.item.big",
                    "warning",
                    "public.item.big takes integer, before bigint",
                ),
            },
            id="a narrower number",
        ),
        pytest.param(
            "DROP FUNCTION twice(integer);"
            " CREATE FUNCTION twice(m integer) RETURNS bigint LANGUAGE sql AS 'SELECT m * 2::bigint';",
            {
                (
                    "routine:public.twice(integer)",
                    "error",
                    (
                        "public.twice(integer) cannot be called as before: function public.twice(n =>"
                        " integer) does not exist"
                    ),
                ),
                (
                    "routine:public.twice(integer)",
                    "warning",
                    "public.twice(integer) returns bigint, before integer",
                ),
            },
            id="a function with another result and argument",
        ),
        pytest.param(
            OVERWRITES,
            {
                (f"column:public.item.{name}", severity, f"public.item.{name}{ITS_OWN}")
                for name, severity in (("code", "warning"), ("label", "info"))
            },
            id="a trigger that stores something else",
        ),
        pytest.param(
            """CREATE FUNCTION tidy() RETURNS trigger LANGUAGE plpgsql AS
                $$BEGIN NEW.code := lower(NEW.code); NEW.note := trim(NEW.note); NEW.at := now();
                NEW.day := CURRENT_DATE; RETURN NEW; END$$;
            CREATE TRIGGER t BEFORE INSERT OR UPDATE ON note FOR EACH ROW EXECUTE FUNCTION tidy();""",
            {
                (f"column:public.note.{name}", severity, f"public.note.{name}{ITS_OWN}")
                for name, severity in (
                    ("code", "warning"),
                    ("note", "warning"),
                    ("at", "info"),
                    ("day", "info"),
                )
            },
            id="a trigger that tidies, and sets the time",
        ),
        pytest.param(
            """CREATE FUNCTION tidy() RETURNS trigger LANGUAGE plpgsql AS
                $$BEGIN NEW.kind := upper(NEW.kind); RETURN NEW; END$$;
            CREATE TRIGGER t BEFORE INSERT OR UPDATE ON note FOR EACH ROW EXECUTE FUNCTION tidy();""",
            set(),
            id="a trigger that makes what a check asks for",
        ),
        pytest.param(
            "ALTER TABLE item RENAME TO things; CREATE VIEW item AS SELECT * FROM things;",
            {(ITEM, "info", f"{VIEW}COPY … FROM, COPY … TO, TRUNCATE")},
            id="a view in the place of a table",
        ),
        pytest.param(
            "ALTER TABLE item RENAME TO things; CREATE VIEW item AS SELECT DISTINCT * FROM things;"
            " CREATE TRIGGER i INSTEAD OF INSERT ON item FOR EACH ROW EXECUTE FUNCTION put();",
            {
                (ITEM, "info", f"{VIEW}COPY … TO, TRUNCATE, SELECT … FOR UPDATE"),
                (
                    ITEM,
                    "error",
                    'public.item cannot be updated as before: cannot update view "item"',
                ),
                (ITEM, "error", f'{BROKEN}deleted from as before: cannot delete from view "item"'),
            },
            id="a view that takes less",
        ),
        pytest.param(
            "ALTER TABLE item ADD CONSTRAINT others CHECK (id > 1000000 AND code LIKE 'x%') NOT VALID;",
            {(ITEM, "info", REFUSED.format("others"))},
            id="a check that takes other rows",
        ),
        pytest.param(
            "ALTER TABLE item ADD CONSTRAINT none CHECK (id > 5 AND id < 4) NOT VALID;",
            {(ITEM, "error", f"{REFUSED.format('none')}, as does every row that was tried")},
            id="a check that takes no row",
        ),
        pytest.param(
            "GRANT SELECT ON item, plain TO PUBLIC; REVOKE EXECUTE ON FUNCTION twice FROM PUBLIC;",
            {
                (
                    "routine:public.twice(integer)",
                    "error",
                    "role PUBLIC may not EXECUTE on public.twice(integer) any more",
                )
            },
            id="what everybody could do",
        ),
    ],
)
def test_what_is_otherwise_for_who_came_before_is_told(
    project: Project, text: str, expected: set[tuple[str, str, str]]
) -> None:
    assert {
        each for each in told(project, text) if "role " not in each[2] or "PUBLIC" in each[2]
    } == expected


def test_what_could_not_be_tried_is_not_checked(tmp_path: Path, database: str) -> None:
    project = Project(tmp_path / "project", database)
    project.revision("0001", "CREATE SCHEMA empty;", "DROP SCHEMA empty;")
    project.revision("0002", "CREATE TABLE t (id integer);", "DROP TABLE t;", after="0001")
    done = project.run("rehearse", "--format", "json")
    rows = {row["subject"]: row["skipped"] for row in json.loads(done.out)["coverage"]}
    assert {subject: rows[subject] for subject in ("kept", "readers", "writers", "callers")} == {
        "kept": "no table held a row before",
        "readers": "there was no relation before that it could be tried with",
        "writers": "there was no row before that it could be tried with",
        "callers": "there was no routine before that it could be tried with",
    }


def test_what_is_grave_enough_is_said(project: Project) -> None:
    path = project.root / "loose.sql"
    path.write_text("ALTER SEQUENCE counter MAXVALUE 1000;", encoding="utf-8")
    run = ("rehearse", "--sql", str(path))
    done = project.run(*run)
    assert done.status == 1
    assert done.err.endswith("to agree: --allow 'OLD_WRITER:public.counter'\n")
    assert project.run(*run, "--fail-on", "error").status == 0
    assert project.run(*run, "--allow", "OLD_WRITER:public.counter").status == 0
    assert (
        project.run(*run, "--fail-on", "error", "--format", "json").out.count('"fail_on": "error"')
        == 1
    )


def test_statements_are_counted_as_the_page_does(project: Project) -> None:
    path = project.root / "loose.sql"
    path.write_text(
        "BEGIN;\nSELECT 1;\nALTER TABLE item RENAME size TO s;\nCOMMIT;\nSELECT 2;\n",
        encoding="utf-8",
    )
    done = project.run("rehearse", "--sql", str(path), "--format", "json")
    (found,) = (f for f in json.loads(done.out)["findings"] if f["ref"] == "table:public.item")
    assert found["message"].startswith("after statement 2 of loose.sql public.item cannot be read")
    assert found["place"]["line"] == 3


@pytest.fixture
def keeper(project: Project) -> Iterator[str]:
    """A role that may do anything with the items."""
    role = f"keeper_{os.getpid()}_{next(_roles)}"
    project.revision(
        "0002",
        f"CREATE ROLE {role};\nGRANT SELECT, INSERT, UPDATE, DELETE ON item TO {role};\n"
        f"CREATE TABLE log (id bigint);\nCREATE SEQUENCE numbers; GRANT USAGE ON numbers TO {role};\n"
        "ALTER TABLE item ALTER big SET DEFAULT nextval('numbers');",
        "SELECT 1;",
        after="0001",
    )
    assert project.run("migrate").status == 0
    yield role
    with psycopg.connect(project.dsn, autocommit=True) as connection:
        connection.execute(f"DROP OWNED BY {role}; DROP ROLE {role}")


_roles = itertools.count()
LOGS = """
CREATE FUNCTION logs() RETURNS trigger LANGUAGE plpgsql {} AS
    'BEGIN INSERT INTO log VALUES (NEW.id); RETURN NEW; END';
CREATE TRIGGER t AFTER INSERT ON item FOR EACH ROW EXECUTE FUNCTION logs();
"""
POLICIES = """
ALTER TABLE item ENABLE ROW LEVEL SECURITY;
CREATE POLICY reads ON item FOR SELECT USING (true);
CREATE POLICY writes ON item FOR INSERT WITH CHECK (id < -1 AND code <> '');
CREATE POLICY deletes ON item FOR DELETE USING (id > 0 OR id <= 0);
"""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(
            LOGS.format(""),
            {("error", "INSERT", "permission denied for table log")},
            id="a trigger needs a right",
        ),
        pytest.param(LOGS.format("SECURITY DEFINER"), set(), id="a trigger has the right"),
        pytest.param(
            POLICIES + "CREATE POLICY updates ON item FOR UPDATE USING (id < -1);",
            {
                (
                    "info",
                    "INSERT",
                    'new row violates row-level security policy for table "item"',
                ),
                ("info", "UPDATE", "row-level security lets none of its rows through"),
            },
            id="policies look at rows",
        ),
        pytest.param(
            "REVOKE DELETE ON item FROM {role};", set(), id="a right that is told by itself"
        ),
        pytest.param("DELETE FROM item;", set(), id="no rows are left"),
    ],
)
def test_who_writes_as_a_role_is_tried_as_that(
    project: Project, keeper: str, text: str, expected: set[tuple[str, str, str]]
) -> None:
    said = {
        (severity, message.partition("may ")[2].partition(" on ")[0], message.partition(": ")[2])
        for ref, severity, message in told(project, text.replace("{role}", keeper))
        if ref == ITEM and f"role {keeper} may" in message and "cannot any more" in message
    }
    assert said == expected


BODIES = """
CREATE FUNCTION few(most bigint) RETURNS SETOF item LANGUAGE sql STABLE AS
    'SELECT * FROM item WHERE id <= most';
CREATE FUNCTION how_many() RETURNS bigint LANGUAGE plpgsql STABLE AS
    'BEGIN RETURN (SELECT count(*) FROM item); END';
CREATE FUNCTION changes() RETURNS integer LANGUAGE sql AS 'SELECT 1';
"""


@pytest.mark.parametrize(
    ("text", "expected", "unknown"),
    [
        pytest.param(
            "CREATE OR REPLACE FUNCTION few(most bigint) RETURNS SETOF item LANGUAGE sql STABLE AS"
            " 'SELECT * FROM item WHERE id <= most AND id < -5';"
            " CREATE OR REPLACE FUNCTION changes() RETURNS integer LANGUAGE sql AS 'SELECT 2';",
            {"routine:public.few(bigint)"},
            "not called: public.changes()",
            id="fewer rows, and one that may change something",
        ),
        pytest.param(
            "CREATE OR REPLACE FUNCTION how_many() RETURNS bigint LANGUAGE sql STABLE AS"
            " 'SELECT count(*) + 1 FROM item';",
            {"routine:public.how_many()"},
            "",
            id="another value",
        ),
        pytest.param(
            "CREATE OR REPLACE FUNCTION how_many() RETURNS bigint LANGUAGE sql STABLE AS"
            " 'SELECT count(id) FROM item'; INSERT INTO item (id, code) VALUES (-7, 'x');",
            set(),
            "",
            id="the same of other rows",
        ),
    ],
)
def test_a_function_that_gives_something_else_is_told(
    project: Project, text: str, expected: set[str], unknown: str
) -> None:
    project.revision("0002", BODIES, "SELECT 1;", after="0001")
    assert project.run("migrate").status == 0
    path = project.root / "loose.sql"
    path.write_text(f"BEGIN; {text} COMMIT;", encoding="utf-8")
    document = json.loads(project.run("rehearse", "--sql", str(path), "--format", "json").out)
    told = [f for f in document["findings"] if "gives otherwise" in f["message"]]
    assert {f["ref"] for f in told} == expected
    assert {f["severity"] for f in told} <= {"warning"}
    rows = {row["subject"]: row["skipped"] for row in document["coverage"]}
    assert rows.get("bodies", "") == unknown
