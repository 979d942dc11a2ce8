"""Which table is filled when, and how circles of foreign keys are closed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ringfence.config import Tenancy
from ringfence.seed import read, seed
from ringfence.seed.order import groups
from seed.support import one, violations

if TYPE_CHECKING:
    from seed.support import Connection


def ordered(conn: Connection) -> list[tuple[list[str], list[str]]]:
    """The groups: their tables, and the keys that close their circles."""
    return [
        ([t.name for t in group.tables], [r.name for r in group.late])
        for group in groups(read(conn))
    ]


def test_parents_come_first_and_names_decide_the_rest(conn: Connection) -> None:
    conn.execute(
        "CREATE TABLE z (id INT PRIMARY KEY); CREATE TABLE b (id INT PRIMARY KEY);"
        "CREATE TABLE a (id INT PRIMARY KEY, z INT REFERENCES z, a INT REFERENCES a)"
    )
    assert ordered(conn) == [(["b"], []), (["z"], []), (["a"], [])]


CIRCLE = (
    "CREATE TABLE a (id INT PRIMARY KEY, c INT {a_null});"
    "CREATE TABLE b (id INT PRIMARY KEY, a INT {b_null} REFERENCES a);"
    "CREATE TABLE c (id INT PRIMARY KEY, b INT {c_null} REFERENCES b);"
    "ALTER TABLE a ADD CONSTRAINT a_c FOREIGN KEY (c) REFERENCES c {deferrable}"
)


@pytest.mark.parametrize(
    ("a_null", "b_null", "c_null", "deferrable", "late"),
    [
        ("", "NOT NULL", "NOT NULL", "", "a_c"),
        ("NOT NULL", "", "NOT NULL", "", "b_a_fkey"),
        ("NOT NULL", "NOT NULL", "NOT NULL", "DEFERRABLE", "a_c"),
        ("NOT NULL", "NOT NULL", "NOT NULL", "", "a_c"),
        ("NOT NULL", "NOT NULL", "NOT NULL", "DEFERRABLE INITIALLY DEFERRED", "a_c"),
        ("", "", "", "", "a_c"),
    ],
)
def test_a_circle_is_closed_where_it_hurts_least(
    conn: Connection, a_null: str, b_null: str, c_null: str, deferrable: str, late: str
) -> None:
    conn.execute(CIRCLE.format(a_null=a_null, b_null=b_null, c_null=c_null, deferrable=deferrable))
    ((tables, cut),) = ordered(conn)
    assert (set(tables), cut) == ({"a", "b", "c"}, [late])
    seeded = seed(conn)
    assert [f.total for f in seeded.tables] == [5, 5, 5]
    assert violations(conn) == []
    assert one(conn, "SELECT count(c) FROM a") >= 3
    assert one(conn, "SELECT count(a) FROM b") >= 3


def test_a_tenant_may_have_an_owner_among_its_users(conn: Connection) -> None:
    conn.execute(
        "CREATE TABLE tenants (id UUID PRIMARY KEY, owner UUID NOT NULL);"
        "CREATE TABLE users (id UUID PRIMARY KEY, tenant UUID NOT NULL REFERENCES tenants);"
        "ALTER TABLE tenants ADD FOREIGN KEY (owner) REFERENCES users"
    )
    seed(conn, tenants=3, tenancy=Tenancy(root="tenants"))
    assert (
        one(
            conn,
            "SELECT count(*) FROM tenants t JOIN users u ON u.id = t.owner AND u.tenant = t.id",
        )
        == 3
    )


def test_a_circle_within_a_circle(conn: Connection) -> None:
    conn.execute(
        "CREATE TABLE a (id INT PRIMARY KEY, b INT NOT NULL, c INT NOT NULL);"
        "CREATE TABLE b (id INT PRIMARY KEY, a INT NOT NULL REFERENCES a, c INT NOT NULL);"
        "CREATE TABLE c (id INT PRIMARY KEY, a INT NOT NULL REFERENCES a,"
        " b INT NOT NULL REFERENCES b, c INT NOT NULL REFERENCES c);"
        "ALTER TABLE a ADD FOREIGN KEY (b) REFERENCES b, ADD FOREIGN KEY (c) REFERENCES c;"
        "ALTER TABLE b ADD FOREIGN KEY (c) REFERENCES c"
    )
    seed(conn)
    assert violations(conn) == []


@pytest.mark.parametrize("null", ["", "NOT NULL"])
def test_a_table_that_points_to_itself(conn: Connection, null: str) -> None:
    conn.execute(f"CREATE TABLE t (id INT PRIMARY KEY, up INT {null} REFERENCES t)")
    seed(conn, rows=20)
    assert one(conn, "SELECT count(*) FROM t WHERE up > id") == 0, "a row points to earlier rows"
    assert one(conn, "SELECT count(up) FROM t") == (20 if null else pytest.approx(16, abs=4))
    assert one(conn, "SELECT count(DISTINCT up) FROM t") > 5


@pytest.mark.parametrize("full", ["", "MATCH FULL"])
@pytest.mark.parametrize("null", ["", "NOT NULL"])
def test_a_circle_of_keys_of_several_columns(conn: Connection, null: str, full: str) -> None:
    conn.execute(
        f"CREATE TABLE a (t INT, id INT, b INT {null if full == '' else 'NOT NULL'},"
        " PRIMARY KEY (t, id));"
        "CREATE TABLE b (t INT, id INT, a INT NOT NULL, PRIMARY KEY (t, id),"
        f" FOREIGN KEY (t, a) REFERENCES a {full});"
        f"ALTER TABLE a ADD FOREIGN KEY (t, b) REFERENCES b {full}"
    )
    seeded = seed(conn)
    assert [f.total for f in seeded.tables] == [5, 5]
    assert violations(conn) == []
    assert one(conn, "SELECT count(b) FROM a") >= 3


@pytest.mark.parametrize("tenants", [1, 2])
@pytest.mark.parametrize("unique", ["", ", UNIQUE (t, up)"])
def test_rows_that_may_not_point_to_themselves_point_to_each_other(
    conn: Connection, unique: str, tenants: int
) -> None:
    conn.execute(
        "CREATE TABLE tenants (id INT PRIMARY KEY);"
        "CREATE TABLE s (t INT REFERENCES tenants, id INT, up INT NOT NULL, PRIMARY KEY (t, id),"
        f" FOREIGN KEY (t, up) REFERENCES s, CHECK (up <> id){unique})"
    )
    seeded = seed(conn, tenants=tenants, tenancy=Tenancy(root="tenants"))
    assert seeded.shortfalls == ()
    assert one(conn, "SELECT count(*) FROM s WHERE up <> id") == 5 * tenants
    assert violations(conn) == []


def test_where_one_row_has_nobody_to_point_to_there_are_two(conn: Connection) -> None:
    conn.execute(
        "CREATE TABLE s (id INT PRIMARY KEY, up INT NOT NULL REFERENCES s, CHECK (up <> id))"
    )
    seed(conn, rows=1)
    assert one(conn, "SELECT count(*) FROM s") == 2


def test_a_ring_longer_than_one_statement(conn: Connection) -> None:
    conn.execute(
        "CREATE TABLE s (id INT PRIMARY KEY, up INT NOT NULL UNIQUE REFERENCES s CHECK (up <> id))"
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ringfence.seed.loading.BATCH", 3)
        seed(conn, rows=10)
    assert one(conn, "SELECT count(*) FROM s") == 10
