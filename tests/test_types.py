"""What a plan does to types beside leading there: in place where it can, and said where it cannot."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
import pytest

from engine import catalog, psql
from ringfence.errors import Refused
from ringfence.kinds import _casts
from ringfence.planner import plan

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


def test_a_removed_label_is_a_hazard_where_rows_may_hold_it(planned: Planned) -> None:
    table = "; CREATE TABLE t (e e)"
    made = planned(
        f"CREATE TYPE e AS ENUM ('a', 'b', 'c'){table}", f"CREATE TYPE e AS ENUM ('a'){table}"
    )
    assert [(h.name, h.message) for h in made.hazards] == [
        (
            "DATA_LOSS:public.e",
            "public.e no longer has 'b', 'c': a row that holds it stops the plan",
        ),
        ("REWRITE:public.t.e", "public.t may be written anew under lock"),
    ]
    unused = planned("CREATE TYPE e AS ENUM ('a', 'b')", "CREATE TYPE e AS ENUM ('a')")
    assert not unused.hazards
    assert "DROP TYPE public.e" in _statements(unused)


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
    assert "ALTER TABLE public.t ALTER COLUMN d TYPE public.d[] USING d::public.d[]" in _statements(
        made
    )


def test_attributes_come_and_go_in_place(planned: Planned) -> None:
    table = "; CREATE TABLE t (c c, l c[])"
    made = planned(
        f"CREATE TYPE c AS (x int, y int){table}", f"CREATE TYPE c AS (y int, z int){table}"
    )
    assert _statements(made) == [
        "ALTER TYPE public.c DROP ATTRIBUTE x",
        "ALTER TYPE public.c ADD ATTRIBUTE z integer",
    ]
    assert [h.name for h in made.hazards] == ["DATA_LOSS:public.c.x"]


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
            "SELECT format_type(s.oid, NULL), format_type(t.oid, NULL), s.typcategory = 'S'"
            " FROM pg_type AS s CROSS JOIN pg_type AS t WHERE EXISTS (SELECT FROM pg_cast AS c"
            " WHERE c.castsource = s.oid AND c.casttarget = t.oid) AND t.typcategory <> 'S'"
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
