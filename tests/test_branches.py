"""The integrity file, branches that meet, files that changed after they ran; and how that is mended."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from faults import stages
from projects import Project, lines, timeless
from ringfence import migrate, revisions
from ringfence import project as projects
from ringfence.alone import alone
from ringfence.errors import Refused
from ringfence.pg.connect import named

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def project(tmp_path: Path, database: str) -> Project:
    """A project with two revisions, applied, and a lock."""
    made = Project(tmp_path / "project", database)
    made.revision("0001", "CREATE TABLE a ();", "DROP TABLE a;")
    made.revision("0002", "CREATE TABLE b ();\n", "DROP TABLE b;")
    made.run("migrate")
    assert made.run("lock", dsn="").out == "wrote migrations/ringfence.lock\n"
    return made


def check(project: Project) -> list[str]:
    """What the lock says has changed."""
    done = project.run("lock", "--check", dsn="")
    assert done.status == int(bool(done.out)), done.err
    return done.out.splitlines()


@stages("F14", "F18")
def test_every_kind_of_change_is_found_without_a_database(project: Project) -> None:
    assert check(project) == []
    (project.versions / "0002.up.sql").write_text("CREATE TABLE c ();\n")
    assert check(project) == ["edited  0002  migrations/versions/0002.up.sql"]
    (project.versions / "0002.down.sql").write_text("DROP TABLE c;\n")
    assert check(project)[1:] == ["edited  0002  migrations/versions/0002.down.sql"]
    (project.versions / "0002.down.sql").unlink()
    assert check(project)[1:] == ["removed  0002  migrations/versions/0002.down.sql"]
    project.run("lock", dsn="")
    project.revision("0003", "SELECT;")
    assert check(project) == ["added  0003  migrations/versions/0003.py"]
    project.run("lock", dsn="")
    for file in project.versions.glob("0003*"):
        file.unlink()
    assert check(project) == ["removed  0003  it followed 0002"]
    project.revision("0001a", "SELECT;", after="0001")
    assert check(project)[0] == "inserted  0001a  beside 0002, which was there"
    path = project.versions / "0002.py"
    path.write_text(path.read_text().replace("'0001'", "'0001a'"))
    assert check(project)[:2] == [
        "inserted  0001a  before 0002, which was there",
        "moved  0002  it followed 0001, and follows 0001a",
    ]


@stages("F18")
def test_migrate_goes_by_the_lock(project: Project) -> None:
    project.revision("0003", "CREATE TABLE c ();")
    for done in (project.run("migrate"), project.run("migrate", "--dry-run")):
        assert done.status == 1
        assert done.err == lines(
            "error: the revisions are not as migrations/ringfence.lock says",
            "detail: added  0003  migrations/versions/0003.py",
            "hint: a revision that you have just written: ringfence lock",
        )
    (project.versions / "0002.down.sql").write_text("-- another\nSELECT 1;")
    rest = "put back what should not have changed; ringfence lock accepts the rest\n"
    done = project.run("migrate")
    assert done.err.endswith(f"hint: a revision that you have just written: ringfence lock; {rest}")
    assert "ringfence.lock says" in project.alembic("upgrade", "head").out
    project.run("lock", dsn="")
    assert project.run("migrate").out == "now at 0003\n"


def test_on_ones_own_server_what_is_being_written_is_told_of(project: Project) -> None:
    own = replace(named(project.dsn, "test"), embedded=True)
    found, said = projects.need(project.root), list[str]()

    def migrate_own() -> list[str]:
        said.clear()
        migrate.migrate(found, own, listen=lambda p: said.append(p.text))
        return [text for text in said if "ringfence.lock" in text]

    project.revision("0003", "CREATE TABLE c ();")
    assert migrate_own() == ["0003: not as ringfence.lock says; when it is done, ringfence lock"]
    project.run("lock", dsn="")
    path = project.revision("0004", "CREATE TABLE d ();")
    project.run("lock", dsn="")
    path.write_text("CREATE TABLE e ();")
    assert migrate_own() == ["0004: not as ringfence.lock says; when it is done, ringfence lock"]
    # Of what is applied, and what is put below it, it is refused there too.
    (project.versions / "0002.down.sql").write_text("-- another\nSELECT 1;")
    project.revision("0005", "CREATE TABLE f ();")
    with pytest.raises(Refused, match=r"not as migrations/ringfence\.lock says"):
        migrate_own()


@pytest.mark.parametrize("argv", [("lock",), ("rebase",)])
def test_one_at_a_time_writes_the_revisions(project: Project, argv: tuple[str, ...]) -> None:
    with alone(projects.need(project.root)):
        done = project.run(*argv, dsn=project.dsn if argv == ("rebase",) else "")
    assert done.status == 75
    assert "another ringfence is at work on the revisions in migrations" in done.err


def test_a_rewording_is_told_where_nothing_is_to_run(project: Project) -> None:
    (project.root / "migrations" / "ringfence.lock").unlink()
    (project.versions / "0002.up.sql").write_text("-- what for\ncreate table b ();\n")
    done = project.run("migrate")
    assert done.out == "nothing to do: at 0002\n"
    assert "0002.up.sql was applied and has been reworded since: it means the same" in done.err


def test_an_edit_after_a_baseline_is_shown(
    project: Project, make_database: Callable[..., str]
) -> None:
    project.dsn = make_database()
    assert project.run("migrate", "--baseline", "0002").status == 0
    (project.versions / "0002.up.sql").write_text("CREATE TABLE other ();\n")
    project.run("lock", dsn="")
    done = project.run("migrate")
    assert done.status == 1
    assert "+CREATE TABLE other ();" in done.err


@stages("F17")
def test_two_branches_conflict_in_git_and_one_is_put_after_the_other(
    project: Project, tmp_path: Path
) -> None:
    def git(*argv: str, check: bool = True) -> str:
        done = subprocess.run(
            ["git", "-c", "user.name=x", "-c", "user.email=x@x", *argv],
            cwd=project.root, capture_output=True, text=True, check=check,
        )  # fmt: skip
        return done.stdout

    def add(title: str, table: str) -> None:
        project.revision("0003", f"CREATE TABLE {table} ();", f"DROP TABLE {table};", after="0002")
        for file in project.versions.glob("0003.*"):
            file.rename(file.with_name(file.name.replace("0003", f"0003_{title}")))
        project.run("lock", dsn="")
        git("add", "-A")
        git("commit", "-qm", title)

    git("init", "-q", "-b", "main")
    git("add", "-A")
    git("commit", "-qm", "two")
    git("checkout", "-q", "-b", "mine")
    add("mine", "m")
    git("checkout", "-q", "main")
    add("theirs", "t")
    assert project.run("migrate").out == "now at 0003\n"
    assert "CONFLICT" in git("merge", "mine", check=False)
    done = project.run("lock", "--check", dsn="")
    assert done.status == 2
    assert "revision 0003 is defined twice" in done.err
    moved = project.run("rebase")
    assert (moved.status, moved.out) == (
        0, "migrations/versions/0004_mine.py: 0004 (it was 0003) follows 0003\n",
    ), moved.err  # fmt: skip
    assert sorted(p.name for p in project.versions.glob("000[34]*")) == [
        f"000{n}_{title}.{what}"
        for n, title in ((3, "theirs"), (4, "mine"))
        for what in ("down.sql", "py", "up.sql")
    ]
    assert check(project) == []
    assert project.run("migrate").out == "now at 0004\n"
    assert project.run("migrate", "--to", "0002", "--yes").out == "now at 0002\n"


def git(project: Project, *argv: str, check: bool = True) -> str:
    done = subprocess.run(
        ["git", "-c", "user.name=x", "-c", "user.email=x@x", *argv],
        cwd=project.root, capture_output=True, text=True, check=check,
    )  # fmt: skip
    return done.stdout


def parts(project: Project, name: str, count: int, *, parted: bool) -> None:
    """Commit a change in as many revisions, 0003 and on, as two branches both number them."""
    after = "0002"
    for number in range(1, count + 1):
        of = f" ({number} of {count})" if parted else f" {number}"
        table = f"{name}{number}"
        project.revision(
            f"000{2 + number}", f"CREATE TABLE {table} ();", f"DROP TABLE {table};",
            after=after, title=f"{name}{of}",
        )  # fmt: skip
        after = f"000{2 + number}"
        for file in project.versions.glob(f"{after}.*"):
            file.rename(file.with_name(file.name.replace(after, f"{after}_{name}_{number}")))
    project.run("lock", dsn="")
    git(project, "add", "-A")
    git(project, "commit", "-qm", name)


def merged(
    project: Project, ours: int, theirs: int, *, lock: bool = True, parted: bool = True
) -> None:
    """Two branches of this many revisions each, merged; the lock in conflict, or without a conflict."""
    git(project, "init", "-q", "-b", "main")
    git(project, "add", "-A")
    git(project, "commit", "-qm", "two")
    git(project, "checkout", "-q", "-b", "b")
    parts(project, "b", theirs, parted=parted)
    git(project, "checkout", "-q", "main")
    parts(project, "a", ours, parted=parted)
    assert "CONFLICT" in git(project, "merge", "b", check=False)
    if not lock:
        git(project, "checkout", "--ours", "migrations/ringfence.lock")


def files(project: Project) -> dict[str, bytes]:
    return {f.name: f.read_bytes() for f in project.versions.iterdir() if f.is_file()}


def line(project: Project) -> list[tuple[str, str]]:
    """The files of the revisions behind the first two, in their order, each with its number."""
    graph = revisions.read(projects.need(project.root))
    return [(r.id, r.path.stem) for r in graph.revisions.values()][2:]


@stages("F17")
@pytest.mark.parametrize("applied", [1, 3])
@pytest.mark.parametrize("lock", [True, False])
def test_of_two_changes_in_parts_the_one_that_is_not_applied_is_moved_whole(
    project: Project, applied: int, lock: bool
) -> None:
    base = files(project).keys()
    merged(project, 3, 3, lock=lock)
    theirs = {f: f.read_bytes() for f in project.versions.glob("*_b_*")}
    for file in theirs:
        file.unlink()
    (project.root / "migrations" / "ringfence.lock").rename(project.root / "aside")
    assert project.run("migrate", f"000{2 + applied}").out == f"now at 000{2 + applied}\n"
    (project.root / "aside").rename(project.root / "migrations" / "ringfence.lock")
    for file, content in theirs.items():
        file.write_bytes(content)
    there = files(project)
    for stem in ("0003_a_1", *(f"000{2 + n}_a_{n}" for n in range(2, 4))):
        assert project.run("rebase", stem).status in (1, 2)
        assert files(project) == there
    moved = project.run("rebase")
    assert moved.status == 0, moved.err
    assert line(project) == [
        ("0003", "0003_a_1"), ("0004", "0004_a_2"), ("0005", "0005_a_3"),
        ("0006", "0006_b_1"), ("0007", "0007_b_2"), ("0008", "0008_b_3"),
    ]  # fmt: skip
    assert files(project).keys() - base == {
        f"{stem}.{what}" for _, stem in line(project) for what in ("py", "up.sql", "down.sql")
    }
    assert check(project) == []
    assert project.run("migrate").out == "now at 0008\n"
    assert project.run("migrate", "--to", "0002", "--yes").out == "now at 0002\n"


@stages("F17")
def test_where_neither_change_in_parts_is_applied_the_hint_moves_one_whole(
    project: Project,
) -> None:
    merged(project, 3, 3)
    done = project.run("rebase")
    assert (done.status, done.err) == (
        2,
        lines(
            "error: it is not clear which of 0003_a_1, 0003_b_1 is to be moved",
            "hint: name it, and what follows it goes with it: ringfence rebase 0003_b_1",
        ),
    )
    assert project.run("rebase", "0005_b_3").status == 0  # any part of it means all
    assert [stem for _, stem in line(project)] == [
        "0003_a_1", "0004_a_2", "0005_a_3", "0006_b_1", "0007_b_2", "0008_b_3",
    ]  # fmt: skip


@stages("F17")
def test_the_numbers_of_a_change_in_parts_go_up_along_it(project: Project) -> None:
    merged(project, 1, 3)
    assert project.run("rebase", "0003_b_1").status == 0
    assert line(project) == [
        ("0003", "0003_a_1"), ("0006", "0006_b_1"), ("0007", "0007_b_2"), ("0008", "0008_b_3"),
    ]  # fmt: skip


@stages("F17")
@pytest.mark.parametrize("lock", [True, False])
def test_revisions_that_are_no_parts_go_by_the_sides_of_the_conflict(
    project: Project, lock: bool
) -> None:
    merged(project, 2, 2, lock=lock, parted=False)
    names = ["0003_b_1"]
    if not lock:
        there = files(project)
        told = "error: it is not clear whether 0004_a_2 follows 0003_a_1 or 0003_b_1\n"
        for argv in ([], names):
            done = project.run("rebase", *argv)
            assert (done.status, done.err[: len(told)]) == (2, told)
        assert files(project) == there
        names.append("0004_b_2")
    else:
        assert project.run("rebase").err.endswith(": ringfence rebase 0003_b_1\n")
    assert project.run("rebase", *names).status == 0
    assert line(project) == [
        ("0003", "0003_a_1"), ("0004", "0004_a_2"), ("0005", "0005_b_1"), ("0006", "0006_b_2"),
    ]  # fmt: skip


@stages("F17")
def test_two_heads_are_refused_and_the_unapplied_one_is_moved(project: Project) -> None:
    project.revision("0003", "CREATE TABLE c ();")
    project.run("lock", dsn="")
    project.run("migrate")
    project.revision("x1", "CREATE TABLE x1 ();", after="0002")
    project.revision("x2", "CREATE TABLE x2 ();")
    project.run("lock", dsn="")
    done = project.run("migrate")
    assert done.status == 2
    assert "has 2 heads" in done.err
    assert (
        "hint: put one after the other: ringfence rebase; or keep both: alembic merge" in done.err
    )
    assert project.run("rebase", "0003").err.startswith(
        "error: revision 0003 (revision 0003) is applied to "
    )
    assert project.run("rebase").out == lines(
        "migrations/versions/x1.py: x1 follows 0003", "migrations/versions/x2.py: x2 follows x1"
    )
    assert project.run("migrate").out == "now at x2\n"
    assert project.run("rebase").err == "nothing to do: there is one head\n"


def test_where_neither_is_applied_one_must_be_named(project: Project) -> None:
    project.revision("0003", "SELECT;")
    project.revision("x1", "SELECT;", after="0002")
    done = project.run("rebase")
    assert done.status == 2
    assert "error: it is not clear which of 0003, x1 is to be moved\n" in done.err
    assert project.run("rebase", "0003").out == "migrations/versions/0003.py: 0003 follows x1\n"


@stages("F18")
def test_a_revision_put_below_what_is_applied_never_ran(project: Project) -> None:
    (project.root / "migrations" / "ringfence.lock").unlink()
    project.revision("0001a", "CREATE TABLE late ();", "DROP TABLE late;", after="0001")
    path = project.versions / "0002.py"
    path.write_text(path.read_text().replace("'0001'", "'0001a'"))
    project.revision("0003", "CREATE TABLE c ();", after="0002")
    status = project.run("status")
    assert status.status == 1
    assert "  skipped  0001a (revision 0001a)  put below what is applied: never run" in status.out
    done = project.run("migrate")
    assert done.status == 1
    assert done.err == lines(
        "error: revision 0001a (revision 0001a) lies below what is applied, and has never run",
        "detail: it was put between revisions that the database had already",
        "hint: have what follows it follow what it did before, then: ringfence rebase 0001a",
    )
    path.write_text(path.read_text().replace("'0001a'", "'0001'"))
    assert project.run("rebase", "0001a").out == (
        "migrations/versions/0001a.py: 0001a follows 0003\n"
    )
    assert project.run("migrate").out == "now at 0001a\n"
    assert "late" in project.tables()


def test_what_was_stamped_vouches_for_what_lies_below(tmp_path: Path, database: str) -> None:
    project = Project(tmp_path / "stamped", database)
    project.revision("0001", "CREATE TABLE a ();")
    project.revision("0002", "CREATE TABLE b ();")
    project.alembic("stamp", "0002")
    project.revision("0003", "CREATE TABLE c ();")
    assert project.run("migrate").out == "now at 0003\n"


def test_the_lock_of_the_run_cannot_be_let_go(project: Project) -> None:
    project.revision("0003", "SELECT pg_advisory_unlock_all();")
    project.run("lock", dsn="")
    done = project.run("migrate")
    assert done.status == 2
    assert "error: pg_advisory_unlock_all() would let go the lock that keeps" in done.err


# Edited after they ran


@stages("F14")
def test_an_edited_comment_is_a_warning(project: Project) -> None:
    (project.versions / "0002.up.sql").write_text(
        "-- what it is for\ncreate  table B -- here\n();\n"
    )
    project.run("lock", dsn="")
    project.revision("0003", "CREATE TABLE c ();")
    project.run("lock", dsn="")
    assert project.run("status").status == 1
    done = project.run("migrate")
    assert (done.status, done.out) == (0, "now at 0003\n")
    assert (
        "  migrations/versions/0002.up.sql was applied and has been reworded since: it means the"
        " same\n" in done.err
    )


@stages("F14")
def test_an_edit_is_refused_until_it_is_accepted_with_a_reason(project: Project) -> None:
    (project.versions / "0002.up.sql").write_text("CREATE TABLE b (id INT);\n")
    project.revision("0003", "CREATE TABLE c ();")
    project.run("lock", dsn="")
    assert project.run("migrate").status == 1
    assert project.run("repair", "0002", "--reason", " ").status == 2
    assert project.run("repair", "0001", "--reason", "x").err == lines(
        "error: revision 0001 (revision 0001) is as it was applied: there is nothing to repair"
    )
    assert project.run("repair", "0003", "--reason", "x").status == 1
    done = project.run("repair", "0002", "--reason", "b got its column by hand")
    assert done.out == lines(
        "--- as applied", "+++ as it is", "@@ -1 +1 @@",
        "-CREATE TABLE b ();", "+CREATE TABLE b (id INT);",
    )  # fmt: skip
    assert project.run("migrate").out == "now at 0003\n"
    assert project.history("event", "revision", "reason", "sql")[4:5] == [
        ("repaired", "0002", "b got its column by hand", "CREATE TABLE b (id INT);\n")
    ]
    assert "repaired" in timeless(project.run("history").out)


# Missing and unknown


@stages("F15")
def test_the_missing_file_of_an_applied_revision(project: Project) -> None:
    (project.versions / "0001.up.sql").unlink()
    project.revision("0003", "SELECT;")
    done = project.run("migrate")
    assert done.status == 2
    assert done.err == lines(
        "error: revision 0001 has no SQL: migrations/versions/0001.up.sql does not exist",
        "hint: write it, or restore it: git checkout -- migrations/versions/0001.up.sql; where it is"
        " applied: ringfence repair 0001 --restore",
    )


@stages("F15")
@pytest.mark.parametrize(
    "text", ["CREATE TABLE c ();\r\n-- ñ\r\n", "\n\nCREATE TABLE c ();", "-- nothing"]
)
def test_a_missing_file_is_restored_as_it_was_applied(project: Project, text: str) -> None:
    path = project.revision("0003", text.encode())
    project.run("lock", dsn="")
    project.run("migrate")
    before = project.history()
    present = project.run("repair", "0003", "--restore")
    assert (present.status, present.out) == (1, "")
    assert present.err == lines(
        "error: migrations/versions/0003.up.sql is there: nothing is written over it",
        "hint: move it away if it is not wanted",
    )
    path.unlink()
    done = project.run("repair", "0003", "--restore")
    assert (done.status, done.out) == (0, "migrations/versions/0003.up.sql\n"), done.err
    assert path.read_bytes() == text.encode()
    assert project.run("status").status == 0
    assert project.history() == before


@stages("F15")
def test_a_missing_revision_in_python_is_restored(project: Project) -> None:
    path = project.python("0003", "def upgrade():\n    pass\n\n\ndef downgrade():\n    pass\n")
    project.run("lock", dsn="")
    project.run("migrate")
    text = path.read_bytes()
    path.unlink()
    assert project.run("status").status == 1
    assert project.run("repair", "0003", "--restore").out == "migrations/versions/0003.py\n"
    assert path.read_bytes() == text
    assert project.run("status").status == 0


def test_what_cannot_be_restored_is_refused(project: Project) -> None:
    name = project.query("SELECT current_database()")[0][0]
    secret = f"DO $$ BEGIN IF FALSE THEN CREATE ROLE {name} PASSWORD 'hunter2'; END IF; END $$;"
    path = project.revision("0003", secret)
    project.run("lock", dsn="")
    pending = project.run("repair", "0003", "--restore")
    assert pending.status == 1
    assert "does not say that 0003 is applied\n" in pending.err
    project.run("migrate")
    path.unlink()
    masked = project.run("repair", "0003", "--restore")
    assert masked.status == 1
    assert masked.err.startswith(
        "error: the history does not hold migrations/versions/0003.up.sql as it was applied: what is"
        " secret in it is masked there\n"
    )
    assert not path.exists()
    for file in project.versions.glob("0003*"):
        file.unlink()
    alone = project.run("repair", "0003", "--restore")
    assert alone.status == 1
    assert "error: no file says what 0003 follows" in alone.err
    assert project.run("repair", "0003", "--restore", "--reason", "x").status == 2
    assert project.run("repair", "0003").err.startswith("error: no --reason\n")


@stages("F16")
def test_a_database_ahead_of_the_files(project: Project) -> None:
    for file in project.versions.glob("0002*"):
        file.unlink()
    done = project.run("migrate")
    assert done.status == 1
    assert "detail: 0002 (revision 0002) was applied " in done.err
    older = project.run("migrate", "--allow-ahead")
    assert (older.status, older.out) == (0, "nothing to do: at 0002\n")
    assert older.err == "  the database is ahead of these files: at 0002\n"
    # Not where these files have something that it has not.
    project.revision("0003", "CREATE TABLE never ()", after="0001")
    other = project.run("migrate", "--allow-ahead")
    assert other.status == 1
    assert "error: the database stands at revision 0002, which is not in " in other.err


# Baseline


def test_a_baseline_up_to_a_revision(tmp_path: Path, database: str) -> None:
    project = Project(tmp_path / "p", database)
    project.query("CREATE TABLE a ()")
    project.revision("0001", "CREATE TABLE a ();")
    project.revision("0002", "CREATE TABLE b ();")
    done = project.run("migrate", "--baseline", "0001")
    assert (done.status, done.out) == (0, "recorded as applied: 0001\n")
    assert project.run("migrate", "--baseline", "0001").status == 1
    assert project.run("migrate").out == "now at 0002\n"
    assert project.history("event", "revision")[:1] == [("baseline", "0001")]


# The history's own versions


@stages("F23")
def test_a_history_of_the_first_version_is_brought_up_to_date(project: Project) -> None:
    project.query(
        "DROP TABLE ringfence.backfills; ALTER TABLE ringfence.history DROP fingerprint,"
        " DROP waits, DROP found, DROP reason;"
        " COMMENT ON TABLE ringfence.history IS 'ringfence history, version 1'"
    )
    assert project.run("status").status == 0
    assert "finished" in project.run("history").out
    assert project.run("backfill", "status").out == "no backfill has begun\n"
    before = project.query("SELECT id, event, sql FROM ringfence.history ORDER BY id")
    project.revision("0003", "CREATE TABLE c ();")
    project.run("lock", dsn="")
    assert project.run("migrate").out == "now at 0003\n"
    after = project.query("SELECT id, event, sql FROM ringfence.history ORDER BY id")
    assert after[: len(before)] == before
    ((fingerprint,),) = project.query(
        "SELECT fingerprint FROM ringfence.history WHERE event = 'finished' AND revision = '0003'"
    )
    assert len(fingerprint) == 64


@pytest.mark.parametrize("name", ["0001.down.sql", "0001.verify.sql", "0001.py"])
def test_an_edit_of_what_does_not_run_up_is_told(project: Project, name: str) -> None:
    project.revision("0009", "SELECT 9;", verify="SELECT 1 WHERE FALSE;")
    (project.versions / "0001.verify.sql").write_text("SELECT 1 WHERE FALSE;\n")
    project.run("lock", dsn="")
    assert project.run("migrate").status == 0
    path = project.versions / name
    path.write_text(path.read_text() + ("# x\n" if name.endswith(".py") else "-- x\n"))
    shown = f"migrations/versions/{name}"
    assert f"edited  0001  {shown}\n" in project.run("lock", "--check", dsn="").out
    done = project.run("migrate")
    assert done.status == 0
    assert f"  {shown} was edited since ringfence.lock was written\n" in done.err
    done = project.run("verify", "--claim", "history")
    assert f"{shown} of an applied revision was edited since ringfence.lock was written" in done.out
