"""Definitions that are put together of numbers are what the server says of each object."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
import pytest

import engine
from ringfence.model import Ref
from ringfence.pg import extract as reading

if TYPE_CHECKING:
    from collections.abc import Callable

    from ringfence.model import Catalog

SCHEMA = """
CREATE SCHEMA "s ""1%s";
SET search_path = "s ""1%s", public;
CREATE DOMAIN word AS text CHECK (VALUE <> '');
CREATE TYPE mood AS ENUM ('low', 'high');
CREATE TABLE "t %d" (
    gone int,
    id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    "we""ird" text CHECK ("we""ird" <> 'indkey' AND length("we""ird") % 2 = 0),
    "select" varchar(9) COLLATE "C" NOT NULL,
    between_ int CONSTRAINT "both" CHECK (between_ > id) NO INHERIT,
    "between" int,
    tags text[],
    feeling mood,
    address cidr,
    said word,
    small name,
    data jsonb,
    UNIQUE ("select", "between"),
    UNIQUE (said, "between") DEFERRABLE INITIALLY DEFERRED,
    UNIQUE (between_) INCLUDE (tags),
    CONSTRAINT whole CHECK ("t %d" IS NOT NULL),
    CONSTRAINT system CHECK (tableoid > 0),
    CONSTRAINT none CHECK (true),
    CONSTRAINT quoted CHECK (said <> 'a''indrelid" %s' AND "we""ird" <> E'b\\\\indkey')
);
ALTER TABLE "t %d" DROP COLUMN gone;
CREATE TABLE other (
    id int REFERENCES "t %d" ON UPDATE CASCADE ON DELETE RESTRICT,
    a varchar(9), b int,
    c int REFERENCES "t %d" ON DELETE SET NULL,
    d int REFERENCES "t %d" (between_) ON UPDATE SET NULL DEFERRABLE,
    indkey int CHECK (indkey > 0),
    FOREIGN KEY (a, b) REFERENCES "t %d" ("select", "between") MATCH FULL ON DELETE CASCADE
);
ALTER TABLE other ADD CONSTRAINT late FOREIGN KEY (b) REFERENCES "t %d" NOT VALID,
    ADD CONSTRAINT later CHECK (b > 0) NOT VALID;
CREATE INDEX ON "t %d" (id DESC, "we""ird" NULLS FIRST, between_ DESC NULLS LAST) INCLUDE (said);
CREATE INDEX ON "t %d" ("select");
CREATE INDEX ON "t %d" ("select" COLLATE "default");
CREATE INDEX ON "t %d" ("we""ird" COLLATE "C");
CREATE INDEX ON "t %d" ("we""ird" text_pattern_ops, (lower("select")) COLLATE "C");
CREATE INDEX ON "t %d" USING gin (tags, data);
CREATE INDEX ON "t %d" USING gin (data jsonb_path_ops);
CREATE INDEX ON "t %d" USING hash (small);
CREATE INDEX ON "t %d" USING brin (id);
CREATE INDEX ON "t %d" (feeling, address, said) WITH (fillfactor = 70) WHERE id > 3;
CREATE INDEX ON "t %d" (address inet_ops, upper("we""ird") text_pattern_ops, id) WHERE said IN ('a', 'b');
CREATE INDEX ON "t %d" (lower("we""ird") DESC, "between") WHERE feeling = 'low';
CREATE INDEX ON "t %d" ((id + 1), lower("we""ird"));
CREATE INDEX ON "t %d" ((data ->> 'indkey'));
CREATE INDEX ON "t %d" ((extract(year FROM timestamp '2000-01-01' + id * interval '1 day')));
CREATE INDEX ON "t %d" ((coalesce("we""ird", said)));
CREATE UNIQUE INDEX "i %s" ON "t %d" (length("we""ird"));
CREATE INDEX ON other (hash_record(other));
CREATE MATERIALIZED VIEW m AS SELECT id, "we""ird" FROM "t %d";
CREATE INDEX ON m (lower("we""ird"), id);
CREATE TABLE part (k int, v varchar) PARTITION BY RANGE (k);
CREATE INDEX ON part (v);
CREATE INDEX ON ONLY part (k DESC);
CREATE TABLE part_1 PARTITION OF part FOR VALUES FROM (0) TO (9);
ALTER TABLE "t %d" ENABLE ROW LEVEL SECURITY;
CREATE POLICY plain ON "t %d" USING (said = current_setting('a.b', true)) WITH CHECK (id > 0);
CREATE POLICY query ON "t %d" USING (EXISTS (SELECT FROM other AS o WHERE o.id = "t %d".id));
CREATE POLICY its_own ON "t %d" WITH CHECK ((SELECT count(*) FROM "t %d" AS t WHERE t.id > "t %d".id) > 1);
CREATE POLICY whole ON "t %d" USING ("t %d" IS NOT NULL AND "between" > 0);
CREATE POLICY open_to_all ON "t %d" USING (true);
"""
_WIDE = ", ".join(f"c{n} int" for n in range(30))


@pytest.fixture
def filled(make_database: Callable[..., str]) -> Callable[[str], str]:
    def fill(text: str) -> str:
        dsn = make_database()
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute(text.encode())
        return dsn

    return fill


@pytest.fixture
def asked_again(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """How many of each kind the server was asked for again."""
    counted: dict[str, int] = {}
    said = reading.Reading._said

    def counting(
        self: reading.Reading, name: str, answer: reading.Answer, numbers: list[int]
    ) -> reading.Answer:
        counted[name] = len(numbers)
        return said(self, name, answer, numbers)

    monkeypatch.setattr(reading.Reading, "_said", counting)
    return counted


def definition(catalog: Catalog, kind: str, *name: str) -> str:
    return catalog.facts[Ref(kind, name)].text("definition")


def test_whatever_is_put_together_is_what_the_server_says(
    filled: Callable[[str], str], asked_again: dict[str, int]
) -> None:
    found = engine.catalog(filled(SCHEMA))
    table = ('s "1%s', "t %d")
    assert definition(found, "constraint", *table, "both") == "CHECK ((between_ > id)) NO INHERIT"
    assert found.facts[Ref("index", ('s "1%s', "i %s"))]["definition"] == (
        'CREATE UNIQUE INDEX "i %s" ON "s ""1%s"."t %d" USING btree (length("we""ird"))'
    )
    # Two are of domains or of cidr, which has the class of inet; one and the policy are of a row.
    assert asked_again == {"index": 3, "policy": 1}


def test_a_table_too_wide_for_the_stand_in_is_named_by_its_own(
    filled: Callable[[str], str], asked_again: dict[str, int]
) -> None:
    found = engine.catalog(
        filled(
            f"CREATE TABLE wide ({_WIDE}, CHECK (c1 > c29));"
            "CREATE INDEX i ON wide (c29) WHERE c28 > 0; CREATE INDEX e ON wide (int4abs(c27), c1);"
            "CREATE POLICY p ON wide USING (c26 > 0)"
        )
    )
    assert definition(found, "constraint", "public", "wide", "wide_check") == "CHECK ((c1 > c29))"
    assert asked_again == {}


_LIKE_THE_STAND_IN = {
    "function": """
        CREATE FUNCTION indkey(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 1';
        CREATE TABLE t (a int, {more}, CHECK (indkey(a) > 0))""",
    "field": """
        CREATE TYPE pair AS (indrelid int); CREATE TABLE t (a pair, {more}, CHECK ((a).indrelid > 0))""",
    "type": """
        CREATE DOMAIN indkey AS int; CREATE TABLE t (a text, {more}, CHECK (a::indkey > 0))""",
    "schema": """
        CREATE SCHEMA indkey;
        CREATE FUNCTION indkey.f(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 1';
        CREATE TABLE t (a int, {more}, CHECK (indkey.f(a) > 0))""",
    "argument": """
        CREATE FUNCTION f(a int, indkey int DEFAULT 1, b int DEFAULT 2) RETURNS int
            LANGUAGE sql IMMUTABLE AS 'SELECT 1';
        CREATE TABLE t (a int, {more}, CHECK (f(a, b => a) > 0), CHECK (f(a, indkey => a) > 0))""",
    "collation": """
        CREATE SCHEMA indkey; CREATE COLLATION indkey.indclass FROM "C";
        CREATE TABLE t (a text, {more}, CHECK (a COLLATE indkey.indclass > ''))""",
    "operator": """
        CREATE SCHEMA indkey;
        CREATE OPERATOR indkey.=== (LEFTARG = int, RIGHTARG = int, FUNCTION = int4eq);
        CREATE TABLE t (a int, {more}, CHECK (a OPERATOR(indkey.===) 1))""",
}


@pytest.mark.parametrize("text", _LIKE_THE_STAND_IN.values(), ids=_LIKE_THE_STAND_IN)
def test_what_has_a_name_of_the_stand_ins_keeps_it(filled: Callable[[str], str], text: str) -> None:
    # With a column for each of the stand-in's, or it would be left alone for having none.
    more = ", ".join(f"c{n} int" for n in range(2, 21))
    engine.catalog(filled(text.replace("{more}", more)))


def test_a_default_operator_class_of_ones_own_leaves_what_it_may_hide_to_the_server(
    filled: Callable[[str], str], asked_again: dict[str, int]
) -> None:
    engine.catalog(
        filled(
            "CREATE TYPE mood AS ENUM ('low');"
            "CREATE OPERATOR CLASS mine DEFAULT FOR TYPE mood USING btree AS"
            " OPERATOR 1 < (anyenum, anyenum), OPERATOR 3 = (anyenum, anyenum),"
            " FUNCTION 1 (mood, mood) enum_cmp(anyenum, anyenum);"
            "CREATE TABLE t (a mood, b int);"
            "CREATE INDEX ON t (a); CREATE INDEX ON t (a enum_ops); CREATE INDEX ON t (b)"
        )
    )
    assert asked_again["index"] == 1


def test_what_is_not_distinct_is_said(filled: Callable[[str], str]) -> None:
    dsn = filled("CREATE TABLE t (a int, b int)")
    with psycopg.connect(dsn, autocommit=True) as connection:
        if connection.info.server_version < 150000:
            pytest.skip("PostgreSQL 15 is the first that has it")
        connection.execute(
            "CREATE UNIQUE INDEX i ON t (a) INCLUDE (b) NULLS NOT DISTINCT;"
            "ALTER TABLE t ADD CONSTRAINT u UNIQUE NULLS NOT DISTINCT (b)"
        )
    assert definition(engine.catalog(dsn), "index", "public", "i").endswith("NULLS NOT DISTINCT")


def test_what_is_left_out_may_be_referred_to(filled: Callable[[str], str]) -> None:
    found = engine.catalog(
        filled(
            "CREATE SCHEMA ringfence; CREATE TABLE ringfence.kept (id int PRIMARY KEY);"
            "CREATE TABLE t (id int CONSTRAINT refers REFERENCES ringfence.kept)"
        )
    )
    text = "FOREIGN KEY (id) REFERENCES ringfence.kept(id)"
    assert definition(found, "constraint", "public", "t", "refers") == text


def test_nothing_that_is_read_of_a_column_is_left_out(filled: Callable[[str], str]) -> None:
    dsn = filled(
        "CREATE TABLE up (a text COLLATE \"C\" GENERATED ALWAYS AS ('x' || 'ARRAY[') STORED, b int NOT NULL);"
        "ALTER TABLE up ALTER a SET STORAGE plain, ALTER a SET STATISTICS 7,"
        " ALTER a SET (n_distinct = 5, n_distinct_inherited = 6);"
        "CREATE TABLE down () INHERITS (up)"
    )
    with psycopg.connect(dsn, autocommit=True) as connection:
        read = reading.attributes_known(connection)["column"]
        found = reading.extract(connection)
    shown = {*reading._RARE, *reading._USUAL, *reading._NUMBERS}
    assert read <= shown
    column = found.facts[Ref("column", ("public", "up", "a"))]
    assert dict(column.attrs) == {
        "type": "text",
        "collation": 'pg_catalog."C"',
        "generated": "s",
        "expression": "('x'::text || 'ARRAY['::text)",
        "storage": "px",
        "statistics": 7,
        "options": ("n_distinct=5", "n_distinct_inherited=6"),
    }
    assert found.facts[Ref("column", ("public", "down", "b"))]["inherited"] is True
