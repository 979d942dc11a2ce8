"""updated_at is the time of the last change, whatever the change says about it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg import sql

from messaging.model import ACCEPTED, STAMPED, TABLES
from messaging.support import run
from messaging.world import World, examples, relation, update
from messaging.world import world_of_module as world_of_module

if TYPE_CHECKING:
    from collections.abc import Iterator

    from messaging.support import Migration

MOMENTS = st.datetimes(datetime(1970, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
CAMPAIGNS = "messaging.whatsapp_campaigns"
stamped = pytest.mark.parametrize("table", STAMPED)


@stamped
@given(created=MOMENTS, was=MOMENTS, said=st.none() | MOMENTS)
@examples(15)
def test_a_change_is_stamped(
    table: str, world: World, created: datetime, was: datetime, said: datetime | None
) -> None:
    """Whether the statement sets updated_at, to the past or the future, or does not."""
    with world.sandbox():
        row = world.put(table, created_at=created, updated_at=was)
        assert row["updated_at"] == was, "an insert is not a change"
        if said is None:
            change = world.attempt(update(table, "id"), row["id"], row["id"], keep=True)
        else:
            change = world.attempt(update(table, "updated_at"), said, row["id"], keep=True)
        assert change == ACCEPTED
        assert read(world, table, row["id"]) == row | {"updated_at": world.now}


@stamped
def test_every_row_that_changes_is_stamped_and_no_other(table: str, world: World) -> None:
    long_ago = datetime(2020, 1, 1, tzinfo=UTC)
    with world.sandbox():
        changed = [world.put(table, updated_at=long_ago)["id"] for _ in range(3)]
        others = [world.put(table, updated_at=long_ago)["id"] for _ in range(2)]
        touch = sql.SQL("UPDATE {} SET id = id WHERE id = ANY (%s)").format(relation(table))
        world.connection.execute(touch, [changed])
        assert {read(world, table, key)["updated_at"] for key in changed} == {world.now}
        assert {read(world, table, key)["updated_at"] for key in others} == {long_ago}


@pytest.fixture
def committing(database: str, core: Migration, messaging: Migration) -> Iterator[World]:
    """A database of one's own, in which every statement is a transaction."""
    run(database, core.up, messaging.up)
    with psycopg.connect(database, autocommit=True) as connection:
        yield World(connection)


def test_each_transaction_stamps_its_own_time(committing: World) -> None:
    for table in STAMPED:
        row = committing.put(table)
        seen = [row["updated_at"]]
        for _ in range(4):
            with committing.connection.transaction():
                began = committing.value("SELECT NOW()")
                for _ in range(2):
                    committing.connection.execute(update(table, "id"), [row["id"]] * 2)
            found = read(committing, table, row["id"])
            assert found["updated_at"] == began
            assert found["created_at"] == row["created_at"]
            seen.append(began)
        assert len(set(seen)) == len(seen), "the time moved with each change"


def test_every_table_with_updated_at_is_stamped_but_one(world: World) -> None:
    having = {table for table, columns in TABLES.items() if "updated_at" in columns}
    assert having == {*STAMPED, CAMPAIGNS}
    assert len(STAMPED) == 5
    triggers = world.rows(
        "SELECT tgrelid::regclass::text AS table, tgenabled AS enabled FROM pg_trigger"
        " JOIN pg_class AS c ON c.oid = tgrelid"
        " WHERE NOT tgisinternal AND relnamespace = 'messaging'::regnamespace"
    )
    assert sorted(row["table"] for row in triggers) == sorted(STAMPED)


def test_known_gap_campaigns_keep_an_updated_at_that_nobody_updates(world: World) -> None:
    """The one table with the column and without the trigger."""
    long_ago = world.now - timedelta(days=400)
    with world.sandbox():
        row = world.put(CAMPAIGNS, updated_at=long_ago)
        assert world.attempt(update(CAMPAIGNS, "status"), "sending", row["id"], keep=True) == (
            ACCEPTED
        )
        assert read(world, CAMPAIGNS, row["id"])["updated_at"] == long_ago


@pytest.mark.parametrize(
    "table", ["core_tenants.tenants", "core_users.users", "core_catalogs.contacts"]
)
def test_the_tables_below_are_stamped_too(table: str, world: World) -> None:
    with world.sandbox():
        row = world.put(table, updated_at=world.now - timedelta(days=400))
        assert world.attempt(update(table, "id"), row["id"], row["id"], keep=True) == ACCEPTED
        assert read(world, table, row["id"])["updated_at"] == world.now


def read(world: World, table: str, key: object) -> dict[str, object]:
    """A row as it is now."""
    return world.row(f"SELECT * FROM {relation(table).as_string(None)} WHERE id = %s", key)
