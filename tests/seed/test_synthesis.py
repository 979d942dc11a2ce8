"""Rows for probes: twins, leaves, a row for every literal, and whose each of them is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ringfence.config import Tenancy
from ringfence.seed import model, read, synthesise
from seed.support import counts, one, strangers, unsatisfied, violations
from seed.test_messaging import TENANCY, migrated

if TYPE_CHECKING:
    from ringfence.seed import Synthesis
    from seed.support import Connection


@pytest.fixture
def made(conn: Connection) -> Synthesis:
    """Twins in the project's own schema."""
    migrated(conn, "")
    shape = read(conn)
    return synthesise(conn, shape, model(shape, TENANCY))


def test_what_is_written_is_what_is_told(conn: Connection, made: Synthesis) -> None:
    assert counts(conn) == {
        table: sum(row.table == table for row in made.rows) for table in counts(conn)
    }
    assert violations(conn) == []
    assert unsatisfied(conn, read(conn)) == []
    assert strangers(conn, TENANCY.root) == []
    for row in made.rows:
        where = " AND ".join(f"{name} = '{text}'" for name, text in row.key.items())
        assert one(conn, f"SELECT count(*) FROM {row.table} WHERE {where}") == 1


def test_tenants_are_twins(made: Synthesis) -> None:
    tables = {row.table for row in made.rows}
    for table in tables:
        first, second = made.of(table, 0), made.of(table, 1)
        assert len(first) == len(second) >= (1 if table == TENANCY.root else 2)
        same = [
            sum(a.values[name] == b.values[name] for name in a.values) / len(a.values)
            for a, b in zip(first, second, strict=True)
        ]
        assert sum(same) / len(same) > 0.5, table
    messages = zip(*(made.of("messaging.whatsapp_messages", n) for n in (0, 1)), strict=True)
    for first_, second_ in messages:
        for name in ("content", "message_type", "direction", "status", "sent_at", "error_message"):
            assert first_.values[name] == second_.values[name]
    campaigns = zip(*(made.of("messaging.whatsapp_campaigns", n) for n in (0, 1)), strict=True)
    for first_, second_ in campaigns:
        holes = [{n for n, text in row.values.items() if text is None} for row in (first_, second_)]
        assert holes[0] == holes[1]
    # Their parents are twins as well.
    place = {row.values["id"]: row.number for row in made.rows}
    for table, column in (
        ("messaging.whatsapp_messages", "conversation_id"),
        ("messaging.whatsapp_campaigns", "template_id"),
        ("messaging.chatbot_sessions", "flow_id"),
    ):
        ours, theirs = (
            [place.get(row.values[column]) for row in made.of(table, n)] for n in (0, 1)
        )
        assert ours == theirs, table


def test_every_path_of_a_row_ends_in_its_tenant(made: Synthesis) -> None:
    for row in made.rows:
        assert row.paths, row
        assert {path.tenant for path in row.paths} == {row.tenant}
    campaigns = made.of("messaging.whatsapp_campaigns", 0)
    assert max(len(row.paths) for row in campaigns) == 3


def test_every_table_has_a_row_that_nothing_points_to(made: Synthesis) -> None:
    for table in {row.table for row in made.rows} - {TENANCY.root}:
        for tenant in (0, 1):
            assert any(row.leaf for row in made.of(table, tenant)), table


def test_every_literal_occurs_in_both_tenants(conn: Connection, made: Synthesis) -> None:
    assert made.plan.uncovered == ()
    for tenant in made.tenants:
        found = one(
            conn,
            "SELECT count(DISTINCT message_type) FROM messaging.whatsapp_messages m"
            " JOIN messaging.whatsapp_conversations c ON c.id = conversation_id"
            " JOIN messaging.whatsapp_accounts a ON a.id = account_id WHERE a.tenant_id = %s",
            tenant,
        )
        assert found == 12


def test_a_telling_value_tells_its_tenant(made: Synthesis) -> None:
    theirs = made.of("messaging.whatsapp_messages", 1)[0]
    assert made.taint(f"Key (id)=({theirs.values['id']}) already exists.") == {1}
    assert made.taint("nothing") == frozenset()
    both = " ".join(str(row.values["id"]) for row in made.rows)
    assert made.taint(both) == {0, 1}


def test_without_tenants_the_rows_are_nobodys(conn: Connection) -> None:
    conn.execute("CREATE TABLE t (id INT PRIMARY KEY, kind TEXT CHECK (kind IN ('a', 'b')))")
    shape = read(conn)
    made = synthesise(conn, shape, model(shape, Tenancy()), write=False)
    assert {row.tenant for row in made.rows} == {None}
    assert {row.values["kind"] for row in made.rows} >= {"a", "b"}
    assert made.marks == {}
    assert counts(conn) == {"public.t": 0}
