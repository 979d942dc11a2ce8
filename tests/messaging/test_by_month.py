"""The branch that has messages in monthly partitions: what is unique, whose it is, there and back."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from messaging.model import ACCEPTED, Verdict
from messaging.support import differences, read, run, violations
from messaging.world import World, opened

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from messaging.support import Migration

MESSAGE = """
    INSERT INTO messaging.whatsapp_messages
    (id, conversation_id, wa_message_id, direction, message_type, content, created_at)
    VALUES (%s, %s, %s, 'inbound', 'text', '{}', now() + %s::interval) RETURNING id
"""
LATER = "3 months"


@pytest.fixture(name="world", scope="module")
def world_in_months(in_months: str) -> Iterator[World]:
    """Messages by month as the superuser sees them, with empty tables."""
    with opened(in_months) as found:
        yield found


def talk(world: World) -> UUID:
    found = world.put("messaging.whatsapp_conversations")["id"]
    assert isinstance(found, UUID)
    return found


def keys(world: World) -> list[tuple[Any, ...]]:
    rows = world.rows("SELECT * FROM messaging.whatsapp_message_keys ORDER BY wa_message_id")
    return [(r["message_id"], r["conversation_id"], r["wa_message_id"]) for r in rows]


def leaf(world: World, key: object) -> object:
    return world.value(
        "SELECT tableoid::regclass::text FROM messaging.whatsapp_messages WHERE id = %s", key
    )


def test_no_message_is_there_twice_whatever_its_month(world: World) -> None:
    with world.sandbox():
        one, other, key = talk(world), talk(world), uuid4()
        world.connection.execute(MESSAGE, [key, one, "w1", "0"])
        for values, name in (
            ((uuid4(), one, "w1", LATER), "uq_whatsapp_message_keys"),
            ((key, one, "w2", LATER), "pk_whatsapp_message_keys"),
            ((key, one, "w2", "0"), "whatsapp_messages_first_pkey"),
        ):
            assert world.attempt(MESSAGE, *values) == Verdict("23505", name)
        assert world.attempt(MESSAGE, uuid4(), other, "w1", LATER) == ACCEPTED
        world.connection.execute(MESSAGE, [uuid4(), one, "w2", LATER])
        said = world.attempt(
            "UPDATE messaging.whatsapp_messages SET wa_message_id = 'w2' WHERE id = %s", key
        )
        assert said.sqlstate == "23505"


def test_keys_come_move_and_go_with_their_messages(world: World) -> None:
    with world.sandbox():
        one, other, key, second = talk(world), talk(world), uuid4(), uuid4()
        tenant = world.value("SELECT tenant_id FROM messaging.whatsapp_conversations LIMIT 1")
        world.connection.execute("SELECT set_config('app.tenant_id', %s, true)", [str(tenant)])
        world.connection.execute(MESSAGE, [key, one, "w1", "0"])
        world.connection.execute(MESSAGE, [second, other, "w2", LATER])
        assert keys(world) == [(key, one, "w1"), (second, other, "w2")]
        # To another month, and back: PostgreSQL deletes and inserts it.
        first = leaf(world, key)
        move = "UPDATE messaging.whatsapp_messages SET created_at = now() + %s::interval, status = 'sent' WHERE id = %s"
        world.connection.execute(move, [LATER, key])
        assert leaf(world, key) == leaf(world, second) != first
        world.connection.execute(move, ["0", key])
        assert keys(world) == [(key, one, "w1"), (second, other, "w2")]
        world.connection.execute(
            "UPDATE messaging.whatsapp_messages SET wa_message_id = 'w0' WHERE id = %s", [key]
        )
        assert keys(world) == [(key, one, "w0"), (second, other, "w2")]
        # The setting of whoever writes is as it was.
        assert world.value("SELECT current_setting('app.tenant_id')") == str(tenant)
        world.connection.execute("DELETE FROM messaging.whatsapp_messages WHERE id = %s", [key])
        assert keys(world) == [(second, other, "w2")]
        world.connection.execute(
            "DELETE FROM messaging.whatsapp_conversations WHERE id = %s", [other]
        )
        assert keys(world) == []
        world.connection.execute(MESSAGE, [key, one, "w1", "0"])
        world.connection.execute("TRUNCATE messaging.whatsapp_messages")
        assert keys(world) == []


def test_the_application_asks_the_whole_and_reads_keys(world: World) -> None:
    with world.sandbox():
        conversation = talk(world)
        tenant = world.value("SELECT tenant_id FROM messaging.whatsapp_conversations")
        assert isinstance(tenant, UUID)
        leaves = world.rows(
            "SELECT inhrelid::regclass::text AS name FROM pg_inherits"
            " WHERE inhparent = 'messaging.whatsapp_messages'::regclass ORDER BY 1"
        )
        assert len(leaves) == 4
        with world.acting(tenant):
            for wamid, when in (("w1", "0"), ("w2", LATER)):
                assert world.attempt(MESSAGE, uuid4(), conversation, wamid, when) == ACCEPTED
            for name in (row["name"] for row in leaves):
                assert world.attempt(f"SELECT FROM {name}").sqlstate == "42501"
            for statement in (
                "DELETE FROM messaging.whatsapp_message_keys",
                "UPDATE messaging.whatsapp_message_keys SET wa_message_id = ''",
                "INSERT INTO messaging.whatsapp_message_keys TABLE messaging.whatsapp_message_keys",
                "SELECT messaging.partition_messages()",
                "SELECT messaging.keep_message_key()",
            ):
                assert world.attempt(statement).sqlstate == "42501", statement
        with world.acting(uuid4()):
            assert keys(world) == []
            assert world.attempt(MESSAGE, uuid4(), conversation, "w3", "0").sqlstate == "23503"


def test_months_are_made_ahead(world: World) -> None:
    count = (
        "SELECT count(*) FROM pg_inherits WHERE inhparent = 'messaging.whatsapp_messages'::regclass"
    )
    with world.sandbox():
        before = world.value(count)
        assert world.value("SELECT messaging.partition_messages(4)") == 0
        assert world.value("SELECT messaging.partition_messages(6)") == 2
        assert world.value("SELECT messaging.partition_messages(6)") == 0
        assert world.value(count) == int(str(before)) + 2
        for months in range(6):
            world.connection.execute(MESSAGE, [uuid4(), talk(world), "w", f"{months} months"])
        said = world.attempt(MESSAGE, uuid4(), talk(world), "w", "9 months")
        assert said.sqlstate == "23514"


# There and back


@pytest.fixture
def moved(
    make_empty: Callable[[], str], head: list[Migration], by_month: list[Migration]
) -> tuple[str, UUID]:
    """A database with two messages that were there before the branch; and a conversation of theirs."""
    dsn = make_empty()
    run(dsn, *(revision.up for revision in head))
    with psycopg.connect(dsn) as connection:
        world = World(connection)
        conversation = talk(world)
        for wamid, when in (("w1", "-2 years"), ("w2", "0")):
            connection.execute(MESSAGE, [uuid4(), conversation, wamid, when])
    run(dsn, *(revision.up for revision in by_month))
    return dsn, conversation


def test_rows_stay_on_the_way_there_and_back(
    moved: tuple[str, UUID], at_head: str, head: list[Migration], by_month: list[Migration]
) -> None:
    dsn, conversation = moved
    rows = "SELECT * FROM messaging.whatsapp_messages ORDER BY wa_message_id"
    with psycopg.connect(dsn) as connection:
        world = World(connection)
        assert [key[2] for key in keys(world)] == ["w1", "w2"]
        assert world.attempt(MESSAGE, uuid4(), conversation, "w1", LATER).sqlstate == "23505"
        connection.execute(MESSAGE, [uuid4(), conversation, "w3", LATER])
        kept = world.rows(rows)
        assert violations(connection, head[-1].verify) == []
        for revision in by_month:
            assert violations(connection, revision.verify) == [] if revision.verify else True
    run(dsn, *(revision.down for revision in reversed(by_month[1:])))
    run(dsn, *(revision.up for revision in by_month[2:]))
    with psycopg.connect(dsn) as connection:
        world = World(connection)
        assert [key[2] for key in keys(world)] == ["w1", "w2", "w3"]
        assert world.rows(rows) == kept
    run(dsn, *(revision.down for revision in reversed(by_month)))
    with psycopg.connect(dsn) as connection:
        assert World(connection).rows(rows) == kept
    assert differences(read(dsn), read(at_head)) == []


@pytest.mark.parametrize(
    "change",
    [
        "ALTER TABLE messaging.whatsapp_messages_first NO FORCE ROW LEVEL SECURITY",
        "GRANT SELECT ON messaging.whatsapp_messages_first TO app_user",
        "DROP POLICY whatsapp_messages_tenant_isolation ON messaging.whatsapp_messages_first",
        "GRANT DELETE ON messaging.whatsapp_message_keys TO app_user",
        "ALTER TABLE messaging.whatsapp_message_keys NO FORCE ROW LEVEL SECURITY",
        "ALTER TABLE messaging.whatsapp_messages RENAME TO other",
    ],
)
def test_p005_speaks(world: World, by_month: list[Migration], change: str) -> None:
    (verify,) = (revision.verify for revision in by_month if revision.verify)
    with world.sandbox():
        assert violations(world.connection, verify) == []
        world.connection.execute(change.encode())
        assert violations(world.connection, verify) != []


def test_a_message_that_is_deleted_while_keys_are_filled_leaves_none(
    make_empty: Callable[[], str], head: list[Migration], by_month: list[Migration]
) -> None:
    """The batch has the row; who deletes it waits, and finds the key that came meanwhile."""
    dsn = make_empty()
    run(dsn, *(revision.up for revision in (*head, by_month[0])))
    with psycopg.connect(dsn, autocommit=True) as watch:
        watch.execute("ALTER TABLE messaging.whatsapp_messages DISABLE TRIGGER USER")
        world, key = World(watch), uuid4()
        watch.execute(MESSAGE.replace("(id,", "(tenant_id, id,").replace(
            "VALUES (", "VALUES ((SELECT tenant_id FROM messaging.whatsapp_conversations), "
        ), [key, talk(world), "w1", "0"])  # fmt: skip
        watch.execute("ALTER TABLE messaging.whatsapp_messages ENABLE TRIGGER USER")
        with psycopg.connect(dsn) as batch, psycopg.connect(dsn) as other:
            batch.execute(by_month[1].up.encode())

            def delete() -> None:
                other.execute("DELETE FROM messaging.whatsapp_messages")
                other.commit()

            thread = threading.Thread(target=delete)
            thread.start()
            _until_blocked(watch, other, thread)
            batch.commit()
            thread.join()
        assert keys(world) == []


@pytest.mark.parametrize("second", ["insert", "process"])
def test_the_same_message_twice_at_once(moved: tuple[str, UUID], second: str) -> None:
    """Who comes second waits; an INSERT is refused then, the function returns the message."""
    dsn, conversation = moved
    with psycopg.connect(dsn, autocommit=True) as watch:
        row = watch.execute(
            "SELECT a.tenant_id, a.id, c.contact_wa_id FROM messaging.whatsapp_conversations AS c"
            " JOIN messaging.whatsapp_accounts AS a ON a.id = c.account_id"
        ).fetchone()
        assert row is not None
        tenant, account, number = row
        ours = make_conninfo(dsn, options=f"-c app.tenant_id={tenant}")
        key, found = uuid4(), list[Any]()
        with psycopg.connect(ours) as one, psycopg.connect(ours) as two:
            for session in (one, two):
                session.execute("SET ROLE app_user")
                session.commit()
            one.execute(MESSAGE, [key, conversation, "w9", LATER])

            def come_second() -> None:
                try:
                    if second == "insert":
                        two.execute(MESSAGE, [uuid4(), conversation, "w9", "0"])
                    else:
                        found.append(
                            two.execute(
                                "SELECT messaging.process_incoming_message(%s, 'w9', %s, 'text', '{}')",
                                [account, number],
                            ).fetchone()
                        )
                except psycopg.Error as error:
                    found.append(error.sqlstate)

            thread = threading.Thread(target=come_second)
            thread.start()
            _until_blocked(watch, two, thread)
            one.commit()
            thread.join()
            two.commit()
        assert found == (["23505"] if second == "insert" else [(key,)])
        counted = watch.execute(
            "SELECT count(*) FROM messaging.whatsapp_messages WHERE wa_message_id = 'w9'"
        ).fetchone()
        assert counted == (1,)


def _until_blocked(watch: Any, session: Any, thread: threading.Thread) -> None:
    pid = session.info.backend_pid
    while watch.execute("SELECT pg_blocking_pids(%s)", [pid]).fetchone() == ([],):
        assert thread.is_alive()
