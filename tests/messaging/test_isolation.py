"""Who sees and moves which rows of the three tables with a policy, and what has none."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID, uuid4

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from psycopg import sql

from messaging.model import ACCEPTED, CHILDREN, GUARDED, UNIQUE, Verdict
from messaging.world import examples, insert, opened, relation, update
from messaging.world import world_of_module as world_of_module

if TYPE_CHECKING:
    from collections.abc import Callable

    from messaging.world import World

DENIED = Verdict("42501")
UNSET = Verdict("42704")
NO_UUID = Verdict("22P02")

guarded = pytest.mark.parametrize("table", GUARDED)

SPELLINGS: dict[str, Callable[[UUID], str]] = {
    "plain": str,
    "upper case": lambda key: str(key).upper(),
    "without hyphens": lambda key: key.hex,
    "in braces": lambda key: f"{{{key}}}",
    "hyphens elsewhere": lambda key: "-".join(key.hex[at : at + 4] for at in range(0, 32, 4)),
}
"""The ways in which PostgreSQL lets one write a UUID."""


@guarded
@given(
    owners=st.lists(st.integers(0, 2), min_size=1, max_size=6),
    acting=st.integers(0, 3),
    spelling=st.sampled_from(sorted(SPELLINGS)),
)
@examples(15)
def test_a_tenant_has_its_own_rows(
    table: str, world: World, owners: list[int], acting: int, spelling: str
) -> None:
    """Sees them, changes them, deletes them; of other tenants' rows, none. The last has no rows."""
    with world.sandbox():
        tenants = [world.put("core_tenants.tenants")["id"] for _ in range(4)]
        mine = set()
        for owner in owners:
            key = world.put(table, tenant_id=tenants[owner])["id"]
            mine |= {key} if owner == acting else set()
        with world.acting(SPELLINGS[spelling](tenants[acting])):
            assert ids(world, "SELECT id FROM {}", table) == mine
            assert ids(world, "UPDATE {} SET id = id RETURNING id", table) == mine
            with world.sandbox():
                assert ids(world, "DELETE FROM {} RETURNING id", table) == mine
            assert ids(world, "SELECT id FROM {} FOR UPDATE", table) == mine
        assert len(ids(world, "SELECT id FROM {}", table)) == len(owners)


@guarded
@given(who=st.integers(0, 1), whose=st.integers(0, 1), to=st.integers(0, 1))
@examples(8)
@example(who=0, whose=0, to=1)
@example(who=0, whose=1, to=0)
def test_no_row_is_made_or_moved_across(
    table: str, world: World, who: int, whose: int, to: int
) -> None:
    with world.sandbox():
        tenants = [world.put("core_tenants.tenants")["id"] for _ in range(2)]
        row = world.put(table, tenant_id=tenants[whose])["id"]
        new = world.complete(table, tenant_id=tenants[to])
        with world.acting(tenants[who]):
            made = world.attempt(insert(table, tuple(new)), *new.values())
            assert made == (ACCEPTED if to == who else DENIED)
            moved = world.attempt(update(table, "tenant_id"), tenants[to], row)
            # Somebody else's row is not there to be moved, which is no error.
            assert moved == (DENIED if whose == who != to else ACCEPTED)
            world.connection.execute(update(table, "id"), [row, row])
        kept = sql.SQL("SELECT tenant_id FROM {} WHERE id = %s").format(relation(table))
        assert world.value(kept.as_string(None), row) == tenants[whose]


@guarded
@pytest.mark.parametrize(
    "garbage",
    ["", " ", "null", "0", "%", "*", "' OR true --", "00000000-0000-0000-0000-00000000000"],
)
def test_a_tenant_that_is_no_uuid_is_an_error(table: str, garbage: str, world: World) -> None:
    with world.sandbox():
        world.put(table)
        with world.acting(garbage):
            for answer in tries(world, table):
                assert answer == NO_UUID


@guarded
@given(text=st.text("0123456789abcdef-{}ABCDEF gG", min_size=30, max_size=40))
@examples(15)
def test_what_is_nearly_a_uuid_opens_nothing(table: str, world: World, text: str) -> None:
    with world.sandbox():
        world.put(table)
        with world.acting(text):
            answer = world.attempt(sql.SQL("SELECT id FROM {}").format(relation(table)))
            assert answer in (NO_UUID, ACCEPTED)
            if answer == ACCEPTED:
                assert ids(world, "SELECT id FROM {}", table) == set()


@guarded
def test_a_session_without_a_tenant_gets_an_error(table: str, at_1_0: str) -> None:
    """It says that nobody set one, where an empty answer would look like an empty table."""
    with opened(at_1_0) as world:  # a session in which nobody ever has
        world.put(table)
        with world.acting():
            for answer in tries(world, table):
                assert answer == UNSET


@guarded
def test_a_session_that_had_a_tenant_gets_another_error(table: str, world: World) -> None:
    """SET LOCAL leaves an empty text behind when its transaction ends, not nothing."""
    with world.sandbox():
        tenant = world.put(table)["tenant_id"]
        with world.acting(tenant):
            assert world.attempt(sql.SQL("SELECT FROM {}").format(relation(table))) == ACCEPTED
        with world.acting():
            for answer in tries(world, table):
                assert answer == NO_UUID


@guarded
def test_known_gap_the_owner_of_the_tables_is_not_bound(table: str, world: World) -> None:
    """What runs as it sees every tenant."""
    with world.sandbox():
        keys = {world.put(table)["id"] for _ in range(2)}
        with world.acting(uuid4(), role="app_owner"):
            assert ids(world, "SELECT id FROM {}", table) == keys
        with world.acting(uuid4()):
            assert ids(world, "SELECT id FROM {}", table) == set()


@pytest.mark.parametrize("table", CHILDREN)
def test_known_gap_a_table_without_tenant_id_is_open_to_all(table: str, world: World) -> None:
    """Read, changed and deleted by every tenant, and by a session without one."""
    with world.sandbox():
        key = world.put(table)["id"]
        for tenant in (uuid4(), None):
            with world.acting(tenant):
                for query in ("SELECT id FROM {}", "UPDATE {} SET id = id RETURNING id"):
                    assert ids(world, query, table) == {key}
        with world.acting(uuid4()):
            delete = sql.SQL("DELETE FROM {} WHERE id = %s").format(relation(table))
            assert world.attempt(delete, key) == ACCEPTED


@pytest.mark.parametrize(
    "table", ["core_tenants.tenants", "core_users.users", "core_catalogs.contacts"]
)
def test_known_gap_the_tables_below_are_open_to_all(table: str, world: World) -> None:
    with world.sandbox():
        key = world.put(table)["id"]
        with world.acting(uuid4()):
            assert key in ids(world, "SELECT id FROM {}", table)


@guarded
def test_known_gap_an_id_says_whether_another_tenant_has_it(table: str, world: World) -> None:
    """Keys look past policies."""
    with world.sandbox():
        theirs = world.put(table)["id"]
        mine = world.complete(table)
        with world.acting(mine["tenant_id"]):
            taken = world.attempt(insert(table, (*mine, "id")), *mine.values(), theirs)
            free = world.attempt(insert(table, (*mine, "id")), *mine.values(), uuid4())
        assert taken == Verdict(UNIQUE, f"{table.partition('.')[2]}_pkey")
        assert free == ACCEPTED


def test_known_gap_a_campaign_may_use_another_tenants_account_and_template(world: World) -> None:
    """References look past policies."""
    with world.sandbox():
        theirs = world.put("messaging.whatsapp_templates")
        campaign = world.complete(
            "messaging.whatsapp_campaigns",
            account_id=theirs["account_id"],
            template_id=theirs["id"],
        )
        with world.acting(campaign["tenant_id"]):
            made = insert("messaging.whatsapp_campaigns", tuple(campaign))
            assert world.attempt(made, *campaign.values()) == ACCEPTED


def ids(world: World, query: str, table: str) -> set[UUID]:
    """The ids that a statement about a table yields."""
    found = world.connection.execute(sql.SQL(query).format(relation(table)))
    return {row[0] for row in found}


def tries(world: World, table: str) -> list[Verdict]:
    """The answers to reading, changing and deleting everything."""
    return [
        world.attempt(sql.SQL(query).format(relation(table)))
        for query in ("SELECT id FROM {}", "UPDATE {} SET id = id", "DELETE FROM {}")
    ]
