"""Rows go in as the runtime role, so that policies are met; who that is, and when it is somebody else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from ringfence.config import Tenancy
from ringfence.errors import Misuse
from ringfence.seed import disposable, mark_disposable, model, need_disposable, read, seed
from seed.support import counts, one

if TYPE_CHECKING:
    from collections.abc import Iterator

    from seed.support import Connection

SCHEMA = """
CREATE TABLE tenants (id UUID PRIMARY KEY);
CREATE TABLE notes (id UUID PRIMARY KEY, tenant UUID NOT NULL REFERENCES tenants,
    writer TEXT NOT NULL DEFAULT 'x');
CREATE TABLE plain (id UUID PRIMARY KEY, tenant UUID NOT NULL REFERENCES tenants);
CREATE FUNCTION sign() RETURNS TRIGGER LANGUAGE plpgsql AS
    $$ BEGIN NEW.writer := current_user; RETURN NEW; END; $$;
CREATE TRIGGER sign BEFORE INSERT ON notes FOR EACH ROW EXECUTE FUNCTION sign();
ALTER TABLE notes ENABLE ROW LEVEL SECURITY;
CREATE POLICY p ON notes USING (tenant = nullif(current_setting('app.t', true), '')::UUID);
GRANT SELECT ON tenants TO {role};
GRANT SELECT, INSERT ON notes, plain TO {role};
"""


@pytest.fixture
def role(conn: Connection) -> Iterator[str]:
    """The runtime role of a small shop."""
    name = f"Runtime {conn.info.backend_pid}"
    conn.execute(f'CREATE ROLE "{name}"')
    conn.execute(SCHEMA.format(role=f'"{name}"'))
    yield name
    conn.execute(f'DROP OWNED BY "{name}"; DROP ROLE "{name}"')


def writers(conn: Connection) -> Any:
    return one(conn, "SELECT array_agg(DISTINCT writer) FROM notes")


def test_the_role_is_found_and_writes_what_policies_guard(conn: Connection, role: str) -> None:
    seeded = seed(conn)
    assert (seeded.root, seeded.setting, seeded.roles) == ("public.tenants", "app.t", (role,))
    assert (seeded.role, seeded.guarded, seeded.refusals) == (role, ("public.notes",), ())
    assert writers(conn) == [role]
    assert one(conn, "SELECT current_user") == "postgres"


def test_as_owner(conn: Connection, role: str) -> None:
    seeded = seed(conn, as_owner=True)
    assert (seeded.role, seeded.guarded) == ("", ())
    assert writers(conn) == ["postgres"]


def test_what_the_role_is_not_let_write_the_owner_writes_and_says_so(
    conn: Connection, role: str
) -> None:
    conn.execute("CREATE POLICY never ON notes AS RESTRICTIVE FOR INSERT WITH CHECK (false)")
    seeded = seed(conn)
    assert [(r.table, r.role, r.said) for r in seeded.refusals] == [
        (
            "public.notes",
            role,
            'new row violates row-level security policy "never" for table "notes"',
        )
    ]
    assert writers(conn) == ["postgres"]
    assert one(conn, "SELECT count(*) FROM notes") == 10


def test_a_role_without_the_right_to_insert_is_not_asked(conn: Connection, role: str) -> None:
    conn.execute(f'REVOKE INSERT ON notes FROM "{role}"')
    seeded = seed(conn)
    assert (seeded.guarded, seeded.refusals) == ((), ())
    assert writers(conn) == ["postgres"]


def test_a_load_looks_afterwards_as_the_role(conn: Connection, role: str) -> None:
    seeded = seed(conn, rows=600, profile="load")
    assert seeded.unseen == ()
    conn.execute("TRUNCATE tenants CASCADE; CREATE POLICY half ON notes AS RESTRICTIVE FOR SELECT"
                 " USING (left(id::TEXT, 1) <> '0')")  # fmt: skip
    unseen = seed(conn, rows=600, profile="load").unseen
    assert [(table, tenant, rows) for table, tenant, rows, _ in unseen] == [
        ("public.notes", 0, 600),
        ("public.notes", 1, 600),
    ]


def test_a_role_that_does_not_exist(conn: Connection, role: str) -> None:
    with pytest.raises(Misuse) as caught:
        seed(conn, tenancy=Tenancy(roles=("nobody here",)))
    assert caught.value.message == (
        "[tool.ringfence.tenancy] roles names nobody here, and there is no such role"
    )
    assert one(conn, "SELECT count(*) FROM tenants") == 0


def test_the_model_says_whose_rows_are_nobodys(conn: Connection, role: str) -> None:
    found = model(read(conn), Tenancy(shared=("plain",)))
    assert (found.shared, found.roles) == (("public.plain",), (role,))


def test_a_database_is_marked_in_its_comment(conn: Connection) -> None:
    name = conn.info.dbname
    conn.execute(f"COMMENT ON DATABASE {name} IS 'Ana''s'")
    assert not disposable(conn)
    assert mark_disposable(conn)
    assert not mark_disposable(conn)
    assert disposable(conn)
    need_disposable(conn, name)
    said = "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = %s"
    assert one(conn, said, name) == "Ana's [ringfence: disposable]"
    assert mark_disposable(conn, yes=False)
    assert one(conn, said, name) == "Ana's"


def test_of_two_parents_one_at_most(conn: Connection) -> None:
    """The column that says whose a row is is never NULL; that says nothing of the one beside it."""
    conn.execute(
        "CREATE TABLE buyers (tenant text NOT NULL, id int, PRIMARY KEY (tenant, id));"
        " CREATE TABLE bills (tenant text NOT NULL, id int, buyer int NOT NULL, parent int, ship_to int,"
        "  PRIMARY KEY (tenant, id), FOREIGN KEY (tenant, buyer) REFERENCES buyers,"
        "  FOREIGN KEY (tenant, parent) REFERENCES bills,"
        "  FOREIGN KEY (tenant, ship_to) REFERENCES buyers, CHECK (num_nulls(parent, ship_to) >= 1));"
        " ALTER TABLE buyers ENABLE ROW LEVEL SECURITY; ALTER TABLE bills ENABLE ROW LEVEL SECURITY;"
        " CREATE POLICY own ON buyers USING (tenant = current_setting('my.tenant', true));"
        " CREATE POLICY own ON bills USING (tenant = current_setting('my.tenant', true))"
    )
    seeded = seed(conn)
    assert seeded.shortfalls == ()
    assert counts(conn) == {"public.buyers": 10, "public.bills": 10}
