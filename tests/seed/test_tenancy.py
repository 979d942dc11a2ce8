"""Who the tenants are, told or found out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from ringfence.config import Tenancy
from ringfence.errors import Misuse
from ringfence.seed import model, read, seed
from seed.support import one, strangers

if TYPE_CHECKING:
    from seed.support import Connection

SCHEMA = (
    "CREATE SCHEMA s; CREATE SCHEMA other;"
    "CREATE TABLE s.plans (id INT PRIMARY KEY);"
    "CREATE TABLE s.tenants (id UUID PRIMARY KEY, plan INT NOT NULL REFERENCES s.plans);"
    "CREATE TABLE s.users (id INT PRIMARY KEY, tenant_id UUID NOT NULL REFERENCES s.tenants);"
    "CREATE TABLE s.notes (id INT PRIMARY KEY, by_ INT REFERENCES s.users,"
    " tenant_id UUID REFERENCES s.tenants);"
    "CREATE TABLE s.colours (id INT PRIMARY KEY);"
    "CREATE TABLE other.tenants (id INT);"
)
POLICY = "ALTER TABLE s.users ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON s.users USING ({});"


def found(conn: Connection, tenancy: Tenancy | None = None) -> tuple[str, str, str, set[str]]:
    """(root, setting, its column, the tables of tenants)."""
    shape = read(conn)
    who = model(shape, tenancy or Tenancy())
    scoped = {table.path for table in shape.tables.values() if who.scoped(table)}
    return (who.root.path if who.root else "", who.setting, who.column, scoped)


OWN = {"s.tenants", "s.users", "s.notes"}


@pytest.mark.parametrize(
    "condition",
    [
        "tenant_id = current_setting('app.tenant')::uuid",
        "tenant_id = (SELECT nullif(current_setting('app.tenant', true), '')::uuid)",
        "tenant_id = current_tenant()",
        "id > 0 AND tenant_id::text = current_setting( 'app.tenant' )",
    ],
)
def test_policies_tell_the_root_and_the_setting(conn: Connection, condition: str) -> None:
    conn.execute(
        SCHEMA + "CREATE FUNCTION current_tenant() RETURNS UUID LANGUAGE sql STABLE AS"
        " $$ SELECT current_setting('app.tenant')::uuid $$;" + POLICY.format(condition)
    )
    assert found(conn) == ("s.tenants", "app.tenant", "id", OWN)


def test_without_policies_and_configuration_there_are_no_tenants(conn: Connection) -> None:
    conn.execute(SCHEMA)
    assert found(conn) == ("", "", "", set())
    seeded = seed(conn, tenants=3)
    assert (seeded.tenants, seeded.root) == ((), "")
    assert {filled.rows for filled in seeded.tables} == {(5,)}


def test_the_configuration_is_believed(conn: Connection) -> None:
    conn.execute(SCHEMA + POLICY.format("tenant_id = current_setting('app.tenant')::uuid"))
    told = Tenancy(root="s.plans", setting="app.plan")
    root, setting, column, scoped = found(conn, told)
    assert (root, setting, column) == ("s.plans", "app.plan", "id")
    assert scoped == OWN | {"s.plans"}
    assert found(conn, Tenancy(root="s.tenants"))[:2] == ("s.tenants", "app.tenant")


def test_shared_tables_belong_to_nobody(conn: Connection) -> None:
    conn.execute(SCHEMA)
    told = Tenancy(root="s.tenants", shared=("s.users",))
    assert found(conn, told)[3] == {"s.tenants", "s.notes"}
    seeded = seed(conn, tenancy=told)
    rows = {filled.table: filled.rows for filled in seeded.tables}
    assert (rows["s.users"], rows["s.notes"], rows["s.tenants"]) == ((5,), (5, 5), (1, 1))


def test_a_path_that_may_be_null_is_not_left_null_when_it_is_the_only_one(conn: Connection) -> None:
    conn.execute(SCHEMA)
    seed(conn, rows=40, tenancy=Tenancy(root="s.tenants"))
    assert one(conn, "SELECT count(tenant_id) FROM s.notes") == 80
    assert 40 < one(conn, "SELECT count(by_) FROM s.notes") < 80
    assert strangers(conn, "s.tenants") == []


@pytest.mark.parametrize(
    ("told", "message", "hint"),
    [
        (
            Tenancy(root="s.tenant"),
            "[tool.ringfence.tenancy] root names s.tenant, and there is no such table",
            "did you mean s.tenants?",
        ),
        (
            Tenancy(root="tenants"),
            "[tool.ringfence.tenancy] root names tenants, and there are 2 such tables",
            "name one of other.tenants, s.tenants",
        ),
        (
            Tenancy(root="s.tenants", shared=("s.colour",)),
            "[tool.ringfence.tenancy] shared names s.colour, and there is no such table",
            "did you mean s.colours?",
        ),
    ],
)
def test_tables_that_do_not_exist_are_said_so(
    conn: Connection, told: Tenancy, message: str, hint: str
) -> None:
    conn.execute(SCHEMA)
    with pytest.raises(Misuse) as caught:
        seed(conn, tenancy=told)
    assert (caught.value.message, caught.value.hint) == (message, hint)
    assert one(conn, "SELECT count(*) FROM s.colours") == 0


def test_composite_keys_that_carry_the_tenant(conn: Connection) -> None:
    conn.execute(
        "CREATE TABLE tenants (id INT PRIMARY KEY);"
        "CREATE TABLE a (tenant INT NOT NULL REFERENCES tenants, id INT, PRIMARY KEY (tenant, id));"
        "CREATE TABLE b (tenant INT NOT NULL, id INT, a INT NOT NULL, other INT,"
        " PRIMARY KEY (tenant, id), FOREIGN KEY (tenant, a) REFERENCES a,"
        " FOREIGN KEY (tenant, other) REFERENCES a);"
        "CREATE TABLE c (tenant INT NOT NULL REFERENCES tenants, id INT PRIMARY KEY, a INT, b INT,"
        " FOREIGN KEY (tenant, a) REFERENCES a, FOREIGN KEY (tenant, b) REFERENCES b)"
    )
    seeded = seed(conn, tenants=3, rows=10, tenancy=Tenancy(root="tenants"))
    assert not seeded.shortfalls
    assert strangers(conn, "tenants") == []
    assert one(conn, "SELECT count(other) FROM b") < 30
    assert one(conn, "SELECT count(*) FROM b WHERE other <> a") > 5


RLS = "ALTER TABLE {0} ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON {0} USING ({1});"
NAMED = "tenant_id = current_setting('app.tenant')::uuid"


def test_the_root_is_where_composite_keys_end(conn: Connection) -> None:
    conn.execute(
        "CREATE TABLE tenants (id UUID PRIMARY KEY, name TEXT);"
        "CREATE TABLE projects (tenant_id UUID NOT NULL REFERENCES tenants, id INT,"
        " PRIMARY KEY (tenant_id, id));"
        "CREATE TABLE tasks (tenant_id UUID NOT NULL, id INT, project_id INT NOT NULL,"
        " PRIMARY KEY (tenant_id, id), FOREIGN KEY (tenant_id, project_id) REFERENCES projects);"
        "CREATE TABLE tag (tenant_id UUID NOT NULL, task INT NOT NULL, name TEXT,"
        " PRIMARY KEY (tenant_id, name), FOREIGN KEY (tenant_id, task) REFERENCES tasks);"
        + "".join(RLS.format(name, NAMED) for name in ("projects", "tasks", "tag"))
    )
    own = {"public.tenants", "public.projects", "public.tasks", "public.tag"}
    assert found(conn) == ("public.tenants", "app.tenant", "id", own)
    seeded = seed(conn, tenants=3)
    assert {f.table: f.rows for f in seeded.tables} == {
        "public.tenants": (1, 1, 1),
        "public.projects": (5, 5, 5),
        "public.tasks": (5, 5, 5),
        "public.tag": (5, 5, 5),
    }
    assert strangers(conn, "tenants") == []


@pytest.mark.parametrize("both", [True, False])
def test_a_policy_that_looks_into_another_table_means_what_that_compares(
    conn: Connection, both: bool
) -> None:
    conn.execute(
        "CREATE TABLE tenants (id UUID PRIMARY KEY, plan INT);"
        "CREATE TABLE docs (id INT PRIMARY KEY, tenant_id UUID NOT NULL REFERENCES tenants);"
        "CREATE TABLE docv (id INT PRIMARY KEY, doc_id INT NOT NULL REFERENCES docs);"
        + (RLS.format("docs", NAMED) if both else "")
        + RLS.format("docv", f"EXISTS (SELECT FROM docs d WHERE d.id = docv.doc_id AND d.{NAMED})")
    )
    assert found(conn)[:3] == ("public.tenants", "app.tenant", "id")


def test_each_setting_has_the_column_that_is_compared_with_it(conn: Connection) -> None:
    conn.execute(
        SCHEMA
        + POLICY.format(
            "tenant_id = current_setting('app.tenant')::uuid"
            " AND (id = current_setting('app.user')::int OR id = 0)"
        )
        + "ALTER TABLE s.notes ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON s.notes USING"
        " (tenant_id = current_setting('app.tenant')::uuid)"
    )
    assert found(conn) == ("s.tenants", "app.tenant", "id", OWN)


def apart(conn: Connection, child: str, column: str, parent: str) -> tuple[int, int, int]:
    """(rows that point to the other table, those of them under another tenant, tenants)"""
    return conn.execute(
        f"SELECT count(*), count(*) FILTER (WHERE c.tenant::text <> p.tenant::text),"
        f" count(DISTINCT c.tenant) FROM {child} c JOIN {parent} p ON p.id = c.{column}"
    ).fetchone() or (0, 0, 0)


@pytest.mark.parametrize("profile", ["demo", "minimal", "load"])
@pytest.mark.parametrize("type_", ["TEXT", "UUID", "INT", "VARCHAR(4)", "place", "code"])
def test_a_column_alone_keeps_tenants_apart(conn: Connection, type_: str, profile: Any) -> None:
    conn.execute(
        "CREATE TYPE place AS ENUM ('here', 'there', 'nowhere');"
        "CREATE DOMAIN code AS TEXT CHECK (VALUE ~ '^[a-z]{2}-[0-9]$');"
        f"CREATE TABLE sales (id INT PRIMARY KEY, tenant {type_} NOT NULL, name TEXT);"
        f"CREATE TABLE items (id INT PRIMARY KEY, sale INT NOT NULL REFERENCES sales, tenant {type_},"
        " before INT REFERENCES items);"
        "CREATE TABLE parts (id INT PRIMARY KEY, item INT REFERENCES items);"
        + RLS.format("sales", f"tenant = current_setting('app.tenant', true)::{type_}")
    )
    seeded = seed(conn, tenants=3, profile=profile, rows=60 if profile != "minimal" else None)
    assert (seeded.root, len(set(seeded.tenants)), seeded.rootless) == ("", 3, ())
    assert seeded.columns == ("public.items.tenant", "public.sales.tenant")
    count, crossed, tenants = apart(conn, "items", "sale", "sales")
    assert (crossed, tenants) == (0, 3)
    assert count == (3 if profile == "minimal" else 180)
    assert apart(conn, "items", "before", "items")[1] == 0
    owners = conn.execute("SELECT DISTINCT tenant::text FROM items").fetchall()
    assert {owner for (owner,) in owners} == set(seeded.tenants)


def test_composite_keys_and_partitions_by_tenant_need_no_root(conn: Connection) -> None:
    conn.execute(
        "CREATE TABLE sales (tenant TEXT NOT NULL CHECK (tenant IN ('a', 'b', 'c')), id INT,"
        " PRIMARY KEY (tenant, id)) PARTITION BY LIST (tenant);"
        "CREATE TABLE sales_a PARTITION OF sales FOR VALUES IN ('a');"
        "CREATE TABLE sales_b PARTITION OF sales FOR VALUES IN ('b');"
        "CREATE TABLE sales_z PARTITION OF sales DEFAULT;"
        "CREATE TABLE items (t TEXT NOT NULL, id INT, sale INT NOT NULL, PRIMARY KEY (t, id),"
        " FOREIGN KEY (t, sale) REFERENCES sales);"
        "CREATE TABLE settings (tenant TEXT PRIMARY KEY, theme TEXT);"
        + RLS.format("sales", "tenant = current_setting('app.tenant', true)")
        + RLS.format("settings", "tenant = current_setting('app.tenant', true)")
    )
    seeded = seed(conn, tenants=3, rows=7)
    assert seeded.tenants == ("a", "b", "c")
    assert seeded.columns == ("public.items.t", "public.sales.tenant", "public.settings.tenant")
    assert {f.table: f.rows for f in seeded.tables} == {
        "public.sales": (7, 7, 7),
        "public.items": (7, 7, 7),
        "public.settings": (1, 1, 1),
    }
    assert one(conn, "SELECT count(DISTINCT tableoid) FROM sales") == 3


def test_a_column_that_no_table_has(conn: Connection) -> None:
    conn.execute(SCHEMA)
    with pytest.raises(
        Misuse, match=r"column names tenant_ids, and no table has such a column"
    ) as no:
        seed(conn, tenancy=Tenancy(column="tenant_ids"))
    assert no.value.hint == "did you mean tenant_id?"
    with pytest.raises(Misuse, match=r"names both the root s\.tenants and the column tenant_id"):
        seed(conn, tenancy=Tenancy(root="s.tenants", column="tenant_id"))


def test_a_tenant_that_the_server_computes_is_said_so(conn: Connection) -> None:
    conn.execute(
        "CREATE TABLE sales (id INT PRIMARY KEY,"
        " \"the tenant\" TEXT GENERATED ALWAYS AS ('t' || id % 3) STORED);"
        + RLS.format("sales", "\"the tenant\" = current_setting('app.tenant', true)")
    )
    seeded = seed(conn)
    assert (seeded.root, seeded.tenants) == ("", ())
    assert seeded.rootless == (('public.sales."the tenant"', "app.tenant"),)


def test_where_a_key_has_little_room_every_tenant_has_a_part(conn: Connection) -> None:
    conn.execute(
        "CREATE TABLE tenants (id INT PRIMARY KEY);"
        "CREATE TABLE t (id INT PRIMARY KEY, tenant INT NOT NULL REFERENCES tenants,"
        " g TEXT NOT NULL UNIQUE CHECK (g IN ('x', 'y', 'z')))"
    )
    seeded = seed(conn, tenants=3, tenancy=Tenancy(root="tenants"))
    assert {f.table: f.rows for f in seeded.tables}["public.t"] == (1, 1, 1)
