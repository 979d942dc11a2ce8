"""A messaging database that property tests may do anything to, and rows to put in it.

Everything happens in one transaction that is never committed, each example in a savepoint that is
always rolled back: thousands of examples cost a few round trips each, and none sees another. NOW()
stands still in it, so that expected times are exact.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from itertools import count
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import psycopg
import pytest
from hypothesis import settings
from psycopg import sql
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from messaging.model import ACCEPTED, ALL_FOREIGN_KEYS, TABLES, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from messaging.support import Connection

settings.register_profile("ringfence", deadline=None, derandomize=True, database=None)
settings.register_profile("thorough", deadline=None, print_blob=True)

_PROFILE = os.environ.get("HYPOTHESIS_PROFILE", "ringfence")


def examples(number: int, *, steps: int = 50) -> settings:
    """Settings for a test that takes so many examples: the same ones in every run.

    HYPOTHESIS_PROFILE=thorough takes twenty times as many, others every time. `steps` is for state
    machines.
    """
    factor = 20 if _PROFILE == "thorough" else 1
    return settings(
        settings.get_profile(_PROFILE), max_examples=number * factor, stateful_step_count=steps
    )


@pytest.fixture(name="world", scope="module")
def world_of_module(at_1_0: str) -> Iterator[World]:
    """Revision 0002 as the superuser sees it, with empty tables."""
    with opened(at_1_0) as found:
        yield found


@contextmanager
def opened(dsn: str) -> Iterator[World]:
    """A world of its own, on a connection and in a transaction of its own."""
    with psycopg.connect(dsn, prepare_threshold=None) as connection:
        connection.execute("SET TRANSACTION READ WRITE")
        # An interval of a day is 24 hours in UTC, whatever zone the server lives in.
        connection.execute("SET LOCAL TimeZone = 'UTC'")
        try:
            yield World(connection)
        finally:
            connection.rollback()


_SAMPLES: Mapping[str, Mapping[str, object]] = {
    "core_tenants.tenants": {"name": "Casa Norte"},
    "core_users.users": {"full_name": "Lucia Ortega", "email": "lucia@example.com"},
    "core_catalogs.contacts": {"name": "Juan Perez"},
    "messaging.whatsapp_accounts": {
        "waba_id": "waba",
        "phone_number_id": "1",
        "phone_number": "+525500000000",
        "display_name": "Ventas",
    },
    "messaging.whatsapp_templates": {"name": "hola", "category": "UTILITY", "components": []},
    "messaging.whatsapp_conversations": {"contact_wa_id": "+525511111111"},
    "messaging.whatsapp_messages": {
        "wa_message_id": "wamid",
        "direction": "inbound",
        "message_type": "text",
        "content": {"body": "hola"},
    },
    "messaging.chatbot_flows": {"name": "bienvenida", "trigger_type": "always"},
    "messaging.chatbot_nodes": {"node_key": "inicio", "node_type": "menu", "config": {}},
    "messaging.chatbot_sessions": {},
    "messaging.whatsapp_campaigns": {
        "name": "rebajas",
        "audience_type": "all_contacts",
        "audience_config": {},
    },
}
"""What a row says where a test does not care."""

_UNIQUE = {
    ("core_users.users", "email"): "u{}@example.com",
    ("messaging.whatsapp_accounts", "phone_number"): "+52{:09}",
    ("messaging.whatsapp_templates", "name"): "plantilla {}",
    ("messaging.whatsapp_conversations", "contact_wa_id"): "+54{:09}",
    ("messaging.whatsapp_messages", "wa_message_id"): "wamid.{}",
    ("messaging.chatbot_flows", "name"): "flujo {}",
    ("messaging.chatbot_nodes", "node_key"): "nodo {}",
}
"""The columns of it that are made different in every row."""


class World:
    """A transaction in a messaging database, with ways to fill it and to try things in it."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self._numbers = count(1)
        self.now: datetime = self.value("SELECT NOW()")

    # Asking

    def rows(self, query: str, *values: object) -> list[dict[str, Any]]:
        """What a query yields, a dictionary a row."""
        with self.connection.cursor(row_factory=dict_row) as cursor:
            return cursor.execute(query.encode(), values).fetchall()

    def row(self, query: str, *values: object) -> dict[str, Any]:
        """The only row that a query yields."""
        (found,) = self.rows(query, *values)
        return found

    def value(self, query: str, *values: object) -> Any:
        """The only value that a query yields."""
        row = self.connection.execute(query.encode(), values).fetchone()
        assert row is not None
        return row[0]

    # Trying

    @contextmanager
    def sandbox(self) -> Iterator[None]:
        """What happens inside has not happened afterwards; a block may be inside another."""
        with self.connection.transaction(force_rollback=True):
            yield

    def attempt(self, query: str | sql.Composed, *values: object, keep: bool = False) -> Verdict:
        """What the server says to a statement, which is undone unless it is to be kept."""
        try:
            with self.connection.transaction(force_rollback=not keep):
                self.connection.execute(
                    query.encode() if isinstance(query, str) else query, [to_sql(v) for v in values]
                )
        except psycopg.Error as error:
            return verdict(error)
        return ACCEPTED

    @contextmanager
    def acting(self, tenant: object = None, *, role: str = "app_user") -> Iterator[None]:
        """As the application, for a tenant (None: none is named); undone afterwards."""
        with self.sandbox():
            self.connection.execute(sql.SQL("SET LOCAL ROLE {}").format(sql.Identifier(role)))
            if tenant is not None:
                self.value("SELECT set_config('app.tenant_id', %s, true)", str(tenant))
            yield

    # Filling

    def put(self, table: str, **values: object) -> dict[str, Any]:
        """Insert a row and give it back whole.

        What is not named is plausible; a required reference that is not named gets a parent of its
        own, with parents of its own, so that two rows have nothing in common that nobody asked for.
        """
        with self.connection.cursor(row_factory=dict_row) as cursor:
            wanted = self.complete(table, **values)
            cursor.execute(
                insert(table, tuple(wanted)) + sql.SQL(" RETURNING *"),
                [to_sql(value) for value in wanted.values()],
            )
            row = cursor.fetchone()
        assert row is not None
        return row

    def complete(self, table: str, **values: object) -> dict[str, object]:
        """The values of a row that can be inserted, its parents inserted already."""
        number = next(self._numbers)
        wanted: dict[str, object] = dict(_SAMPLES[table])
        for column in wanted:
            if (table, column) in _UNIQUE:
                wanted[column] = _UNIQUE[table, column].format(number)
        if table == "core_tenants.tenants":
            # Unique in the whole database: a row of another open world would be waited for.
            wanted["slug"] = str(uuid4())
        wanted |= values
        for reference in ALL_FOREIGN_KEYS:
            if reference.table != table or reference.column in wanted:
                continue
            column_of = TABLES.get(table, {}).get(reference.column)
            if column_of is None or not column_of.nullable:
                wanted[reference.column] = self.put(reference.parent)["id"]
        return wanted


def insert(table: str, columns: Sequence[str]) -> sql.Composed:
    """An INSERT of one row, the values left open."""
    return sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(
        relation(table),
        sql.SQL(", ").join(map(sql.Identifier, columns)),
        sql.SQL(", ").join(sql.Placeholder() * len(columns)),
    )


def update(table: str, *columns: str) -> sql.Composed:
    """An UPDATE of the row with an id, the values and the id left open."""
    return sql.SQL("UPDATE {} SET {} WHERE id = %s").format(
        relation(table),
        sql.SQL(", ").join(sql.SQL("{} = %s").format(sql.Identifier(column)) for column in columns),
    )


def relation(table: str) -> sql.Identifier:
    """The name of a table, `schema.name`, as it stands in SQL."""
    return sql.Identifier(*table.split("."))


def to_sql(value: object) -> object:
    """A value as psycopg passes it: what is a JSON document goes as jsonb."""
    return Jsonb(value) if isinstance(value, dict | list) else value


def verdict(error: psycopg.Error) -> Verdict:
    """An error as the model would say it."""
    return Verdict(
        error.sqlstate or "no answer", error.diag.constraint_name or error.diag.column_name or ""
    )
