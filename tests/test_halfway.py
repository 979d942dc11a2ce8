"""Revisions of which single statements have run and that are not at their end."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING

import pytest

from invariant import Invariant
from projects import Project
from ringfence.pg.binaries import find_binaries, find_psql

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

NONE = "-- ringfence: transaction: none\n"
UP = (
    f"{NONE}SET work_mem = '8MB';\nINSERT INTO ev VALUES (1, 1);\n"
    "CREATE INDEX CONCURRENTLY ev_v ON ev (v);\nINSERT INTO ev SELECT 2, v FROM later;\n"
)
DOWN = f"{NONE}DROP INDEX CONCURRENTLY ev_v;\nDELETE FROM ev WHERE k = 1;\nDELETE FROM sooner;\n"
BACKFILL = "-- ringfence: backfill key=k batch=200ms rows=2\nUPDATE ev SET v = 10 / (5 - k);\n"


@pytest.fixture
def project(tmp_path: Path, database: str) -> Project:
    """A project of a table, applied."""
    made = Project(tmp_path / "project", database)
    made.revision("0001", "CREATE TABLE ev (k INT PRIMARY KEY, v INT);", "DROP TABLE ev;")
    assert made.run("migrate").status == 0
    return made


@pytest.fixture
def applying(project: Project) -> Project:
    """The same, with a revision of which two statements have run."""
    project.revision("0002", UP, DOWN)
    assert project.run("migrate").status == 3
    return project


@pytest.fixture
def undoing(applying: Project) -> Project:
    """The same, that was applied, and of whose way back two statements have run."""
    applying.query("CREATE TABLE later (v INT)")
    assert applying.run("migrate").out == "now at 0002\n"
    assert applying.run("migrate", "--to", "0001", "--yes").status == 3
    return applying


@pytest.fixture
def holds(make_database: Callable[..., str]) -> Callable[[Project], None]:
    """The invariant."""
    return Invariant(make_database)


def psql(project: Project, script: str) -> subprocess.CompletedProcess[str]:
    """Run a script as its reader would."""
    program = find_psql(find_binaries().bin)
    assert program is not None
    return subprocess.run(
        [str(program), "-X", "-q", "-d", project.dsn],
        input=script, capture_output=True, text=True, check=False,
    )  # fmt: skip


BY_HAND = 'or take back by hand what it did, and say so: ringfence repair 0002 --reason "…"\n'


@pytest.mark.parametrize("to", ["-1", "base", "0001"])
def test_what_a_half_applied_revision_stands_on_is_not_undone(
    applying: Project, holds: Callable[[Project], None], to: str
) -> None:
    done = applying.run("migrate", "--to", to, "--yes")
    assert (done.status, done.out) == (1, "")
    assert done.err == (
        "error: revision 0002 (revision 0002) has begun to be applied, and is not at its end\n"
        "detail: 2 statements of it have run: what it follows cannot be undone below it\n"
        "hint: bring it to its end first (what has not run of it may be edited):"
        f" ringfence migrate --to 0002; {BY_HAND}"
    )
    assert applying.query("TABLE ev") == [(1, 1)]
    applying.query("CREATE TABLE later AS SELECT 7 AS v")
    assert applying.run("migrate").out == "now at 0002\n"
    assert applying.query("TABLE ev") == [(1, 1), (2, 7)]


def test_alembic_does_not_undo_it_either(applying: Project) -> None:
    done = applying.alembic("downgrade", "-1")
    assert done.status == 255
    assert "revision 0002 (revision 0002) has begun to be applied" in done.out
    assert applying.query("TABLE ev") == [(1, 1)]


def test_what_a_half_done_backfill_stands_on_is_not_undone(project: Project) -> None:
    project.query("INSERT INTO ev SELECT generate_series(1, 6)")
    project.revision("0002", BACKFILL, "UPDATE ev SET v = NULL;")
    assert project.run("migrate").status == 3
    done = project.run("migrate", "--to", "-1", "--yes")
    assert done.status == 1
    assert "detail: 2 rows of it are done: what it follows" in done.err
    assert "  pending  0002 (revision 0002)  2 rows of it are done\n" in project.run("status").out
    # A script cannot go on where it ended.
    script = project.run("migrate", "--dry-run").out
    assert "goes on behind the last one, which this cannot" in script
    stopped = psql(project, script)
    assert stopped.returncode == 3
    assert "revision 0002 has begun, and ringfence migrate goes on with it" in stopped.stderr
    project.query("DELETE FROM ev WHERE k = 5")
    assert project.run("migrate").out == "now at 0002\n"
    assert project.query("SELECT count(*) FROM ev WHERE v IS NULL") == [(0,)]


def test_the_file_of_a_half_applied_revision_is_missed(applying: Project) -> None:
    for file in applying.versions.glob("0002*"):
        file.unlink()
    done = applying.run("migrate")
    assert (done.status, done.out) == (1, "")
    assert done.err.startswith(
        "error: revision 0002 is not at its end, and is not in migrations/versions\n"
        "detail: 2 statements of it have run, and the file was removed, or is another checkout's\n"
    )
    standing = applying.run("status")
    assert standing.status == 1
    assert "  unknown  0002: not among the files, 2 statements of it have run" in standing.out
    applying.revision("0003", "CREATE TABLE other ();", after="0001")
    assert applying.run("migrate").status == 1
    assert "public.other" not in applying.tables()


def test_a_half_undone_revision_is_not_gone_on_from(
    undoing: Project, holds: Callable[[Project], None]
) -> None:
    undoing.revision("0003", "CREATE TABLE other ();", "DROP TABLE other;")
    for to in ("head", "0002", "-0"):
        done = undoing.run("migrate", "--to", to)
        assert (done.status, done.out) == (1, "")
        assert done.err == (
            "error: revision 0002 (revision 0002) has begun to be undone, and is not at its end\n"
            "detail: 2 statements of it have run\n"
            f"hint: undo it: ringfence migrate --to 0001 --yes; {BY_HAND}"
        )
    undone = "  applied  0002 (revision 0002)  being undone: 2 statements of it have run\n"
    assert undone in undoing.run("status").out
    undoing.query("CREATE TABLE sooner ()")
    assert undoing.run("migrate", "--to", "0001", "--yes").out == "now at 0001\n"
    undoing.query("DROP TABLE sooner")
    assert undoing.run("migrate").out == "now at 0003\n"


def test_a_revision_is_given_up_on_the_record(applying: Project) -> None:
    said = applying.run("repair", "0002", "--reason", "not to be had; password = 'hunter2'")
    assert (said.status, said.err) == (0, "revision 0002 counts as pending\n")
    told = applying.run("history", "--limit", "1").out
    assert "cancelled" in told
    assert "not to be had" in told
    assert "hunter2" not in applying.run("history", "--format", "json").out
    assert json.loads(applying.run("status", "--format", "json").out)["halfway"] == []
    assert applying.run("migrate", "--to", "-1", "--yes").out == "now at base\n"
    applying.query("CREATE TABLE later AS SELECT 7 AS v")
    assert applying.run("migrate").out == "now at 0002\n"  # all of it
    assert applying.query("TABLE ev") == [(1, 1), (2, 7)]


def test_undoing_is_given_up_on_the_record(undoing: Project) -> None:
    undoing.query("CREATE INDEX ev_v ON ev (v); INSERT INTO ev VALUES (1, 1)")
    said = undoing.run("repair", "0002", "--reason", "it stays")
    assert (said.status, said.err) == (0, "revision 0002 counts as applied\n")
    assert undoing.run("migrate").out == "nothing to do: at 0002\n"
    undoing.query("CREATE TABLE sooner ()")
    assert undoing.run("migrate", "--to", "0001", "--yes").out == "now at 0001\n"
    assert undoing.query("TABLE ev") == []


def test_a_script_for_psql_leaves_out_what_has_run(applying: Project) -> None:
    applying.query("CREATE TABLE later AS SELECT 7 AS v")
    script = applying.run("migrate", "--dry-run").out
    assert "-- statement 2, line 3: has run\n-- statement 3, line 4: has run\n" in script
    runs = script.partition('INSERT INTO "ringfence"."history"')[0]
    assert "INSERT INTO ev VALUES" not in runs
    assert "ev_v" not in runs
    assert "SET work_mem = '8MB';\nINSERT INTO ev SELECT 2, v FROM later;\n" in script
    assert psql(applying, script).returncode == 0
    assert applying.query("TABLE ev") == [(1, 1), (2, 7)]
    assert applying.run("migrate").out == "nothing to do: at 0002\n"


def test_a_script_that_was_written_before_refuses_to_run(project: Project) -> None:
    project.revision("0002", UP, DOWN)
    script = project.run("migrate", "--dry-run").out
    assert project.run("migrate").status == 3
    stopped = psql(project, script)
    assert stopped.returncode == 3
    assert "revision 0002 has begun, and ringfence migrate goes on with it" in stopped.stderr
    assert project.query("TABLE ev") == [(1, 1)]


ON_THE_WAY = """
def upgrade():
    op.execute("CREATE TABLE before_ (id INT)")
    with op.get_context().autocommit_block():
        op.create_index("ev_v", "ev", ["v"], postgresql_concurrently=True)
    op.execute("CREATE TABLE after_ AS SELECT current_setting('search_path') AS path")


def downgrade():
    op.execute("DROP TABLE before_, after_")
    with op.get_context().autocommit_block():
        op.drop_index("ev_v", "ev", postgresql_concurrently=True)
"""


def test_alembics_autocommit_block_works(project: Project) -> None:
    project.python("0002", ON_THE_WAY)
    assert project.run("migrate").out == "now at 0002\n"
    assert project.query("SELECT indisvalid FROM pg_index WHERE indexrelid = 'ev_v'::regclass") == [
        (True,)
    ]
    assert project.query("TABLE after_") == project.query("SHOW search_path")
    assert project.history("event", "statement")[-3:] == [
        ("statement", 1), ("statement", 2), ("finished", None),
    ]  # fmt: skip
    assert project.run("status").status == 0
    assert project.run("migrate", "--to", "-1", "--yes").out == "now at 0001\n"
    assert "before_" not in project.tables()


UNDER = """
def upgrade():
    with op.get_context().autocommit_block():
        op.execute("CREATE TABLE limits AS SELECT current_setting('lock_timeout') AS it")
        op.execute("CREATE INDEX CONCURRENTLY ev_v ON ev (noted(v))")


def downgrade():
    pass
"""


def test_an_index_in_an_autocommit_block_waits_as_long_as_it_takes(project: Project) -> None:
    project.query(
        "CREATE FUNCTION noted(INT) RETURNS INT IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN"
        " RAISE NOTICE 'under %', current_setting('lock_timeout'); RETURN $1; END $$;"
        " INSERT INTO ev VALUES (1, 1)"
    )
    project.python("0002", UNDER)
    done = project.run("migrate")
    assert done.out == "now at 0002\n", done.err
    assert "under 0\n" in done.err
    assert project.query("TABLE limits") == [("1s",)]


def test_what_committed_on_its_way_is_told_and_not_left_behind(project: Project) -> None:
    script = project.python("0002", ON_THE_WAY.replace('"ev", ["v"]', '"ev", ["missing"]', 1))
    done = project.run("migrate")
    assert done.status == 3
    assert "what it had committed stays: only what undoes that lets it begin anew" in done.err
    assert 'column "missing" does not exist' in done.err
    refused = project.run("migrate", "--to", "-1", "--yes")
    assert refused.status == 1
    assert "1 statement of it has run" in refused.err
    project.query("DROP TABLE before_")
    script.write_text(script.read_text().replace("missing", "v"))
    assert project.run("migrate").out == "now at 0002\n"
