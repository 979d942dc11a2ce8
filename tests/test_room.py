"""Room on the server's disk is looked for before anything is built or written anew."""

from __future__ import annotations

import os
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from faults import stages
from projects import Project
from ringfence.pg import space

if TYPE_CHECKING:
    from pathlib import Path

NONE = "-- ringfence: transaction: none\n"
ROWS = (
    'CREATE TABLE "od""d" (id INT, note TEXT);'
    ' INSERT INTO "od""d" SELECT g, repeat(\'x\', 100) FROM generate_series(1, 20000) AS g;'
    ' ANALYZE "od""d";'
)
NEEDY = {
    "index": f'{NONE}CREATE INDEX CONCURRENTLY i ON "od""d" (note, id);',
    "plain": 'CREATE UNIQUE INDEX i ON public."od""d" USING btree (id);',
    "vacuum": f'{NONE}VACUUM FULL "od""d";',
    "reindex": f'{NONE}REINDEX TABLE CONCURRENTLY "od""d";',
    "unlogged": 'ALTER TABLE "od""d" SET UNLOGGED;',
}


@pytest.fixture
def project(tmp_path: Path, database: str) -> Project:
    """A table of a few megabytes, with a name of its own."""
    made = Project(tmp_path / "project", database)
    made.revision("0001", ROWS)
    assert made.run("migrate").status == 0
    return made


@pytest.fixture
def full(monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk with next to nothing on it that is free."""
    monkeypatch.setattr(os, "statvfs", lambda _: SimpleNamespace(f_bavail=2, f_frsize=4096))


@stages("F11")
@pytest.mark.parametrize("what", NEEDY)
@pytest.mark.usefixtures("full")
def test_what_there_is_no_room_for_does_not_begin(
    project: Project, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    project.revision("0002", NEEDY[what])
    before = project.history()
    if not _looked(project):
        # A server elsewhere, or one that does not say where its files are.
        project.say('[tool.ringfence.migrate]\nfree_space = "0MB"\n')
    done = project.run("migrate")
    assert (done.status, done.out) == (1, ""), done.err
    assert "error: this needs about " in done.err
    assert "DISK_SPACE:" in done.err
    assert project.history() == before
    assert project.query("SELECT to_regclass('i')") == [(None,)]
    monkeypatch.undo()
    assert project.run("migrate", "--allow", "DISK_SPACE").out == "now at 0002\n"


def _looked(project: Project) -> bool:
    import psycopg

    with psycopg.connect(project.dsn, autocommit=True) as connection:
        return space.free(connection) is not None


@stages("F11")
def test_the_configuration_says_how_much_is_free(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(space, "free", lambda _: None)
    project.revision("0002", NEEDY["vacuum"])
    text = (project.root / "pyproject.toml").read_text()
    project.say('[tool.ringfence.migrate]\nfree_space = "much"\n')
    assert project.run("migrate").status == 2
    (project.root / "pyproject.toml").write_text(text)
    project.say('[tool.ringfence.migrate]\nfree_space = "1MB"\n')
    done = project.run("migrate")
    assert done.status == 1
    assert " of disk, and 1 MB are free\n" in done.err
    (project.root / "pyproject.toml").write_text(text)
    project.say('[tool.ringfence.migrate]\nfree_space = "1GB"\n')
    assert project.run("migrate").out == "now at 0002\n"


@pytest.mark.usefixtures("full")
def test_what_needs_no_room_runs_on_a_full_disk(project: Project) -> None:
    project.revision(
        "0002", 'ALTER TABLE "od""d" ADD x INT; CREATE TABLE n (); CREATE INDEX ON n ((1));'
    )
    project.revision("0003", 'CREATE INDEX ON "od""d" (lower(note));')
    assert project.run("migrate").out == "now at 0003\n"


def test_an_index_takes_about_what_it_was_said_to(project: Project) -> None:
    import psycopg

    from ringfence.script import Script

    with psycopg.connect(project.dsn, autocommit=True) as connection:
        for columns in ("id", "id, note", "note"):
            connection.execute("DROP INDEX IF EXISTS i")
            text = f'CREATE INDEX i ON "od""d" ({columns})'
            (need,) = space.needs(connection, [Script("x", text)])
            connection.execute(text + " WITH (deduplicate_items = off)")
            ((size,),) = connection.execute("SELECT pg_relation_size('i')")
            assert 0.5 < need.size / size < 2, (columns, need.size, size)
