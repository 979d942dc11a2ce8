"""What was computed by what a function was before: named, and the statement told does it again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
import pytest

from engine import assert_turns, psql

if TYPE_CHECKING:
    from collections.abc import Callable

    from ringfence.step import Hazard

F = "CREATE FUNCTION f(x text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT lower(x)';"
NEW = ("lower(x)", "upper(x)")
ROWS = "INSERT INTO t (a) VALUES ('Ab'), (NULL);"
TABLE = "CREATE TABLE t (a text);"
AGAIN = "; to do it again: "


def _told(
    make_database: Callable[..., str], a: str, b: str, seed: str = ""
) -> tuple[str, list[Hazard]]:
    """The database that was brought from `a` to `b`, and what of it is stale."""
    one, two = make_database(), make_database()
    psql(one, a + seed)
    psql(two, b)
    plan = assert_turns(one, two).plan
    return one, [h for h in plan.hazards if h.code == "STALE"]


@pytest.mark.parametrize(
    ("schema", "seed", "name", "right"),
    [
        pytest.param(
            f"{F}{TABLE}CREATE INDEX i ON t (f(a));",
            ROWS,
            "public.i",
            "SELECT count(*) = 1 FROM t WHERE f(a) = 'AB'",
            id="index",
        ),
        pytest.param(
            f"{F}CREATE FUNCTION g(x text) RETURNS text LANGUAGE sql IMMUTABLE RETURN f(x) || '!';"
            f"{TABLE}CREATE UNIQUE INDEX i ON t (a) WHERE g(a) = 'AB!';",
            ROWS,
            "public.i",
            "SELECT count(*) = 1 FROM t WHERE a = 'Ab' AND g(a) = 'AB!'",
            id="by-way-of-a-function-whose-calls-are-known",
        ),
        pytest.param(
            "CREATE FUNCTION f(x int, y int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT x - y';"
            "CREATE OPERATOR CLASS o FOR TYPE int USING btree AS OPERATOR 1 <, OPERATOR 2 <=,"
            " OPERATOR 3 =, OPERATOR 4 >=, OPERATOR 5 >, FUNCTION 1 f(int, int);"
            "CREATE TABLE t (a int); CREATE INDEX i ON t (a o);",
            "INSERT INTO t SELECT generate_series(1, 3);",
            "public.i",
            "SELECT count(*) = 1 FROM t WHERE a = 1",
            id="operator-class",
        ),
        pytest.param(
            f"{F}CREATE TABLE t (a text, EXCLUDE USING btree (f(a) WITH =));",
            ROWS,
            "public.t.t_f_excl",
            "SELECT count(*) = 1 FROM t WHERE f(a) = 'AB'",
            id="exclusion",
        ),
        pytest.param(
            f"{F}CREATE TABLE t (a text, b text GENERATED ALWAYS AS (f(a)) STORED);",
            ROWS,
            "public.t.b",
            "SELECT count(*) = 1 FROM t WHERE b = 'AB'",
            id="generated",
        ),
        pytest.param(
            f"{F}CREATE TABLE t (a text, CONSTRAINT c CHECK (f(a) <> 'ab' OR f(a) = 'ab'));",
            ROWS,
            "public.t.c",
            "SELECT convalidated FROM pg_constraint WHERE conname = 'c'",
            id="check",
        ),
        pytest.param(
            f"{F}CREATE DOMAIN d AS text CONSTRAINT c CHECK (f(VALUE) IS NOT NULL);"
            "CREATE TABLE t (a d);",
            "INSERT INTO t VALUES ('Ab');",
            "public.d.c",
            "SELECT convalidated FROM pg_constraint WHERE conname = 'c'",
            id="check-of-a-domain",
        ),
        pytest.param(
            f"{F}CREATE TABLE t (a text) PARTITION BY LIST (f(a));"
            "CREATE TABLE t1 PARTITION OF t FOR VALUES IN ('ab');"
            "CREATE TABLE t2 PARTITION OF t DEFAULT;",
            ROWS,
            "public.t",
            "SELECT count(*) = 0 FROM t1",
            id="partition-key",
        ),
        pytest.param(
            f"{F}CREATE TABLE t (a text, id integer GENERATED ALWAYS AS IDENTITY,"
            " b text GENERATED ALWAYS AS (f(a) || f(id::text)) STORED);",
            ROWS,
            "public.t.b",
            "SELECT count(*) = 1 FROM t WHERE b = 'AB1'",
            id="generated-beside-an-identity",
        ),
        pytest.param(
            f"{F}CREATE TABLE t (id integer GENERATED ALWAYS AS IDENTITY, a text,"
            " b text GENERATED ALWAYS AS (f(a || id)) STORED);",
            ROWS,
            "public.t.b",
            "SELECT count(*) = 1 FROM t WHERE b = 'AB1'",
            id="generated-behind-an-identity",
        ),
        pytest.param(
            f"{F}{TABLE}CREATE VIEW v AS SELECT f(a) AS b FROM t;"
            "CREATE MATERIALIZED VIEW m AS SELECT b FROM v;",
            f"{ROWS}REFRESH MATERIALIZED VIEW m;",
            "public.m",
            "SELECT count(*) = 1 FROM m WHERE b = 'AB'",
            id="materialized-view-of-a-view",
        ),
        pytest.param(
            f"{F}{TABLE}CREATE STATISTICS s ON f(a) FROM t;",
            f"{ROWS}ANALYZE t;",
            "public.s",
            "SELECT most_common_vals IS NOT NULL OR n_distinct <> 0 FROM pg_stats_ext_exprs",
            id="statistics",
        ),
    ],
)  # fmt: skip
def test_each_is_named_and_what_is_told_does_it_again(
    make_database: Callable[..., str], schema: str, seed: str, name: str, right: str
) -> None:
    changed = schema.replace(*NEW).replace("x - y", "y - x")
    database, told = _told(make_database, schema, changed, seed)
    assert [hazard.ref.path for hazard in told] == [name]
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("SET enable_seqscan = off")
        shown = told[0].ref.kind not in ("constraint", "domain_constraint", "statistics")
        for wrong in (True, False) if shown or name.endswith("_excl") else (False,):
            if not wrong:
                for statement in told[0].message.partition(AGAIN)[2].split("; "):
                    connection.execute(statement.encode())
            assert connection.execute(right.encode()).fetchone() == (not wrong,)


DICTIONARY = """
CREATE TEXT SEARCH DICTIONARY d (TEMPLATE = simple, ACCEPT = false);
CREATE TEXT SEARCH CONFIGURATION c (PARSER = default);
ALTER TEXT SEARCH CONFIGURATION c ADD MAPPING FOR asciiword WITH d, simple;
CREATE TABLE t (a text, b tsvector GENERATED ALWAYS AS (to_tsvector('c'::regconfig, a)) STORED);
CREATE INDEX i ON t USING gin (to_tsvector('c'::regconfig, a));
"""


@pytest.mark.parametrize(
    "b",
    [DICTIONARY.replace("false", "true"), DICTIONARY.replace("d, simple", "simple")],
    ids=["dictionary", "configuration"],
)
def test_text_search(make_database: Callable[..., str], b: str) -> None:
    _, told = _told(make_database, DICTIONARY, b)
    assert sorted(hazard.ref.path for hazard in told) == ["public.i", "public.t.b"]


def test_the_whole_is_named_and_not_its_partitions(make_database: Callable[..., str]) -> None:
    a = (
        f"{F}CREATE TABLE t (a text, k int, b text GENERATED ALWAYS AS (f(a)) STORED,"
        " CONSTRAINT c CHECK (f(a) <> '')) PARTITION BY LIST (k);"
        "CREATE TABLE t1 PARTITION OF t FOR VALUES IN (1); CREATE INDEX i ON t (f(a));"
    )
    _, told = _told(make_database, a, a.replace(*NEW))
    assert sorted(hazard.ref.path for hazard in told) == ["public.i", "public.t.b", "public.t.c"]


INDEXED = f"{TABLE}CREATE INDEX i ON t (f(a));"
PL = "CREATE FUNCTION f(x text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$BEGIN RETURN x; END$$;"


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (F, F.replace("SELECT lower(x)", "\n  SELECT -- small\n lower( x )\n"), False),
        (F, F.replace("IMMUTABLE", "IMMUTABLE PARALLEL SAFE COST 7"), False),
        (F, F.replace("IMMUTABLE", "IMMUTABLE STRICT"), True),
        (F, F.replace("IMMUTABLE", "IMMUTABLE SET search_path = ''"), True),
        (F, F.replace("'SELECT lower(x)'", "$$SELECT lower(x) || ' '$$"), True),
        (
            F.replace("'SELECT lower(x)'", "$$SELECT lower(x) || ' '$$"),
            F.replace("'SELECT lower(x)'", "$$SELECT lower(x) || '  '$$"),
            True,
        ),
        (PL, PL.replace("BEGIN", "\nBEGIN /* as it is */"), False),
        (PL, PL.replace("RETURN x", "RETURN x || x"), True),
        (F, PL, True),
        (F, f"{F}ALTER FUNCTION f(text) STABLE;", True),
    ],
)
def test_what_gives_the_same_is_not_told(
    make_database: Callable[..., str], before: str, after: str, expected: bool
) -> None:
    # Altered behind the index, which could not be made over a function that is STABLE.
    first, _, behind = after.partition("ALTER ")
    behind = f"ALTER {behind}" if behind else ""
    _, told = _told(make_database, before + INDEXED, first + INDEXED + behind)
    assert bool(told) is expected


def test_what_the_plan_makes_anew_is_not_stale(make_database: Callable[..., str]) -> None:
    a = f"{F}{INDEXED}"
    _, told = _told(make_database, a, a.replace(*NEW).replace("(f(a))", "(f(a), a)"))
    assert told == []
    a = f"{F}CREATE TABLE t (a text, CHECK (f(a) <> '') NO INHERIT);"
    open_ = a.replace("CHECK (f(a) <> '') NO INHERIT);", "b int);") + (
        "ALTER TABLE t ADD CONSTRAINT c CHECK (f(a) <> '') NOT VALID;"
    )
    _, told = _told(make_database, open_, open_.replace(*NEW))
    assert told == []


V = "CREATE VIEW v AS SELECT a FROM t WHERE a > 'A';"
W = "CREATE VIEW w AS SELECT a AS b FROM v;"
M = "CREATE MATERIALIZED VIEW m AS SELECT b FROM w;"


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ("SELECT a FROM t WHERE a > 'B'", True),
        ("SELECT lower(a) AS a FROM t WHERE a > 'A'", True),
        ("SELECT a, length(a) AS long FROM t WHERE a > 'A'", True),  # nobody knows that it is one
        ("SELECT a, b FROM t WHERE a > 'A'", False),
        ("SELECT a, b AS c, t.a AS d FROM t WHERE a > 'A'", False),
        ("SELECT a, b FROM t WHERE a > 'B'", True),
    ],
)
def test_what_a_view_gave_is_told_of_what_has_stored_it(
    make_database: Callable[..., str], rows: str, expected: bool
) -> None:
    table = "CREATE TABLE t (a text, b int);"
    after = f"CREATE VIEW v AS {rows};"
    _, told = _told(make_database, table + V + W + M, table + after + W + M)
    again = "the rows of public.m were computed by what public.v was; to do it again: REFRESH"
    assert [h.message for h in told] == [f"{again} MATERIALIZED VIEW public.m"] * expected


def test_distinct_rows_of_more_columns_are_others(make_database: Callable[..., str]) -> None:
    table = "CREATE TABLE t (a text, b int);"
    v = "CREATE VIEW v AS SELECT DISTINCT a FROM t WHERE a > 'A';"
    a = table + v + W + M
    _, told = _told(make_database, a, a.replace("DISTINCT a", "DISTINCT a, b"))
    assert [hazard.ref.path for hazard in told] == ["public.m"]


@pytest.mark.parametrize("unpopulated", ["", " WITH NO DATA"])
def test_what_is_made_anew_is_not_stale_and_nobody_may_read_it_meanwhile(
    make_database: Callable[..., str], unpopulated: str
) -> None:
    table = "CREATE TABLE t (a text, b int);"
    after = V.replace("SELECT a", "SELECT b::text AS a, a AS c")
    m = M.replace(";", f"{unpopulated};")
    one, two = make_database(), make_database()
    psql(one, table + V + W + m)
    psql(two, table + after + W.replace("a AS b", "a::varchar AS b") + m)
    hazards = assert_turns(one, two).plan.hazards
    expected = [] if unpopulated else [("REWRITE", "public.m is written anew under lock")]
    assert [(h.code, h.message) for h in hazards] == expected


def test_what_holds_nothing_once_it_is_made_anew_is_told(
    make_database: Callable[..., str],
) -> None:
    a = "CREATE MATERIALIZED VIEW m AS SELECT 1 AS a;"
    one, two = make_database(), make_database()
    psql(one, a)
    psql(two, a.replace("1", "2").replace(";", " WITH NO DATA;"))
    hazards = assert_turns(one, two).plan.hazards
    assert [h.name for h in hazards] == ["DATA_LOSS:public.m"]
