"""What a reference takes along when its target goes, and where 1.0 refuses to let a tenant go."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg import sql

from messaging.model import (
    ACCEPTED,
    ALL_FOREIGN_KEYS,
    FOREIGN_KEY,
    FOREIGN_KEYS,
    NOT_NULL,
    TABLES,
    Row,
    Verdict,
    delete,
)
from messaging.world import examples, insert, relation, update
from messaging.world import world_of_module as world_of_module

if TYPE_CHECKING:
    from collections.abc import Sequence

    from messaging.model import ForeignKey
    from messaging.world import World

TENANTS = "core_tenants.tenants"
BUILT = (TENANTS, "core_users.users", "core_catalogs.contacts", *TABLES)
"""Every table, so ordered that a row's targets come before it."""

every_reference = pytest.mark.parametrize("reference", FOREIGN_KEYS, ids=lambda key: key.name)


@every_reference
def test_the_target_goes(reference: ForeignKey, world: World) -> None:
    with world.sandbox():
        target = world.put(reference.parent)["id"]
        # Everything else that the row needs, it has for itself: nothing else can refuse.
        row = world.put(reference.table, **{reference.column: target})["id"]
        bystander = world.put(reference.table)["id"]
        answer = remove(world, reference.parent, target)
        if reference.cascades:
            assert answer == ACCEPTED
            assert row not in everything(world)
        else:
            assert answer == Verdict(FOREIGN_KEY, reference.name)
            assert row in everything(world)
            assert target in everything(world)
        assert bystander in everything(world)


@every_reference
def test_the_target_must_exist(reference: ForeignKey, world: World) -> None:
    with world.sandbox():
        row = world.complete(reference.table)
        nowhere = {**row, reference.column: uuid4()}
        refused = Verdict(FOREIGN_KEY, reference.name)
        assert world.attempt(insert(reference.table, tuple(nowhere)), *nowhere.values()) == refused
        known = world.put(reference.table, **row)["id"]
        moved = update(reference.table, reference.column)
        assert world.attempt(moved, uuid4(), known) == refused
        assert world.attempt(moved, world.put(reference.parent)["id"], known) == ACCEPTED


@every_reference
def test_the_target_may_be_missing_where_the_column_says_so(
    reference: ForeignKey, world: World
) -> None:
    with world.sandbox():
        row = {**world.complete(reference.table), reference.column: None}
        optional = TABLES[reference.table][reference.column].nullable
        answer = world.attempt(insert(reference.table, tuple(row)), *row.values())
        assert answer == (ACCEPTED if optional else Verdict(NOT_NULL, reference.column))


@every_reference
def test_the_target_keeps_its_id(reference: ForeignKey, world: World) -> None:
    """No reference follows a changed id; one that nobody names may change."""
    with world.sandbox():
        target = world.put(reference.parent)["id"]
        rename = update(reference.parent, "id")
        assert world.attempt(rename, uuid4(), target) == ACCEPTED
        world.put(reference.table, **{reference.column: target})
        assert world.attempt(rename, uuid4(), target) == Verdict(FOREIGN_KEY, reference.name)


def test_no_reference_is_left_out(world: World) -> None:
    found = world.rows(
        "SELECT conname AS name, conrelid::regclass::text AS table, attname AS column,"
        " confrelid::regclass::text AS parent, confdeltype = 'c' AS cascades,"
        " concat(confdeltype, confupdtype, confmatchtype) AS kind, condeferrable AS deferrable"
        " FROM pg_constraint JOIN pg_attribute ON attrelid = conrelid AND attnum = conkey[1]"
        " WHERE contype = 'f' AND conrelid::regclass::text ~ '^(messaging|core_\\w+)\\.'"
    )
    fields = ("name", "table", "column", "parent", "cascades")
    assert {tuple(row[name] for name in fields) for row in found} == {
        tuple(getattr(reference, name) for name in fields) for reference in ALL_FOREIGN_KEYS
    }
    assert {row["kind"] for row in found} == {"cas", "aas"}
    assert not any(row["deferrable"] for row in found)
    assert len(FOREIGN_KEYS) == 14


# Deletions reach further than one reference


@pytest.fixture(scope="module")
def order(world: World) -> tuple[ForeignKey, ...]:
    """The references in the order in which the deletion of their target comes to them."""
    names = world.rows(
        "SELECT conname AS name FROM pg_trigger AS t JOIN pg_constraint AS c ON c.oid = t.tgconstraint"
        " WHERE t.tgrelid = c.confrelid AND t.tgtype::int & 8 <> 0"
        ' ORDER BY t.tgname COLLATE "C"'
    )
    known = {reference.name: reference for reference in ALL_FOREIGN_KEYS}
    return tuple(known[row["name"]] for row in names)


@st.composite
def deletions(draw: st.DrawFn) -> tuple[dict[UUID, Row], UUID]:
    """Rows of a tenant or two, and which of them is to go.

    Their references cross the border between tenants as they like.
    """
    wanted = draw(st.sampled_from(BUILT))
    made: dict[str, list[UUID]] = {}
    rows: dict[UUID, Row] = {}
    for table in BUILT:
        made[table] = []
        for _ in range(draw(st.sampled_from([0, 1, 1, 2, 2] if table in TABLES else [1, 2]))):
            key = UUID(int=len(rows) + 1)
            names: dict[str, UUID] = {}
            for reference in references_of(table):
                column = TABLES.get(table, {}).get(reference.column)
                optional: list[UUID | None] = (
                    [None] if column is not None and column.nullable else []
                )
                choices = [*made[reference.parent], *optional]
                chosen = draw(st.sampled_from(choices)) if choices else key
                if chosen is not None:
                    names[reference.column] = chosen
            if key not in names.values():  # nothing there that it must name
                made[table].append(key)
                rows[key] = Row(table, names)
    return rows, draw(st.sampled_from(made[wanted] or list(rows)))


def test_a_deletion_takes_what_the_model_says(world: World, order: tuple[ForeignKey, ...]) -> None:
    answers: Counter[str] = Counter()

    @given(deletions())
    @examples(100)
    def run(deletion: tuple[dict[UUID, Row], UUID]) -> None:
        rows, victim = deletion
        expected, left = delete(rows, victim, order)
        with world.sandbox():
            for key, row in rows.items():
                world.put(row.table, id=key, **row.names)
            assert remove(world, rows[victim].table, victim) == expected
            assert everything(world) == left
        answers[expected.name or f"{rows[victim].table} went"] += 1

    run()
    refused = sum(answers[reference.name] for reference in FOREIGN_KEYS)
    assert min(refused, answers.total() - refused) > 20, answers


def test_a_tenant_goes_with_what_is_below_it(world: World) -> None:
    """Accounts, templates, conversations with strangers, messages, flows, nodes, campaigns."""
    with world.sandbox():
        made = company(world, without=["messaging.chatbot_sessions"], strangers=True)
        assert remove(world, TENANTS, made[TENANTS]) == ACCEPTED
        assert not everything(world) & set(made.values())


@pytest.mark.parametrize(
    ("known", "refused_by"),
    [
        ("contact_id", "whatsapp_conversations_contact_id_fkey"),
        ("assigned_user_id", "whatsapp_conversations_assigned_user_id_fkey"),
    ],
)
def test_known_gap_a_tenant_with_a_conversation_with_somebody_known_stays(
    known: str, refused_by: str, world: World, order: tuple[ForeignKey, ...]
) -> None:
    """The tenant's contacts and users go before its conversations, which still name them."""
    of_tenants = [reference.table for reference in order if reference.parent == TENANTS]
    if of_tenants[:2] != ["core_users.users", "core_catalogs.contacts"]:
        pytest.skip("here, the tenant's users and contacts happen not to go first")
    with world.sandbox():
        made = company(world, without=["messaging.chatbot_sessions"], strangers=True)
        somebody = made["core_catalogs.contacts" if known == "contact_id" else "core_users.users"]
        talk = made["messaging.whatsapp_conversations"]
        assert (
            world.attempt(
                update("messaging.whatsapp_conversations", known), somebody, talk, keep=True
            )
            == ACCEPTED
        )
        assert remove(world, TENANTS, made[TENANTS]) == Verdict(FOREIGN_KEY, refused_by)
        assert everything(world) >= set(made.values())


def test_known_gap_a_tenant_whose_chatbot_ever_ran_stays(world: World) -> None:
    """The flow goes before the conversation takes the session along, which still names it."""
    with world.sandbox():
        made = company(world, strangers=True)
        assert remove(world, TENANTS, made[TENANTS]) == Verdict(
            FOREIGN_KEY, "chatbot_sessions_flow_id_fkey"
        )
        assert everything(world) >= set(made.values())


@pytest.mark.parametrize(
    ("table", "refused_by"),
    [
        ("messaging.whatsapp_accounts", "whatsapp_campaigns_account_id_fkey"),
        ("messaging.whatsapp_templates", "whatsapp_campaigns_template_id_fkey"),
        ("messaging.chatbot_flows", "chatbot_sessions_flow_id_fkey"),
        ("messaging.chatbot_nodes", "chatbot_sessions_current_node_id_fkey"),
        ("core_catalogs.contacts", "whatsapp_conversations_contact_id_fkey"),
        ("core_users.users", "whatsapp_conversations_assigned_user_id_fkey"),
    ],
)
def test_what_is_in_use_stays(table: str, refused_by: str, world: World) -> None:
    with world.sandbox():
        made = company(world)
        assert remove(world, table, made[table]) == Verdict(FOREIGN_KEY, refused_by)


def test_a_tenant_goes_after_its_campaigns_and_accounts(world: World) -> None:
    """The way around the gaps: campaigns, accounts, then the tenant, with one row everywhere."""
    with world.sandbox():
        made = company(world)
        for table in ("messaging.whatsapp_campaigns", "messaging.whatsapp_accounts", TENANTS):
            assert remove(world, table, made[table]) == ACCEPTED
        assert not everything(world) & set(made.values())


def test_known_gap_a_stranger_keeps_a_tenant_alive(world: World) -> None:
    """A campaign of another tenant may name this one's account, and then only its owner can help."""
    with world.sandbox():
        account = world.put("messaging.whatsapp_accounts")
        world.put("messaging.whatsapp_campaigns", account_id=account["id"])
        assert remove(world, TENANTS, account["tenant_id"]) == Verdict(
            FOREIGN_KEY, "whatsapp_campaigns_account_id_fkey"
        )


def references_of(table: str) -> list[ForeignKey]:
    """What a row of this table names."""
    return [reference for reference in ALL_FOREIGN_KEYS if reference.table == table]


def company(
    world: World, *, without: Sequence[str] = (), strangers: bool = False
) -> dict[str, UUID]:
    """A tenant with a row in every table but those; its conversation with somebody, or a stranger."""
    made: dict[str, UUID] = {}
    for table in BUILT:
        if table in without:
            continue
        names: dict[str, object] = {
            reference.column: made[reference.parent] for reference in references_of(table)
        }
        if strangers and table == "messaging.whatsapp_conversations":
            names |= {"contact_id": None, "assigned_user_id": None}
        made[table] = world.put(table, **names)["id"]
    return made


def remove(world: World, table: str, key: UUID) -> Verdict:
    """Delete a row, for good."""
    query = sql.SQL("DELETE FROM {} WHERE id = %s").format(relation(table))
    return world.attempt(query, key, keep=True)


_EVERYTHING = sql.SQL(" UNION ALL ").join(
    sql.SQL("SELECT id FROM {}").format(relation(table)) for table in BUILT
)


def everything(world: World) -> frozenset[UUID]:
    """The ids of all rows in all tables."""
    return frozenset(row[0] for row in world.connection.execute(_EVERYTHING))
