"""Hazards where revisions run: what nobody agreed to by name does not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from projects import Project, lines

if TYPE_CHECKING:
    from pathlib import Path

UP = '-- ringfence: hazard: DATA_LOSS:public.t\n-- ringfence: hazard: LONG_LOCK:public."a,b"\nDROP TABLE t;'
ALL = "DATA_LOSS:public.t", 'LONG_LOCK:public."a,b"'


@pytest.fixture
def project(tmp_path: Path, database: str) -> Project:
    made = Project(tmp_path / "project", database)
    made.revision("0001", "CREATE TABLE t (id int);")
    made.revision("0002", UP)
    assert made.run("migrate", "--to", "0001").status == 0
    return made


def test_a_hazard_that_nobody_agreed_to_is_refused_before_anything_runs(project: Project) -> None:
    project.revision("0003", "SELECT 1;")
    result = project.run("migrate", "--allow", "LONG_LOCK")
    assert (result.status, result.out) == (1, "")
    assert result.err == lines(
        "error: revision 0002 (revision 0002) has 1 hazard that nobody agreed to",
        "detail: DATA_LOSS:public.t",
        "  declared in migrations/versions/0002.up.sql",
        "hint: to agree: --allow 'DATA_LOSS:public.t'",
    )
    assert "t" in project.tables()
    plain = project.alembic("upgrade", "head")
    assert plain.status != 0
    assert "has 2 hazards that nobody agreed to" in plain.out
    assert "Traceback" not in plain.out + plain.err
    assert "t" in project.tables()
    # What is only shown needs nobody's word.
    assert "DROP TABLE t" in project.run("migrate", "--dry-run").out


@pytest.mark.parametrize("way", ["option", "code", "variable", "configuration", "file"])
def test_it_runs_where_it_is_allowed(project: Project, way: str) -> None:
    argv: list[str] = []
    env = {}
    if way == "option":
        argv = [word for name in ALL for word in ("--allow", name)]
    elif way == "code":
        argv = ["--allow", "DATA_LOSS", "--allow", "LONG_LOCK"]
    elif way == "variable":
        env = {"RINGFENCE_ALLOW": ", ".join(ALL)}
    elif way == "configuration":
        project.say('[tool.ringfence.migrate]\nallow = ["DATA_LOSS", "LONG_LOCK"]')
    else:
        path = project.versions / "0002.up.sql"
        path.write_text(path.read_text().replace("DROP", "-- ringfence: allowed: LONG_LOCK\nDROP"))
        argv = ["--allow", "DATA_LOSS:public.t"]
    result = project.run("migrate", *argv, env=env)
    assert result.status == 0, result.err
    assert "t" not in project.tables()


def test_plain_alembic_heeds_the_variable(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RINGFENCE_ALLOW", "DATA_LOSS,LONG_LOCK")
    result = project.alembic("upgrade", "head")
    assert result.status == 0, result.err


def test_a_name_that_is_no_hazard(project: Project) -> None:
    result = project.run("migrate", "--allow", "SORROW:t")
    assert result.status == 2
    assert result.err.startswith("error: --allow SORROW:t: no such hazard\nhint: one of DATA_LOSS,")
    result = project.run("migrate", env={"RINGFENCE_ALLOW": "SORROW"})
    assert result.err.startswith("error: RINGFENCE_ALLOW SORROW: no such hazard\n")
    (project.versions / "0002.up.sql").write_text("-- ringfence: hazard: SORROW\nSELECT 1;")
    result = project.run("migrate")
    assert result.status == 2
    assert result.err.startswith("error: migrations/versions/0002.up.sql: SORROW is no hazard\n")


def test_the_project_agrees_to_what_rehearsals_find_in_the_same_place(project: Project) -> None:
    project.say('[tool.ringfence.migrate]\nallow = ["DATA_LOSS", "LONG_LOCK", "OLD_WRITER:s.t"]')
    assert project.run("migrate").status == 0


def test_what_ran_with_allow_is_compared_in_a_shadow(tmp_path: Path, database: str) -> None:
    project = Project(tmp_path / "allowed", database)
    project.revision("0001", "CREATE TABLE t (a INT, b INT);", "DROP TABLE t;")
    drops = "-- ringfence: hazard: DATA_LOSS:public.t.b\nALTER TABLE t DROP b;"
    project.revision("0002", drops, "ALTER TABLE t ADD b INT;")
    assert project.run("migrate", "--allow", "DATA_LOSS").out == "now at 0002\n"
    done = project.run("verify", "--claim", "drift")
    assert done.status == 0, done.out
    assert project.run("diff", "live", "head").status == 0
