"""What guards rows and goes, or is away for a moment: told. What stays, and what comes at once: not."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from projects import Project

if TYPE_CHECKING:
    from pathlib import Path

BASE = """
CREATE TABLE parents (id bigint PRIMARY KEY, owner text NOT NULL);
CREATE TABLE things (
    id bigint PRIMARY KEY, parent_id bigint CONSTRAINT f REFERENCES parents (id), note text
);
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER touched BEFORE UPDATE ON things FOR EACH ROW EXECUTE FUNCTION touch();
ALTER TABLE parents ENABLE ROW LEVEL SECURITY;
CREATE POLICY mine ON parents USING (owner = current_user);
CREATE VIEW bound WITH (security_invoker, check_option = cascaded) AS
    SELECT id FROM parents WHERE id > 1;
CREATE FUNCTION one() RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE POLICY few ON parents AS RESTRICTIVE USING (id > 0);
"""
NONE = "-- ringfence: transaction: none\n"


@pytest.fixture
def project(tmp_path: Path, database: str) -> Project:
    made = Project(tmp_path / "project", database)
    made.revision(
        "0001", BASE, "DROP VIEW bound; DROP TABLE things, parents; DROP FUNCTION touch(), one();"
    )
    assert made.run("migrate").status == 0
    return made


def told(project: Project, *ups: str) -> list[tuple[str, str, str]]:
    """What rehearsing revisions finds of guards: severity, code and message."""
    for number, up in enumerate(ups, 2):
        project.revision(f"{number:04}", up, "SELECT 1;")
    done = project.run("rehearse", "--format", "json")
    assert done.out, done.err
    findings = json.loads(done.out)["findings"]
    codes = ("LOST_PROTECTION", "OLD_WRITER", "OLD_READER", "FAILS")
    return [(f["severity"], f["code"], f["message"]) for f in findings if f["code"] in codes]


OFF = "ALTER TABLE parents DISABLE ROW LEVEL SECURITY;"
ON = "ALTER TABLE parents ENABLE ROW LEVEL SECURITY;"
AGAIN = "DROP POLICY mine ON parents; CREATE POLICY mine ON parents USING (owner = session_user);"
BARE = "DROP POLICY few ON parents; CREATE POLICY few ON parents AS RESTRICTIVE USING (id > 1);"
INSTEAD = (
    "CREATE POLICY few2 ON parents AS RESTRICTIVE USING (id > 1); DROP POLICY few ON parents;"
    " ALTER POLICY few2 ON parents RENAME TO few;"
)
UNTRIGGERED = "ALTER TABLE things DISABLE TRIGGER touched;"
TRIGGERED = "ALTER TABLE things ENABLE TRIGGER touched;"
SAID_AGAIN = (
    "CREATE OR REPLACE VIEW bound WITH (security_invoker = 1, check_option = local) AS"
    " SELECT id FROM parents WHERE id > 1;"
)
CASCADE = (
    "ALTER TABLE things DROP CONSTRAINT f;"
    " ALTER TABLE things ADD CONSTRAINT f FOREIGN KEY (parent_id) REFERENCES parents (id) {};"
)


@pytest.mark.parametrize(
    ("ups", "expected"),
    [
        pytest.param([AGAIN], [], id="a policy made again at once"),
        pytest.param(
            [NONE + AGAIN],
            [
                (
                    "warning",
                    "OLD_READER",
                    "after statement 1 of 0002 policy mine of public.parents is not there: nobody",
                )
            ],
            id="a policy that is away in between",
        ),
        pytest.param(
            ["DROP POLICY mine ON parents;", "CREATE POLICY other ON parents USING (true);"],
            [
                (
                    "warning",
                    "OLD_READER",
                    "after statement 1 of 0002 policy mine of public.parents is not there: nobody",
                )
            ],
            id="a policy that is away between two files",
        ),
        pytest.param(
            [f"{NONE}CREATE POLICY more ON parents USING (true); DROP POLICY mine ON parents;"],
            [],
            id="a policy whose successor comes first",
        ),
        pytest.param(
            [NONE + BARE],
            [
                (
                    "error",
                    "LOST_PROTECTION",
                    "after statement 1 of 0002 policy few of public.parents is not there: the rows",
                )
            ],
            id="a restrictive policy that is away in between",
        ),
        pytest.param([BARE], [], id="a restrictive policy made again at once"),
        pytest.param(
            ["DROP POLICY few ON parents;"],
            [
                (
                    "error",
                    "LOST_PROTECTION",
                    "after 0002 policy few of public.parents holds nobody back: the rows that it",
                )
            ],
            id="a restrictive policy that goes",
        ),
        pytest.param(
            [f"{NONE}CREATE POLICY few2 ON parents USING (id > 0); DROP POLICY few ON parents;"],
            [
                (
                    "error",
                    "LOST_PROTECTION",
                    "after 0002 policy few of public.parents holds nobody back: the rows that it",
                )
            ],
            id="a restrictive policy in whose place a permissive one comes",
        ),
        pytest.param(
            [NONE + INSTEAD],
            [],
            id="a restrictive policy whose successor comes first",
        ),
        pytest.param([f"{OFF} {ON}"], [], id="row security off within a transaction"),
        pytest.param(
            [f"{NONE}{OFF} UPDATE parents SET owner = 'a'; {ON}"],
            [
                (
                    "error",
                    "LOST_PROTECTION",
                    "after statement 1 of 0002 row security of public.parents is off, until a later",
                )
            ],
            id="row security off in between",
        ),
        pytest.param(
            [OFF],
            [
                (
                    "error",
                    "LOST_PROTECTION",
                    "after 0002 row security of public.parents is off: its policies bind nobody",
                )
            ],
            id="row security off",
        ),
        pytest.param(
            [
                NONE + "ALTER TABLE things ENABLE ROW LEVEL SECURITY;"
                " CREATE POLICY p ON things USING (true);"
            ],
            [
                (
                    "warning",
                    "OLD_READER",
                    "after statement 1 of 0002 row security of public.things is on, and it has no",
                )
            ],
            id="row security before its policies",
        ),
        pytest.param(
            [
                NONE + "CREATE POLICY p ON things USING (true);"
                " ALTER TABLE things ENABLE ROW LEVEL SECURITY;"
            ],
            [],
            id="row security behind its policies",
        ),
        pytest.param(
            [f"{UNTRIGGERED} UPDATE things SET note = 'a' WHERE id = 1; {TRIGGERED}"],
            [],
            id="a trigger off within a transaction",
        ),
        pytest.param(
            [f"{NONE}{UNTRIGGERED} UPDATE things SET note = 'a' WHERE id = 1; {TRIGGERED}"],
            [
                (
                    "warning",
                    "OLD_WRITER",
                    "after statement 1 of 0002 trigger touched of public.things is off until a later",
                )
            ],
            id="a trigger off in between",
        ),
        pytest.param(
            [UNTRIGGERED],
            [
                (
                    "warning",
                    "OLD_WRITER",
                    "after 0002 trigger touched of public.things is off: what is written to",
                )
            ],
            id="a trigger left off",
        ),
        pytest.param(
            ["ALTER TABLE things DISABLE TRIGGER ALL;"],
            [
                (
                    "error",
                    "OLD_WRITER",
                    "after 0002 constraint f of public.things is off: nothing looks at what is",
                ),
                (
                    "warning",
                    "OLD_WRITER",
                    "after 0002 trigger touched of public.things is off: what is written to",
                ),
            ],
            id="every trigger left off",
        ),
        pytest.param(
            ["DROP TRIGGER touched ON things; DROP FUNCTION touch();"], [], id="a trigger that goes"
        ),
        pytest.param(
            [CASCADE.format("ON DELETE CASCADE")],
            [
                (
                    "warning",
                    "OLD_WRITER",
                    "after 0002 deleting a row of public.parents takes the rows of public.things with",
                )
            ],
            id="a delete that takes rows with it",
        ),
        pytest.param(
            ["CREATE OR REPLACE VIEW bound AS SELECT id FROM parents WHERE id > 1;"],
            [
                ("error", "LOST_PROTECTION", "after 0002 view public.bound reads as its owner"),
                ("warning", "LOST_PROTECTION", "after 0002 view public.bound has no CHECK OPTION"),
            ],
            id="a view that forgets what it said",
        ),
        pytest.param(
            [SAID_AGAIN],
            [],
            id="a view that says it again",
        ),
        pytest.param(
            ["ALTER FUNCTION one() SECURITY DEFINER;"],
            [("warning", "LOST_PROTECTION", "after 0002 public.one() runs as its owner")],
            id="a function that runs as its owner",
        ),
        pytest.param([CASCADE.format("ON DELETE RESTRICT")], [], id="a delete that stays refused"),
        pytest.param(
            [
                "ALTER TABLE things ADD other bigint REFERENCES parents (id) ON DELETE CASCADE;",
                "CREATE TABLE more (id bigint REFERENCES parents (id) ON DELETE CASCADE);",
            ],
            [],
            id="a delete that takes rows which nobody knew",
        ),
    ],
)
def test_what_guards_rows(
    project: Project, ups: list[str], expected: list[tuple[str, str, str]]
) -> None:
    found = told(project, *ups)
    assert [(*each[:2], each[2][: len(e[2])]) for each, e in zip(found, expected, strict=True)] == (
        expected
    )


def test_whom_policies_bind_no_more(project: Project) -> None:
    roles = [f"{project.dsn.rpartition('/')[2].partition('?')[0]}_{n}" for n in "abcd"]
    a, b, c, d = roles
    grants = "".join(f'CREATE ROLE "{r}";' for r in roles)
    grants += f'GRANT SELECT, DELETE ON parents TO "{a}", "{b}", "{c}";'
    project.revision("0002", grants, "SELECT 1;")
    up = (
        f'ALTER ROLE "{a}" BYPASSRLS; ALTER ROLE "{b}" SUPERUSER;'
        f' ALTER TABLE things OWNER TO "{c}"; ALTER TABLE parents OWNER TO "{d}";'
        f' GRANT "{d}" TO "{c}";'
    )
    project.revision("0003", up, "SELECT 1;")
    done = project.run("rehearse", "0003", "--format", "json")
    findings = json.loads(done.out)["findings"]
    assert sorted(
        (f["severity"], f["message"].partition(": ")[0], f["message"].partition(": ")[2][:12])
        for f in findings
        if f["code"] == "LOST_PROTECTION"
    ) == [
        ("error", f"after 0003 no policy binds role {a} any more", "it has BYPAS"),
        ("error", f"after 0003 no policy binds role {b} any more", "it is a supe"),
        ("error", f"after 0003 policies of public.parents do not bind role {c}", "it belongs t"),
        ("warning", f"after 0003 policies of public.parents do not bind role {d}", "it owns the "),
    ]
    assert not [f for f in findings if f["code"].startswith("OLD_") and b in f["message"]]


def test_row_security_that_is_forced_no_more_is_told(project: Project) -> None:
    """Whoever owns the table here: where it runs, that may be somebody whom policies bind."""
    forced, not_forced = (
        f"ALTER TABLE parents {no}FORCE ROW LEVEL SECURITY;" for no in ("", "NO ")
    )
    project.revision("0002", forced, not_forced, after="0001")
    assert project.run("migrate").status == 0
    project.revision("0003", not_forced, forced, after="0002")
    done = project.run("rehearse", "--format", "json")
    (found,) = (f for f in json.loads(done.out)["findings"] if f["code"] == "LOST_PROTECTION")
    assert found["severity"] == "error"
    assert found["message"] == (
        "after 0003 row security of public.parents is not forced any more: its policies do not bind"
        " its owner"
    )
