"""Plain Alembic on a ringfence project: the same database, the same history, the same refusals."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from messaging.support import differences, read
from projects import BIN, ROOT, Project, lines, timeless
from ringfence.pg.binaries import find_binaries, find_psql

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

OURS = ["ringfence.alembic_version", "ringfence.backfills", "ringfence.history"]
SAME = (
    "event", "revision", "direction", "attempt", "statement", "title", "checksum", "sql",
    "error", "session_role", "effective_role", "server_version", "client - 'host'",
)  # fmt: skip


@pytest.fixture
def project(tmp_path: Path, database: str) -> Project:
    """A project with a revision of every sort, and an empty database."""
    project = Project(tmp_path / "project", database)
    project.revision("0001", "CREATE TABLE a (id INT, note TEXT);", "DROP TABLE a;", title="one")
    project.revision(
        "0002",
        "-- ringfence: transaction: none\nCREATE INDEX CONCURRENTLY a_id ON a (id);",
        "-- ringfence: transaction: none\nDROP INDEX CONCURRENTLY a_id;",
        title="two",
    )
    project.python(
        "0003",
        "def upgrade():\n    op.execute(\"COMMENT ON TABLE a IS '100%: ñ'\")\n\n\n"
        "def downgrade():\n    op.execute('COMMENT ON TABLE a IS NULL')\n",
    )
    project.revision("0004", "CREATE TABLE b ();", "DROP TABLE b;", title="four")
    return project


def test_does_the_same_as_ringfence(project: Project, make_database: Callable[..., str]) -> None:
    theirs, ours = project.dsn, make_database()
    for alembic, ringfence in (
        (["upgrade", "head"], ["migrate"]),
        (["downgrade", "-1"], ["migrate", "--to", "-1", "--yes"]),
        (["downgrade", "base"], ["migrate", "--to", "base", "--yes"]),
        (["upgrade", "+2"], ["migrate", "--to", "+2"]),
    ):
        project.dsn = theirs
        done = project.alembic(*alembic)
        assert done.status == 0, done
        version = project.query("TABLE ringfence.alembic_version")
        history = project.history(*SAME)
        project.dsn = ours
        assert project.run(*ringfence).status == 0
        assert project.query("TABLE ringfence.alembic_version") == version
        assert project.history(*SAME) == history
        assert differences(read(theirs), read(ours)) == []


def test_looks_without_touching_anything(project: Project) -> None:
    assert project.alembic("current").out == ""
    assert project.alembic("history").out.splitlines()[-1] == "<base> -> 0001, one."
    assert project.tables() == []
    check = project.alembic("check")
    assert (check.status, check.out.strip()) == (255, "FAILED: Target database is not up to date.")
    assert project.tables() == []
    project.run("migrate")
    before = project.history()
    assert project.alembic("current").out == "0004 (head)\n"
    assert project.history() == before


@pytest.mark.parametrize("command", [["check"], ["revision", "--autogenerate", "-m", "x"]])
def test_does_not_compare_with_models_that_there_are_not(
    project: Project, command: list[str]
) -> None:
    project.run("migrate")
    done = project.alembic(*command)
    assert done.status == 255
    assert done.out.rstrip("\n") + "\n" == "FAILED: " + lines(
        "error: alembic compares a database with Python models, and this project has none",
        "hint: ringfence verify says whether it stands as the files say",
    )


def test_a_script_of_alembic_does_the_same(project: Project) -> None:
    up = project.alembic("upgrade", "head", "--sql")
    assert up.status == 0
    assert project.tables() == []
    program = find_psql(find_binaries().bin)
    assert program is not None
    for script in (
        up.out,
        project.alembic("downgrade", "0004:0001", "--sql").out,
        project.alembic("upgrade", "0001:head", "--sql").out,
    ):
        subprocess.run(
            [program, "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", project.dsn],
            input=script, text=True, check=True, capture_output=True,
        )  # fmt: skip
    status = project.run("status")
    assert (status.status, status.out.count("applied")) == (0, 4)
    assert [row[:4] for row in project.history()] == [
        ("finished", "0001", "up", 1),
        ("finished", "0002", "up", 1),
        ("finished", "0003", "up", 1),
        ("finished", "0004", "up", 1),
        ("finished", "0004", "down", 1),
        ("finished", "0003", "down", 1),
        ("finished", "0002", "down", 1),
        ("finished", "0002", "up", 2),
        ("finished", "0003", "up", 2),
        ("finished", "0004", "up", 2),
    ]


def test_a_script_of_alembic_whose_reader_has_read_enough(project: Project) -> None:
    path = project.versions / "0004.up.sql"
    path.write_text(f"{path.read_text()}\n-- {'long ' * 100_000}\n")
    run = subprocess.Popen(
        [BIN / "alembic", "upgrade", "head", "--sql"],
        cwd=project.root, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert run.stdout is not None
    assert run.stderr is not None
    with run:
        assert run.stdout.readline() == "\\set ON_ERROR_STOP on\n"
        run.stdout.close()
        said = [line for line in run.stderr.read().splitlines() if not line.startswith("INFO")]
    assert (run.returncode, said) == (0, [])


def test_a_stamp_is_recorded_as_one(project: Project) -> None:
    assert project.alembic("stamp", "0002").status == 0
    assert project.history("event", "revision", "direction", "attempt", "sql") == [
        ("stamped", "0002", "up", 1, None)
    ]
    assert project.tables() == OURS
    assert project.run("status").out.count("applied") == 2
    project.query("CREATE TABLE a (id INT)")
    assert project.run("migrate").out == "now at 0004\n"
    assert project.alembic("stamp", "base").status == 0
    assert project.history("event", "revision", "direction")[-1] == ("stamped", "0004", "down")
    assert project.alembic("stamp", "head").status == 0
    assert project.history("event", "revision", "direction", "attempt")[-1] == (
        "stamped", "0004", "up", 2,
    )  # fmt: skip
    assert project.run("status").status == 0


def test_a_stamp_mends_an_unknown_revision(project: Project) -> None:
    project.run("migrate")
    project.query("UPDATE ringfence.alembic_version SET version_num = 'gone'")
    done = project.alembic("stamp", "head")
    assert done.status == 255
    assert "stands at revision gone, which is not in migrations/versions" in done.out
    assert project.alembic("stamp", "--purge", "head").status == 0
    assert project.run("status").status == 0


def test_a_failure_is_recorded_and_told_without_a_traceback(project: Project) -> None:
    (project.versions / "0001.up.sql").write_text("CREATE TABLE a ();\nSELECT nope;")
    done = project.alembic("upgrade", "head")
    assert (done.status, done.err) == (255, "")
    assert done.out.rstrip("\n") + "\n" == "FAILED: " + lines(
        'error: column "nope" does not exist',
        "  migrations/versions/0001.up.sql:2:8",
        "  2 | SELECT nope;",
        "    |        ^",
    )
    assert project.tables() == OURS
    assert project.history("event", "revision", "error ->> 'sqlstate'", "error ->> 'at'")[-1] == (
        "failed", "0001", "42703", "migrations/versions/0001.up.sql:2:8",
    )  # fmt: skip


def test_a_failure_in_python_is_recorded_and_told_without_a_traceback(project: Project) -> None:
    path = project.versions / "0003.py"
    path.write_text(path.read_text().replace("COMMENT ON TABLE a IS '100%: ñ'", "SELECT nope"))
    done = project.alembic("upgrade", "head")
    assert (done.status, done.err) == (255, "")
    assert done.out.startswith(
        'FAILED: error: column "nope" does not exist\n  migrations/versions/0003.py:12:5\n'
    )
    assert project.history("event", "revision")[-1] == ("failed", "0003")
    assert project.query("TABLE ringfence.alembic_version") == [("0002",)]


def test_an_edited_file_is_refused(project: Project) -> None:
    project.run("migrate", "--to", "0003")
    (project.versions / "0001.up.sql").write_text("CREATE TABLE z ();")
    done = project.alembic("upgrade", "head")
    assert done.status == 255
    assert done.out.startswith(
        "FAILED: error: revision 0001 (one) was applied and has been edited since:"
        " migrations/versions/0001.up.sql\n"
    )
    assert "b" not in project.tables()


def test_runs_at_once_with_ringfence(project: Project) -> None:
    runs = [
        project.spawn("migrate"),
        subprocess.Popen(
            [str(BIN / "alembic"), "-x", f"dsn={project.dsn}", "upgrade", "head"],
            cwd=project.root, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        ),
    ]  # fmt: skip
    ends = [(run.communicate(timeout=60), run.returncode) for run in runs]
    assert [status for _, status in ends] == [0, 0], ends
    assert [row[1] for row in project.history() if row[0] == "finished"] == [
        "0001", "0002", "0003", "0004",
    ]  # fmt: skip


def test_uses_the_database_that_ringfence_would(project: Project) -> None:
    dsn, project.dsn = project.dsn, ""
    done = subprocess.run(
        [str(BIN / "alembic"), "upgrade", "0001"],
        cwd=project.root, env={**os.environ, "RINGFENCE_DSN": dsn}, check=False,
    )  # fmt: skip
    assert done.returncode == 0
    project.dsn = dsn
    assert project.tables() == ["a", *OURS]


def test_does_not_repeat_a_dsn_it_cannot_read(project: Project) -> None:
    project.dsn = "postgresql://u:hun@ter2@h/db"
    done = project.alembic("current")
    assert done.status == 255
    assert done.out.startswith("FAILED: error: the password in -x dsn holds a bare @ or /\n")
    assert "ter2" not in done.out + done.err


def test_an_env_that_does_not_go_through_ringfence_is_refused(project: Project) -> None:
    (project.root / "migrations" / "env.py").write_text(
        "from alembic import context\nfrom sqlalchemy import create_engine, pool\n"
        "url = 'postgresql+psycopg://' + context.get_x_argument(as_dictionary=True)['dsn']"
        ".partition('://')[2]\n"
        "with create_engine(url, poolclass=pool.NullPool).connect() as connection:\n"
        "    context.configure(connection=connection)\n"
        "    with context.begin_transaction():\n        context.run_migrations()\n"
    )
    done = project.alembic("upgrade", "head")
    assert done.status != 0
    assert "migrations/env.py does not go through ringfence" in done.out + done.err
    assert project.tables() == []
    done = project.run("migrate")
    assert (done.status, done.out) == (2, "")
    assert done.err == lines(
        "error: KeyError: 'dsn'",
        "  migrations/env.py:3:33",
        "  3 | url = 'postgresql+psycopg://' + context.get_x_argument(as_dictionary=True)['dsn']"
        ".partition('://')[2]",
        "    |                                 ^",
    )


def test_on_the_project_itself(
    database: str, make_database: Callable[..., str], capsys: pytest.CaptureFixture[str]
) -> None:
    other = make_database()
    done = subprocess.run(
        [str(BIN / "alembic"), "-x", f"dsn={database}", "upgrade", "head"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    from ringfence.cli.main import main

    assert main(["-C", str(ROOT), "migrate", "--dsn", other]) == 0
    assert differences(read(database), read(other)) == []
    assert main(["-C", str(ROOT), "verify", "--dsn", database]) == 0
    assert timeless(capsys.readouterr().out)


def test_two_heads_are_told_of_in_our_words(project: Project) -> None:
    project.revision("h1", "SELECT 1;")
    project.revision("h2", "SELECT 2;", after="0001")
    done = project.alembic("upgrade", "head")
    assert done.status != 0
    assert "has 2 heads: h1 (revision h1) and h2 (revision h2)" in done.out + done.err
    assert "ringfence rebase" in done.out + done.err
    assert project.alembic("upgrade", "heads").status == 0


@pytest.mark.parametrize("typo", ["dns", "DSN", "url", "dsn"])
def test_a_misspelt_database_is_not_another_database(project: Project, typo: str) -> None:
    value = "" if typo == "dsn" else project.dsn
    plain, project.dsn = project.dsn, ""
    done = project.alembic("-x", f"{typo}={value}", "upgrade", "head")
    project.dsn = plain
    assert done.status != 0
    assert "write -x dsn=" in done.out + done.err
    assert project.tables() == []


def test_a_merge_that_alembic_writes_needs_no_sql(tmp_path: Path, database: str) -> None:
    project = Project(tmp_path / "project", database)
    template = ROOT / "migrations" / "script.py.mako"
    (project.root / "migrations" / "script.py.mako").write_text(template.read_text())
    project.revision("0001", "CREATE TABLE a ();", "DROP TABLE a;")
    project.revision("0002", "CREATE TABLE b ();", "DROP TABLE b;", after="0001")
    project.revision("0003", "CREATE TABLE c ();", "DROP TABLE c;", after="0001")
    merged = project.alembic("merge", "-m", "both", "--rev-id", "0004", "0002", "0003")
    assert merged.status == 0, merged.out + merged.err
    done = project.run("migrate")
    assert done.out == "now at 0004\n", done.err
    assert "holds no statement" not in done.err
    assert project.run("lock", dsn="").status == 0
    assert project.alembic("downgrade", "0002").status == 0
    assert project.run("migrate").out == "now at 0004\n"
    assert project.run("migrate", "--to", "base", "--yes").out == "now at base\n"
    assert project.alembic("upgrade", "head").status == 0
