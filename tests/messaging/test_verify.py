"""The .verify.sql of each revision: silent where it holds, a row for each thing that does not."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import uuid4

import psycopg
import pytest

from messaging.support import owned, run, violations

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from messaging.support import Connection, Migration, Own


@pytest.fixture(scope="module")
def at_0002(
    make_empty: Callable[[], str], core: Migration, messaging: Migration
) -> Iterator[tuple[Own, str]]:
    """A database at 0002 with roles of its own, shared by tests that commit nothing."""
    own, dsn = owned(core, messaging, uuid4().hex[:8]), make_empty()
    run(dsn, *own.up)
    yield own, dsn
    run(dsn, *own.down)


@pytest.fixture
def place(at_0002: tuple[Own, str]) -> Iterator[tuple[Own, Connection]]:
    """A transaction there that will be undone."""
    own, dsn = at_0002
    with psycopg.connect(dsn) as connection:
        yield own, connection
        connection.rollback()


def test_both_hold(place: tuple[Own, Connection]) -> None:
    own, connection = place
    assert violations(connection, own.core.verify) == []
    assert violations(connection, own.messaging.verify) == []


@pytest.mark.parametrize(
    "change",
    [
        "ALTER ROLE app_user BYPASSRLS",
        "ALTER ROLE app_user SUPERUSER",
        "ALTER ROLE app_owner LOGIN",
        "GRANT app_owner TO app_user",
        "ALTER SCHEMA core_users OWNER TO CURRENT_USER",
        "REVOKE USAGE ON SCHEMA core_users FROM app_user",
        "ALTER TABLE core_users.users OWNER TO CURRENT_USER",
        "REVOKE INSERT ON core_catalogs.contacts FROM app_user",
        "ALTER FUNCTION public.update_updated_at_column() OWNER TO CURRENT_USER",
        "ALTER TABLE core_tenants.tenants DISABLE TRIGGER trg_tenants_updated_at",
    ],
)
def test_0001_speaks(change: str, place: tuple[Own, Connection]) -> None:
    own, connection = place
    connection.execute(with_roles_of(own, change))
    assert violations(connection, own.core.verify) != []


@pytest.mark.parametrize(
    "change",
    [
        "ALTER ROLE app_user BYPASSRLS",
        "ALTER ROLE app_user SUPERUSER",
        "GRANT app_owner TO app_user",
        "DROP TABLE messaging.chatbot_sessions",
        "ALTER TABLE messaging.chatbot_flows DISABLE ROW LEVEL SECURITY",
        "DROP POLICY chatbot_flows_tenant_isolation ON messaging.chatbot_flows",
        "CREATE POLICY all_of_it ON messaging.chatbot_flows USING (true)",
        "ALTER POLICY chatbot_flows_tenant_isolation ON messaging.chatbot_flows USING (true)",
        "ALTER POLICY chatbot_flows_tenant_isolation ON messaging.chatbot_flows TO app_owner",
        """ALTER POLICY chatbot_flows_tenant_isolation ON messaging.chatbot_flows
           WITH CHECK (true)""",
        "ALTER TABLE messaging.chatbot_nodes DISABLE TRIGGER trg_chatbot_nodes_updated_at",
        "DROP TRIGGER trg_chatbot_nodes_updated_at ON messaging.chatbot_nodes",
        "ALTER TABLE messaging.whatsapp_messages OWNER TO app_user",
        "ALTER VIEW messaging.vw_inbox OWNER TO CURRENT_USER",
        "ALTER FUNCTION messaging.is_window_open OWNER TO CURRENT_USER",
        "REVOKE USAGE ON SCHEMA messaging FROM app_user",
        "REVOKE SELECT ON messaging.whatsapp_messages FROM app_user",
        "REVOKE EXECUTE ON FUNCTION messaging.is_window_open FROM app_user, PUBLIC",
        "ALTER TABLE messaging.chatbot_nodes ADD CHECK (name <> '') NOT VALID",
        """UPDATE pg_index SET indisvalid = false
           WHERE indexrelid = 'messaging.idx_chatbot_nodes_flow'::REGCLASS""",
    ],
)
def test_0002_speaks(change: str, place: tuple[Own, Connection]) -> None:
    own, connection = place
    connection.execute(with_roles_of(own, change))
    assert violations(connection, own.messaging.verify) != []


def with_roles_of(own: Own, statement: str) -> bytes:
    """The statement with the names that the roles have here."""
    return statement.replace("app_user", own.user).replace("app_owner", own.owner).encode()
