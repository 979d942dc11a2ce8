"""`filled-with` beside a column: rows that are there get a value before the column must have one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from engine import psql
from projects import Project, Result
from ringfence.errors import BadProject
from ringfence.filling import asked
from ringfence.model import Catalog, Fact, Ref
from ringfence.script import Script

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

OLD = """
CREATE TABLE "Pe ople" (
    "a ""key"", int" int PRIMARY KEY, mail text NOT NULL, nick text, CONSTRAINT c UNIQUE (mail) DEFERRABLE INITIALLY DEFERRED
);
CREATE TABLE keyless (a int, b int);
CREATE TABLE parts (id int, k int, PRIMARY KEY (id, k)) PARTITION BY LIST (k);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES IN (1);
"""
NEW = """
CREATE TABLE "Pe ople" (
    "a ""key"", int" int PRIMARY KEY, mail text NOT NULL,
    nick text NOT NULL -- ringfence: filled-with 'the ' || mail -- as they asked
    , CONSTRAINT c UNIQUE (mail) DEFERRABLE INITIALLY DEFERRED,
    -- ringfence: filled-with DEFAULT
    token uuid NOT NULL DEFAULT gen_random_uuid(),
    state text NOT NULL DEFAULT 'new', -- ringfence: filled-with CASE WHEN nick IS NULL THEN 'odd' ELSE 'old' END
    "Low" text CHECK ("Low" = lower("Low")) -- ringfence: filled-with lower(mail)
);
CREATE TABLE keyless (
    a int, b int,
    -- ringfence: filled-with a + b
    c int PRIMARY KEY
);
CREATE TABLE parts (
    id int, k int,
    w int NOT NULL CHECK (w > 10), -- ringfence: filled-with id * 100 + k
    PRIMARY KEY (id, k)
) PARTITION BY LIST (k);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES IN (1);
"""
ROWS = """
INSERT INTO "Pe ople" SELECT g, 'M' || g, CASE WHEN g > 2 THEN 'n' END FROM generate_series(1, 3) AS g;
INSERT INTO keyless VALUES (1, 1), (1, 2);
INSERT INTO parts VALUES (1, 1), (2, 1);
"""


@pytest.fixture
def project(tmp_path: Path, database: str) -> Project:
    made = Project(tmp_path / "project", database)
    made.revision("0001", OLD, "SELECT 1;")
    (made.root / "ddl").mkdir()
    (made.root / "ddl" / "all.sql").write_text(NEW)
    assert made.run("migrate").status == 0
    psql(database, ROWS)
    return made


def _plan(project: Project, *argv: str) -> Result:
    env = {"RINGFENCE_DSN": project.dsn}
    return project.run("plan", "-m", "Fill", *argv, dsn="", env=env)


def _query(database: str, text: str) -> list[str]:
    with psycopg.connect(database) as connection:
        return ["\t".join(map(str, row)) for row in connection.execute(text).fetchall()]


@pytest.mark.parametrize(
    "how", [("--online",), ("--no-online", "--allow", "SCAN_UNDER_LOCK", "--allow", "INDEX_BUILD")]
)
def test_rows_that_are_there_are_filled(
    project: Project, database: str, how: tuple[str, ...]
) -> None:
    planned = _plan(project, *how)
    assert planned.status == 0, planned.err
    assert "must be empty" not in planned.err
    for name in project.versions.glob("*.up.sql"):
        text = name.read_text()
        assert not ("NOT VALID" in text and ("UPDATE" in text or "VALIDATE" in text)), text
    done = project.run("migrate")
    assert done.status == 0, done.err
    assert project.run("diff", "live", "ddl").status == 0
    assert _query(database, 'SELECT nick, state, "Low" FROM "Pe ople" ORDER BY "Low"') == [
        "the M1\todd\tm1",
        "the M2\todd\tm2",
        "n\told\tm3",
    ]
    assert _query(database, 'SELECT count(DISTINCT token) FROM "Pe ople"') == ["3"]
    assert _query(database, "SELECT c FROM keyless ORDER BY c") == ["2", "3"]
    assert _query(database, "SELECT w FROM parts ORDER BY w") == ["101", "201"]
    assert project.run("plan", "-m", "again").err.startswith("nothing to do")


def test_lock_safe_steps_fill_in_batches_before_not_null_and_before_its_proof(
    project: Project,
) -> None:
    assert _plan(project).status == 0
    texts = [p.read_text() for p in sorted(project.versions.glob("*.up.sql"))][1:]

    def places(what: str) -> list[int]:
        return [n for n, text in enumerate(texts) if what in text]

    for table, column, head in (
        (
            'public."Pe ople"',
            '"Low"',
            """-- ringfence: backfill key="a ""key"", int" batch=200ms""",
        ),
        ("public.parts", "w", "-- ringfence: backfill key=id,k batch=200ms"),
        ("public.keyless", "c", "-- Fill"),
    ):
        first, again = places(f"UPDATE {table} SET")
        (bound,) = places(f"ALTER TABLE {table} ADD CONSTRAINT")[:1]
        proved = places(f"ALTER TABLE {table} VALIDATE CONSTRAINT")
        assert first < bound < again < min(proved)
        assert texts[first].startswith(head)
        assert texts[again].startswith(head)
        assert "-- rows that came in the meantime\n" in texts[again]
        assert f"{column} = " in texts[first]


@pytest.mark.parametrize("forced", [True, False])
def test_a_plan_tells_that_not_every_role_can_fill_where_row_security_is_forced(
    project: Project, forced: bool
) -> None:
    on = 'ALTER TABLE "Pe ople" ENABLE ROW LEVEL SECURITY{};'
    (project.root / "ddl" / "all.sql").write_text(
        NEW + on.format(", FORCE ROW LEVEL SECURITY" if forced else "")
    )
    planned = _plan(project)
    assert planned.status == 0, planned.err
    note = (
        'note: row security is forced on public."Pe ople": only a role with BYPASSRLS, or a superuser,'
        " can fill its rows; run as another, the fill is refused\n"
    )
    assert (note in planned.err) == forced, planned.err


TRIGGERS = """
CREATE TABLE fired (name text);
CREATE FUNCTION fire() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN INSERT INTO public.fired VALUES (TG_NAME); RETURN new; END $$;
CREATE TABLE t (id int, k int, "o ON, f" int, {} PRIMARY KEY (id, k)) PARTITION BY LIST (k);
CREATE TABLE t1 PARTITION OF t FOR VALUES IN (1);
CREATE TRIGGER "to uch" BEFORE INSERT OR UPDATE ON t FOR EACH ROW EXECUTE FUNCTION fire();
CREATE TRIGGER audit AFTER DELETE OR UPDATE OR TRUNCATE ON t EXECUTE FUNCTION fire();
CREATE TRIGGER always AFTER UPDATE ON t1 FOR EACH ROW EXECUTE FUNCTION fire();
ALTER TABLE t1 ENABLE ALWAYS TRIGGER always;
CREATE CONSTRAINT TRIGGER later AFTER UPDATE OF k, "o ON, f", {} ON t1 DEFERRABLE FOR EACH ROW EXECUTE FUNCTION fire();
CREATE TRIGGER other BEFORE UPDATE OF k, "o ON, f" ON t FOR EACH ROW EXECUTE FUNCTION fire();
CREATE TRIGGER comes BEFORE INSERT OR DELETE ON t FOR EACH ROW EXECUTE FUNCTION fire();
CREATE TRIGGER below AFTER UPDATE ON t1 EXECUTE FUNCTION fire();
CREATE TRIGGER off AFTER UPDATE ON t FOR EACH ROW EXECUTE FUNCTION fire();
ALTER TABLE t DISABLE TRIGGER off;
CREATE TRIGGER replica AFTER UPDATE ON t FOR EACH ROW EXECUTE FUNCTION fire();
ALTER TABLE t ENABLE REPLICA TRIGGER replica;
"""


@pytest.mark.parametrize("online", ["--online", "--no-online"])
def test_triggers_that_a_fill_fires_are_named(tmp_path: Path, database: str, online: str) -> None:
    project = Project(tmp_path / "project", database)
    project.revision("0001", TRIGGERS.format("", "id"), "SELECT 1;")
    (project.root / "ddl").mkdir()
    new = TRIGGERS.format("state int NOT NULL, -- ringfence: filled-with id\n", "state")
    (project.root / "ddl" / "all.sql").write_text(new)
    assert project.run("migrate").status == 0
    psql(database, "INSERT INTO t VALUES (1, 1), (2, 1); TRUNCATE fired;")
    planned = _plan(project, online, "--allow", "SCAN_UNDER_LOCK")
    assert planned.status == 0, planned.err
    names = 'public.t.audit, public.t."to uch", public.t1.always, public.t1.later'
    assert (
        f"note: filling public.t fires its triggers, as any UPDATE of these rows does: {names}. What"
        in planned.err
    )
    (first, *again) = (
        text
        for path in sorted(project.versions.glob("*.up.sql"))[1:]
        if "UPDATE public.t SET" in (text := path.read_text())
    )
    above = f"fires the triggers that any UPDATE of these rows does: {names}\nUPDATE public.t"
    assert f"-- {above}" in first
    assert all(f"-- rows that came in the meantime; {above}" in text for text in again)
    assert len(again) == (online == "--online")
    done = project.run("migrate", "--allow", "SCAN_UNDER_LOCK")
    assert done.status == 0, done.err
    assert _query(database, "SELECT DISTINCT name FROM fired ORDER BY 1") == [
        "always",
        "audit",
        "later",
        "to uch",
    ]


def test_a_column_that_has_what_it_is_to_be_asks_for_nothing(project: Project) -> None:
    (project.root / "ddl" / "all.sql").write_text(
        OLD.replace("mail text NOT NULL,", "mail text NOT NULL, -- ringfence: filled-with 'x'\n")
        + "-- a table that comes has no rows\n"
        "CREATE TABLE fresh (a int NOT NULL -- ringfence: filled-with 1\n);"
    )
    assert _plan(project).status == 0
    assert "UPDATE" not in (project.versions / "0002_fill.up.sql").read_text()


def test_a_plan_for_psql_fills_within_its_transaction(project: Project, database: str) -> None:
    script = project.run("diff", "live", "ddl")
    assert script.status == 1
    assert " made-up rows are still there\n" in script.err
    psql(database, script.out)
    assert project.run("diff", "live", "ddl").status == 0
    assert _query(database, "SELECT w FROM parts ORDER BY w") == ["101", "201"]


def test_an_expression_that_does_not_run(project: Project) -> None:
    path = project.root / "ddl" / "all.sql"
    path.write_text(
        OLD.replace("keyless (", "keyless (\nc int, -- ringfence: filled-with nonsuch + 1\n")
    )
    wanted = (
        'error: filled-with of public.keyless.c does not run: column "nonsuch" does not exist\n'
        "detail: UPDATE public.keyless SET c = nonsuch + 1\n"
        "  WHERE c IS NULL\n"
        "hint: mend the expression beside the column in ddl/; what the same plan drops or renames it"
        " cannot name: let that go in a plan of its own, afterwards\n"
    )
    refused = _plan(project, "--allow", "DATA_LOSS")
    assert (refused.status, refused.out, refused.err) == (2, "", wanted)
    refused = project.run("diff", "live", "ddl")
    assert (refused.status, refused.out, refused.err) == (2, "", wanted)
    assert len(list(project.versions.glob("*.py"))) == 1


def test_rows_that_would_get_no_value_are_told_before_anything_demands_one(
    project: Project, database: str
) -> None:
    path = project.root / "ddl" / "all.sql"
    path.write_text(
        OLD.replace("keyless (a int,", "keyless (a int, c text NOT NULL, -- ringfence: filled-with a\n")
        .replace("nick text,", "nick text NOT NULL, -- ringfence: filled-with nullif(mail, 'M1')\n")
    )  # fmt: skip
    psql(database, "UPDATE keyless SET a = NULL WHERE b = 2")
    assert _plan(project).status == 0
    for wanted, mend in (
        ('rows of public."Pe ople" get no value for nick by filled-with',
         "UPDATE \"Pe ople\" SET nick = 'x' WHERE mail = 'M1'"),
        ("rows of public.keyless get no value for c by filled-with",
         "UPDATE keyless SET a = 1"),
    ):  # fmt: skip
        done = project.run("migrate")
        assert done.status == 3
        assert wanted in done.err
        psql(database, 'UPDATE "Pe ople" SET mail = mail; UPDATE keyless SET b = b')
        psql(database, mend)
    done = project.run("migrate")
    assert done.status == 0, done.err
    assert project.run("diff", "live", "ddl").status == 0


@pytest.fixture
def bound(database: str) -> Iterator[str]:
    """The database as a role that policies bind, who owns `notes`; its rows are hidden from it."""
    with psycopg.connect(database, autocommit=True) as connection:
        role = f"bound_{connection.info.dbname}"
        connection.execute(
            f"CREATE ROLE {role} LOGIN; GRANT CREATE ON DATABASE {connection.info.dbname} TO {role};"
            f"CREATE SCHEMA own AUTHORIZATION {role}; SET ROLE {role};"
            "CREATE TABLE own.notes (id int PRIMARY KEY, old text, new text);"
            "INSERT INTO own.notes SELECT g, 'x' FROM generate_series(1, 9) AS g;"
            "ALTER TABLE own.notes ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;"
            "CREATE POLICY mine ON own.notes USING (old = current_setting('app.t', TRUE));"
        )
        yield make_conninfo(database, user=role)
        connection.execute(
            f"RESET ROLE; DROP SCHEMA IF EXISTS ringfence CASCADE; DROP OWNED BY {role}; DROP ROLE {role}"
        )


def test_a_backfill_does_not_count_rows_as_done_that_policies_hide(
    tmp_path: Path, bound: str
) -> None:
    project = Project(tmp_path / "bound", bound)
    head = "-- ringfence: backfill key=id{}\n"
    fill = "UPDATE own.notes SET new = old WHERE new IS NULL;"
    project.revision("0001", head.format("") + fill, "SELECT 1;")
    role = conninfo_to_dict(bound)["user"]
    for _ in range(2):
        refused = project.run("migrate")
        assert refused.status == 1
        assert (
            f"error: policies of own.notes bind {role}: the backfill would pass over the rows that"
            " they hide\n"
        ) in refused.err
        assert (
            "hint: run it as a role with BYPASSRLS, or say that it is for the rows that they let it"
            " see: -- ringfence: backfill key=id policies=bind\n"
        ) in refused.err
    path = project.versions / "0001.up.sql"
    path.write_text(f"{head.format(' policies=bind')}SET app.t = 'x';\n{fill}")
    done = project.run("migrate")
    assert done.status == 0, done.err
    assert _query(bound, "SELECT set_config('app.t', 'x', FALSE)") == ["x"]
    with psycopg.connect(bound) as connection:
        connection.execute("SET app.t = 'x'")
        rows = connection.execute("SELECT count(new) FROM own.notes").fetchall()
    assert rows == [(9,)]


BAD = {
    "": "filled-with: it has no expression",
    "a, 1": 'filled-with: syntax error at or near "1"',
    "1; DROP TABLE t; UPDATE t SET b = 1": "filled-with: it is not one expression",
    "1; DROP TABLE t": "filled-with: it is not one expression",
    "1, a = 2": "filled-with: it is not one expression",
    "1 FROM t AS x": "filled-with: it is not one expression",
    "(1": "filled-with: it is not one expression",
    "1 WHERE true --": "filled-with: it is not one expression",
    "1 /*": "filled-with: unterminated /* comment",
    "'x": "filled-with: unterminated quoted string",
    "1 +* (": "filled-with: it is not one expression",
}


def _facts(*columns: tuple[str, str, dict[str, str]]) -> Catalog:
    facts = {}
    for table, name, attrs in columns:
        above = Ref("table", ("public", table))
        facts[above] = Fact(above, {})
        ref = Ref("column", ("public", table, name))
        facts[ref] = Fact(ref, attrs, above)
    return Catalog(facts, {}, 180000)


@pytest.mark.parametrize("text", BAD)
def test_what_is_not_one_expression(text: str) -> None:
    script = Script(
        "ddl/t.sql", f"CREATE TABLE t (\n    b int -- ringfence: filled-with {text}\n);"
    )
    with pytest.raises(BadProject) as caught:
        asked([script], _facts(("t", "b", {})))
    assert caught.value.message == BAD[text]
    assert caught.value.hint == (
        "write one SQL expression on that line: -- ringfence: filled-with lower(mail)"
    )
    assert str(caught.value.span).startswith("ddl/t.sql:2:11")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("CREATE TABLE t (\nb int GENERATED ALWAYS AS (1) STORED -- ringfence: filled-with 1\n);",
         "filled-with stands by t.b, which PostgreSQL fills by itself"),
        ("-- ringfence: filled-with 1\nCREATE TABLE t (b int);", "filled-with stands by no column"),
        ("CREATE TABLE t (\n-- ringfence: filled-with 1\nCONSTRAINT x CHECK (true));",
         "filled-with stands by no column"),
        ("CREATE TABLE u (\nb int -- ringfence: filled-with 1\n);",
         "filled-with stands by column u.b, which the files do not make"),
    ],
)  # fmt: skip
def test_where_nothing_can_be_filled(text: str, message: str) -> None:
    with pytest.raises(BadProject) as caught:
        asked([Script("t.sql", text)], _facts(("t", "b", {"generated": "s"})))
    assert caught.value.message == message
