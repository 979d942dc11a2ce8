"""The project's own schema, at every revision: filled, coherent, the same bytes twice."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ringfence.config import Tenancy
from ringfence.seed import read, seed
from seed.support import HERE, counts, digests, one, strangers, unsatisfied, violations

if TYPE_CHECKING:
    from collections.abc import Callable

    from seed.support import Connection

REVISIONS = sorted((HERE.parent.parent / "migrations" / "versions").glob("[0-9]*.up.sql"))
TENANCY = Tenancy(root="core_tenants.tenants", setting="app.tenant_id")


def migrated(conn: Connection, revision: str) -> Connection:
    """The schema as that revision leaves it."""
    for path in REVISIONS:
        # All of it in the test's own transaction, which no index can be built beside.
        conn.execute(path.read_text().replace(" CONCURRENTLY", ""))
        if path.name == revision:
            break
    return conn


@pytest.mark.parametrize("revision", [path.name for path in REVISIONS])
def test_every_table_is_filled_for_every_tenant(conn: Connection, revision: str) -> None:
    migrated(conn, revision)
    seeded = seed(conn, tenants=3, rows=4, tenancy=TENANCY)
    assert seeded.shortfalls == ()
    for filled in seeded.tables:
        assert filled.scoped, filled.table
        assert set(filled.rows) == ({1} if filled.table == TENANCY.root else {4}), filled.table
    assert violations(conn) == []
    assert unsatisfied(conn, read(conn)) == []
    assert strangers(conn, TENANCY.root) == []


def test_every_path_between_two_tables_agrees(conn: Connection) -> None:
    migrated(conn, "")
    seed(conn, rows=30, tenancy=TENANCY)
    together = {
        "campaigns and the account of their template": "SELECT count(*) FROM"
        " messaging.whatsapp_campaigns c JOIN messaging.whatsapp_templates t ON t.id = c.template_id"
        " WHERE t.account_id = c.account_id",
        "sessions and the flow of their node": "SELECT count(*) FROM messaging.chatbot_sessions s"
        " LEFT JOIN messaging.chatbot_nodes n ON n.id = s.current_node_id"
        " WHERE coalesce(n.flow_id, s.flow_id) = s.flow_id",
    }
    for what, query in together.items():
        assert one(conn, query) == 60, what
    astray = (
        "SELECT count(*) FROM messaging.chatbot_flows f, unnest(account_ids) AS u (id)"
        " LEFT JOIN messaging.whatsapp_accounts a USING (id)"
        " WHERE a.tenant_id IS DISTINCT FROM f.tenant_id"
    )
    assert one(conn, astray) == 0


def test_the_same_seed_gives_the_same_bytes(
    connect: Callable[[str], Connection], make_database: Callable[..., str]
) -> None:
    first, second, other = (migrated(connect(make_database()), "") for _ in range(3))
    seed(first, seed=42, tenancy=TENANCY)
    seed(second, seed=42, tenancy=TENANCY)
    seed(other, seed=43, tenancy=TENANCY)
    assert digests(first) == digests(second)
    assert not set(digests(first).items()) & set(digests(other).items())
    assert len(counts(first)) == 11


def test_the_tenants_are_found_out_where_nobody_names_them(conn: Connection) -> None:
    migrated(conn, "")
    seeded = seed(conn)
    assert (seeded.root, seeded.setting, seeded.inferred) == (*_told(), True)


def _told() -> tuple[str, str]:
    return TENANCY.root, TENANCY.setting
