"""Where shadows are made, and that nothing of a server that somebody named is changed by it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from projects import Project
from ringfence.pg.shadow import spare, touches_server

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def project(tmp_path: Path, database: str) -> Project:
    return Project(tmp_path / "project", database)


def names(dsn: str, query: str) -> list[str]:
    with psycopg.connect(dsn, autocommit=True) as connection:
        return [str(row[0]) for row in connection.execute(query)]


STATEMENTS = (
    "DROP DATABASE {victim}",
    "ALTER DATABASE {victim} RENAME TO {victim}_gone",
    "ALTER DATABASE {victim} CONNECTION LIMIT 0",
    "REVOKE CONNECT ON DATABASE {victim} FROM PUBLIC",
    "COMMENT ON DATABASE {victim} IS 'x'",
    "ALTER SYSTEM SET my.own = 'x'",
    "COMMENT ON ROLE {role} IS 'x'",
    "GRANT pg_monitor TO {role}",
    "ALTER ROLE {role} CONNECTION LIMIT 7",
    "DO $$BEGIN CREATE ROLE {role}_new; END$$",
    "DROP OWNED BY {role}",
)


def test_what_is_the_servers_is_left_alone(project: Project, tmp_path: Path) -> None:
    name = conninfo_to_dict(project.dsn)["dbname"]
    victim, role = f"victim_{name}", f"role_{name}"
    project.query(f"CREATE ROLE {role}")
    project.query(f"CREATE DATABASE {victim} OWNER {role}")
    state = (
        f"SELECT datname || datconnlimit || coalesce(datacl::text, '-') FROM pg_database"
        f" WHERE datname ~ '^{victim}' UNION ALL"
        f" SELECT rolname || rolconnlimit FROM pg_roles WHERE rolname ~ '^{role}' UNION ALL"
        f" SELECT roleid::regrole::text FROM pg_auth_members WHERE member = '{role}'::regrole"
        " UNION ALL SELECT description FROM pg_shdescription WHERE objoid IN"
        f" (SELECT oid FROM pg_database WHERE datname = '{victim}' UNION SELECT '{role}'::regrole)"
        " UNION ALL SELECT name FROM pg_file_settings WHERE name = 'my.own'"
    )
    try:
        before = names(project.dsn, state)
        file = tmp_path / "schema.sql"
        text = ";\n".join(("CREATE TABLE a (x int)", *STATEMENTS, ""))
        file.write_text(text.format(victim=victim, role=role))
        done = project.run("diff", project.dsn, str(file), "--no-proof")
        assert done.status == 1, done.err
        assert "CREATE TABLE public.a" in done.out
        for line, said in {
            2: "DROP DATABASE is the server's, not a schema's: left out",
            5: "REVOKE ON DATABASE is the server's, not a schema's: left out",
            7: "ALTER SYSTEM is the server's, not a schema's: left out",
            12: "DROP OWNED goes through the whole server: left out",
        }.items():
            assert re.search(rf"{said}.*schema\.sql:{line}:1", done.err), done.err
        assert names(project.dsn, state) == before
    finally:
        project.query("ALTER SYSTEM RESET ALL")
        project.query(f"DROP DATABASE IF EXISTS {victim}")
        project.query(f"DROP DATABASE IF EXISTS {victim}_gone")
        project.query(f"DROP OWNED BY {role}")
        project.query(f"DROP ROLE {role}")


def test_a_revision_that_makes_a_role_leaves_none_where_it_is_only_looked_at(
    project: Project,
) -> None:
    role = f"clerk_{conninfo_to_dict(project.dsn)['dbname']}"
    project.revision(
        "0001",
        f"CREATE SCHEMA shop; CREATE ROLE {role}; GRANT USAGE ON SCHEMA shop TO {role};",
        f"DROP SCHEMA shop; DROP ROLE {role};",
    )
    there = f"SELECT rolname FROM pg_roles WHERE rolname = '{role}'"
    try:
        assert project.run("diff", "live", "head").status == 1
        assert names(project.dsn, there) == []
        assert project.run("rehearse").status in (0, 1)
        assert names(project.dsn, there) == []
        assert project.run("migrate").out == "now at 0001\n"
        # That the role is there now does not keep anybody from making the revisions anew.
        done = project.run("verify", "--claim", "drift")
        assert (done.status, "the live schema is what its revisions make" in done.out) == (0, True)
        assert project.run("migrate", "--to", "base", "--yes").status == 0
    finally:
        project.query(f"DROP SCHEMA IF EXISTS shop; DROP ROLE IF EXISTS {role}")


def test_who_one_works_as_ends_where_the_file_says(project: Project, tmp_path: Path) -> None:
    role = f"other_{conninfo_to_dict(project.dsn)['dbname']}"
    project.query(f"CREATE ROLE {role}")
    file, same = tmp_path / "a.sql", tmp_path / "b.sql"
    file.write_text(
        f"CREATE SCHEMA s; GRANT CREATE, USAGE ON SCHEMA s TO {role};\n"
        f"SET ROLE {role}; CREATE TABLE s.theirs (a int); RESET ROLE; CREATE TABLE s.ours (a int);\n"
        f"SET SESSION AUTHORIZATION {role}; GRANT SELECT ON s.theirs TO PUBLIC;"
        " RESET SESSION AUTHORIZATION; CREATE TABLE s.more (a int);\n"
        "BEGIN; SET LOCAL search_path = s; CREATE TABLE local (a int); COMMIT;\n"
        "CREATE TABLE after (a int);\n"
    )
    same.write_text(
        f"CREATE SCHEMA s; GRANT CREATE, USAGE ON SCHEMA s TO {role};\n"
        f"CREATE TABLE s.theirs (a int); ALTER TABLE s.theirs OWNER TO {role};"
        " GRANT SELECT ON s.theirs TO PUBLIC;\n"
        "CREATE TABLE s.ours (a int); CREATE TABLE s.more (a int); CREATE TABLE s.local (a int);\n"
        "CREATE TABLE public.after (a int);\n"
    )
    try:
        done = project.run("diff", str(file), str(same), "--shadow", project.dsn)
        assert (done.status, done.out) == (0, ""), done.out
    finally:
        project.query(f"DROP OWNED BY {role}; DROP ROLE {role}")


def test_a_subscription_in_a_source_reaches_nobody(
    project: Project, tmp_path: Path, make_database: Callable[..., str]
) -> None:
    publisher = make_database()
    with psycopg.connect(publisher, autocommit=True) as connection:
        if connection.execute("SHOW wal_level").fetchone() != ("logical",):
            pytest.skip("the server does not replicate logically")
        connection.execute("CREATE TABLE t (a int); CREATE PUBLICATION p FOR TABLE t")
    name = f"s_{conninfo_to_dict(project.dsn)['dbname']}"
    file = tmp_path / "a.sql"
    file.write_text(
        f"CREATE TABLE t (a int);\ncreate subscription {name} connection '{publisher}'"
        f" publication p;\nCREATE SUBSCRIPTION {name}_2 CONNECTION '{publisher}'"
        " PUBLICATION p WITH (copy_data = true, slot_name = 'x');\n"
    )
    there = f"SELECT subdbid FROM pg_subscription WHERE subname ~ '^{name}'"
    done = project.run("diff", project.dsn, str(file), "--shadow", project.dsn, "--no-proof")
    assert done.status == 1, done.err
    for one in (name, f"{name}_2"):
        assert re.search(rf"CREATE SUBSCRIPTION {one}\b[^;]*\bPUBLICATION p\b", done.out), done.out
    assert "connect = false" in done.out
    assert names(publisher, "SELECT slot_name FROM pg_replication_slots") == []
    assert names(project.dsn, there) == []


def test_who_may_make_no_databases_has_a_spare_server(project: Project, tmp_path: Path) -> None:
    role = f"plain_{conninfo_to_dict(project.dsn)['dbname']}"
    home = tmp_path / "home"
    file = tmp_path / "schema.sql"
    file.write_text("CREATE TABLE a (x int);\n")
    project.query(f"CREATE ROLE {role} LOGIN")
    try:
        dsn = make_conninfo(project.dsn, user=role)
        done = project.run("diff", dsn, str(file), env={"RINGFENCE_HOME": str(home)})
        assert done.status == 1, done.err
        # The project's own server is not another than it was: none has been made there.
        assert not home.exists()
    finally:
        project.query(f"DROP ROLE {role}")


def test_a_spare_server_is_thrown_away() -> None:
    with spare(None) as host:
        home = Path(str(conninfo_to_dict(host.target.conninfo)["host"])).parent
        pid = int(next(home.glob("data-*/postmaster.pid")).read_text().splitlines()[0])
        with host.database() as shadow:
            names(shadow.conninfo, "SELECT 1")
    assert not home.exists()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_a_spare_server_of_a_run_that_was_killed_is_thrown_away_by_the_next() -> None:
    code = (
        "import os\nfrom ringfence.pg.shadow import spare\n"
        "with spare(None):\n    os.kill(os.getpid(), 9)\n"
    )
    killed = subprocess.Popen([sys.executable, "-c", code])
    assert killed.wait() == -9
    left = list(Path(tempfile.gettempdir()).glob(f"ringfence-spare-{killed.pid}-*"))
    assert len(left) == 1
    with spare(None):
        assert not left[0].exists()


@pytest.mark.parametrize(
    ("text", "touches"),
    [
        ("CREATE TABLE roles (id int); GRANT SELECT ON roles TO app;", False),
        ("CREATE USER MAPPING FOR app SERVER s;", False),
        ("REVOKE ALL ON SCHEMA public FROM PUBLIC;", False),
        ("create role clerk;", True),
        ("DO $$BEGIN EXECUTE 'CREATE USER x'; END$$;", True),
        ("GRANT app TO clerk;", True),
        ("REVOKE app FROM clerk; GRANT SELECT ON t TO clerk;", True),
        ("GRANT CONNECT ON DATABASE shop TO clerk;", True),
        ('op.execute("CREATE ROLE clerk")', True),
        ("-- CREATE ROLE x\nCREATE TABLE a (x int);", False),
        ("COMMENT ON TABLE a IS 'DROP ROLE x: GRANT a TO b';", False),
        ("CREATE TABLE a (x text DEFAULT 'CREATE ROLE x');", False),
        ("CREATE/**/ROLE x", True),
        ("CREATE -- a\nROLE x", True),
        ("DO $$BEGIN -- CREATE ROLE x\n PERFORM 1; END$$", False),
        ("DO 'BEGIN EXECUTE ''CREATE ROLE x''; END'", True),
        ("DO $$BEGIN EXECUTE 'CREATE ' || 'ROLE x'; END$$", True),
        ("DO $$BEGIN EXECUTE format('CREATE %s x', 'ROLE'); END$$", True),
        ("DO $$BEGIN EXECUTE 'CREATE TABLE x ()'; END$$", False),
        ("CREATE TRIGGER t BEFORE INSERT ON a FOR EACH ROW EXECUTE FUNCTION f();", False),
        ("CREATE FUNCTION f() RETURNS void LANGUAGE plpgsql AS 'BEGIN DROP ROLE x; END';", True),
        ("SELECT run('DROP ROLE x');", True),
    ],
)
def test_what_touches_more_than_a_database(text: str, touches: bool) -> None:
    assert touches_server(text) == touches
