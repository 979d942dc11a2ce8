"""What a revision drops and makes again: whose it is then, and who may do what with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from psycopg.conninfo import make_conninfo

from projects import Project

if TYPE_CHECKING:
    from pathlib import Path

TABLE = "CREATE SCHEMA s; CREATE TABLE s.t (id INT PRIMARY KEY, n {});"
VIEW = ' CREATE VIEW s."a v" AS SELECT id, n FROM s.t;'
ROUTINE = " CREATE FUNCTION s.of(t s.e) RETURNS INT LANGUAGE sql AS 'SELECT 1';"


def written(project: Project, ddl: str) -> None:
    (project.root / "ddl").mkdir(exist_ok=True)
    (project.root / "ddl" / "s.sql").write_text(ddl, encoding="utf-8")


def planned(project: Project, ddl: str) -> None:
    written(project, ddl)
    done = project.run("plan", "-m", "next", "--allow", "REWRITE", "--allow", "LOST_PROTECTION")
    assert done.status == 0, done.err


@pytest.fixture
def project(tmp_path: Path, database: str) -> Project:
    """A database with a view over a column."""
    made = Project(tmp_path / "project", database)
    planned(made, TABLE.format("INT") + VIEW)
    assert made.run("migrate").status == 0
    return made


def said(project: Project) -> list[str]:
    return [
        line.split(maxsplit=4)[4]
        for path in sorted(project.versions.glob("*.up.sql"))
        for line in path.read_text(encoding="utf-8").splitlines()
        if "planned-on" in line and (" owner:" in line or " grant:" in line)
    ]


def test_a_file_says_whose_it_is_and_what_is_granted(project: Project, role: str) -> None:
    assert said(project) == []
    planned(project, TABLE.format("BIGINT") + VIEW)
    assert said(project) == ['owner:view.s."a v" open']
    assert project.run("migrate").status == 0
    own = f'ALTER VIEW s."a v" OWNER TO "{role}"; GRANT SELECT (n), INSERT ON s."a v" TO PUBLIC;'
    planned(project, TABLE.format("BIGINT") + VIEW + own)
    assert project.run("migrate").status == 0
    planned(project, TABLE.format("NUMERIC") + VIEW + own)
    assert [line.rpartition(" ")[0] for line in said(project)[1:]] == [
        'grant:column.s."a v".n.public',
        'grant:view.s."a v".public',
        'owner:view.s."a v"',
    ]
    assert said(project)[-1].endswith(" named")
    done = project.run("migrate")
    assert done.status == 0, done.err


def test_what_would_be_somebody_elses_is_refused(project: Project, role: str) -> None:
    planned(project, TABLE.format("BIGINT") + VIEW)
    project.query(f'ALTER VIEW s."a v" OWNER TO "{role}"')
    done = project.run("migrate")
    assert (done.status, done.out) == (1, "")
    me = project.query("SELECT quote_ident(current_user)")[0][0]
    assert f'view s."a v" belongs to "{role}", and made again it is {me}\'s' in done.err
    assert "or say in ddl/ whose view" in done.err
    assert project.query("SELECT pg_typeof(n) FROM s.t") == []
    own = f'ALTER VIEW s."a v" OWNER TO "{role}";'
    for path in project.versions.glob("0002*"):
        path.unlink()
    planned(project, TABLE.format("BIGINT") + VIEW + own)
    done = project.run("migrate")
    assert done.status == 0, done.err
    assert project.run("verify", "--claim", "drift", "--claim", "ddl").status == 0


def test_or_is_run_by_the_one_it_belongs_to(project: Project, role: str) -> None:
    planned(project, TABLE.format("BIGINT") + VIEW)
    project.query(f'GRANT ALL ON SCHEMA public TO "{role}"')
    for on in ('VIEW s."a v"', "TABLE s.t", "SCHEMA s"):
        project.query(f'ALTER {on} OWNER TO "{role}"')
    project.query(f'GRANT ALL ON SCHEMA ringfence TO "{role}"')
    project.query(f'GRANT ALL ON ALL TABLES IN SCHEMA ringfence TO "{role}"')
    done = project.run(
        "migrate",
        dsn=make_conninfo(project.dsn, options=f"-c role={role.replace(' ', chr(92) + ' ')}"),
    )
    assert done.status == 0, done.err


@pytest.mark.parametrize(
    ("by_hand", "whose"),
    [
        ('GRANT SELECT ON s."a v" TO {}', "{}"),
        ('GRANT SELECT (n) ON s."a v" TO {}', "{}"),
        ('GRANT UPDATE ON s."a v" TO PUBLIC', "PUBLIC"),
        ('REVOKE SELECT ON s."a v" FROM PUBLIC', "PUBLIC"),
    ],
)
def test_what_was_granted_by_hand_is_not_lost(
    project: Project, role: str, by_hand: str, whose: str
) -> None:
    grant = ' GRANT SELECT ON s."a v" TO PUBLIC;'
    planned(project, TABLE.format("INT") + VIEW + grant)
    assert project.run("migrate").status == 0
    planned(project, TABLE.format("BIGINT") + VIEW + grant)
    project.query(by_hand.format(f'"{role}"'))
    done = project.run("migrate")
    assert (done.status, done.out) == (1, "")
    name = whose.format(f'"{role}"')
    column = ".n" if "(n)" in by_hand else ""
    on = 'column s."a v".n' if column else 'view s."a v"'
    assert f"what {name} may do with {on} was changed by hand, and " in done.err
    assert project.run("migrate", "--allow", 'DRIFT:s."a v"').status == 0


def test_a_routine_that_nobody_may_call_any_more_is_not_opened_in_silence(
    project: Project, role: str
) -> None:
    types = " CREATE TYPE s.e AS ENUM ({});"
    kept = TABLE.format("INT")
    planned(project, kept + types.format("'a', 'b'") + ROUTINE)
    assert project.run("migrate").status == 0
    project.query("REVOKE EXECUTE ON FUNCTION s.of(s.e) FROM PUBLIC")
    written(project, kept + types.format("'a'") + ROUTINE)
    done = project.run("plan", "-m", "x", "--allow", "DATA_LOSS", "--allow", "LOST_PROTECTION")
    assert done.status == 0, done.err
    assert "owner:routine.s.of(s.e) open" in said(project)
    done = project.run("migrate")
    assert (done.status, done.out) == (1, "")
    assert "what PUBLIC may do with routine s.of(s.e) was changed by hand" in done.err


def test_what_default_privileges_give_again_is_not_lost(project: Project, role: str) -> None:
    project.query(f'ALTER DEFAULT PRIVILEGES IN SCHEMA s GRANT SELECT ON TABLES TO "{role}"')
    project.query(f'GRANT SELECT ON s."a v" TO "{role}"')
    planned(project, TABLE.format("BIGINT") + VIEW)
    done = project.run("migrate")
    assert done.status == 0, done.err
    project.query(f'REVOKE SELECT ON s."a v" FROM "{role}"')
    planned(project, TABLE.format("NUMERIC") + VIEW)
    done = project.run("migrate")
    assert (done.status, f'what "{role}" may do with view s."a v"' in done.err) == (1, True)


def test_what_pending_revisions_grant_is_not_missed(project: Project, role: str) -> None:
    grant = f'GRANT SELECT ON s."a v" TO "{role}";'
    planned(project, TABLE.format("INT") + VIEW + grant)
    planned(project, TABLE.format("BIGINT") + VIEW + grant)
    done = project.run("migrate")
    assert done.status == 0, done.err
    assert project.run("verify", "--claim", "drift", "--claim", "ddl").status == 0
