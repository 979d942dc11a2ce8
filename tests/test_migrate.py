"""`ringfence migrate` and `status`: what is applied and undone, and in what order; what it says."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING
from urllib.parse import quote

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from faults import stages
from messaging.support import differences, read
from projects import Project, lines, shown, timeless, without
from proxy import Proxy
from ringfence import migrate
from ringfence import project as projects
from ringfence.errors import Refused
from ringfence.pg.binaries import find_binaries, find_psql
from ringfence.pg.connect import named
from ringfence.pg.runner import LOCK_CLASS
from ringfence.script import Script

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def project(tmp_path: Path, database: str) -> Project:
    """A project without revisions, and an empty database."""
    return Project(tmp_path / "project", database)


@pytest.fixture
def three(project: Project) -> Project:
    """A project of three revisions."""
    project.revision("0001", "CREATE TABLE a (id INT);", "DROP TABLE a;", title="one")
    project.revision("0002", "CREATE TABLE b (id INT);", "DROP TABLE b;", title="two")
    project.revision("0003", "CREATE TABLE c (id INT);", "DROP TABLE c;", title="three")
    return project


OURS = ["ringfence.alembic_version", "ringfence.backfills", "ringfence.history"]


def test_migrates_to_head_and_says_so(three: Project) -> None:
    done = three.run("migrate")
    assert done.out == "now at 0003\n"
    assert timeless(done.err) == lines(
        f"3 revisions to run on {three.database}",
        "  ✓ up   0001 (one)  SPAN",
        "  ✓ up   0002 (two)  SPAN",
        "  ✓ up   0003 (three)  SPAN",
    )
    assert done.status == 0
    assert three.tables() == ["a", "b", "c", *OURS]


def test_a_second_run_has_nothing_to_do(three: Project) -> None:
    three.run("migrate")
    before = three.history()
    done = three.run("migrate")
    assert (done.status, done.out, done.err) == (0, "nothing to do: at 0003\n", "")
    assert three.history() == before


def test_the_real_command_does_the_same(three: Project) -> None:
    done = three.command("migrate")
    assert (done.status, done.out) == (0, "now at 0003\n")
    assert timeless(done.err).endswith("  ✓ up   0003 (three)  SPAN\n")


def test_what_is_pending_when_there_are_no_revisions(project: Project) -> None:
    done = project.run("migrate")
    assert (done.status, done.out, done.err) == (0, "nothing to do: at base\n", "")
    assert project.tables() == []


def test_moves_where_it_is_told(three: Project) -> None:
    for to, out, tables in (
        ("+1", "now at 0001\n", ["a"]),
        ("0002", "now at 0002\n", ["a", "b"]),
        ("head", "now at 0003\n", ["a", "b", "c"]),
        ("+1", "nothing to do: at 0003\n", ["a", "b", "c"]),
        ("-1", "now at 0002\n", ["a", "b"]),
        ("0001", "now at 0001\n", ["a"]),
        ("0001", "nothing to do: at 0001\n", ["a"]),
        ("base", "now at base\n", []),
        ("base", "nothing to do: at base\n", []),
    ):
        done = three.run("migrate", "--to", to, "--yes")
        assert (done.status, done.out) == (0, out), done.err
        assert three.tables() == [*tables, *OURS]
    assert three.history("event", "revision", "direction", "attempt") == [
        ("started", "0001", "up", 1),
        ("finished", "0001", "up", 1),
        ("started", "0002", "up", 1),
        ("finished", "0002", "up", 1),
        ("started", "0003", "up", 1),
        ("finished", "0003", "up", 1),
        ("started", "0003", "down", 1),
        ("finished", "0003", "down", 1),
        ("started", "0002", "down", 1),
        ("finished", "0002", "down", 1),
        ("started", "0001", "down", 1),
        ("finished", "0001", "down", 1),
    ]
    three.run("migrate")
    assert three.history("event", "revision", "direction", "attempt")[-1] == (
        "finished", "0003", "up", 2,
    )  # fmt: skip


# Undoing asks


class Terminal(io.StringIO):
    """A person at a keyboard."""

    def isatty(self) -> bool:
        return True


def test_undoing_without_a_terminal_wants_yes(three: Project) -> None:
    three.run("migrate")
    done = three.run("migrate", "--to", "-2")
    assert (done.status, done.out) == (2, "")
    assert done.err == lines(
        "error: this would undo 0003 (three), 0002 (two)", "hint: say --yes to mean it"
    )
    assert three.tables() == ["a", "b", "c", *OURS]


@pytest.mark.parametrize("answer", ["n\n", "\n", ""])
def test_undoing_takes_no_for_an_answer(three: Project, answer: str) -> None:
    three.run("migrate")
    done = three.run("migrate", "--to", "-1", stdin=Terminal(answer))
    assert (done.status, done.out) == (1, "")
    assert done.err == (f"Undo 0003 (three) on {three.database}? [y/N] error: nothing was undone\n")
    assert three.tables() == ["a", "b", "c", *OURS]


def test_undoing_takes_yes_for_an_answer(three: Project) -> None:
    three.run("migrate")
    done = three.run("migrate", "--to", "-1", stdin=Terminal("y\n"))
    assert (done.status, done.out) == (0, "now at 0002\n")
    assert three.tables() == ["a", "b", *OURS]


# JSON


def test_json_of_migrate(three: Project) -> None:
    three.run("migrate", "--to", "0001")
    done = three.run("migrate", "--format", "json")
    document = json.loads(done.out)
    assert document.pop("ringfence")
    assert without(document.pop("revisions"), "seconds") == [
        {"revision": "0002", "title": "two", "direction": "up"},
        {"revision": "0003", "title": "three", "direction": "up"},
    ]
    assert document == {
        "format": 1,
        "command": "migrate",
        "target": three.database,
        "from": ["0001"],
        "to": ["0003"],
    }
    document = json.loads(three.run("migrate", "--format", "json").out)
    assert (document["from"], document["to"], document["revisions"]) == (["0003"], ["0003"], [])
    document = json.loads(three.run("migrate", "--to", "base", "--yes", "--format", "json").out)
    assert (document["to"], len(document["revisions"])) == ([], 3)
    assert document["revisions"][0]["seconds"] > 0


def test_status(three: Project) -> None:
    done = three.run("status")
    assert (done.status, done.err) == (1, "")
    assert done.out == lines(
        f"database  {three.database}",
        "at        base (nothing applied)",
        "head      0003",
        "  pending  0001 (one)",
        "  pending  0002 (two)",
        "  pending  0003 (three)",
    )
    three.run("migrate", "--to", "0002")
    (three.versions / "0001.up.sql").write_text("CREATE TABLE z ();")
    done = three.run("status")
    assert done.status == 1
    assert timeless(done.out) == lines(
        f"database  {three.database}",
        "at        0002",
        "head      0003",
        "  edited   0001 (one)",
        "  applied  0002 (two)  TIME by postgres",
        "  pending  0003 (three)",
    )


def test_status_is_0_at_the_head_alone(three: Project) -> None:
    three.run("migrate")
    assert three.run("status").status == 0
    three.query("UPDATE ringfence.alembic_version SET version_num = 'new'")
    done = three.run("status")
    assert done.status == 1
    assert done.out.endswith("  unknown  new: not among the files\n")


def test_status_changes_nothing(three: Project) -> None:
    three.run("status")
    three.run("status", "--format", "json")
    three.run("history")
    assert three.tables() == []


def test_json_of_status(three: Project) -> None:
    three.run("migrate", "--to", "0002")
    (three.versions / "0001.up.sql").write_text("CREATE TABLE z ();")
    document = json.loads(three.run("status", "--format", "json").out)
    assert document.pop("ringfence")
    rows = document.pop("revisions")
    assert document == {
        "format": 1,
        "command": "status",
        "target": three.database,
        "current": ["0002"],
        "heads": ["0003"],
        "halfway": [],
        "unknown": [],
    }
    assert {row.pop("statements_run") for row in rows} == {0}
    assert without(rows, "at") == [
        {"revision": "0001", "title": "one", "state": "edited", "by": "postgres"},
        {"revision": "0002", "title": "two", "state": "applied", "by": "postgres"},
        {"revision": "0003", "title": "three", "state": "pending", "by": None},
    ]
    assert [bool(row["at"]) for row in rows] == [True, True, False]


# An edited revision that is undone may run anew


def test_an_edited_revision_can_be_undone_and_applied_again(three: Project) -> None:
    three.run("migrate")
    (three.versions / "0003.up.sql").write_text("CREATE TABLE c (id INT, more INT);")
    assert three.run("migrate", "--to", "-1", "--yes").out == "now at 0002\n"
    assert three.run("migrate").out == "now at 0003\n"
    assert three.query(
        "SELECT count(*) FROM pg_attribute WHERE attrelid = 'c'::regclass AND attnum > 0"
    ) == [(2,)]


def test_an_edited_revision_below_is_refused_when_undoing_too(three: Project) -> None:
    three.run("migrate")
    (three.versions / "0002.up.sql").write_text("CREATE TABLE z ();")
    done = three.run("migrate", "--to", "-1", "--yes")
    assert done.status == 1
    assert "error: revision 0002 (two) was applied and has been edited since" in done.err
    assert three.tables() == ["a", "b", "c", *OURS]


# What files may hold


def test_text_reaches_the_server_as_it_stands(project: Project) -> None:
    project.revision(
        "0001",
        """
        CREATE TABLE t (a TEXT, b TEXT, c INT);
        INSERT INTO t VALUES ('100%', ':name %s %(x)s', '7'::INT);
        INSERT INTO t SELECT format('%s', $$it's$$), E'a\\tb', 1 WHERE 5 % 3 = 2;
        CREATE FUNCTION f() RETURNS SETOF TEXT LANGUAGE sql BEGIN ATOMIC
            SELECT CASE WHEN TRUE THEN 'one' END;
            SELECT a FROM t;
        END;
        CREATE RULE r AS ON DELETE TO t DO INSTEAD (SELECT 1; SELECT 2);
        CREATE FUNCTION g() RETURNS INT LANGUAGE plpgsql AS $f$
        DECLARE x INT := 1;
        BEGIN
            EXECUTE $q$SELECT 2;$q$ INTO x;
            RETURN x;
        END;
        $f$;
        COMMENT ON TABLE t IS 'Año; -- no comment';
        """,
    )
    assert project.run("migrate").out == "now at 0001\n"
    assert project.query("SELECT * FROM t") == [
        ("100%", ":name %s %(x)s", 7), ("it's", "a\tb", 1),
    ]  # fmt: skip
    assert project.query("SELECT g(), obj_description('t'::regclass)") == [
        (2, "Año; -- no comment")
    ]
    assert project.query("SELECT f()") == [("100%",), ("it's",)]


def test_files_are_utf8_whatever_the_session_would_be(project: Project) -> None:
    project.revision("0001", "CREATE TABLE t (a TEXT); INSERT INTO t VALUES ('日本');")
    dsn = make_conninfo(project.dsn, client_encoding="LATIN1")
    done = project.run("migrate", dsn=dsn, env={"PGCLIENTENCODING": "LATIN1"})
    assert done.out == "now at 0001\n", done.err
    assert project.query("SELECT a FROM t") == [("日本",)]


@pytest.mark.parametrize("text", ["-- only this\n", "/* and this */ ;;\n"])
def test_a_revision_may_have_no_statement(project: Project, text: str) -> None:
    project.revision("0001", text, text)
    assert project.run("migrate").out == "now at 0001\n"
    assert project.run("migrate", "--to", "base", "--yes").out == "now at base\n"


def test_an_empty_file_is_refused_before_anything_runs(project: Project) -> None:
    project.revision("0001", "CREATE TABLE a ();")
    path = project.revision("0002", " \n")
    done = project.run("migrate")
    assert done.status == 2
    assert done.err == lines(
        "error: revision 0002 does nothing: migrations/versions/0002.up.sql is empty",
        "hint: write it, or restore it; where nothing is to be done, let a comment say so",
    )
    assert project.tables() == []
    path.write_text("-- nothing is to be done\n")
    assert project.run("migrate").out == "now at 0002\n"


def test_what_is_temporary_is_told(project: Project) -> None:
    project.revision(
        "0001",
        "SET search_path = pg_temp;\nCREATE TABLE lost (id INT PRIMARY KEY);\n"
        "CREATE FUNCTION f() RETURNS INT RETURN 1;",
    )
    project.revision("0002", "CREATE TEMP TABLE x () ON COMMIT DROP; CREATE TABLE a ();")
    project.revision("0003", "-- ringfence: transaction: none\nCREATE TEMP SEQUENCE s;")
    done = project.run("migrate")
    assert "  temporary, and gone at its end: f(), lost\n" in done.err
    assert "  temporary, and gone at its end: s\n" in done.err
    assert project.tables() == ["a", *OURS] or project.tables() == [*OURS, "a"]


def test_data_can_be_copied_in(project: Project) -> None:
    project.revision(
        "0001",
        "CREATE TABLE t (id INT, name TEXT);\n"
        "COPY t FROM STDIN;\n1\tit's; ñ\n2\t\\N\n\\.\n"
        "COPY t (id) FROM STDIN WITH (FORMAT csv);\r\n3\r\n4\r\n\\.\r\n"
        "CREATE TABLE u ();\n",
    )
    assert project.run("migrate").out == "now at 0001\n"
    assert project.query("SELECT * FROM t") == [(1, "it's; ñ"), (2, None), (3, None), (4, None)]


def test_a_byte_order_mark_and_crlf_are_as_nothing(project: Project) -> None:
    path = project.revision("0001", b"\xef\xbb\xbfCREATE TABLE t (\r\n  id INT\r\n);\r\n")
    assert project.run("migrate").out == "now at 0001\n"
    path.write_text("CREATE TABLE t (\n  id INT\n);\n")
    assert project.run("status").status == 0


# What one file sets does not reach the next


@stages("F24")
def test_a_file_keeps_no_advisory_lock(project: Project) -> None:
    project.revision(
        "0001",
        "SELECT pg_advisory_lock(-7), pg_advisory_lock(-7), pg_advisory_lock(3, -4),"
        " pg_advisory_lock_shared(8);",
    )
    project.revision(
        "0002",
        "CREATE TABLE held AS SELECT classid::bigint::text FROM pg_locks"
        " WHERE locktype = 'advisory' AND pid = pg_backend_pid();",
    )
    assert project.run("migrate").out == "now at 0002\n"
    assert project.query("TABLE held") == [(str(LOCK_CLASS),)]


@stages("F24")
@pytest.mark.parametrize(
    "poison",
    [
        "SET ROLE pg_monitor",
        "SET SESSION AUTHORIZATION pg_monitor",
        "SET search_path = elsewhere",
        "SELECT set_config('search_path', '', false)",
        "SET statement_timeout = '1ms'; RESET statement_timeout; SET client_encoding = 'LATIN1'",
        "SET standard_conforming_strings = off",
        "SET default_transaction_read_only = on",
        "SET CONSTRAINTS ALL DEFERRED",
        "CREATE TEMP TABLE t (who TEXT)",
        "PREPARE p AS SELECT 1; LISTEN x",
    ],
)
@pytest.mark.parametrize("way", ["one", "none"])
def test_a_file_leaves_the_session_as_it_found_it(project: Project, poison: str, way: str) -> None:
    project.revision(
        "0001", f"-- ringfence: transaction: {way}\nCREATE SCHEMA elsewhere; {poison};"
    )
    project.revision(
        "0002",
        "CREATE TABLE t AS SELECT current_user::TEXT AS who, 'ñ\\'::TEXT AS text,"
        " current_setting('search_path') AS path; PREPARE p AS SELECT 1;",
    )
    done = project.run("migrate")
    assert done.out == "now at 0002\n", done.err
    assert project.query("SELECT who, text, path FROM public.t") == [
        ("postgres", "ñ\\", '"$user", public')
    ]
    roles = set(project.history("session_role", "effective_role"))
    assert roles == {("postgres", "postgres")}


# Where projects lie, and what databases are called


@pytest.mark.parametrize("name", ["with space", "100%", "año-日本", "a'b\"c", "#x[1]"])
def test_a_project_may_lie_anywhere(tmp_path: Path, database: str, name: str) -> None:
    project = Project(tmp_path / name, database)
    project.revision("0001", "CREATE TABLE a ();", "DROP TABLE a;")
    assert project.run("migrate").out == "now at 0001\n"
    assert "DROP TABLE a" in project.run("migrate", "--dry-run", "--to", "base").out
    assert project.run("migrate", "--to", "base", "--yes").out == "now at base\n"


def test_a_project_may_lie_behind_a_link(tmp_path: Path, database: str) -> None:
    real = Project(tmp_path / "real", database)
    real.revision("0001", "CREATE TABLE a ();", "SELECT oops;")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    link = ("-C", str(tmp_path / "link"), "migrate")  # the working directory has no links in it
    assert real.run(*link).out == "now at 0001\n"
    failed = real.run(*link, "--to", "base", "--yes")
    assert "\n  migrations/versions/0001.down.sql:1:8\n" in failed.err


def test_another_directory_may_be_named(project: Project, tmp_path: Path) -> None:
    project.revision("0001", "CREATE TABLE a ();")
    root, project.root = project.root, tmp_path
    done = project.run("-C", str(root), "migrate")
    assert done.out == "now at 0001\n"


@pytest.mark.parametrize("name", ["with space", "100%", "a'b\"c\\", "año@日本/x?y#z"])
def test_a_database_may_have_any_name(server, tmp_path: Path, name: str) -> None:  # type: ignore[no-untyped-def]
    unique = f"{name} {os.getpid()}"
    with psycopg.connect(server.dsn(), autocommit=True) as admin:
        admin.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(unique))
        )
        try:
            dsn = make_conninfo(server.dsn(), dbname=unique)
            project = Project(tmp_path / "project", dsn)
            project.revision("0001", "CREATE TABLE a ();")
            done = project.run("migrate")
            assert done.out == "now at 0001\n"
            assert f"1 revision to run on {shown(dsn)}\n" in done.err
            url = server.dsn(quote(unique, safe="")) if "@" in name else server.dsn(unique)
            if server.dsn("a b") == "postgresql://postgres@/a%20b":
                assert project.run("status", dsn=url).status == 0
        finally:
            admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(unique)))


def test_the_history_may_lie_in_any_schema(tmp_path: Path, database: str) -> None:
    project = Project(tmp_path / "p", database, config="migrate.schema = 'we\"ird \\schema%s'")
    project.revision("0001", "CREATE TABLE a ();", "DROP TABLE a;")
    text = project.run("migrate", "--dry-run").out
    assert project.run("migrate").out == "now at 0001\n"
    assert project.query('SELECT count(*) FROM "we""ird \\schema%s".history') == [(2,)]
    assert project.run("status").status == 0
    assert len(project.run("history").out.splitlines()) == 1
    assert project.alembic("current").out == "0001 (head)\n"
    assert project.run("migrate", "--to", "base", "--yes").out == "now at base\n"
    psql(project, text)
    assert project.run("status").status == 0


def test_the_schema_may_be_there_already_for_a_role_that_may_not_create_one(
    project: Project,
) -> None:
    role = f"deployer_{os.getpid()}"
    project.revision("0001", "CREATE TABLE a ();")
    project.query(f"CREATE ROLE {role} LOGIN")
    try:
        project.query(f"CREATE SCHEMA ringfence AUTHORIZATION {role}")
        project.query(f"GRANT CREATE ON SCHEMA public TO {role}")
        done = project.run("migrate", dsn=make_conninfo(project.dsn, user=role))
        assert done.out == "now at 0001\n", done.err
        assert set(project.history("session_role")) == {(role,)}
    finally:
        project.query(f"DROP OWNED BY {role}")
        project.query(f"DROP ROLE {role}")


# The graph


def test_branches_merge(project: Project) -> None:
    project.revision("1", "CREATE TABLE t1 ();", "DROP TABLE t1;", after=None)
    project.revision("2a", "CREATE TABLE t2a ();", "DROP TABLE t2a;", after="1", labels=("left",))
    project.revision("2b", "CREATE TABLE t2b ();", "DROP TABLE t2b;", after="1")
    project.revision("3", "", "", after=("2a", "2b"), title="merge")
    assert project.run("migrate", "--to", "left").out == "now at 2a\n"
    assert project.run("migrate", "--to", "2b").out == "now at 2a, 2b\n"
    status = project.run("status")
    assert "at        2a, 2b\n" in status.out
    assert project.run("migrate").out == "now at 3\n"
    assert project.run("migrate", "--to", "-1", "--yes").out == "now at 2a, 2b\n"
    script = project.run("migrate", "--dry-run").out
    psql(project, script)
    assert project.query("TABLE ringfence.alembic_version") == [("3",)]
    psql(project, project.run("migrate", "--dry-run", "--to", "-1").out)
    done = project.run("migrate", "--to", "-1", "--yes")
    assert done.err == lines(
        "error: --to -1: either of 2a and 2b may be the last",
        "hint: name the revision to go back to",
    )
    assert project.run("migrate", "--to", "1", "--yes").out == "now at 1\n"
    assert project.tables() == ["t1", *OURS] or project.tables() == [*OURS, "t1"]
    assert project.run("migrate").out == "now at 3\n"
    assert project.run("migrate", "--to", "base", "--yes").out == "now at base\n"
    assert project.tables() == OURS


def test_branches_may_stay_apart(project: Project) -> None:
    project.revision("a1", "CREATE TABLE a ();", "DROP TABLE a;", after=None)
    project.revision("b1", "CREATE TABLE b ();", "DROP TABLE b;", after=None, depends_on="a1")
    project.revision("c1", "CREATE TABLE c ();", "DROP TABLE c;", after=None)
    assert project.run("migrate", "--to", "b1").out == "now at b1\n"
    assert project.tables() == ["a", "b", *OURS]
    assert project.run("migrate", "--to", "heads").out == "now at b1, c1\n"
    status = project.run("status")
    assert "head      a1, b1, c1 (3 heads: merge them)\n" in status.out
    assert status.status == 1
    assert project.alembic("current").status == 0
    assert project.run("migrate", "--to", "a1", "--yes").out == "now at a1, c1\n"
    assert project.tables() == ["a", "c", *OURS]


# Dry runs


def psql(project: Project, text: str, *, status: int = 0) -> str:
    """Run a script with psql as its users would; what it said of errors."""
    program = find_psql(find_binaries().bin)
    assert program is not None
    done = subprocess.run(
        [program, "-X", "-q", "-d", project.dsn, "-f", "-"],
        input=text,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PGCLIENTENCODING": "LATIN1"},
    )
    assert done.returncode == status, done.stderr
    return done.stderr


@pytest.fixture
def rich(project: Project) -> Project:
    """A project with everything in its revisions that a script could get wrong."""
    project.revision(
        "0001",
        "-- the first\nCREATE TABLE t (id INT PRIMARY KEY, note TEXT DEFAULT 'año');\n"
        "COPY t (id) FROM STDIN;\n1\n2\n\\.\n"
        "CREATE SCHEMA other; SET search_path = other; SET ROLE pg_monitor -- no semicolon",
        "DROP SCHEMA other; DROP TABLE t",
    )
    project.revision(
        "0002",
        "-- ringfence: transaction: none\n-- ringfence: lock-timeout: 1min\n"
        "CREATE INDEX CONCURRENTLY t_note ON t (note)",
        "-- ringfence: transaction: none\nDROP INDEX CONCURRENTLY t_note",
    )
    project.python(
        "0003",
        "def upgrade():\n    op.execute(\"COMMENT ON TABLE t IS '50%: done'\")\n\n\n"
        "def downgrade():\n    op.execute('COMMENT ON TABLE t IS NULL')\n",
    )
    project.revision(
        "0004", "CREATE VIEW v AS SELECT ':id'::TEXT AS a, 5 % 3 AS b;", "DROP VIEW v;"
    )
    project.revision(
        "0005", "INSERT INTO t VALUES (3); COPY t FROM STDIN;\n4\tx", "DELETE FROM t WHERE id > 2;"
    )
    return project


def test_a_dry_run_is_the_script_of_the_run(
    rich: Project, make_database: Callable[..., str]
) -> None:
    dry = rich.run("migrate", "--dry-run")
    assert (dry.status, dry.err) == (0, "")
    assert rich.tables() == []
    rich.run("migrate")
    other = Project(rich.root.parent / "other", make_database())
    psql(other, dry.out)
    assert differences(read(rich.dsn), read(other.dsn)) == []
    assert other.query("TABLE public.t") == rich.query("TABLE public.t")
    # Whoever runs the script has settings of their own, which it cannot say.
    same = "revision, direction, attempt, checksum, sql, title, client - 'settings', session_role"
    finished = f"SELECT {same} FROM ringfence.history WHERE event = 'finished' ORDER BY id"
    assert other.query(finished) == rich.query(finished)
    assert other.query("TABLE ringfence.alembic_version") == [("0005",)]
    assert other.query("SELECT revision FROM ringfence.history WHERE duration IS NULL") == [
        ("0002",)
    ]
    rich.dsn = other.dsn
    assert rich.run("migrate").out == "nothing to do: at 0005\n"


def test_a_dry_run_down_is_the_script_of_the_run(rich: Project) -> None:
    rich.run("migrate", "--to", "0001")
    before = read(rich.dsn)
    rich.run("migrate")
    history = rich.history()
    script = rich.run("migrate", "--dry-run", "--to", "0001").out
    assert rich.history() == history
    psql(rich, script)
    assert differences(before, read(rich.dsn)) == []
    assert rich.query("TABLE ringfence.alembic_version") == [("0001",)]
    psql(rich, rich.run("migrate", "--dry-run", "--to", "base").out)
    assert rich.query("TABLE ringfence.alembic_version") == []
    # And up again: the version table is there, and empty.
    psql(rich, rich.run("migrate", "--dry-run").out)
    assert rich.run("status").status == 0
    assert rich.history("attempt", "event", "revision")[-1] == (2, "finished", "0005")


def test_a_dry_run_prints_what_a_run_sends(
    project: Project, make_database: Callable[..., str]
) -> None:
    """The statements that went to the server, and the locks that they had there."""
    project.query("CREATE TABLE t (id INT, x INT); INSERT INTO t VALUES (1, 1)")
    project.query("CREATE TABLE p (id INT PRIMARY KEY)")
    other = Project(project.root.parent / "other", make_database())
    other.query("CREATE TABLE t (id INT, x INT); CREATE TABLE p (id INT PRIMARY KEY)")
    texts = {
        "0001": "ALTER TABLE t ADD y INT; -- why; not\nUPDATE t SET y = 1;\nCREATE TABLE n (id INT);",
        "0002": "-- ringfence: transaction: none\nCREATE INDEX CONCURRENTLY i ON t (y);\nANALYZE t;",
        "0003": "CREATE INDEX j ON t (id);\nCOMMENT ON TABLE t IS 'a; b';\nDROP INDEX j;",
        "0004": (
            "ALTER TABLE t ADD CONSTRAINT c CHECK (id > 0) NOT VALID;\n"
            "ALTER TABLE t ADD CONSTRAINT f FOREIGN KEY (x) REFERENCES p NOT VALID;"
        ),
        "0005": "ALTER TABLE t VALIDATE CONSTRAINT c;\nALTER TABLE t ALTER id SET STATISTICS 5;",
    }
    for name, text in texts.items():
        project.revision(name, text)
    files = [s for t in texts.values() for s in Script("x.sql", t).statements]
    known = {s.text for s in files}
    dry = project.run("migrate", "--dry-run").out
    plain = dry.replace("\\set ON_ERROR_STOP on", "")
    printed = [s.text for s in Script("dry.sql", plain).statements if s.text in known]
    sent: list[str] = []
    with Proxy(project.dsn, asked=sent.append) as proxy:
        assert project.run("migrate", dsn=proxy.dsn).out == "now at 0005\n"
    assert printed == [s.text for s in files]
    assert [text for text in sent if text in known] == printed
    told = [line.split(": ", 1)[1] for line in dry.splitlines() if line.startswith("-- statement ")]
    for statement, lock in zip(files, told, strict=True):
        with psycopg.connect(other.dsn, autocommit="CONCURRENTLY" in statement.text) as session:
            if session.autocommit:
                session.execute(statement.text)
                continue
            held = (
                "SELECT DISTINCT l.mode FROM pg_locks AS l JOIN pg_class AS c ON l.relation = c.oid"
                " WHERE l.pid = %s AND l.granted AND c.relkind IN ('r', 'i')"
                " AND c.relnamespace = 'public'::regnamespace"
            )
            session.execute(statement.text)
            with psycopg.connect(other.dsn) as beside:  # who sees what was there before
                modes = {m for (m,) in beside.execute(held, [session.info.backend_pid])}
        if lock == "no lock on a table that is there":
            assert modes == set()
        else:
            mode = lock.partition(":")[0].title().replace(" ", "") + "Lock"
            assert mode in modes
            assert "AccessExclusiveLock" not in modes - {mode}


def test_a_dry_run_tells_the_locks(project: Project) -> None:
    project.revision("0001", "CREATE TABLE t ();\nALTER TABLE t ADD x INT;\n")
    assert (
        "-- statement 1, line 1: no lock on a table that is there\n"
        "-- statement 2, line 2: ACCESS EXCLUSIVE: readers and writers wait\n"
    ) in project.run("migrate", "--dry-run").out


def test_a_dry_run_at_the_head_is_empty(three: Project) -> None:
    three.run("migrate")
    done = three.run("migrate", "--dry-run")
    assert (done.status, done.out) == (0, "")
    assert done.err == f"nothing to do on {three.database}\n"


def test_the_script_refuses_a_database_that_stands_elsewhere(three: Project) -> None:
    script = three.run("migrate", "--dry-run").out
    three.run("migrate", "--to", "0001")
    assert "the database does not stand at base" in psql(three, script, status=3)
    script = three.run("migrate", "--dry-run").out
    three.run("migrate", "--to", "base", "--yes")
    assert "the database does not stand at 0001" in psql(three, script, status=3)
    assert three.tables() == OURS


def test_the_script_fails_whole_where_psql_goes_on_after_errors(three: Project) -> None:
    script = three.run("migrate", "--dry-run").out
    three.query("CREATE TABLE b ()")
    assert script.startswith("\\set ON_ERROR_STOP on\n")
    psql(three, script.replace("ON_ERROR_STOP on", "ON_ERROR_STOP off", 1))
    assert three.tables() == ["a", "b", *OURS]
    assert three.query("TABLE ringfence.alembic_version") == [("0001",)]


def test_the_script_respects_the_lock(three: Project) -> None:
    script = three.run("migrate", "--dry-run").out
    with psycopg.connect(three.dsn, autocommit=True) as holder:
        holder.execute(*lock())
        assert "another run of migrations holds the lock" in psql(three, script, status=3)
    assert three.tables() == []
    psql(three, script)


def lock() -> tuple[str, list[int]]:
    """The statement that takes the runner's lock."""
    from ringfence.pg.runner import LOCK_CLASS
    from ringfence.pg.runner import key as _key

    return "SELECT pg_advisory_lock(%s, %s)", [LOCK_CLASS, _key("ringfence")]


def test_a_dry_run_refuses_what_the_run_would(three: Project) -> None:
    three.run("migrate", "--to", "0002")
    (three.versions / "0001.up.sql").write_text("CREATE TABLE z ();")
    dry, real = three.run("migrate", "--dry-run"), three.run("migrate")
    assert (dry.status, dry.out) == (real.status, "") == (1, "")
    assert dry.err == real.err


# The database moves while one waits


@stages("F30")
def test_what_somebody_else_applied_meanwhile_is_not_applied_again(three: Project) -> None:
    found = projects.need(three.root)
    target = named(three.dsn, "--dsn")

    before, planned = _planned(three)
    three.run("migrate", "--to", "0002")
    from ringfence.history.drive import drive
    from ringfence.history.session import Session

    session = Session(found, before, target)
    drive(session, lambda heads: migrate._still(before, planned, heads))
    assert [moved.revision.id for moved in session.done] == ["0003"]
    assert three.tables() == ["a", "b", "c", *OURS]


@stages("F30")
def test_what_somebody_else_applied_on_top_is_not_undone_unasked(three: Project) -> None:
    three.run("migrate", "--to", "0002")
    graph, planned = _planned(three, "0001")
    with pytest.raises(Refused) as caught:
        migrate._still(graph, planned, ["0003"])
    assert caught.value.message == (
        "the database has moved meanwhile: 0003 (three) would have to be undone too"
    )
    assert migrate._still(graph, planned, ["0001"]) == []


def _planned(project: Project, to: str = "head"):  # type: ignore[no-untyped-def]
    found = projects.need(project.root)
    graph, _, planned = migrate._planned(found, named(project.dsn, "--dsn"), to)
    return graph, planned


def test_a_baseline_records_without_running(three: Project) -> None:
    for name in "abc":
        three.query(f"CREATE TABLE {name} ()")
    found, target = projects.need(three.root), named(three.dsn, "--dsn")
    assert [r.id for r in migrate.baseline(found, target)] == ["0001", "0002", "0003"]
    assert three.run("migrate").out == "nothing to do: at 0003\n"
    assert three.run("status").status == 0
    assert three.history("event", "revision", "attempt") == [
        ("baseline", "0001", 1), ("baseline", "0002", 1), ("baseline", "0003", 1),
    ]  # fmt: skip
    with pytest.raises(Refused, match="stands at revision 0003 already"):
        migrate.baseline(found, target)
    three.revision("0004", "SELECT 1;")
    assert three.alembic("upgrade", "head").status == 0
    (three.versions / "0001.up.sql").write_text("CREATE TABLE z ();")
    assert three.run("status").status == 1


def test_without_work_alembic_is_not_even_loaded(three: Project) -> None:
    three.run("migrate")
    code = (
        "import sys; from ringfence.cli.main import main; status = main(sys.argv[1:]);"
        "print(status, *sorted({m.partition('.')[0] for m in sys.modules}"
        " & {'alembic', 'sqlalchemy', 'rich', 'sqlfluff', 'postgast'}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *three.argv("migrate")],
        cwd=three.root,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "nothing to do: at 0003\n0\n"


def test_a_file_without_a_statement_is_told_of(project: Project) -> None:
    project.revision("0001", "CREATE TABLE a ();", "-- nothing yet\n")
    project.revision("0002", "-- to be written\n", "DROP TABLE a;")
    done = project.run("migrate")
    assert done.status == 0
    assert "  migrations/versions/0002.up.sql holds no statement: nothing was done\n" in done.err
    assert "0001.up.sql" not in done.err
    done = project.run("migrate", "--to", "base", "--yes")
    assert "0001.down.sql holds no statement: what the revision made stays\n" in done.err


# What a revision costs


def test_a_revision_takes_four_round_trips(
    tmp_path: Path, make_database: Callable[..., str]
) -> None:
    """Its statement, the session as new, the version table with the history, and COMMIT and BEGIN."""
    counted = []
    for count in (2, 12):
        project = Project(tmp_path / str(count), make_database())
        for number in range(1, count + 1):
            project.revision(f"{number:04}", f"CREATE TABLE t{number} ();")
        with Proxy(project.dsn) as proxy:
            assert project.run("migrate", dsn=proxy.dsn).out == f"now at {count:04}\n"
            counted.append(proxy.answers)
    assert counted[1] - counted[0] == 4 * 10


def test_a_version_table_that_somebody_changed_meanwhile_is_refused(three: Project) -> None:
    three.run("migrate", "--to", "0001")
    (three.versions / "0002.up.sql").write_text(
        "CREATE TABLE b ();\nUPDATE ringfence.alembic_version SET version_num = 'other';"
    )
    done = three.run("migrate")
    assert (done.status, done.out) == (1, "")
    assert "error: ringfence.alembic_version does not say 0001 any more\n" in done.err
    assert three.query("TABLE ringfence.alembic_version") == [("0001",)]
    assert three.tables() == ["a", *OURS]
    assert three.history()[-1][:2] == ("failed", "0002")


def test_what_another_callback_sees_is_what_the_revision_came_to(three: Project) -> None:
    """Somebody's own `on_version_apply` in env.py, behind ours."""
    env = three.root / "migrations" / "env.py"
    text = env.read_text().replace(
        "    context.configure(**options)",
        "    def seen(*, ctx, **_):\n"
        '        ctx.connection.exec_driver_sql("INSERT INTO public.seen TABLE ringfence.alembic_version")\n\n'
        '    options["on_version_apply"] = [options["on_version_apply"], seen]\n'
        "    context.configure(**options)",
    )
    env.write_text(text)
    three.query("CREATE TABLE seen (version TEXT)")
    assert three.run("migrate").out == "now at 0003\n"
    assert three.query("TABLE seen") == [("0001",), ("0002",), ("0003",)]


def test_the_module_of_an_applied_revision_is_not_run(three: Project) -> None:
    three.run("migrate", "--to", "0002")
    with (three.versions / "0001.py").open("a") as file:
        file.write("raise SystemError\n")
    assert three.run("migrate").out == "now at 0003\n"
