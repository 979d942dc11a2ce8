"""What cannot be found out is said, and is never a pass."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from isolation.support import APP
from projects import Project
from ringfence.errors import Misuse
from ringfence.isolation.judge import State

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from isolation.support import Sound

SMALL = """
CREATE TABLE firm (id INT PRIMARY KEY);
CREATE TABLE note (id INT PRIMARY KEY, firm INT NOT NULL REFERENCES firm, said TEXT);
ALTER TABLE note ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON note USING (firm = nullif(current_setting('a.firm', true), '')::int);
"""


@pytest.fixture
def project(tmp_path: Path, database: str) -> Project:
    return Project(tmp_path / "project", database)


def looked(project: Project, *more: str) -> tuple[int, dict[str, Any]]:
    done = project.run("verify", "--claim", "isolation", "--format", "json", *more)
    assert done.err == "", done.err
    return done.status, json.loads(done.out)


def codes(document: dict[str, Any]) -> list[str]:
    """What is found, but for what PostgreSQL tells in every database."""
    found = [f["code"] for f in document["findings"]]
    return [code for code in found if code != "isolation/explain-tells"]


def test_without_tenants_there_is_nothing_to_try(project: Project) -> None:
    project.query("CREATE TABLE note (id INT PRIMARY KEY)")
    status, document = looked(project)
    assert status == 0
    (row,) = [c for c in document["coverage"] if c["subject"] == "isolation"]
    assert not row["checked"]
    assert row["skipped"] == (
        "there are no tenants: [tool.ringfence.tenancy] names no root, and no policy compares a"
        " column with a setting"
    )
    assert codes(document) == []
    # The rest is looked at all the same.
    assert project.run("verify", "--claim", "constraints-valid").status == 0


def test_without_a_role_nothing_was_shown(project: Project) -> None:
    project.query(SMALL)
    status, document = looked(project)
    (finding,) = document["findings"]
    assert (status, finding["code"], finding["severity"]) == (1, "isolation/no-role", "error")
    assert finding["message"] == (
        "no role but the owner may use tenants' tables: there is nobody to try as"
    )
    assert finding["help"] == (
        'name in [tool.ringfence.tenancy] what the application works as: roles = ["…"]'
    )


def test_a_superuser_proves_nothing(project: Project, sound: Sound) -> None:
    user = sound.ground.conn.info.user
    project.query(SMALL)
    project.say(f'[tool.ringfence.tenancy]\nroles = ["{user}"]')
    done = project.run("verify", "--claim", "isolation")
    assert done.status == 1
    assert done.err == (
        f"error: role {user} is a superuser: row security does not bind it, so trying as it would"
        " prove nothing\n"
        "hint: name in [tool.ringfence.tenancy] roles what the application works as\n"
    )
    assert done.out == ""


def test_a_role_that_is_not_there(project: Project, sound: Sound) -> None:
    project.query(SMALL)
    project.say('[tool.ringfence.tenancy]\nroles = ["no such role"]')
    done = project.run("verify", "--claim", "isolation")
    assert done.status == 2
    said, hint = done.err.splitlines()
    assert said == (
        "error: [tool.ringfence.tenancy] roles names no such role, and there is no such role"
    )
    assert hint.startswith("hint: there are: ")
    assert APP in hint
    assert done.out == ""


def test_constraints_that_no_row_meets(project: Project, sound: Sound) -> None:
    project.query(f"{SMALL} ALTER TABLE note ADD CONSTRAINT never CHECK (id > 5 AND id < 5);")
    project.query(f"GRANT SELECT ON note TO {APP}")
    status, document = looked(project)
    (finding,) = document["findings"]
    assert (status, finding["code"]) == (1, "isolation/inconclusive")
    assert finding["message"] == ("nothing could be tried: no row for public.note satisfies never")
    assert finding["help"] == unsolvable("note")


def test_a_root_that_can_have_no_row(project: Project, sound: Sound) -> None:
    project.query(f"{SMALL} ALTER TABLE firm ADD CONSTRAINT never CHECK (id IS NULL);")
    project.query(f"GRANT SELECT ON note TO {APP}")
    status, document = looked(project)
    (finding,) = document["findings"]
    assert (status, finding["code"]) == (1, "isolation/inconclusive")
    assert finding["message"] == "nothing could be tried: no row for public.firm satisfies never"
    assert finding["help"] == unsolvable("firm")


def unsolvable(table: str) -> str:
    """What to do about a table whose constraints no row meets."""
    return (
        "nothing was written; see whether any row can satisfy it, and say which values do in"
        f' pyproject.toml, [tool.ringfence.seed.columns]: "public.{table}.id" = ["…"]'
    )


def test_in_place_takes_a_root_with_rows(project: Project, sound: Sound) -> None:
    project.query(f"{SMALL} GRANT SELECT ON note, firm TO {APP}")
    assert project.run("db", "mark-disposable").status == 0
    status, document = looked(project, "--in-place")
    (finding,) = document["findings"]
    assert (status, finding["code"]) == (1, "isolation/inconclusive")
    assert finding["message"] == (
        "nothing could be tried: public.firm has 0 rows, and it takes two tenants"
    )
    assert finding["help"] == "ringfence seed --tenants 2 makes some; or leave --in-place away"


def test_what_never_ends_is_reported_by_its_name(project: Project, sound: Sound) -> None:
    """Bounded, and no pass: what could not be found out is a finding and lowers the coverage."""
    project.query(
        f"{SMALL} GRANT SELECT ON note TO {APP};"
        " CREATE FUNCTION wait(firm INT) RETURNS INT LANGUAGE plpgsql AS $$ BEGIN"
        " LOOP PERFORM FROM note; END LOOP; END $$;"
        " REVOKE EXECUTE ON FUNCTION wait FROM PUBLIC;"
        f" GRANT EXECUTE ON FUNCTION wait TO {APP}"
    )
    status, document = looked(project)
    assert status == 1
    assert codes(document) == ["isolation/coverage", "isolation/inconclusive"]
    share, unknown = document["findings"][:2]
    (row,) = [c for c in document["coverage"] if c["subject"] == "isolation"]
    tried = row["count"] + 1
    assert share["message"] == (
        f"{100 * row['count'] // tried} % of {tried} probes are conclusive, 100 % are asked for"
    )
    assert share["help"] == "--require-coverage N allows less"
    assert (unknown["severity"], unknown["ref"]) == ("warning", "function:public.wait(integer)")
    assert unknown["message"] == (
        "nothing is known of call on public.wait(integer): it did not end within 2 s"
    )


@pytest.fixture
def nobody(sound: Sound) -> Iterator[str]:
    """A role that may log in, and nothing else."""
    name = f"ringfence_nobody_{uuid4().hex[:8]}"
    with psycopg.connect(sound.ground.conn.info.dsn, autocommit=True) as admin:
        admin.execute(f"CREATE ROLE {name} LOGIN".encode())
        yield name
        admin.execute(f"DROP OWNED BY {name}; DROP ROLE {name}".encode())


def test_who_may_make_no_database_has_it_tried_elsewhere(project: Project, nobody: str) -> None:
    """On a server of our own, of the same major version; the schema is copied by who may read it."""
    project.query(f"{SMALL} GRANT SELECT ON note, firm TO {APP}")
    admin, project.dsn = project.dsn, make_conninfo(project.dsn, user=nobody)
    status, document = looked(project)
    (finding,) = document["findings"]
    assert (status, finding["code"]) == (1, "isolation/inconclusive")
    assert "permission denied for table" in finding["message"]
    assert finding["help"] == (
        "copying the schema takes a role that may read its tables: GRANT pg_read_all_data"
    )
    project.query(f"GRANT pg_read_all_data TO {nobody}", dsn=admin)
    status, document = looked(project)
    assert (status, codes(document)) == (1, ["isolation/row-security-off"])


def test_where_no_shadow_can_be_made_nothing_was_shown(
    project: Project, nobody: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.query(f"{SMALL} GRANT SELECT ON note, firm TO {APP}")
    shown = f"{nobody}@{psycopg.conninfo.conninfo_to_dict(project.dsn)['dbname']}"
    project.dsn = make_conninfo(project.dsn, user=nobody)

    def none(*_: object) -> None:
        raise Misuse("no PostgreSQL of that version is here")

    monkeypatch.setattr("ringfence.pg.shadow.spare", none)
    status, document = looked(project)
    (finding,) = document["findings"]
    assert (status, finding["code"]) == (1, "isolation/inconclusive")
    assert finding["message"].startswith(
        f"nothing could be tried: nowhere to make a shadow: the role at {shown}"
    )
    assert finding["message"].endswith("may not create databases")
    assert finding["help"] == (
        "give a PostgreSQL server of the same major version that may be used:"
        " --shadow postgresql://…"
    )


def test_in_place_takes_a_superuser(project: Project, nobody: str) -> None:
    project.query(f"{SMALL} GRANT SELECT ON note, firm TO {APP}")
    project.run("db", "mark-disposable")
    project.dsn = make_conninfo(project.dsn, user=nobody)
    done = project.run("verify", "--in-place")
    assert (done.status, done.out) == (1, "")
    said, hint = done.err.splitlines()
    assert said.startswith("error: --in-place takes a superuser at ")
    assert said.endswith(", who can become any role")
    assert hint == "hint: leave --in-place away: a shadow is made where one is superuser"


def test_in_place_is_refused_where_it_may_do_harm(project: Project, sound: Sound) -> None:
    project.query(f"{SMALL} GRANT SELECT ON note, firm TO {APP}")
    done = project.run("verify", "--in-place")
    assert (done.status, done.out) == (1, "")
    said, hint = done.err.splitlines()
    assert said.startswith("error: ")
    assert said.endswith("is not marked disposable: --in-place changes rows there, and undoes it")
    assert hint == (
        "hint: ringfence db mark-disposable, where nobody works in it; or leave --in-place away"
    )


def test_in_place_takes_two_tenants(project: Project, sound: Sound) -> None:
    project.query(f"{SMALL} GRANT SELECT ON note, firm TO {APP}; INSERT INTO firm VALUES (1)")
    assert project.run("db", "mark-disposable").status == 0
    status, document = looked(project, "--in-place")
    (finding,) = document["findings"]
    assert (status, finding["code"]) == (1, "isolation/inconclusive")
    assert finding["message"] == (
        "nothing could be tried: public.firm has 1 row, and it takes two tenants"
    )
    assert finding["help"] == "ringfence seed --tenants 2 makes some; or leave --in-place away"


def test_in_place_with_the_rows_there_are_which_stay(project: Project, sound: Sound) -> None:
    project.query(
        f"{SMALL} GRANT SELECT ON note, firm TO {APP}; GRANT DELETE, UPDATE ON note TO {APP}"
    )
    project.query("INSERT INTO firm VALUES (1), (2), (3)")
    project.query(
        "INSERT INTO note SELECT 10 * f + n, f, 'said ' || f || n"
        " FROM generate_series(1, 3) AS f, generate_series(1, f) AS n"
    )
    before = project.query("SELECT n, xmin::text FROM note AS n ORDER BY id")
    project.run("db", "mark-disposable")
    status, document = looked(project, "--in-place")
    # Whoever may change a number learns which ones are taken.
    assert (status, codes(document)) == (1, ["isolation/row-security-off", "isolation/key-oracle"])
    assert document["findings"][0]["ref"] == "table:public.firm"
    assert project.query("SELECT n, xmin::text FROM note AS n ORDER BY id") == before


def test_in_place_where_sessions_name_persons(project: Project, sound: Sound) -> None:
    """Of each of two tenants a person is found, or made, who belongs to no other one; undone after."""
    me = "nullif(current_setting('a.person', true), '')::int"
    project.query(
        f"""CREATE TABLE person (id INT PRIMARY KEY); CREATE TABLE firm (id INT PRIMARY KEY);
        CREATE TABLE member (firm INT REFERENCES firm, person INT REFERENCES person, PRIMARY KEY (firm, person));
        CREATE TABLE note (id INT PRIMARY KEY, firm INT NOT NULL REFERENCES firm, said TEXT NOT NULL);
        ALTER TABLE member ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
        ALTER TABLE note ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
        CREATE POLICY own ON member USING (person = {me});
        CREATE POLICY own ON note USING (firm IN (SELECT firm FROM member WHERE person = {me})) WITH CHECK (true);
        GRANT SELECT ON member TO {APP}; GRANT SELECT, INSERT ON note TO {APP};
        INSERT INTO firm VALUES (1), (2); INSERT INTO person VALUES (7), (8), (9);
        INSERT INTO member VALUES (1, 7), (1, 9), (2, 8), (2, 9);
        INSERT INTO note SELECT 10 * f + n, f, 'said to ' || f || n
            FROM generate_series(1, 2) AS f, generate_series(1, 3) AS n"""
    )
    before = project.query("SELECT m, xmin::text FROM member AS m ORDER BY 1")
    project.run("db", "mark-disposable")
    status, document = looked(project, "--in-place")
    found = [f["ref"] for f in document["findings"] if f["code"] == "isolation/policy"]
    assert (status, found) == (1, ["table:public.note"])
    assert project.query("SELECT m, xmin::text FROM member AS m ORDER BY 1") == before


def test_in_place_compares_no_more_than_it_can(
    project: Project, sound: Sound, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ringfence.isolation.MANY", 3)
    project.query(
        f"{SMALL} GRANT SELECT ON note TO {APP}; INSERT INTO firm VALUES (1), (2), (3), (4)"
    )
    project.run("db", "mark-disposable")
    _, document = looked(project, "--in-place")
    assert document["findings"][0]["message"].startswith(
        "nothing could be tried: tenants have more than 3 rows there"
    )


def test_what_is_accepted_is_information_until_its_day(project: Project, sound: Sound) -> None:
    project.query(SMALL)
    project.query(f"GRANT SELECT ON note, firm TO {APP}")
    status, document = looked(project)
    assert codes(document) == ["isolation/row-security-off"]
    assert status == 1
    accepted = (
        "[[tool.ringfence.accepted]]\n"
        'finding = "isolation/row-security-off:*firm"\n'
        'reason = "their names are known"\n'
        "until = {}\n"
    )
    project.say(accepted.format("9000-01-01"))
    status, document = looked(project)
    assert status == 0
    assert {f["severity"] for f in document["findings"]} == {"info"}
    assert accepted_(document)["help"] == "accepted until 9000-01-01: their names are known"
    config = project.root / "pyproject.toml"
    config.write_text(config.read_text().replace("9000-01-01", "2020-01-01"))
    status, document = looked(project)
    assert status == 1
    assert accepted_(document)["help"].endswith(
        "it was accepted until 2020-01-01: their names are known"
    )


def accepted_(document: dict[str, Any]) -> dict[str, Any]:
    """The finding that was accepted."""
    found: dict[str, Any]
    (found,) = [f for f in document["findings"] if f["code"] == "isolation/row-security-off"]
    return found


def test_a_function_that_does_not_end_is_inconclusive(sound: Sound) -> None:
    cells, causes = sound.with_(
        "CREATE FUNCTION trade.wait(p_customer UUID) RETURNS TEXT LANGUAGE plpgsql AS $$ BEGIN"
        " LOOP PERFORM FROM trade.customer; END LOOP; END $$;"
        "REVOKE EXECUTE ON FUNCTION trade.wait FROM PUBLIC;"
        f"GRANT EXECUTE ON FUNCTION trade.wait TO {APP}"
    )
    (cell,) = [c for c in cells if c.ref.name[1] == "wait"]
    assert cell.state is State.INCONCLUSIVE
    assert cell.because == "it did not end within 2 s"
    assert sound.said(causes) == []


def test_a_function_that_raises_is_inconclusive(project: Project, sound: Sound) -> None:
    """It might show something if it did not; and what it says is told."""
    project.query(
        f"""CREATE TABLE firm (id INT PRIMARY KEY);
        CREATE TABLE note (id INT PRIMARY KEY, firm INT NOT NULL REFERENCES firm, said TEXT);
        ALTER TABLE note ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
        CREATE POLICY own ON note USING (firm = nullif(current_setting('a.firm', true), '')::int);
        GRANT SELECT ON note TO {APP};
        CREATE FUNCTION broken() RETURNS TEXT LANGUAGE plpgsql AS $$ BEGIN
            PERFORM FROM note; RAISE 'never mind'; END $$;"""
    )
    status, document = looked(project)
    (finding,) = [f for f in document["findings"] if f["code"] == "isolation/inconclusive"]
    assert (status, finding["ref"]) == (1, "function:public.broken()")
    assert finding["message"] == (
        "nothing is known of call on public.broken(): no call of 1 reaches a row of B's for a"
        " superuser: never mind [P0001]"
    )


def test_a_view_that_does_not_end_is_inconclusive(sound: Sound) -> None:
    cells, causes = sound.with_(
        "CREATE VIEW trade.endless AS WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r)"
        " SELECT c.id, r.n FROM trade.customer AS c, r WHERE r.n < 0;"
        f"GRANT SELECT ON trade.endless TO {APP}"
    )
    states = {c.state for c in cells if c.ref.name[1] == "endless"}
    assert states == {State.INCONCLUSIVE}
    assert sound.said(causes) == []
