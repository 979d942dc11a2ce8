"""Branches that nobody is on who has not asked: `head` leaves them out, for ringfence and for Alembic."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from projects import Project, lines

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def project(tmp_path: Path, database: str) -> Project:
    """Two revisions, and a branch of two to opt in to that needs both."""
    made = Project(tmp_path / "project", database)
    made.revision("0001", "CREATE TABLE a ();", "DROP TABLE a;")
    made.revision("0002", "CREATE TABLE b ();", "DROP TABLE b;")
    made.revision(
        "p1", "CREATE TABLE p ();", "DROP TABLE p;",
        after=None, labels=("parted",), depends_on="0002", opt_in=True,
    )  # fmt: skip
    made.revision("p2", "CREATE TABLE q ();", "DROP TABLE q;", after="p1")
    return made


def at(project: Project) -> list[str]:
    return sorted(row[0] for row in project.query("TABLE ringfence.alembic_version"))


def test_the_head_is_the_main_lines(project: Project) -> None:
    assert project.run("migrate").out == "now at 0002\n"
    assert project.run("migrate").out == "nothing to do: at 0002\n"
    status = project.run("status")
    assert status.status == 0
    assert "at        0002\nhead      0002\n" in status.out
    assert "p1" not in status.out
    assert project.run("verify", "--claim", "head").status == 0
    assert project.run("lock", dsn="").status == 0
    assert project.run("lock", "--check", dsn="").status == 0
    assert project.run("rebase").err == "nothing to do: there is one head\n"


def test_the_branch_is_had_by_its_name(project: Project) -> None:
    assert project.run("migrate", "parted@head").out == "now at p2\n"
    assert project.tables()[:2] == ["a", "b"]
    assert {"p", "q"} <= set(project.tables())
    status = project.run("status")
    assert (status.status, "at        p2\nhead      0002\n" in status.out) == (0, True)
    assert project.run("migrate").out == "nothing to do: at p2\n"
    verify = project.run("verify", "--claim", "head", "--claim", "drift")
    assert verify.status == 0, verify.out
    assert "not checked\n  drift" not in verify.out
    assert project.run("migrate", "--to", "-1", "--yes").out == "now at p1\n"
    assert project.run("migrate", "parted@base", "--yes").out == "now at 0002\n"
    assert project.run("migrate", "heads").out == "now at p2\n"
    # What the branch needs goes with it.
    assert project.run("migrate", "0001", "--yes").out == "now at 0001\n"
    assert project.run("migrate", "base", "--yes").out == "now at base\n"


def test_the_main_line_goes_on_beside_it(project: Project) -> None:
    project.run("migrate", "parted@head")
    project.revision("0003", "CREATE TABLE c ();", "DROP TABLE c;", after="0002")
    assert project.run("status").status == 1
    assert project.run("migrate").out == "now at 0003, p2\n"
    status = project.run("status")
    assert (status.status, "at        0003, p2\nhead      0003\n" in status.out) == (0, True)
    verify = project.run("verify", "--claim", "head", "--claim", "drift")
    assert verify.status == 0, verify.out
    assert "not checked\n  drift" not in verify.out
    project.query("CREATE TABLE by_hand ()")
    said = project.run("verify", "--claim", "drift").out
    assert "table public.by_hand is in the live schema and not in revision 0003 and p2" in said
    assert project.run("migrate", "parted@base", "--yes").out == "now at 0003\n"


def test_the_lock_knows_that_the_main_line_goes_on_beside_it(project: Project) -> None:
    assert project.run("lock", dsn="").status == 0
    project.revision("0003", "CREATE TABLE c ();", after="0002")
    check = project.run("lock", "--check", dsn="")
    assert "added  0003" in check.out + check.err
    assert "inserted" not in check.out + check.err
    assert project.run("lock", dsn="").status == 0
    assert project.run("migrate").out == "now at 0003\n"
    held = project.run("verify", "--claim", "head", "--format", "json")
    assert '"count": 3' in held.out


@pytest.mark.parametrize("script", [False, True])
def test_plain_alembic_means_the_same(project: Project, script: bool) -> None:
    if script:
        done = project.alembic("upgrade", "head", "--sql")
        assert done.status == 0, done.err
        assert "TABLE b" in done.out
        assert "TABLE p" not in done.out
        return
    assert project.alembic("upgrade", "head").status == 0
    assert at(project) == ["0002"]
    assert project.alembic("upgrade", "parted@head").status == 0
    assert at(project) == ["p2"]
    assert project.alembic("upgrade", "head").status == 0
    assert at(project) == ["p2"]
    assert project.alembic("downgrade", "-1").status == 0
    assert at(project) == ["p1"]
    assert project.alembic("downgrade", "parted@base").status == 0
    assert at(project) == ["0002"]
    assert project.alembic("upgrade", "heads").status == 0
    assert at(project) == ["p2"]
    assert project.alembic("downgrade", "0001").status == 0
    assert at(project) == ["0001"]
    assert project.alembic("upgrade", "+1").status == 0
    assert at(project) == ["0002"]
    assert project.alembic("stamp", "head").status == 0
    assert at(project) == ["0002"]


@pytest.mark.parametrize("plain", [True, False])
def test_one_back_from_the_first_of_the_branch_leaves_the_main_line(
    project: Project, plain: bool
) -> None:
    """What the branch depends on is not the revision before: that takes another step back."""
    project.run("migrate", "parted@head")
    project.run("migrate", "p1", "--yes")
    assert at(project) == ["p1"]

    def back() -> None:
        done = (
            project.alembic("downgrade", "-1")
            if plain
            else project.run("migrate", "--to", "-1", "--yes")
        )
        assert done.status == 0, done.err

    back()
    assert at(project) == ["0002"]
    assert project.tables()[:2] == ["a", "b"]
    assert "p" not in project.tables()
    assert project.query(
        "SELECT DISTINCT revision FROM ringfence.history WHERE direction = 'down' ORDER BY 1"
    ) == [("p1",), ("p2",)]
    back()
    assert at(project) == ["0001"]
    assert "b" not in project.tables()


def test_two_heads_of_the_main_line_are_still_refused(project: Project) -> None:
    project.revision("0003", "SELECT;", after="0002")
    project.revision("x1", "SELECT;", after="0002")
    for done in (project.run("migrate"), project.run("migrate", "+1")):
        assert done.status == 2
        assert "has 2 heads: 0003 (revision 0003) and x1 (revision x1)" in done.err
    plain = project.alembic("upgrade", "head")
    assert plain.status == 255
    assert "has 2 heads: 0003 (revision 0003) and x1 (revision x1)" in plain.out + plain.err
    project.run("migrate", "0003")
    assert project.run("rebase").out == "migrations/versions/x1.py: x1 follows 0003\n"


def test_a_branch_that_there_is_not(project: Project) -> None:
    done = project.run("migrate", "partd@head")
    assert (done.status, done.err) == (
        2, lines("error: no branch partd in migrations/versions", "hint: did you mean parted?"),
    )  # fmt: skip
    done = project.run("migrate", "xyz@base", "--yes")
    assert done.err == lines("error: no branch xyz in migrations/versions", "hint: there is parted")
    project.revision("p3", "SELECT;", after="p1")
    assert project.run("migrate", "parted@head").err == lines(
        "error: branch parted has 2 heads: p2 and p3", "hint: name one"
    )
    done = project.run("migrate", "parted@head", "--to", "0001")
    assert done.err == lines(
        "error: both parted@head and --to 0001 say where to end", "hint: say one of them"
    )


def test_partitions_come_and_go(project: Project) -> None:
    """They are told; what hangs on the whole table, or is another in a partition, is a deviation."""
    project.revision(
        "0003",
        "CREATE TABLE m (at DATE) PARTITION BY RANGE (at);"
        " CREATE TABLE m1 PARTITION OF m FOR VALUES FROM (MINVALUE) TO ('2020-01-01');"
        " CREATE TABLE m2 PARTITION OF m FOR VALUES FROM ('2020-01-01') TO ('2021-01-01');",
        after="0002",
    )
    project.run("migrate")
    project.query(
        "DROP TABLE m2; CREATE TABLE m3 PARTITION OF m FOR VALUES FROM ('2021-01-01') TO (MAXVALUE);"
        " CREATE INDEX ON m3 (at); ALTER TABLE m DETACH PARTITION m1;"
        " ALTER TABLE m ATTACH PARTITION m1 FOR VALUES FROM (MINVALUE) TO ('2019-01-01')"
    )
    done = project.run("verify", "--claim", "drift")
    assert done.status == 0, done.out
    said = [line for line in done.out.splitlines() if "[drift]" in line]
    assert said[0].startswith("info: partition public.m1 differs: bound is FOR VALUES FROM (MINV")
    assert said[1:] == [
        "info: partition public.m2 is in revision 0003 and not in the live schema [drift]",
        "info: partition public.m3 is in the live schema and not in revision 0003 [drift]",
    ]
    project.query("ALTER TABLE m1 ENABLE ROW LEVEL SECURITY; ALTER TABLE m ADD x INT")
    assert project.run("verify", "--claim", "drift").status == 1
