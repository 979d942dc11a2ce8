"""Revisions of which single statements have run and that are not at their end."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING

import psycopg
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
    assert ": has run" not in script
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
    assert project.history("event", "statement")[-4:] == [
        ("statement", 1), ("begun", 2), ("statement", 2), ("finished", None),
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


def test_what_committed_on_its_way_is_not_sent_again(project: Project) -> None:
    script = project.python("0002", ON_THE_WAY.replace('"ev", ["v"]', '"ev", ["missing"]', 1))
    done = project.run("migrate")
    assert done.status == 3
    assert "what it had committed stays: run it again to go on" in done.err
    assert 'column "missing" does not exist' in done.err
    assert "  migrations/versions/0002.py:15:9\n" in done.err
    refused = project.run("migrate", "--to", "-1", "--yes")
    assert refused.status == 1
    assert "1 statement of it has run" in refused.err
    script.write_text(script.read_text().replace("missing", "v"))
    scripted = project.run("migrate", "--dry-run")
    assert (scripted.status, scripted.out) == (1, "")
    assert (
        "is in Python, and 1 statement of it has run: no script can leave that out" in scripted.err
    )
    assert project.run("migrate").out == "now at 0002\n"
    assert project.query("SELECT count(*) FROM pg_index WHERE indexrelid = 'ev_v'::regclass") == [
        (1,)
    ]


def test_what_has_run_of_python_may_not_be_edited(project: Project) -> None:
    script = project.python("0002", ON_THE_WAY.replace('"ev", ["v"]', '"ev", ["missing"]', 1))
    assert project.run("migrate").status == 3
    script.write_text(script.read_text().replace("missing", "v").replace("(id INT)", "(no INT)"))
    project.query("DROP TABLE before_")
    refused = project.run("migrate")
    assert refused.status == 1
    assert "statement 1 of revision 0002 has run and was edited since" in refused.err
    assert project.run("repair", "0002", "--reason", "dropped by hand").status == 0
    assert project.run("migrate").out == "now at 0002\n"


UNIQUE = """
def upgrade():
    op.execute("CREATE TABLE before_ (id INT)")
    with op.get_context().autocommit_block():
        op.execute("INSERT INTO before_ VALUES (1), (2)")
        op.create_index("ev_v", "ev", ["v"], unique=True, postgresql_concurrently=True)
        op.execute("CREATE INDEX CONCURRENTLY other ON ev (v)")


def downgrade():
    pass
"""


def test_a_failed_index_of_an_autocommit_block_is_cleared_away(project: Project) -> None:
    project.query("INSERT INTO ev VALUES (1, 7), (2, 7)")
    project.python("0002", UNIQUE)
    for _ in range(2):
        done = project.run("migrate")
        assert done.status == 3
        assert "index ev_v was left invalid and has been dropped" in done.err
        assert "Key (v)=(7) is duplicated" in done.err
        assert project.query("SELECT 1 FROM pg_index WHERE NOT indisvalid") == []
    assert project.query("SELECT count(*) FROM before_") == [(2,)]
    project.query("UPDATE ev SET v = k")
    assert project.run("migrate").out == "now at 0002\n"
    assert project.query("SELECT count(*) FROM before_") == [(2,)]
    assert [n for e, n in project.history("event", "statement") if e == "statement"][-4:] == [
        1, 2, 3, 4,
    ]  # fmt: skip


def test_somebody_elses_index_is_let_be_by_an_autocommit_block(project: Project) -> None:
    project.query("INSERT INTO ev VALUES (1, 7), (2, 7)")
    with pytest.raises(psycopg.Error):
        project.query("CREATE UNIQUE INDEX CONCURRENTLY ev_v ON ev (v)")
    project.python("0002", UNIQUE)
    done = project.run("migrate")
    assert done.status == 1
    assert (
        "index public.ev_v is there and invalid, and no run of this statement left it" in done.err
    )
    assert "  migrations/versions/0002.py:16:9\n" in done.err
    assert project.query(
        "SELECT indexrelid::regclass::text FROM pg_index WHERE NOT indisvalid"
    ) == [("ev_v",)]


BATCHES = """
import sqlalchemy as sa


def upgrade():
    bind = op.get_bind()
    op.execute("SET lock_timeout = '3s'")
    table = sa.table("ev", sa.column("k"), sa.column("v"))
    op.bulk_insert(table, [{"k": n, "v": 0} for n in (1, 2, 3)])
    op.execute(sa.text("INSERT INTO ev VALUES (4, :v)").bindparams(v=0))
    with op.get_context().autocommit_block():
        while True:
            done = bind.execute(
                sa.text("UPDATE ev SET v = 1 WHERE k IN (SELECT k FROM ev WHERE v = :v LIMIT 2)"),
                {"v": 0},
            )
            if done.rowcount == 0:
                break
            assert done.rowcount == 2, done.rowcount
        op.execute("CREATE TABLE said AS SELECT '10%' AS it")
        op.execute("DROP TABLE nothing")
    assert bind.execute(sa.text("SELECT count(*) FROM ev WHERE v = 1")).scalar() == 4


def downgrade():
    pass
"""


def test_rows_that_python_has_written_are_written_once(project: Project) -> None:
    script = project.python("0002", BATCHES)
    assert project.run("migrate").status == 3
    assert project.query("SELECT count(*), sum(v) FROM ev") == [(4, 4)]
    project.query("UPDATE ev SET v = 5")
    script.write_text(script.read_text().replace("TABLE nothing", "TABLE said"))
    done = project.run("migrate")
    assert "AssertionError" in done.err, done.err
    project.query("UPDATE ev SET v = 1")
    done = project.run("migrate")
    assert done.out == "now at 0002\n", done.err
    assert project.query("SELECT count(*) FROM ev") == [(4,)]


@pytest.mark.parametrize("ends", ["COMMIT", "SELECT 1; rollback"])
def test_python_does_not_end_its_transaction(project: Project, ends: str) -> None:
    project.python(
        "0002",
        "def upgrade():\n    op.execute('CREATE TABLE a ()')\n"
        f"    op.execute('{ends}')\n    op.execute('CREATE TABLE b ()')\n",
    )
    done = project.run("migrate")
    assert done.status == 2
    verb = ends.split()[-1].upper()
    assert f"error: {verb} in a revision that runs in a transaction\n" in done.err
    assert "  migrations/versions/0002.py:13:5\n" in done.err
    assert "a" not in project.tables()
