"""A key lets in every row that differs in one of its columns, and no row that differs in none."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging.model import (
    ACCEPTED,
    FOREIGN_KEYS,
    NOT_NULL,
    PRIMARY_KEYS,
    UNIQUE,
    UNIQUES,
    Verdict,
)
from messaging.world import examples, insert, update
from messaging.world import world_of_module as world_of_module

if TYPE_CHECKING:
    from messaging.model import Key
    from messaging.world import World

ALIKE = ("hola", "Hola", "hola ", " hola", "hólà", "ho\u0301la\u0300", "ｈｏｌａ", "hоla", "")
"""Texts that a person may take for one another. The last but one has a Cyrillic letter."""

PHONES = ("+5255000001", "+52550000010", "+525500001", "+15255000001")
LANGUAGES = ("es", "ES", "es_MX", "es ", "en")

named_key = pytest.mark.parametrize("key", UNIQUES, ids=lambda key: key.name)


@pytest.fixture(scope="module")
def parents(world: World) -> dict[str, tuple[object, object]]:
    """Two rows of each table that a key refers to, by column."""
    return {
        reference.column: (world.put(reference.parent)["id"], world.put(reference.parent)["id"])
        for reference in FOREIGN_KEYS
        if any(reference.table == key.table and reference.column in key.columns for key in UNIQUES)
    }


def choices(key: Key, column: str, parents: dict[str, tuple[object, object]]) -> tuple[object, ...]:
    """The values that a column of a key takes here: few, so that keys meet."""
    if column in parents:
        return parents[column]
    return {"phone_number": PHONES, "language": LANGUAGES}.get(column, ALIKE)


@named_key
@given(data=st.data())
@examples(30)
def test_rows_are_refused_when_the_key_is_taken(
    key: Key, world: World, parents: dict[str, tuple[object, object]], data: st.DataObject
) -> None:
    keys = data.draw(
        st.lists(
            st.tuples(*(st.sampled_from(choices(key, c, parents)) for c in key.columns)),
            min_size=2,
            max_size=8,
        )
    )
    with world.sandbox():
        others = world.complete(key.table, **dict(zip(key.columns, keys[0], strict=True)))
        taken = set()
        for values in keys:
            new = {**others, **dict(zip(key.columns, values, strict=True))}
            answer = world.attempt(insert(key.table, tuple(new)), *new.values(), keep=True)
            assert answer == (Verdict(UNIQUE, key.name) if values in taken else ACCEPTED)
            taken.add(values)


@named_key
@given(data=st.data())
@examples(20)
def test_a_row_is_not_moved_onto_another(
    key: Key, world: World, parents: dict[str, tuple[object, object]], data: st.DataObject
) -> None:
    one, other, target = data.draw(
        st.tuples(
            *[st.tuples(*(st.sampled_from(choices(key, c, parents)) for c in key.columns))] * 3
        ).filter(lambda keys: keys[0] != keys[1])
    )
    with world.sandbox():
        others = world.complete(key.table, **dict(zip(key.columns, one, strict=True)))
        ids = []
        for values in (one, other):
            row = {**others, **dict(zip(key.columns, values, strict=True))}
            ids.append(world.put(key.table, **row)["id"])
        answer = world.attempt(update(key.table, *key.columns), *target, ids[1])
        assert answer == (Verdict(UNIQUE, key.name) if target == one else ACCEPTED)


@pytest.mark.parametrize(
    ("key", "column"),
    [(key, column) for key in UNIQUES for column in key.columns],
    ids=lambda part: part if isinstance(part, str) else part.name,
)
def test_one_column_makes_the_difference(
    key: Key, column: str, world: World, parents: dict[str, tuple[object, object]]
) -> None:
    same, different = choices(key, column, parents)[:2]
    with world.sandbox():
        wanted = {c: choices(key, c, parents)[0] for c in key.columns}
        row = world.complete(key.table, **wanted)
        world.put(key.table, **row)
        again = insert(key.table, tuple(row))
        assert world.attempt(again, *{**row, column: same}.values()) == Verdict(UNIQUE, key.name)
        assert world.attempt(again, *{**row, column: different}.values()) == ACCEPTED


@pytest.mark.parametrize("key", PRIMARY_KEYS, ids=lambda key: key.name)
def test_an_id_is_taken_once(key: Key, world: World) -> None:
    with world.sandbox():
        taken, free = uuid4(), uuid4()
        world.put(key.table, id=taken)
        other = world.complete(key.table)
        columns = (*other, "id")
        again = insert(key.table, columns)
        assert world.attempt(again, *other.values(), taken) == Verdict(UNIQUE, key.name)
        assert world.attempt(again, *other.values(), free) == ACCEPTED


@pytest.mark.parametrize(
    ("key", "column"),
    [(key, column) for key in (*UNIQUES, *PRIMARY_KEYS) for column in key.columns],
    ids=lambda part: part if isinstance(part, str) else part.name,
)
def test_no_key_holds_a_null(key: Key, column: str, world: World) -> None:
    """So nobody needs to know how nulls compare."""
    with world.sandbox():
        row = {**world.complete(key.table), column: None}
        answer = world.attempt(insert(key.table, tuple(row)), *row.values())
        assert answer == Verdict(NOT_NULL, column)


def test_no_key_is_left_out(world: World) -> None:
    found = world.rows(
        "SELECT c.conname AS name, c.conrelid::regclass::text AS table, array_agg("
        "a.attname::text ORDER BY array_position(c.conkey, a.attnum)) AS columns"
        " FROM pg_constraint AS c"
        " JOIN pg_attribute AS a ON a.attrelid = c.conrelid AND a.attnum = ANY (c.conkey)"
        " WHERE c.contype IN ('u', 'p') AND c.connamespace = 'messaging'::regnamespace"
        " GROUP BY c.oid"
    )
    known = {(key.name, key.table, key.columns) for key in (*UNIQUES, *PRIMARY_KEYS)}
    assert {(row["name"], row["table"], tuple(row["columns"])) for row in found} == known
    assert (len(UNIQUES), len(PRIMARY_KEYS)) == (6, 8)


def test_a_message_id_is_unique_in_its_conversation_only(world: World) -> None:
    """The diagram calls it unique. The DDL does not, and wins."""
    with world.sandbox():
        first = world.put("messaging.whatsapp_messages", wa_message_id="wamid.A")
        second = world.put("messaging.whatsapp_messages", wa_message_id="wamid.A")
        assert first["conversation_id"] != second["conversation_id"]


def test_a_telephone_number_is_unique_in_its_tenant_only(world: World) -> None:
    """The diagram calls it unique. The DDL does not, and wins."""
    with world.sandbox():
        first = world.put("messaging.whatsapp_accounts", phone_number="+525500000001")
        second = world.put("messaging.whatsapp_accounts", phone_number="+525500000001")
        assert first["tenant_id"] != second["tenant_id"]


@pytest.mark.parametrize("table", ["messaging.chatbot_sessions", "messaging.whatsapp_campaigns"])
def test_known_gap_nothing_tells_two_rows_apart_but_their_id(table: str, world: World) -> None:
    with world.sandbox():
        row = world.complete(table)
        for _ in range(2):
            world.put(table, **row)
