"""What a revision was planned on: somebody changes the schema between plan and apply."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
import pytest

from faults import stages
from projects import Project, lines

if TYPE_CHECKING:
    from pathlib import Path

BEFORE = "CREATE SCHEMA s; CREATE TABLE s.t (id INT PRIMARY KEY); CREATE TABLE s.u (id INT);"
AFTER = (
    "CREATE SCHEMA s; CREATE TABLE s.t (id INT PRIMARY KEY, x INT); CREATE TABLE s.u (id INT);"
    ' CREATE TABLE s."od""d" (a INT);'
)


@pytest.fixture
def project(tmp_path: Path, database: str) -> Project:
    """A database at 0001, and 0002 planned: a column more in s.t, and a new table."""
    made = Project(tmp_path / "project", database)
    made.revision("0001", BEFORE, "DROP SCHEMA s CASCADE;")
    assert made.run("migrate").out == "now at 0001\n"
    (made.root / "ddl").mkdir(exist_ok=True)
    (made.root / "ddl" / "s.sql").write_text(AFTER, encoding="utf-8")
    planned = made.run("plan", "-m", "more")
    assert planned.status == 0, planned.err
    return made


def said(project: Project) -> list[str]:
    """The lines of the planned file that say what it was planned on."""
    (path,) = project.versions.glob("0002*.up.sql")
    text = path.read_text(encoding="utf-8")
    return [line for line in text.splitlines() if "planned-on" in line]


def test_a_file_says_what_it_was_planned_on(project: Project) -> None:
    (line,) = said(project)
    assert line.startswith("-- ringfence: planned-on: ")
    assert line.split()[4] == "table:s.t"
    assert len(line.split()[5]) == 16


@stages("F30")
@pytest.mark.parametrize(
    "by_hand",
    [
        "ALTER TABLE s.t ADD y INT",
        "CREATE INDEX hot ON s.t (id)",
        "ALTER TABLE s.t ENABLE ROW LEVEL SECURITY",
        "CREATE POLICY p ON s.t USING (TRUE)",
        "ALTER TABLE s.t ADD CHECK (id > 0)",
    ],
)
def test_an_object_that_somebody_changed_by_hand_is_refused(project: Project, by_hand: str) -> None:
    project.query(by_hand)
    before = project.history()
    done = project.run("migrate")
    assert (done.status, done.out) == (1, "")
    assert done.err == lines(
        "error: 1 object changed since revision 0002 (more) was planned",
        "detail: table s.t is not what it was planned on",
        "hint: ringfence verify shows what differs: put it in a revision, or undo it; to run it all"
        " the same: --allow 'DRIFT:s.t'",
    )
    assert project.history() == before
    assert project.query('SELECT to_regclass(\'s."od""d"\')') == [(None,)]
    alembic = project.alembic("upgrade", "head")
    assert alembic.status != 0
    assert "1 object changed since revision 0002 (more) was planned" in alembic.out
    assert project.run("migrate", "--allow", "DRIFT:s.t").out == "now at 0002\n"


HOTFIX = 'ALTER TABLE s.t ADD x INT; CREATE TABLE s."od""d" (a INT);'


@stages("F30")
def test_what_somebody_did_by_hand_and_is_a_revision_now_is_recorded(project: Project) -> None:
    project.query(HOTFIX)
    done = project.run("migrate")
    assert (done.status, done.err) == (
        1,
        lines(
            "error: 1 object changed since revision 0002 (more) was planned: the database is what"
            " revision 0002 (more) makes",
            "detail: table s.t is not what it was planned on",
            "hint: to record that as applied, and run nothing: ringfence migrate --baseline 0002",
        ),
    )
    done = project.run("migrate", "--baseline", "0002")
    assert (done.status, done.out) == (0, "recorded as applied: 0002\n"), done.err
    assert project.history("event", "revision")[-1] == ("baseline", "0002")
    assert project.run("migrate").out == "nothing to do: at 0002\n"
    assert project.run("verify", "--claim", "drift").status == 0
    again = project.run("migrate", "--baseline", "0002")
    assert (again.status, "stands at revision 0002 already" in again.err) == (1, True)
    back = project.run("migrate", "--to", "0001", "--yes", "--allow", "DATA_LOSS")
    assert back.out == "now at 0001\n"
    assert project.run("migrate").out == "now at 0002\n"


def test_what_is_done_by_hand_is_recorded_without_agreeing_to_its_hazards(
    project: Project,
) -> None:
    project.run("migrate")
    (project.root / "ddl" / "s.sql").write_text(AFTER.replace(", x INT", ""), encoding="utf-8")
    assert project.run("plan", "-m", "less", "--allow", "DATA_LOSS").status == 0
    project.query("ALTER TABLE s.t DROP x")
    for file in project.versions.glob("0003*.up.sql"):
        file.write_text(file.read_text().replace(" allowed:", " hazard:"), encoding="utf-8")
    project.run("lock", dsn="")
    assert "nobody agreed to" in project.run("migrate").err
    done = project.run("migrate", "--baseline", "head")
    assert done.out == "recorded as applied: 0003\n", done.err
    assert project.run("verify", "--claim", "drift").err == ""


@stages("F30")
@pytest.mark.parametrize(
    ("by_hand", "told"),
    [
        ("", ("column s.t.x is in revision 0002 and not in the database", 'table s."od""d" is in')),
        (HOTFIX.replace("x INT", "x BIGINT"), ("column s.t.x differs: type is bigint in the",)),
        (f"{HOTFIX} CREATE INDEX more ON s.t (x)", ("index s.more is in the database and not in",)),
    ],
)
def test_what_is_not_what_a_revision_makes_is_not_recorded(
    project: Project, by_hand: str, told: tuple[str, ...]
) -> None:
    if by_hand:
        project.query(by_hand)
    before = project.history()
    done = project.run("migrate", "--baseline", "0002")
    assert (done.status, done.out) == (1, "")
    assert "is not what revision 0002 makes: nothing was recorded\n" in done.err
    for each in told:
        assert each in done.err
    assert project.history() == before
    assert "--baseline" not in project.run("migrate").err


@pytest.mark.parametrize(
    ("sql", "told"),
    [
        ("UPDATE s.u SET id = 1;", "the schema does not show what UPDATE s.u SET id = 1 did"),
        ("CREATE TABLE s.n AS SELECT 1 AS a;", "what CREATE TABLE s.n AS SELECT 1 AS a did"),
        ("DO $$ BEGIN PERFORM 1; END $$;", "what DO $$ BEGIN PERFORM 1; END $$ did"),
        ("ALTER ROLE CURRENT_USER SET work_mem = '4MB';", "what ALTER ROLE CURRENT_USER"),
    ],
)
def test_what_no_schema_shows_is_not_recorded(project: Project, sql: str, told: str) -> None:
    assert project.run("migrate").status == 0
    project.revision("0003", sql, after="0002")
    before = project.history()
    done = project.run("migrate", "--baseline", "0003")
    assert (done.status, done.out) == (1, "")
    assert "error: whether revision 0003 (revision 0003) has run cannot be told" in done.err
    assert told in done.err
    assert done.err.endswith("all that it does is done: alembic stamp 0003\n")
    assert project.history() == before


def test_partitions_that_came_meanwhile_do_not_keep_a_hotfix_from_being_recorded(
    project: Project,
) -> None:
    project.revision("0003", "CREATE TABLE s.p (d INT) PARTITION BY RANGE (d);", after="0002")
    project.run("lock", dsn="")
    assert project.run("migrate").out == "now at 0003\n"
    project.query("CREATE TABLE s.p_1 PARTITION OF s.p FOR VALUES FROM (1) TO (2)")
    project.revision("0004", "CREATE TABLE s.v ();")
    project.run("lock", dsn="")
    project.query("CREATE TABLE s.v ()")
    assert project.run("migrate", "--baseline", "0004").out == "recorded as applied: 0004\n"


@stages("F30")
def test_an_object_that_is_gone_is_refused(project: Project) -> None:
    project.query("DROP TABLE s.t")
    done = project.run("migrate")
    assert done.status == 1
    assert "detail: table s.t is not there any more\n" in done.err


def test_what_is_made_again_as_it_was_is_what_it_was_planned_on(project: Project) -> None:
    """A hotfix of it would be undone in silence, as it was planned before."""
    assert project.run("migrate").status == 0
    schema = (
        AFTER + " CREATE FUNCTION s.mine(a INT{}) RETURNS BOOLEAN LANGUAGE sql AS 'SELECT a > 0';"
        " CREATE POLICY p ON s.u USING (s.mine(id)); CREATE VIEW s.v AS SELECT s.mine(id) FROM s.u;"
    )
    file = project.root / "ddl" / "s.sql"
    file.write_text(schema.format(""), encoding="utf-8")
    assert project.run("plan", "-m", "mine").status == 0
    assert project.run("migrate").out == "now at 0003\n"
    file.write_text(schema.format(", b INT DEFAULT 1"), encoding="utf-8")
    planned = project.run("plan", "-m", "yours", "--allow", "LOST_PROTECTION")
    assert planned.status == 0, planned.err
    project.query("ALTER POLICY p ON s.u USING (s.mine(id) AND id < 9)")
    project.query("CREATE OR REPLACE VIEW s.v AS SELECT s.mine(id), id FROM s.u")
    done = project.run("migrate")
    assert (done.status, done.out) == (1, "")
    assert "table s.u is not what it was planned on" in done.err
    assert "view s.v is not what it was planned on" in done.err


def test_what_differs_between_databases_alike_is_no_drift(project: Project) -> None:
    project.query(
        "GRANT SELECT ON s.t TO PUBLIC; COMMENT ON TABLE s.t IS 'hot';"
        " ALTER TABLE s.u ADD z INT; CREATE TABLE s.other ()"
    )
    done = project.run("migrate")
    assert (done.status, done.out) == (0, "now at 0002\n"), done.err


def test_default_privileges_of_a_schema_are_no_drift(project: Project) -> None:
    assert project.run("migrate").status == 0
    some = f"{AFTER} ALTER DEFAULT PRIVILEGES IN SCHEMA s GRANT SELECT ON TABLES TO PUBLIC;"
    for privileges in ("", ", INSERT"):
        file = project.root / "ddl" / "s.sql"
        file.write_text(some.replace("SELECT", f"SELECT{privileges}"), encoding="utf-8")
        assert project.run("plan", "-m", f"default{privileges}").status == 0
        done = project.run("migrate")
        assert done.status == 0, done.err
    project.query("ALTER DEFAULT PRIVILEGES IN SCHEMA s GRANT UPDATE ON TABLES TO PUBLIC")
    file.write_text(f"COMMENT ON SCHEMA s IS 'x'; {some}", encoding="utf-8")
    assert project.run("plan", "-m", "less").status == 0
    done = project.run("migrate")
    assert done.status == 0, done.err


def test_what_the_configuration_says_comes_of_it(project: Project) -> None:
    project.query("ALTER TABLE s.t ADD y INT")
    before = (project.root / "pyproject.toml").read_text()
    project.say('[tool.ringfence.migrate]\ndrift = "nothing"\n')
    done = project.run("migrate")
    assert done.status == 2
    assert 'drift is "nothing"' in done.err
    (project.root / "pyproject.toml").write_text(before)
    project.say('[tool.ringfence.migrate]\ndrift = "warn"\n')
    done = project.run("migrate")
    assert (done.status, done.out) == (0, "now at 0002\n"), done.err
    assert (
        "  somebody has changed the database: table s.t is not what it was planned on\n" in done.err
    )


def test_the_database_is_not_read_where_nobody_asks(project: Project) -> None:
    project.query("ALTER TABLE s.t ADD y INT")
    project.say('[tool.ringfence.migrate]\ndrift = "off"\n')
    done = project.run("migrate")
    assert (done.status, done.out) == (0, "now at 0002\n"), done.err
    assert "changed" not in done.err


def test_what_an_earlier_pending_revision_changes_is_not_drift(project: Project) -> None:
    (project.root / "ddl" / "s.sql").write_text(AFTER.replace("x INT", "x INT, y INT"), "utf-8")
    assert project.run("plan", "-m", "yet more").status == 0
    assert project.run("migrate").out == "now at 0003\n"


def test_what_an_earlier_pending_revision_makes_is_not_missed(project: Project) -> None:
    (project.root / "ddl" / "s.sql").write_text(AFTER.replace("a INT", "a INT, b INT"), "utf-8")
    assert project.run("plan", "-m", "more of what is new").status == 0
    done = project.run("migrate")
    assert (done.status, done.out) == (0, "now at 0003\n"), done.err


def test_another_major_version_is_told_and_not_compared(project: Project) -> None:
    (path,) = project.versions.glob("0002*.up.sql")
    text = path.read_text(encoding="utf-8")
    major = said(project)[0].split()[3]
    path.write_text(text.replace(f"planned-on: {major} ", "planned-on: 9 "), encoding="utf-8")
    project.query("ALTER TABLE s.t ADD y INT")
    done = project.run("migrate")
    assert (done.status, done.out) == (0, "now at 0002\n"), done.err
    assert (
        f"planned on PostgreSQL 9, and this is {major}: not compared with what it was planned on"
        in done.err
    )


def test_a_line_that_cannot_be_read_is_refused(project: Project) -> None:
    (path,) = project.versions.glob("0002*.up.sql")
    path.write_text(f"-- ringfence: planned-on: oops\n{path.read_text('utf-8')}", "utf-8")
    done = project.run("migrate")
    assert done.status == 2
    assert "planned-on says 'oops'" in done.err


@stages("F30")
def test_what_it_has_done_itself_is_no_drift(project: Project) -> None:
    """It came to its second statement and no further; whoever undoes the first is told what to do."""
    assert project.run("migrate").status == 0
    ddl = AFTER.replace("x INT)", "x INT UNIQUE)")
    (project.root / "ddl" / "s.sql").write_text(ddl, encoding="utf-8")
    assert project.run("plan", "-m", "unique").status == 0
    (path,) = project.versions.glob("0003*.up.sql")
    text = path.read_text(encoding="utf-8")
    assert "planned-on: " in text
    path.write_text(f"-- ringfence: lock-deadline: 0\n{text}", encoding="utf-8")
    with psycopg.connect(project.dsn) as holder:
        holder.execute("LOCK s.t IN ACCESS SHARE MODE")
        done = project.run("migrate")
        assert (done.status, "statement 2 of 2: run it again" in done.err) == (75, True), done.err
    project.query("ALTER INDEX s.t_x_key RENAME TO aside")
    done = project.run("migrate")
    assert (done.status, done.err.splitlines()[-1]) == (
        3,
        (
            "hint: statement 1 of the file has run before; if what it made was dropped since, have the"
            ' revision begin anew: ringfence repair 0003 --reason "…"'
        ),
    )
    project.query("ALTER INDEX s.aside RENAME TO t_x_key")
    assert project.run("migrate").out == "now at 0003\n"
    assert project.run("diff", "live", "ddl").status == 0


@stages("F17")
@pytest.mark.parametrize("how", ["rebase", "merge"])
def test_of_two_branches_one_does_not_know_what_the_other_changed(
    project: Project, how: str
) -> None:
    (mine,) = project.versions.glob("0002*.py")
    project.revision("x2", "ALTER TABLE s.t ADD z INT;", after="0001")
    done = project.run("migrate", "x2")
    assert done.out == "now at x2\n", done.err
    if how == "rebase":
        moved = project.run("rebase")
        assert (moved.status, moved.out) == (
            0, f"migrations/versions/{mine.name}: 0002 follows x2\n"
        )  # fmt: skip
        assert moved.err == (
            "0002: what it was planned on is left out, the other branch may have changed it;"
            " ringfence rehearse tries it on what is there now\n"
        )
        assert said(project) == []
    else:
        project.revision("3", "", "", after=("0002", "x2"), title="both")
    done = project.run("migrate")
    assert done.status == 0, done.err
    assert ("0002 was planned beside what is applied" in done.err) == (how == "merge")
    assert project.query("SELECT x, z FROM s.t") == []
