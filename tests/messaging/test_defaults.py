"""What a row holds that its INSERT did not say, what it must say, and how much fits."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg import sql

from messaging.model import (
    ACCEPTED,
    CHECKS,
    NOT_NULL,
    STAMPED,
    TABLES,
    TOO_LONG,
    Given,
    Verdict,
    store,
)
from messaging.world import examples, insert, relation, update
from messaging.world import world_of_module as world_of_module

if TYPE_CHECKING:
    from collections.abc import Callable

    from messaging.model import Column
    from messaging.world import World

every_table = pytest.mark.parametrize("table", TABLES)


def columns_that(is_wanted: Callable[[Column], bool]) -> pytest.MarkDecorator:
    """Run the test for each column of each table that is wanted."""
    return pytest.mark.parametrize(
        ("table", "column"),
        [
            pytest.param(table, column, id=f"{table}.{column.name}")
            for table, columns in TABLES.items()
            for column in columns.values()
            if is_wanted(column)
        ],
    )


@every_table
def test_a_row_of_the_required_columns_gets_the_defaults(table: str, world: World) -> None:
    columns = TABLES[table]
    with world.sandbox():
        required = world.complete(table)
        assert set(required) == {column.name for column in columns.values() if column.required}
        row = world.put(table, **required)
        assert list(row) == list(columns)
        for column in columns.values():
            value = row[column.name]
            if column.required:
                assert value == required[column.name]
            elif column.default is Given.NOW:
                assert value == world.now
            elif column.default is Given.RANDOM:
                assert isinstance(value, UUID)
                assert value.version == 4
            else:
                assert value == column.default
                assert type(value) is type(column.default)


@every_table
def test_no_two_rows_get_one_id(table: str, world: World) -> None:
    with world.sandbox():
        assert len({world.put(table)["id"] for _ in range(20)}) == 20


@columns_that(lambda column: column.required)
def test_required_columns_are_missed(table: str, column: Column, world: World) -> None:
    with world.sandbox():
        row = world.complete(table)
        del row[column.name]
        answer = world.attempt(insert(table, tuple(row)), *row.values())
        assert answer == Verdict(NOT_NULL, column.name)


@columns_that(lambda _: True)
def test_a_null_is_no_default(table: str, column: Column, world: World) -> None:
    """It is refused, or stays what it is."""
    with world.sandbox():
        row = {**world.complete(table), column.name: None}
        answer = world.attempt(insert(table, tuple(row)), *row.values())
        assert answer == (ACCEPTED if column.nullable else Verdict(NOT_NULL, column.name))
        if column.nullable:
            assert world.put(table, **row)[column.name] is None
        key = world.put(table)["id"]
        overruled = column.name == "updated_at" and table in STAMPED
        answer = world.attempt(update(table, column.name), None, key)
        assert (answer == ACCEPTED) is (column.nullable or overruled)


CHECKED = {(check.table, check.column.name) for check in CHECKS}
SIZED = [
    (table, column, column.size)
    for table, columns in TABLES.items()
    for column in columns.values()
    if column.size is not None and (table, column.name) not in CHECKED
]
"""The texts with a limit and no other rule; how a CHECK minds the limit is the checks' business."""

CHARACTERS = st.characters(codec="utf-8", exclude_characters="\0")


def fits(world: World, table: str, column: Column, text: str) -> None:
    """Put a text into a column of a new row, and see that as much of it is kept as should be."""
    assert column.size is not None
    expected = store(text, column.size)
    with world.sandbox():
        key = world.put(table)["id"]
        answer = world.attempt(update(table, column.name), text, key, keep=True)
        assert answer == (Verdict(TOO_LONG) if expected is None else ACCEPTED)
        if expected is not None:
            kept = sql.SQL("SELECT {} FROM {} WHERE id = %s").format(
                sql.Identifier(column.name), relation(table)
            )
            assert world.value(kept.as_string(None), key) == expected


@pytest.mark.parametrize(
    ("table", "column", "size"),
    [pytest.param(*case, id=f"{case[0]}.{case[1].name}") for case in SIZED],
)
def test_a_text_fits_to_its_last_character(
    table: str, column: Column, size: int, world: World
) -> None:
    for text in ("ñ" * size, "ñ" * (size + 1), "ñ" * size + "  ", "ñ" * size + " ñ", ""):
        fits(world, table, column, text)


@given(
    case=st.sampled_from(SIZED),
    over=st.integers(-1, 2),
    filler=CHARACTERS,
    end=st.sampled_from(["", " ", "  ", "\t", "\u00a0", "ñ", "\U0001f600"]),
)
@examples(40)
def test_sizes_are_characters_whatever_they_are(
    world: World, case: tuple[str, Column, int], over: int, filler: str, end: str
) -> None:
    """Not bytes. Blanks too many are cut off, anything else too much is refused."""
    table, column, size = case
    fits(world, table, column, (filler * size)[: size + over - len(end)] + end)


def test_known_gap_a_cost_is_rounded(world: World) -> None:
    """numeric(10,2) drops what is below a cent without a word."""
    with world.sandbox():
        row = world.put("messaging.whatsapp_campaigns", estimated_cost="10.005")
        assert str(row["estimated_cost"]) == "10.01"
        full = world.complete("messaging.whatsapp_campaigns", estimated_cost="100000000")
        answer = world.attempt(insert("messaging.whatsapp_campaigns", tuple(full)), *full.values())
        assert answer == Verdict("22003")
