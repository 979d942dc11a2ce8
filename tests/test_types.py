"""What a plan does to types beside leading there: in place where it can, and said where it cannot."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
import pytest
from psycopg import sql

from engine import DataRefused, assert_turns, catalog, psql, rows
from ringfence.errors import Refused
from ringfence.kinds import _casts
from ringfence.planner import plan
from ringfence.step import HazardCode

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import SomeServer
    from ringfence.step import Plan

    Planned = Callable[[str, str], Plan]


@pytest.fixture
def planned(make_database: Callable[..., str]) -> Planned:
    """The plan from one schema's SQL to another's."""

    def make(a: str, b: str) -> Plan:
        one, two = make_database(), make_database()
        psql(one, a)
        psql(two, b)
        return plan(catalog(one), catalog(two), executor="postgres")

    return make


def _statements(made: Plan) -> list[str]:
    return [step.sql for step in made.steps]


def test_labels_are_added_in_place_and_the_last_one_is_committed(planned: Planned) -> None:
    made = planned(
        "CREATE TYPE e AS ENUM ('b', 'd')", "CREATE TYPE e AS ENUM ('a', 'b', 'c', 'd', 'e')"
    )
    assert [(s.sql, s.transactional) for s in made.steps] == [
        ("ALTER TYPE public.e ADD VALUE 'a' BEFORE 'b'", "yes"),
        ("ALTER TYPE public.e ADD VALUE 'c' AFTER 'b'", "yes"),
        ("ALTER TYPE public.e ADD VALUE 'e'", "commit"),
    ]


UNLESS = "unless its file says above this what they become:"
QUOTED_A = "'a'"


def test_a_removed_label_is_a_hazard_where_rows_may_hold_it(planned: Planned) -> None:
    table = "; CREATE TABLE t (e e)"
    made = planned(
        f"CREATE TYPE e AS ENUM ('a', 'b', 'c'){table}", f"CREATE TYPE e AS ENUM ('a'){table}"
    )
    said = "public.e no longer has 'b', 'c': rows that have it stop the plan"
    assert [(h.name, h.message) for h in made.hazards] == [
        (
            "DATA_LOSS:public.e",
            f"{said}, {UNLESS} UPDATE public.t SET e = … WHERE e IN ('b', 'c')",
        ),
        ("REWRITE:public.t.e", "public.t is written anew under lock"),
    ]
    unused = planned("CREATE TYPE e AS ENUM ('a', 'b')", "CREATE TYPE e AS ENUM ('a')")
    assert not unused.hazards
    assert "DROP TYPE public.e" in _statements(unused)


def test_rows_with_a_removed_label_become_what_the_file_says(
    planned: Planned, make_database: Callable[..., str]
) -> None:
    text = "CREATE TYPE e AS ENUM ({}); CREATE TABLE t (e e DEFAULT 'a'); CREATE TABLE u (e e[]);"
    made = planned(text.format("'a', 'b'"), text.format("'a'"))
    (hazard,) = (h for h in made.hazards if h.code == "DATA_LOSS")
    update = "UPDATE public.t SET e = … WHERE e = 'b'"
    assert hazard.message.endswith(f"{UNLESS} {update}")
    database = make_database()
    psql(database, text.format("'a', 'b'") + "INSERT INTO t VALUES ('b');")
    psql(database, "INSERT INTO u VALUES (ARRAY['a']::e[])")
    above = f"-- hazard {hazard.code}: {hazard.message}"
    assert above in made.script()
    with pytest.raises(DataRefused):
        psql(database, made.script())
    psql(database, made.script().replace(above, f"{update.replace('…', QUOTED_A)};\n{above}"))
    assert rows(database) == {"public.t": 1, "public.u": 1}


def test_a_domain_is_replaced_only_where_its_values_cannot_be_looked_at(planned: Planned) -> None:
    checked = "CREATE DOMAIN d AS integer CONSTRAINT ok CHECK (VALUE > 0);"
    made = planned(
        "CREATE DOMAIN d AS integer; CREATE TABLE t (d d)", checked + "CREATE TABLE t (d d)"
    )
    assert _statements(made) == ["ALTER DOMAIN public.d ADD CONSTRAINT ok CHECK ((VALUE > 0))"]
    assert [h.name for h in made.hazards] == ["SCAN_UNDER_LOCK:public.d.ok"]
    made = planned(
        "CREATE DOMAIN d AS integer; CREATE TABLE t (d d[])", checked + "CREATE TABLE t (d d[])"
    )
    assert "ALTER TABLE public.t ALTER COLUMN d TYPE public.d[]" in _statements(made)


def test_attributes_come_and_go_in_place(planned: Planned) -> None:
    table = "; CREATE TABLE t (c c, l c[])"
    made = planned(
        f"CREATE TYPE c AS (x int, y int){table}", f"CREATE TYPE c AS (y int, z int){table}"
    )
    assert _statements(made) == [
        "ALTER TYPE public.c DROP ATTRIBUTE x",
        "ALTER TYPE public.c ADD ATTRIBUTE z integer",
    ]
    assert [h.name for h in made.hazards] == ["DATA_LOSS:public.t.c", "DATA_LOSS:public.t.l"]


def test_what_becomes_json_is_json(make_database: Callable[..., str]) -> None:
    one, two = make_database(), make_database()
    psql(
        one,
        "CREATE TYPE e AS ENUM ('x'); CREATE TABLE t (a text[], b date, c e, d text, n integer[]);"
        "INSERT INTO t VALUES ('{}', '2024-02-03', 'x', '[1]', '{1,NULL}'), (NULL, NULL, NULL, NULL, NULL)",
    )
    psql(
        two,
        "CREATE TYPE e AS ENUM ('x'); CREATE TABLE t (a jsonb, b jsonb, c jsonb, d jsonb, n json)",
    )
    assert_turns(one, two)
    with psycopg.connect(one) as connection:
        row = connection.execute("SELECT a, b, c, d, n FROM t WHERE a IS NOT NULL").fetchone()
    assert row == ([], "2024-02-03", "x", [1], [1, None])


def test_labels_of_an_enum_come_before_all_else(planned: Planned) -> None:
    table = "CREATE TABLE t (a integer, s e DEFAULT '{}'); ALTER TABLE t ENABLE ROW LEVEL SECURITY;"
    made = planned(
        f"CREATE TYPE e AS ENUM ('x'); {table.format('x')} CREATE VIEW v AS SELECT a FROM t;"
        "CREATE POLICY p ON t AS RESTRICTIVE USING (a > 0);",
        f"CREATE TYPE e AS ENUM ('x', 'y'); {table.replace('integer', 'bigint').format('y')}"
        "CREATE VIEW v AS SELECT a FROM t; CREATE POLICY p ON t AS RESTRICTIVE USING (a > 0);",
    )
    assert _statements(made)[0] == "ALTER TYPE public.e ADD VALUE 'y'"
    assert made.steps[0].transactional == "commit"


def test_attributes_that_change_places_within_an_array_are_refused(planned: Planned) -> None:
    table = "; CREATE TABLE t (l c[])"
    with pytest.raises(Refused) as said:
        planned(
            f"CREATE TYPE c AS (x int, y int){table}", f"CREATE TYPE c AS (y int, x int){table}"
        )
    assert said.value.message == (
        "the attributes of composite_type:public.c change places, and column public.t.l holds "
        "values of it within an array or another type"
    )
    assert said.value.hint == (
        "add new attributes at the end, or make another type and fill a new column of it"
    )


def test_a_base_type_that_rows_hold_is_not_replaced(planned: Planned) -> None:
    def schema(category: str) -> str:
        return (
            "CREATE TYPE n;"
            "CREATE FUNCTION n_in(cstring) RETURNS n LANGUAGE internal IMMUTABLE STRICT AS 'int4in';"
            "CREATE FUNCTION n_out(n) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS 'int4out';"
            f"CREATE TYPE n (INPUT = n_in, OUTPUT = n_out, INTERNALLENGTH = 4, CATEGORY = '{category}');"
            "CREATE TABLE t (n n)"
        )

    with pytest.raises(Refused) as said:
        planned("SET client_min_messages = warning;" + schema("N"), schema("U"))
    assert said.value.message == (
        "columns hold values of base_type:public.n, and a base type cannot be replaced below them"
    )
    assert said.value.hint == "make another type, fill new columns of it, and drop the old ones"


def test_a_range_type_with_a_canonical_function_that_rows_hold_is_not_replaced(
    planned: Planned,
) -> None:
    def schema(extra: str) -> str:
        return (
            "CREATE TYPE r; CREATE FUNCTION canonical(r) RETURNS r LANGUAGE internal IMMUTABLE STRICT"
            " AS 'int4range_canonical';"
            f"CREATE TYPE r AS RANGE (SUBTYPE = integer, CANONICAL = canonical{extra});"
            "CREATE TABLE t (r r)"
        )

    with pytest.raises(Refused, match="its canonical function and it need each other"):
        planned(schema(""), schema(", SUBTYPE_DIFF = int4range_subdiff"))


def test_values_are_the_same_after_their_types_were_replaced(
    make_database: Callable[..., str],
) -> None:
    table = "; CREATE TABLE t (e e, l e[], c c, r r, d d)"
    one, two = make_database(), make_database()
    psql(
        one,
        "CREATE TYPE e AS ENUM ('a b', 'gone', 'c\"d'); CREATE TYPE c AS (x int, y e, z numeric);"
        f"CREATE TYPE r AS RANGE (SUBTYPE = integer); CREATE DOMAIN d AS integer{table};"
        "INSERT INTO t VALUES ('c\"d', '{NULL,a b}', ROW(1, 'a b', 2.5), '[1,2]', 7),"
        " (NULL, '{}', ROW(NULL, NULL, NULL), 'empty', NULL), (NULL, NULL, NULL, NULL, NULL)",
    )
    psql(
        two,
        "CREATE TYPE e AS ENUM ('c\"d', 'a b'); CREATE TYPE c AS (y e, n text, z int, x bigint);"
        f"CREATE TYPE r AS RANGE (SUBTYPE = numeric); CREATE DOMAIN d AS bigint{table}",
    )
    psql(one, plan(catalog(one), catalog(two), executor="postgres").script())
    with psycopg.connect(one) as connection:
        rows = connection.execute("SELECT e, l::text, c::text, r::text, d::text FROM t").fetchall()
    assert rows == [
        ('c"d', '{NULL,"a b"}', '("a b",,3,1)', "[1,2]", "7"),
        (None, "{}", "(,,,)", "empty", None),
        (None, None, None, None, None),
    ]


def test_the_casts_that_are_known_are_the_server_s_own(server: SomeServer) -> None:
    with psycopg.connect(server.dsn()) as connection:
        rows = connection.execute(
            # "char" was a string to 14.
            "SELECT format_type(s.oid, NULL), format_type(t.oid, NULL),"
            " s.typcategory = 'S' AND s.typname <> 'char'"
            " FROM pg_type AS s CROSS JOIN pg_type AS t WHERE EXISTS (SELECT FROM pg_cast AS c"
            " WHERE c.castsource = s.oid AND c.casttarget = t.oid)"
            " AND (t.typcategory <> 'S' OR t.typname = 'char')"
            " AND s.oid <> t.oid AND s.oid < 16384 AND t.oid < 16384"
        ).fetchall()
        version = connection.info.server_version
    there: dict[str, set[str]] = {}
    for source, target, string in rows:
        if not string:
            there.setdefault(source, set()).add(target)
    for source in _casts.KNOWN:
        plain = {t for t in there.get(source, ()) if not t.startswith("reg")}
        assert _casts.targets(source, version) == plain, source


def test_what_a_server_assigns_without_a_cast_is_known(server: SomeServer) -> None:
    strings = ("text", "character varying", "character", "name")
    kinds = sorted({*_casts.KNOWN, *strings} - {'"char"', "jsonpath"})
    kinds += [f"{kind}[]" for kind in ("text", "integer", "bigint", "name", "jsonb", "boolean")]
    with psycopg.connect(server.dsn(), autocommit=True) as connection:
        version = connection.info.server_version
        there = {
            row[0]
            for row in connection.execute(
                "SELECT format_type(oid, NULL) FROM pg_type WHERE oid < 16384"
            ).fetchall()
        }
        kinds = [kind for kind in kinds if kind in there]
        connection.execute("CREATE TEMP TABLE tried (was text, now text, done boolean)")
        connection.execute(
            sql.SQL(
                """
                DO $$ DECLARE was text; now text; done boolean; BEGIN
                FOREACH was IN ARRAY {kinds}::text[] LOOP
                    EXECUTE format('CREATE TEMP TABLE trial (c %s)', was);
                    FOREACH now IN ARRAY {kinds}::text[] LOOP
                        BEGIN
                            EXECUTE format('ALTER TABLE trial ALTER c TYPE %s', now);
                            RAISE sqlstate 'RF001';
                        EXCEPTION WHEN sqlstate 'RF001' THEN done = true;
                            WHEN datatype_mismatch THEN done = false;
                        END;
                        INSERT INTO tried VALUES (was, now, done);
                    END LOOP;
                    DROP TABLE trial;
                END LOOP; END $$"""
            ).format(kinds=sql.Literal(kinds))
        )
        tried = connection.execute("SELECT * FROM tried").fetchall()
    assert len(tried) == len(kinds) ** 2
    wrong = [(a, b, done) for a, b, done in tried if _casts.assigned(a, b, version) != done]
    assert not wrong


_LOSE = [
    ("numeric(10,2)", "integer", "1.55"),
    ("numeric", "bigint", "1.4"),
    ("numeric(10,2)", "numeric(10,1)", "1.55"),
    ("numeric", "numeric(10,2)", "1.555"),
    ("bigint", "numeric(5,-2)", "1234"),
    ("numeric", "money", "1.555"),
    ("numeric", "double precision", "1.23456789012345678"),
    ("double precision", "integer", "1.5"),
    ("double precision", "real", "1.23456789"),
    ("double precision", "numeric", "0.12345678901234568"),
    ("real", "smallint", "1.5"),
    ("bigint", "double precision", "9007199254740993"),
    ("integer", "real", "16777217"),
    ("timestamp with time zone", "date", "2024-01-01 10:00+00"),
    ("timestamp without time zone", "date", "2024-01-01 10:00"),
    ("timestamp without time zone", "time without time zone", "2024-01-01 10:00"),
    ("timestamp(6) without time zone", "timestamp(0) without time zone", "2024-01-01 10:00:00.4"),
    ("timestamp with time zone", "timestamp(3) with time zone", "2024-01-01 10:00:00.1234+00"),
    ("time without time zone", "time(0) without time zone", "10:00:00.4"),
    ("time with time zone", "time without time zone", "10:00:00+05"),
    ("interval", "interval day", "1 day 02:00:00"),
    ("interval", "interval year to month", "1 mon 2 days"),
    ("interval", "interval(0)", "00:00:00.4"),
    ("interval day to second", "interval day to minute", "00:00:04"),
    ("interval", "time without time zone", "1 day 02:00:00"),
    ("character varying(5)", "character varying(3)", "abc  "),
    ("text", "character(3)", "a "),
    ("text", "name", "x" * 70),
    ("text", "date", "2024-01-01 10:00"),
    ("text", "timestamp without time zone", "2024-01-01 10:00:00+05"),
    ("text", "numeric(5,1)", "1.55"),
    ("json", "jsonb", '{"a": 1, "a": 2}'),
    ("inet", "cidr", "10.0.0.1/8"),
    ("polygon", "circle", "((0,0),(1,1),(2,0))"),
    ("integer", "boolean", "7"),
    ("numeric(10,2)[]", "integer[]", "{1.55}"),
]
_KEEP = [
    ("smallint", "integer"),
    ("bigint", "integer"),
    ("integer", "numeric(10,2)"),
    ("numeric(10,2)", "numeric(12,3)"),
    ("smallint", "real"),
    ("integer", "double precision"),
    ("real", "double precision"),
    ("character varying(3)", "character varying(5)"),
    ("character varying(3)", "text"),
    ("integer", "character varying(3)"),
    ("date", "timestamp with time zone"),
    ("timestamp(0) without time zone", "timestamp without time zone"),
    ("interval day", "interval"),
    ("text", "integer"),
    ("text", "jsonb[]"),
]


def _table(*types: str) -> str:
    return f"CREATE TABLE t ({', '.join(f'c{n} {t}' for n, t in enumerate(types))})"


def test_what_values_lose_without_a_word_is_said(
    planned: Planned, server: SomeServer, make_database: Callable[..., str]
) -> None:
    # A scale below zero came with 15.
    lose = [case for case in _LOSE if server.major >= 15 or case[1] != "numeric(5,-2)"]
    before, after, given = zip(*lose, strict=True)
    made = planned(_table(*before), _table(*after))
    said = {h.ref.name[-1] for h in made.hazards if " lose " in h.message}
    assert said == {f"c{number}" for number in range(len(lose))}
    assert {h.code for h in made.hazards} == {"DATA_LOSS", "REWRITE"}
    database = make_database()
    utc = "SET TimeZone = 'UTC'; "
    row = ", ".join(f"'{value}'" for value in given)
    psql(database, f"{utc}{_table(*before)}; INSERT INTO t VALUES ({row})")
    psql(database, utc + made.script())
    every = ", ".join(f"c{number}::text" for number in range(len(lose)))
    with psycopg.connect(database) as connection:
        found = connection.execute(f"SELECT {every} FROM t").fetchone()
    assert found is not None
    assert not [case for case, value in zip(lose, found, strict=True) if case[2] == value]


def test_what_keeps_every_value_is_no_loss(planned: Planned) -> None:
    before, after = zip(*_KEEP, strict=True)
    made = planned(_table(*before), _table(*after))
    assert [h.name for h in made.hazards if h.code != "REWRITE"] == []


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("CREATE TABLE t (v text)", "CREATE TABLE t (v varchar(3))"),
        ("CREATE TABLE t (v text[])", "CREATE TABLE t (v varchar(3)[])"),
        ("CREATE TABLE t (v varchar(10))", "CREATE TABLE t (v char(4))"),
        ("CREATE TABLE t (v int)", "CREATE TABLE t (v varchar(3))"),
        ("CREATE TABLE t (v bit(8))", "CREATE TABLE t (v bit(4))"),
        ("CREATE TYPE e AS ENUM ('12345'); CREATE TABLE t (v e)", "CREATE TABLE t (v varchar(3))"),
        (
            "CREATE DOMAIN d AS text; CREATE TABLE t (v d)",
            "CREATE DOMAIN d AS varchar(3); CREATE TABLE t (v d)",
        ),
        (
            "CREATE TABLE t (v text) PARTITION BY LIST (v); CREATE TABLE p PARTITION OF t DEFAULT",
            "CREATE TABLE t (v char(3)) PARTITION BY LIST (v); CREATE TABLE p PARTITION OF t DEFAULT",
        ),
    ],
)
def test_a_value_that_is_too_long_is_refused_and_not_cut_off(
    planned: Planned, make_database: Callable[..., str], before: str, after: str
) -> None:
    made = planned(before, after)
    database = make_database()
    value = "{12345}" if "[]" in before else "00010203" if "bit" in before else "12345"
    value = value.translate({ord("2"): "1", ord("3"): "1"}) if "bit" in before else value
    psql(database, f"{before}; INSERT INTO t VALUES ('{value}')")
    with pytest.raises(DataRefused):
        psql(database, made.script())
    with psycopg.connect(database) as connection:
        row = connection.execute("SELECT v::text FROM t").fetchone()
    assert row == (value,)


def test_what_is_cut_off_within_a_composite_value_is_said(planned: Planned) -> None:
    made = planned(
        "CREATE TYPE c AS (x text, n int); CREATE TABLE t (v c)",
        "CREATE TYPE c AS (x varchar(3), n int); CREATE TABLE t (v c)",
    )
    assert "the values of public.t.v lose what is beyond 3 characters" in [
        h.message for h in made.hazards if h.name == "DATA_LOSS:public.t.v"
    ]


def test_a_type_that_no_value_can_become_is_said(planned: Planned) -> None:
    (step,) = planned("CREATE TABLE t (v int)", "CREATE TABLE t (v uuid)").steps
    (hazard,) = step.hazards
    assert hazard.message == (
        "public.t is written anew under lock, and any row stops the plan: no integer is of type uuid;"
        " to keep rows, add another column and fill it"
    )


@pytest.mark.parametrize(
    ("before", "after", "lost"),
    [
        ("boolean", "integer", ""),
        ("boolean", "numeric(3)", ""),
        ("uuid", "integer", ""),
        ("c", "integer", ""),
        ("c", "real", ""),
        ("xid8", "bigint", ""),
        ("money", "integer", "the fraction"),
        ("numeric", "integer", "the fraction"),
        ("numeric(3)", "integer", ""),
        ("jsonb", "integer", "the fraction"),
        ("text", "real", "digits beyond the 6th"),
    ],
)
def test_what_is_no_number_loses_no_digits(
    planned: Planned, before: str, after: str, lost: str
) -> None:
    types = "CREATE TYPE c AS (n integer)"
    made = planned(f"{types}; CREATE TABLE t (v {before})", f"{types}; CREATE TABLE t (v {after})")
    said = [h.message for h in made.hazards if h.code == "DATA_LOSS"]
    assert said == ([f"the values of public.t.v lose {lost}"] if lost else [])


_TYPES = """
    CREATE DOMAIN short AS varchar(5); CREATE DOMAIN long AS varchar(9); CREATE DOMAIN few AS integer;
    CREATE DOMAIN positive AS integer CHECK (VALUE > 0); CREATE DOMAIN sure AS integer NOT NULL;
    CREATE DOMAIN over AS positive; CREATE TYPE e AS ENUM ('a'); CREATE TYPE f AS ENUM ('a');
"""
_RETYPED = {
    # the type before and after: what PostgreSQL does
    ("varchar(5)", "varchar(9)"): "",
    ("varchar(5)", "varchar"): "",
    ("varchar(5)", "text"): "",
    ("text", "varchar"): "",
    ("text", "varchar(9)"): "w",
    ("varchar(9)", "varchar(5)"): "w",
    ("varchar(5)", "char(5)"): "w",
    ("char(5)", "char(9)"): "w",
    ("char(5)", "bpchar"): "",
    ("char(5)", "text"): "w",
    ("varchar(5)", "bpchar"): "b",
    ("varchar(5)[]", "varchar(9)[]"): "w",
    ("varchar(5)[]", "varchar[]"): "",
    ("varchar[]", "text[]"): "w",
    ("numeric(5,2)", "numeric(9,2)"): "",
    ("numeric(5,2)", "numeric"): "",
    ("numeric(5,2)", "numeric(9,3)"): "w",
    ("numeric(9,2)", "numeric(5,2)"): "w",
    ("numeric", "numeric(9,2)"): "w",
    ("integer", "bigint"): "w",
    ("bigint", "integer"): "w",
    ("integer", "numeric"): "w",
    ("integer", "text"): "w",
    ("oid", "integer"): "b",
    ("cidr", "inet"): "",
    ("inet", "cidr"): "w",
    ("bit(5)", "varbit"): "b",
    ("varbit(5)", "varbit(9)"): "",
    ("timestamp(3)", "timestamp(6)"): "",
    ("timestamp(3)", "timestamp"): "",
    ("timestamp", "timestamp(3)"): "w",
    ("timestamp", "timestamptz"): "w",
    ("timestamptz(3)", "timestamptz"): "",
    ("date", "timestamp"): "w",
    ("time(3)", "time(4)"): "",
    ("interval(3)", "interval"): "",
    ("interval", "interval(3)"): "w",
    ("interval day to second", "interval"): "",
    ("interval day", "interval day to minute"): "",
    ("interval", "interval day"): "w",
    ("short", "long"): "w",
    ("short", "varchar(9)"): "w",
    ("short", "varchar(5)"): "w",
    ("short", "varchar"): "",
    ("varchar(5)", "short"): "",
    ("integer", "few"): "",
    ("few", "integer"): "",
    ("positive", "integer"): "",
    ("integer", "positive"): "w",
    ("integer", "sure"): "w",
    ("few", "over"): "w",
    ("integer[]", "few[]"): "w",
    ("e", "f"): "w",
    ("e", "text"): "w",
    ("text", 'text COLLATE "C"'): "b",
    ("varchar(5)", 'varchar(9) COLLATE "C"'): "b",
}


def _files(connection: psycopg.Connection[tuple[str, int]]) -> dict[str, int]:
    listed = """
        SELECT relname::text, pg_relation_filenode(oid) FROM pg_class
        WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'i')
    """
    return dict(connection.execute(listed).fetchall())


def test_a_new_type_is_a_rewrite_where_postgresql_writes_the_table_anew(
    planned: Planned, make_database: Callable[..., str]
) -> None:
    def schema(place: int) -> str:
        tables = (
            f"CREATE TABLE t{n} (id integer, v {pair[place]}); CREATE INDEX i{n} ON t{n} (v);"
            for n, pair in enumerate(_RETYPED)
        )
        return _TYPES + "".join(tables)

    made = planned(schema(0), schema(1))
    database = make_database()
    psql(database, schema(0) + "".join(f"INSERT INTO t{n} (id) VALUES (1);" for n in range(37)))
    with psycopg.connect(database) as connection:
        connection.execute("SET TimeZone = 'Europe/Berlin'")
        was = _files(connection)
        for statement in _statements(made):
            connection.execute(statement.encode())
        now = _files(connection)
    does, said = {}, {}
    letters = {"REWRITE": "w", "INDEX_BUILD": "b"}
    for n, pair in enumerate(_RETYPED):
        table, index = (was[f"{name}{n}"] != now[f"{name}{n}"] for name in "ti")
        does[pair] = "w" if table else "b" if index else ""
        its = {letters.get(h.code, "") for h in made.hazards if h.ref.name[1] == f"t{n}"}
        said[pair] = "".join(sorted(its))
    assert does == _RETYPED
    assert said == _RETYPED


def test_what_a_new_type_builds_and_reads_is_said(
    planned: Planned, make_database: Callable[..., str]
) -> None:
    schema = """
        CREATE TABLE t (id integer, v varchar({0}) PRIMARY KEY, CONSTRAINT c CHECK (v <> ''));
        CREATE INDEX plain ON t (v); CREATE INDEX computed ON t (lower(v));
        CREATE INDEX "so(me" ON t (id) WHERE v > 'a';
        CREATE TABLE p (v varchar({0})) PARTITION BY LIST (lower(v));
        CREATE TABLE f PARTITION OF p (CONSTRAINT f_v CHECK (v <> '')) DEFAULT;
        CREATE TABLE k (v varchar({0}) REFERENCES t, w varchar({0}) CHECK (w > '') NOT VALID);
    """
    schema = schema.replace(" CHECK (w > '') NOT VALID", "") + (
        "ALTER TABLE k ADD CONSTRAINT k_w CHECK (w > '') NOT VALID"
    )
    schema = schema.replace("PARTITION BY LIST (lower(v))", "PARTITION BY LIST (w)").replace(
        "CREATE TABLE p (v", "CREATE TABLE p (w integer, v"
    )
    made = planned(schema.format(5), schema.format(9))
    assert [(str(h.code), h.ref.path, h.message) for h in made.hazards] == [
        ("SCAN_UNDER_LOCK", "public.p.v", "every row of public.p is read for public.f.f_v while nobody may use it"),
        ("SCAN_UNDER_LOCK", "public.t.v", "every row of public.t is read for public.t.c while nobody may use it"),
        ("INDEX_BUILD", "public.t.v", "public.\"so(me\", public.computed are built while nobody may use public.t"),
    ]  # fmt: skip
    database = make_database()
    psql(
        database,
        schema.format(5) + "; INSERT INTO t VALUES (1, 'b'); INSERT INTO p VALUES (1, 'b')",
    )
    psql(database, "INSERT INTO k VALUES ('b', 'b')")
    read = "SELECT relname::text, seq_tup_read::int FROM pg_stat_xact_user_tables"
    with psycopg.connect(database) as connection:
        was = _files(connection)
        for statement in _statements(made):
            connection.execute(statement.encode())
        now = _files(connection)
        rows: dict[str, int] = dict(connection.execute(read).fetchall())
    assert sorted(k for k in was if was[k] != now[k]) == ["computed", "so(me"]
    assert rows["f"] > 0
    assert rows["k"] == 0


def test_what_holds_no_rows_is_not_written_anew(planned: Planned) -> None:
    schema = """
        CREATE FOREIGN DATA WRAPPER w; CREATE SERVER s FOREIGN DATA WRAPPER w;
        CREATE FOREIGN TABLE t (v {}) SERVER s;
    """
    made = planned(schema.format("integer"), schema.format("bigint"))
    assert _statements(made) == ["ALTER FOREIGN TABLE public.t ALTER COLUMN v TYPE bigint"]
    assert not made.hazards
    below = "CREATE TABLE c () INHERITS (t)"
    made = planned(schema.format("integer") + below, schema.format("bigint") + below)
    assert [h.name for h in made.hazards] == ["REWRITE:public.t.v"]


def test_local_time_is_said_to_be_the_sessions(planned: Planned) -> None:
    (step,) = planned("CREATE TABLE t (v timestamp)", "CREATE TABLE t (v timestamptz)").steps
    assert (
        step.comment
        == "the values of public.t.v are taken for local time of the session's TimeZone"
    )
    (hazard,) = step.hazards
    assert hazard.message == (
        "public.t is written anew under lock, unless the session's TimeZone is UTC"
    )


def test_new_types_of_a_tables_columns_are_one_statement(
    planned: Planned, make_database: Callable[..., str]
) -> None:
    before = 'CREATE TABLE "T" (a integer, b text, "c d" timestamp, CHECK (a < 9)); CREATE TABLE u (x integer)'
    after = (
        'CREATE TABLE "T" (a bigint, b integer, "c d" timestamptz, CHECK (a < 9));'
        " CREATE TABLE u (x bigint)"
    )
    made = planned(before, after)
    assert _statements(made) == [
        (
            'ALTER TABLE public."T" ALTER COLUMN a TYPE bigint,\n'
            "    ALTER COLUMN b TYPE integer USING b::integer,\n"
            '    ALTER COLUMN "c d" TYPE timestamp with time zone'
        ),
        "ALTER TABLE public.u ALTER COLUMN x TYPE bigint",
    ]
    assert [h.name for h in made.hazards] == [
        'REWRITE:public."T".a',
        'REWRITE:public."T"."c d"',
        "REWRITE:public.u.x",
    ]
    assert made.steps[0].comment.startswith('the values of public."T"."c d"')
    database = make_database()
    psql(database, before + "; INSERT INTO \"T\" VALUES (1, '2', '2020-01-01')")
    psql(database, made.script())
    with psycopg.connect(database) as connection:
        assert connection.execute('SELECT a, b FROM "T"').fetchone() == (1, 2)


def test_new_types_are_one_statement_whatever_else_its_columns_get(
    planned: Planned, make_database: Callable[..., str]
) -> None:
    before = (
        "CREATE TABLE t (a int, b text, id int GENERATED ALWAYS AS IDENTITY (MAXVALUE 9), z int);"
        "CREATE TABLE u (x int);"
    )
    after = (
        "CREATE TABLE t (a bigint, b varchar, id bigint GENERATED ALWAYS AS IDENTITY, z bigint);"
        "ALTER TABLE t ALTER a SET STATISTICS 7, ALTER b SET STORAGE EXTERNAL;"
        "CREATE TABLE u (x int DEFAULT 1);"
    )
    one, two = make_database(), make_database()
    psql(one, f"{before}INSERT INTO t (a, b, z) VALUES (1, 'b', 2);")
    psql(two, after)
    there = assert_turns(one, two).plan
    back = planned(after, before)
    for made in (there, back):
        types = [s for s in _statements(made) if " TYPE " in s]
        assert len(types) == 1, types
        assert types[0].count("ALTER COLUMN") == 4
        assert [h.code for h in made.hazards].count(HazardCode.REWRITE) == 1
    # A number beyond the new type's would stop it: the sequence is brought below before.
    said = _statements(back)
    assert said.index("ALTER TABLE public.t ALTER COLUMN id SET MAXVALUE 9") < next(
        at for at, s in enumerate(said) if " TYPE " in s
    )


@pytest.mark.parametrize(
    ("before", "after", "value", "expected", "told"),
    [
        ("bigint", "timestamptz", "1767225600", "2026-01-01 00:00:00+00", "are taken for seconds"),
        ("int", "timestamp(3)", "1767225600", "2026-01-01 00:00:00", "are taken for seconds since"),
        ("float8", "timestamptz", "0.5", "1970-01-01 00:00:00.5+00", "are taken for seconds since"),
        ("timestamptz", "bigint", "2026-01-01 00:00:00+00", "1767225600", "become seconds since"),
        ("timestamp", "numeric(12,1)", "2026-01-01", "1767225600.0", "are taken for local time"),
        ("int", "date", "20260101", "2026-01-01", "are taken for the digits of dates"),
        ("date", "int", "2026-01-01", "20260101", "become the digits of their dates"),
        ("int", "interval", "90", "00:01:30", "are taken for seconds"),
        ("interval", "int", "00:01:30", "90", "become seconds, with 30 days a month, rounded"),
        ("boolean", "bigint", "true", "1", ""),
    ],
)
def test_what_numbers_and_moments_are_taken_for_is_told(
    make_database: Callable[..., str],
    before: str,
    after: str,
    value: str,
    expected: str,
    told: str,
) -> None:
    one, two = make_database(), make_database()
    psql(one, f"CREATE TABLE t (a {before}); INSERT INTO t VALUES ('{value}'), (NULL);")
    psql(two, f"CREATE TABLE t (a {after});")
    hazards = assert_turns(one, two).plan.hazards
    losses = [h.message for h in hazards if h.code == "DATA_LOSS"]
    assert [m.startswith(f"the values of public.t.a {told}") for m in losses] == [True] * bool(told)
    with psycopg.connect(one, options="-c timezone=UTC") as connection:
        rows = connection.execute("SELECT a::text FROM t ORDER BY a").fetchall()
    assert rows == [(expected,), (None,)]


def test_a_document_is_no_array(planned: Planned) -> None:
    made = planned("CREATE TABLE t (a jsonb);", "CREATE TABLE t (a text[]);")
    assert [h.message for h in made.hazards] == [
        (
            "public.t is written anew under lock, and any row stops the plan: no jsonb is of type"
            " text[]; to keep rows, add another column and fill it"
        )
    ]
