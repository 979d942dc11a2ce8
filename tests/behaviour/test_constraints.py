"""Constraints that work, and one at a time that does not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
import pytest

from ringfence.behaviour import constraints
from ringfence.behaviour.rows import make
from ringfence.config import Tenancy

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ringfence.behaviour.rows import Rows

SOUND = """
CREATE SCHEMA "we""ird";
CREATE TABLE "we""ird".firm (id INT PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE "we""ird".item (
    id INT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    firm INT NOT NULL REFERENCES "we""ird".firm ON DELETE CASCADE,
    "a b" NUMERIC(8, 2) NOT NULL CONSTRAINT price CHECK ("a b" BETWEEN 1 AND 500),
    state TEXT DEFAULT 'new' CONSTRAINT states CHECK (state IN ('new', 'old')),
    code TEXT NOT NULL CONSTRAINT codes CHECK (code ~ '^[A-Z]{3}-\\d+$'),
    size INT NOT NULL CONSTRAINT sizes CHECK (size > 0),
    parent INT REFERENCES "we""ird".item ON DELETE SET NULL,
    twice NUMERIC GENERATED ALWAYS AS ("a b" * 2) STORED,
    during TSTZRANGE NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    UNIQUE (firm, code),
    EXCLUDE USING gist (during WITH &&)
);
CREATE TABLE "we""ird".kind (id INT PRIMARY KEY);
CREATE TABLE "we""ird".note (
    id INT PRIMARY KEY,
    item INT NOT NULL REFERENCES "we""ird".item ON DELETE RESTRICT DEFERRABLE,
    other INT DEFAULT NULL REFERENCES "we""ird".kind ON DELETE SET DEFAULT
);
CREATE DOMAIN "we""ird"."num" AS INT CHECK (VALUE < 2147480002);
CREATE DOMAIN "we""ird"."part" AS INT CONSTRAINT parts CHECK (VALUE BETWEEN 0 AND 100);
CREATE TABLE "we""ird".asset (
    id INT PRIMARY KEY,
    firm "we""ird"."num" NOT NULL REFERENCES "we""ird".firm ON DELETE CASCADE,
    v TEXT NOT NULL CONSTRAINT no_x CHECK (v <> 'x'),
    share "we""ird"."part" NOT NULL
);
CREATE TABLE "we""ird".car (plate TEXT) INHERITS ("we""ird".asset);
CREATE FUNCTION "we""ird".touch() RETURNS trigger LANGUAGE plpgsql
AS $$ BEGIN NEW.updated_at := now(); RETURN NEW; END $$;
CREATE TRIGGER touch BEFORE UPDATE ON "we""ird".item FOR EACH ROW EXECUTE FUNCTION "we""ird".touch();
"""

AT = 'constraint:"we""ird"'


@pytest.fixture(scope="module")
def rows(server: object, make_module_database: str) -> Iterator[Rows]:
    with psycopg.connect(make_module_database, autocommit=True) as connection:
        connection.execute(SOUND.encode())
        yield make(connection, Tenancy(root='"we""ird".firm'), [])
        connection.rollback()


def wrong(rows: Rows, change: str) -> set[tuple[str, str]]:
    """What is wrong after a change, by what it is about."""
    rows.conn.execute("SAVEPOINT test")
    try:
        rows.conn.execute(change.encode())
        from ringfence.behaviour.rows import collect
        from ringfence.seed import read

        now = collect(rows.conn, read(rows.conn), rows.model, rows.tenants)
        seen = [*constraints.look(now), *constraints.moving(now)]
        return {(str(s.ref), s.wrong) for s in seen if s.wrong}
    finally:
        rows.conn.execute("ROLLBACK TO SAVEPOINT test; RELEASE SAVEPOINT test")


def test_all_of_them_are_seen_at_work(rows: Rows) -> None:
    seen = list(constraints.look(rows))
    assert [(str(s.ref), s.wrong) for s in seen if s.wrong] == []
    assert [(str(s.ref), s.kind, s.unknown) for s in seen if s.unknown] == []
    names = {str(s.ref) for s in seen}
    assert {
        f"{AT}.item.price",
        f"{AT}.item.states",
        f"{AT}.item.codes",
        f"{AT}.item.sizes",
    } <= names
    assert {s.kind for s in seen} == {
        "check", "unique", "exclude", "foreign-key", "not-null", "default", "generated",
    }  # fmt: skip


def test_what_is_worth_knowing_is_said(rows: Rows) -> None:
    notes = {str(s.ref): s.note for s in constraints.look(rows) if s.note}
    assert notes == {
        f"{AT}.item.states": "state may be NULL, which no list of values refuses",
    }


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (
            'ALTER TABLE "we""ird".item DISABLE TRIGGER ALL',
            {
                (f"{AT}.item.item_firm_fkey", "a row that points nowhere is taken"),
                (f"{AT}.item.item_parent_fkey", "a row that points nowhere is taken"),
                (f"{AT}.note.note_item_fkey", "the row it points to goes, and it lets it"),
                ('column:"we""ird".item.updated_at', "an UPDATE leaves it as it was"),
            },
        ),
        (
            'DROP TRIGGER touch ON "we""ird".item',
            {('column:"we""ird".item.updated_at', "an UPDATE leaves it as it was")},
        ),
        (
            'ALTER TABLE "we""ird".item ALTER state SET DEFAULT \'late\'',
            {
                (
                    'column:"we""ird".item.state',
                    (
                        'the table refuses its own default: new row for relation "item" violates'
                        ' check constraint "states"'
                    ),
                )
            },
        ),
    ],
    ids=["triggers off", "no trigger", "a default that is refused"],
)
def test_what_does_not_work_is_found(
    rows: Rows, change: str, expected: set[tuple[str, str]]
) -> None:
    assert wrong(rows, change) == expected


def test_a_check_that_refuses_nothing_is_not_called_seen(rows: Rows) -> None:
    rows.conn.execute("SAVEPOINT test")
    rows.conn.execute(
        'ALTER TABLE "we""ird".item ADD CONSTRAINT idle CHECK (size > 0 OR size <= 0 OR size IS NULL)'
    )
    from dataclasses import replace

    from ringfence.seed import read

    now = replace(rows, shape=read(rows.conn))
    (seen,) = [s for s in constraints.look(now) if s.ref.name[-1] == "idle"]
    assert seen.unknown.startswith("no value was found that it refuses")
    rows.conn.execute("ROLLBACK TO SAVEPOINT test; RELEASE SAVEPOINT test")


def test_null_that_another_table_refuses_is_not_what_the_column_does(rows: Rows) -> None:
    rows.conn.execute("SAVEPOINT test")
    rows.conn.execute("""
        CREATE TABLE "we""ird".kept (size INT NOT NULL);
        CREATE FUNCTION "we""ird".keep() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN INSERT INTO "we""ird".kept VALUES (NEW.size); RETURN NULL; END $$;
        CREATE TRIGGER keep AFTER UPDATE ON "we""ird".item
        FOR EACH ROW EXECUTE FUNCTION "we""ird".keep()""")
    seen = [s for s in constraints.look(rows) if s.kind == "not-null" and s.ref.name[-1] == "size"]
    assert [s.unknown for s in seen] == [""]
    rows.conn.execute('ALTER TABLE "we""ird".item ALTER size DROP NOT NULL')
    (now,) = [
        s for s in constraints.look(rows) if s.kind == "not-null" and s.ref.name[-1] == "size"
    ]
    assert 'of relation "kept"' in now.unknown
    rows.conn.execute("ROLLBACK TO SAVEPOINT test; RELEASE SAVEPOINT test")


def test_a_cascade_that_stops_half_way(rows: Rows) -> None:
    (seen,) = constraints.undeletable(rows)
    assert seen.wrong.startswith("deleting a row cascades, and then stops at ")
