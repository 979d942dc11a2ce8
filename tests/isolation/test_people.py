"""Sessions that name a person, whose tenants a table of members lists."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
import pytest

from isolation.support import APP, Sound, roles
from ringfence.config import Tenancy
from ringfence.errors import Misuse
from ringfence.isolation import everything, other_tenancies, prepare, who
from ringfence.isolation.causes import Sorter, deletes, try_fixes
from ringfence.isolation.judge import State
from ringfence.seed import model, read

if TYPE_CHECKING:
    from collections.abc import Iterator

    from psycopg import Connection

    from ringfence.isolation import Cell
    from ringfence.isolation.causes import Cause

MINE = "(SELECT firm FROM member WHERE person = p.me())"

SCHEMA = f"""
CREATE SCHEMA p; GRANT USAGE ON SCHEMA p TO {APP}; SET search_path = p;
CREATE FUNCTION p.me() RETURNS UUID LANGUAGE sql STABLE
    AS $$ SELECT nullif(current_setting('a.person', true), '')::uuid $$;
CREATE TABLE person (id UUID PRIMARY KEY DEFAULT gen_random_uuid(), mail TEXT NOT NULL);
CREATE TABLE firm (id INT PRIMARY KEY, name TEXT NOT NULL);
CREATE TABLE member (
    firm INT NOT NULL REFERENCES firm, person UUID NOT NULL REFERENCES person,
    rank TEXT NOT NULL CHECK (rank IN ('guest', 'own"er')), PRIMARY KEY (firm, person)
);
CREATE TABLE job (id UUID PRIMARY KEY DEFAULT gen_random_uuid(), firm INT NOT NULL REFERENCES firm, said TEXT);
CREATE TABLE bill (id UUID PRIMARY KEY DEFAULT gen_random_uuid(), firm INT NOT NULL REFERENCES firm, said TEXT);
CREATE TABLE note (id UUID PRIMARY KEY DEFAULT gen_random_uuid(), firm INT NOT NULL REFERENCES firm, said TEXT);
ALTER TABLE firm ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE member ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE job ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE bill ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE note ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON member FOR SELECT USING (person = me());
CREATE POLICY own ON firm FOR SELECT USING (id IN {MINE});
CREATE POLICY own ON job USING (firm IN {MINE});
CREATE POLICY own ON bill USING (EXISTS (
    SELECT FROM member AS m WHERE m.firm = bill.firm AND m.person = me() AND m.rank = 'own"er'));
CREATE POLICY own ON note USING (firm IN {MINE});
GRANT SELECT ON member, firm TO {APP};
GRANT SELECT, INSERT, UPDATE, DELETE ON job, bill, note TO {APP};
RESET search_path;
"""

FUNCTION = """
CREATE FUNCTION p.mine() RETURNS SETOF INT LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path = p, pg_temp AS $$ SELECT firm FROM member WHERE person = me() $$;
ALTER POLICY own ON p.firm USING (id IN (SELECT p.mine()));
ALTER POLICY own ON p.job USING (firm IN (SELECT p.mine()));
ALTER POLICY own ON p.bill USING (firm IN (SELECT p.mine()));
ALTER POLICY own ON p.note USING (firm IN (SELECT p.mine()));
"""


@pytest.fixture
def conn(database: str) -> Iterator[Connection[tuple[object, ...]]]:
    with psycopg.connect(database, autocommit=True) as connection:
        roles(connection)
        connection.execute(SCHEMA.encode())
        yield connection


def found(conn: Connection[tuple[object, ...]], tenancy: Tenancy) -> tuple[str, str, str]:
    """The root, where persons are listed, and the setting that names one."""
    shape = read(conn)
    here = model(shape, tenancy)
    if here.members is None:
        return here.root.path if here.root else "", "", here.setting
    place = f"{shape.tables[here.members.table].path}.{here.members.person}"
    return here.root.path if here.root else "", place, here.members.setting


def look(
    conn: Connection[tuple[object, ...]], database: str, tenancy: Tenancy
) -> tuple[list[Cell], list[Cause]]:
    """Every cell, and the causes with their fixes tried."""
    ground = prepare(conn, tenancy, who(conn, tenancy, []), [])
    ground.begin()
    with psycopg.connect(database, autocommit=True) as fresh:
        cells = everything(ground.examiner(), fresh)
    causes = Sorter(ground, cells, deletes(ground)).sort()
    try_fixes(ground, causes, cells)
    conn.rollback()
    return cells, causes


def test_persons_are_found_where_policies_look_them_up(
    conn: Connection[tuple[object, ...]],
) -> None:
    assert found(conn, Tenancy()) == ("p.firm", "p.member.person", "a.person")
    conn.execute(FUNCTION)
    assert found(conn, Tenancy()) == ("p.firm", "p.member.person", "a.person")
    named = Tenancy(root="p.firm", members="p.member.person", setting="b.person")
    assert found(conn, named) == ("p.firm", "p.member.person", "b.person")


def test_a_list_of_whom_a_row_is_shared_with_lists_no_members(
    conn: Connection[tuple[object, ...]],
) -> None:
    conn.execute(
        """SET search_path = p; DROP TABLE member, job, bill, note CASCADE;
        CREATE TABLE doc (id INT PRIMARY KEY, firm INT NOT NULL REFERENCES firm);
        CREATE TABLE share (
            doc INT REFERENCES doc, firm INT REFERENCES firm, PRIMARY KEY (doc, firm)
        );
        ALTER TABLE doc ENABLE ROW LEVEL SECURITY;
        CREATE POLICY own ON doc USING (firm = current_setting('a.firm')::int
            OR id IN (SELECT doc FROM share WHERE share.firm = current_setting('a.firm')::int));
        RESET search_path"""
    )
    assert found(conn, Tenancy()) == ("p.firm", "", "a.firm")


@pytest.mark.parametrize(
    ("members", "said"),
    [
        ("p.member.persn", "did you mean person?"),
        ("p.membr.person", "did you mean p.member?"),
        ("p.person.mail", "name the tenants' table as root"),
    ],
)
def test_members_that_do_not_exist_are_said_so(
    conn: Connection[tuple[object, ...]], members: str, said: str
) -> None:
    with pytest.raises(Misuse) as error:
        found(conn, Tenancy(members=members))
    assert error.value.hint == said


def test_what_persons_may_do_is_tried(conn: Connection[tuple[object, ...]], database: str) -> None:
    """A hole in one table, a way to make oneself a member anywhere, and no other."""
    conn.execute(
        f"""ALTER POLICY own ON p.note USING (firm IN {MINE.replace("member", "p.member")} OR said LIKE 'all: %');
        CREATE POLICY join_in ON p.member FOR INSERT WITH CHECK (person = p.me());
        GRANT INSERT ON p.member TO {APP}"""
    )
    cells, causes = look(conn, database, Tenancy())
    assert set(Sound.said(causes)) == {"policy table:p.note", "policy table:p.member"}
    assert not [(c.ref, c.probe.name, c.because) for c in cells if c.state is State.INCONCLUSIVE]
    # Only who is an owner there reaches bills: the persons who stand for tenants are.
    passed = {c.probe.verb for c in cells if c.ref.name[-1] == "bill" and c.state is State.PASS}
    assert {"SELECT", "INSERT", "UPDATE", "DELETE"} <= passed
    (note,) = [c for c in causes if c.ref.name[-1] == "note"]
    assert (note.fixed, "FROM p.member" in note.fix) == (True, True)


def test_what_goes_by_who_is_logged_in_is_named(
    conn: Connection[tuple[object, ...]],
) -> None:
    conn.execute(
        "DROP SCHEMA p CASCADE; CREATE TABLE doc (owner NAME);"
        " CREATE SCHEMA a; CREATE SCHEMA b; CREATE TABLE a.one (id INT); CREATE TABLE b.one (id INT);"
        " ALTER TABLE doc ENABLE ROW LEVEL SECURITY; CREATE POLICY own ON doc USING (owner = current_user)"
    )
    (signs,) = [other_tenancies(conn, [])]
    assert [sign.partition(" (")[0] for sign in signs] == ["policies go by who is logged in"]
    conn.execute(f"GRANT SELECT ON a.one TO {APP}; GRANT SELECT ON b.one TO ringfence_test_clerk")
    assert ["a.one, b.one" in sign for sign in other_tenancies(conn, [])] == [False, True]
