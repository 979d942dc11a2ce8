"""CHECK constraints of many forms: understood where they can be, satisfied all the same."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from ringfence.errors import Refused
from ringfence.seed import probe, seed
from ringfence.seed.checks import Relation, rule
from ringfence.seed.limits import ANY, Limits
from ringfence.seed.probe import ask
from ringfence.seed.shape import Check
from seed.support import one

if TYPE_CHECKING:
    from seed.support import Connection

NOW = datetime(2024, 5, 1, tzinfo=UTC)

LEARNT: list[tuple[str, list[dict[str, dict[str, Any]]]]] = [
    ("(status)::text = ANY (ARRAY['a'::text, 'b'::text])", [{"status": {"choices": ("a", "b")}}]),
    ("status = ANY ('{a,\"b c\"}'::text[])", [{"status": {"choices": ("a", "b c")}}]),
    ("status <> ALL (ARRAY['x'::text])", [{"status": {"excluded": frozenset("x")}}]),
    ("x >= 1 AND x < 10", [{"x": {"low": (("1", True),), "high": (("10", False),)}}]),
    ("10 > x", [{"x": {"high": (("10", False),)}}]),
    ("NOT (x >= 1 AND x <= 10)", [
        {"x": {"high": (("1", False),)}}, {"x": {"low": (("10", False),)}},
    ]),
    ("char_length(x) >= 2 AND length((x)::text) < 9", [{"x": {"shortest": 2, "longest": 8}}]),
    ("btrim(x) <> ''::text", [{"x": {"shortest": 1, "excluded": frozenset([""])}}]),
    ("octet_length(x) = 32", [{"x": {"shortest": 32, "longest": 32}}]),
    ("x ~ '^a+$'::text", [{"x": {"patterns": ("^a+$",)}}]),
    ("x ~~ 'a%'::text", [{"x": {"likes": ("a%",)}}]),
    ("starts_with(x, '5%_'::text)", [{"x": {"likes": (r"5\%\_%",)}}]),
    ("lower(x) = x", [{"x": {"case": "lower"}}]),
    ("x IS NOT NULL", [{"x": {"null": False}}]),
    ("(a IS NULL) <> (b IS NULL)", [
        {"a": {"null": True}, "b": {"null": False}}, {"a": {"null": False}, "b": {"null": True}},
    ]),
    ("(a IS NULL) = (b IS NULL)", [
        {"a": {"null": True}, "b": {"null": True}}, {"a": {"null": False}, "b": {"null": False}},
    ]),
    ("num_nonnulls(a, b) = 1", [
        {"a": {"null": False}, "b": {"null": True}}, {"a": {"null": True}, "b": {"null": False}},
    ]),
    ("is_on OR kind <> 'x'", [
        {"is_on": {"choices": ("true",), "null": False}}, {"kind": {"excluded": frozenset("x")}},
    ]),
    ("CASE WHEN k = 'x' THEN a > 0 ELSE a IS NULL END", [
        {"k": {"choices": ("x",)}, "a": {"low": (("0", False),)}},
        {"k": {"excluded": frozenset("x")}, "a": {"null": True}},
    ]),
    ("jsonb_typeof(j) = 'array' AND jsonb_array_length(j) > 1", [{"j": {"json": "array", "shortest": 2}}]),
    ("j ? 'a' AND (j ->> 'b') = 'c'", [
        {"j": {"json": "object", "keys": ("a", "b"), "inside": (("b", Limits(choices=("c",))),)}},
    ]),
    ("COALESCE(x, 0) >= 3", [{"x": {"low": (("3", True),)}}]),
    ("x = 1 AND x = 2", [{}]),
    ("something(x, 3)", [{}]),
]  # fmt: skip


@pytest.mark.parametrize(("expression", "ways"), LEARNT, ids=[e for e, _ in LEARNT])
def test_what_a_condition_teaches(expression: str, ways: list[dict[str, dict[str, Any]]]) -> None:
    learnt = rule(Check("c", expression), now=NOW, computed=lambda _: None)
    found = []
    for way in learnt.ways:
        limits = {}
        for column, limit in way.limits.items():
            told = {
                name: getattr(limit, name)
                for name in Limits.__slots__
                if name != "pool" and getattr(limit, name) != getattr(ANY, name)
            }
            if told:
                limits[column] = told
        found.append(limits)
    assert found == ways


def test_two_columns_compared_are_a_relation() -> None:
    learnt = rule(Check("c", "(e > s) OR (e IS NULL)"), now=NOW, computed=lambda _: None)
    assert learnt.ways[0].relations == (Relation("e", ">", "s"),)
    assert learnt.ways[1].limits["e"].null is True


def test_constants_are_the_server_s_to_compute_and_the_clock_stands() -> None:
    asked = []

    def computed(text: str) -> str:
        asked.append(text)
        return "2006-05-01"

    check = Check("c", "birth <= (now() - '18 years'::interval)")
    learnt = rule(check, now=NOW, computed=computed)
    assert asked == ["'2024-05-01T00:00:00+00:00'::timestamptz - '18 years'::interval"]
    assert learnt.ways[0].limits["birth"].high == (("2006-05-01", True),)


def test_the_future_is_far_enough_away_for_a_clock_that_runs() -> None:
    learnt = rule(Check("c", "expires > now()"), now=NOW, computed=lambda _: None)
    assert learnt.ways[0].limits["expires"].low == (("2125-01-01", False),)


@pytest.mark.parametrize(
    ("columns", "check"),
    [
        ("x INT", "x % 97 = 5"),
        ("x INT, y INT", "x + y = 100"),
        ("x TEXT", "x = reverse(x) AND length(x) >= 3"),
        ("x TEXT", "x ~ '^a' AND x ~ 'b$' AND x ~ '^.{3,4}$'"),
        ("x TEXT", "x !~ '[aeiou ]' AND x <> ''"),
        ("x DATE", "extract(DAY FROM x) = 1"),
        ("x DATE, y DATE", "y = x + 30"),
        ("x TIMESTAMPTZ", "x = date_trunc('hour', x)"),
        ("x INT[]", "array_length(x, 1) = 4 AND 1 <= ALL (x)"),
        ("x JSONB", "jsonb_typeof(x -> 'a') = 'object' AND (x -> 'a' ->> 'b') IN ('1', '2')"),
        ("x JSONB", "x @> '{\"k\": 1}'"),
        ("x JSON", "json_typeof(x) = 'string'"),
        ("x NUMERIC(12, 3)", "round(x) = x AND x > 1000000"),
        ("x INET", "family(x) = 4"),
        ("x BYTEA", "length(x) BETWEEN 3 AND 5"),
        ("x BOOLEAN, y TEXT", "x IS TRUE AND y LIKE '_-__%'"),
        ("x INT, y INT, z INT", "x < y AND y < z AND z < 20"),
        ("x TSTZRANGE", "NOT isempty(x) AND upper(x) - lower(x) < '1 day'"),
        ("x BIT(4)", "x <> B'0000'"),
        ("x TEXT", "x IN (SELECT_ONE())"),
        ("x INTERVAL", "x >= '1 minute' AND x < '1 year'"),
        ("x UUID", "x <> '00000000-0000-0000-0000-000000000000'"),
        ("x VARCHAR(3)", "x ~* '^[a-c]{2,}$'"),
        ("x TEXT", "x::INTEGER > 5"),
        ("x TEXT[]", "x <@ ARRAY['r', 'w', 'x']"),
        ("x TEXT[]", "x[1] = 'a'"),
        ("x INT[]", "5 = ANY (x) AND 0 < ALL (x) AND cardinality(x) = 4"),
        ("x VARCHAR(4)[]", "array_length(x, 1) BETWEEN 2 AND 3 AND x <@ '{p,q}'"),
        ("x TEXT[]", "x @> '{p,q}' AND 'k' = ANY (x)"),
        ("x INT[]", "x && ARRAY[40000, 50000]"),
        ("x pair", "(x).a = 5"),
        ("x TEXT", r"x ~ '^\d{4}-\d{2}-\d{2}$' AND x::DATE > '2020-01-01'"),
        ("x TIMESTAMP", "extract(YEAR FROM x) = 2031"),
        ("x DATE", "extract(YEAR FROM x) IN (2031, 2032)"),
        ("x BYTEA", "substring(x FOR 2) = '\\x1f8b'"),
        ("x TEXT", "left(x, 3) = 'a_%'"),
        ("x INT", "x % 2 = 0 AND x = (x / 4) * 4"),
    ],
)
def test_conditions_that_must_be_met(conn: Connection, columns: str, check: str) -> None:
    conn.execute(
        "CREATE FUNCTION select_one() RETURNS TEXT IMMUTABLE LANGUAGE sql AS $$ SELECT 'one' $$;"
        "CREATE TYPE pair AS (a INT, b TEXT)"
    )
    names = [column.split()[0] for column in columns.split(", ") if column[0] in "xyz"]
    # NULL would satisfy every one of them.
    required = ", ".join(f"CHECK ({name} IS NOT NULL)" for name in names)
    conn.execute(f"CREATE TABLE t (id INT PRIMARY KEY, {columns}, CHECK ({check}), {required})")
    seed(conn)
    assert one(conn, f"SELECT count(*) FROM t WHERE {check}") == 5


def test_a_condition_that_nobody_reads_is_met_by_trying(conn: Connection) -> None:
    conn.execute(
        "CREATE TABLE t (id INT PRIMARY KEY, x TEXT NOT NULL CHECK (position('z' IN x) = 2))"
    )
    seeded = seed(conn)
    got = one(conn, "SELECT count(*) FROM t WHERE position('z' IN x) = 2")
    assert 0 < got <= 5
    assert got == 5 or seeded.shortfalls[0].reason == "t_x_check took no other that was tried"


def test_both_sides_of_a_choice_are_taken(conn: Connection) -> None:
    conn.execute(
        "CREATE TABLE t (id INT PRIMARY KEY, a INT, b INT, k TEXT NOT NULL CHECK (k IN ('x', 'y')),"
        " CHECK (CASE k WHEN 'x' THEN a > 5 AND b IS NULL ELSE b < 0 AND a IS NULL END))"
    )
    seed(conn, rows=30)
    assert one(conn, "SELECT count(DISTINCT k) FROM t") == 2


def test_a_condition_that_nothing_satisfies_is_named_with_the_last_row_tried(
    conn: Connection,
) -> None:
    conn.execute(
        "CREATE TABLE fine (id INT PRIMARY KEY);"
        "CREATE TABLE t (id INT PRIMARY KEY, a TEXT NOT NULL CONSTRAINT never CHECK (a <> a))"
    )
    with pytest.raises(Refused) as caught:
        seed(conn)
    assert caught.value.message == "no row for public.t satisfies never"
    assert caught.value.detail.startswith("(a <> a)\nthe last one tried: id = '")
    assert caught.value.hint.startswith("nothing was written; see whether any row can satisfy it")
    assert one(conn, "SELECT count(*) FROM fine") == 0


def test_an_exclusion_is_met_like_a_key(conn: Connection) -> None:
    conn.execute(
        "CREATE TABLE t (id INT PRIMARY KEY, k TEXT NOT NULL CHECK (k IN ('a', 'b')), x INT NOT NULL,"
        " EXCLUDE USING btree (k WITH =) WHERE (x IS NOT NULL))"
    )
    seeded = seed(conn)
    (short,) = seeded.shortfalls
    assert (short.got, short.reason) == (2, "t_k_excl leaves no room for more")


def test_a_check_that_only_some_rows_can_meet_leaves_the_others_out(conn: Connection) -> None:
    conn.execute("CREATE TABLE t (id INT PRIMARY KEY CHECK (id BETWEEN 3 AND 5))")
    seeded = seed(conn)
    (short,) = seeded.shortfalls
    assert (short.table, short.asked, short.got) == ("public.t", 5, 3)
    assert short.reason == "t_pkey leaves no room for more"
    assert one(conn, "SELECT array_agg(id ORDER BY id)::text FROM t") == "{3,4,5}"


def test_a_key_that_only_some_numbers_can_be_is_counted_in_other_steps(conn: Connection) -> None:
    conn.execute(
        "CREATE FUNCTION is_even(n INT) RETURNS BOOLEAN IMMUTABLE LANGUAGE sql AS 'SELECT n % 2 = 0';"
        "CREATE TABLE t (id INT PRIMARY KEY CHECK (is_even(id)))"
    )
    assert seed(conn, rows=20).shortfalls == ()
    assert one(conn, "SELECT count(*) FROM t") == 20


def test_partitions_by_year(conn: Connection) -> None:
    conn.execute(
        "CREATE TABLE t (at TIMESTAMP NOT NULL) PARTITION BY LIST (extract(YEAR FROM at));"
        "CREATE TABLE t1 PARTITION OF t FOR VALUES IN (2020);"
        "CREATE TABLE t2 PARTITION OF t FOR VALUES IN (2021, 2022)"
    )
    seed(conn)
    assert one(conn, "SELECT count(DISTINCT tableoid) FROM t") == 2


def test_a_default_around_a_sequence_s_number_gives_way_to_a_pattern(conn: Connection) -> None:
    conn.execute(
        "CREATE SEQUENCE s; CREATE TABLE t (x TEXT NOT NULL DEFAULT 'AB' || nextval('s')"
        r" CHECK (x ~ '^AB\d+$')); ALTER SEQUENCE s OWNED BY t.x"
    )
    seed(conn)
    seed(conn, force=True, seed=2)
    assert one(conn, "SELECT count(*) FROM t") == 10


def test_a_domain_over_a_composite(conn: Connection) -> None:
    conn.execute(
        "CREATE TYPE pair AS (a INT, b TEXT); CREATE DOMAIN five AS pair CHECK ((VALUE).a = 5);"
        "CREATE TABLE t (id INT PRIMARY KEY, x five NOT NULL)"
    )
    assert seed(conn).shortfalls == ()


@pytest.mark.parametrize(
    "check",
    [
        "jsonb_path_exists(x, '$.items[*] ? (@.price > 10)')",
        "x @? '$.items[*] ? (@.price > 10 && @.name == \"nail\")'",
        "x @? '$.a.\"b c\"[*] ? (@ >= 3)'",
        "x @@ '$.price > 10 && $.kind == \"k\"'",
        "jsonb_path_match(x, '$.n <= 4')",
        "x @? '$.list[*] ? (@.id like_regex \"^[A-Z]{3}$\")'",
        "x @? '$.flag ? (@ == true || @ == 5)'",
        "x @? '$.name ? (@ starts with \"v.\")'",
    ],
)
def test_documents_as_json_paths_ask_for_them(conn: Connection, check: str) -> None:
    conn.execute(f"CREATE TABLE t (id INT PRIMARY KEY, x JSONB NOT NULL CHECK ({check}))")
    assert seed(conn).shortfalls == ()
    assert one(conn, "SELECT count(*) FROM t") == 5


def test_what_follows_from_what_follows(conn: Connection) -> None:
    conn.execute(
        "CREATE TABLE t (id INT PRIMARY KEY, net NUMERIC(10, 2) NOT NULL CHECK (net > 0),"
        " tax NUMERIC(10, 2) NOT NULL, total NUMERIC(10, 2) NOT NULL, due NUMERIC(10, 2) NOT NULL,"
        " CHECK (net + tax = total), CHECK (tax = round(net * 0.16, 2)), CHECK (due = total - 1))"
    )
    seeded = seed(conn, rows=40)
    assert seeded.shortfalls == ()
    assert one(conn, "SELECT count(DISTINCT total) FROM t") > 30


def test_digits_that_only_one_in_ten_are_right_are_found(conn: Connection) -> None:
    conn.execute(
        "CREATE FUNCTION luhn(n TEXT) RETURNS BOOLEAN IMMUTABLE LANGUAGE sql AS $$"
        " SELECT sum(CASE WHEN i % 2 = 1 THEN d WHEN d > 4 THEN d * 2 - 9 ELSE d * 2 END) % 10 = 0"
        " FROM (SELECT i, substr(reverse(n), i, 1)::INT AS d FROM generate_series(1, length(n)) AS i)"
        " AS q $$;"
        "CREATE TABLE t (id INT PRIMARY KEY, x TEXT NOT NULL CHECK (x ~ '^[0-9]{16}$' AND luhn(x)))"
    )
    assert seed(conn, rows=30).shortfalls == ()


def test_a_row_that_needs_two_others_gets_them(conn: Connection) -> None:
    conn.execute(
        "CREATE TABLE a (id INT PRIMARY KEY);"
        "CREATE TABLE ab (x INT REFERENCES a, y INT REFERENCES a, PRIMARY KEY (x, y), CHECK (x <> y))"
    )
    assert seed(conn, rows=1).shortfalls == ()
    assert conn.execute("SELECT count(*), (SELECT count(*) FROM a) FROM ab").fetchone() == (1, 2)


def test_a_foreign_key_to_one_partition_points_there(conn: Connection) -> None:
    conn.execute(
        "CREATE TABLE t (id INT, k TEXT, n INT, PRIMARY KEY (id, k, n)) PARTITION BY LIST (k);"
        "CREATE TABLE ta PARTITION OF t FOR VALUES IN ('a');"
        "CREATE TABLE tb PARTITION OF t FOR VALUES IN ('b') PARTITION BY RANGE (n);"
        "CREATE TABLE tb1 PARTITION OF tb FOR VALUES FROM (0) TO (10);"
        "CREATE TABLE tb2 PARTITION OF tb FOR VALUES FROM (10) TO (20);"
        "CREATE TABLE u (id INT PRIMARY KEY, i INT NOT NULL, k TEXT NOT NULL, n INT NOT NULL,"
        " FOREIGN KEY (i, k, n) REFERENCES ta);"
        "CREATE TABLE v (id INT PRIMARY KEY, i INT NOT NULL, k TEXT NOT NULL, n INT NOT NULL,"
        " FOREIGN KEY (i, k, n) REFERENCES tb)"
    )
    assert seed(conn, rows=12).shortfalls == ()
    assert one(conn, "SELECT array_agg(DISTINCT k) FROM u") == ["a"]
    assert one(conn, "SELECT count(*) FROM v") == 12
    assert one(conn, "SELECT array_agg(DISTINCT k) FROM v") == ["b"]


def test_columns_that_are_called_like_our_own(conn: Connection) -> None:
    conn.execute(
        'CREATE TABLE t ("ringfence row" INT PRIMARY KEY, "ringfence leaf" INT, n INT4RANGE,'
        " EXCLUDE USING gist (n WITH &&))"
    )
    assert seed(conn).shortfalls == ()


def test_what_to_say_where_no_value_is_found(conn: Connection) -> None:
    conn.execute(
        "CREATE FUNCTION rare(n TEXT) RETURNS BOOLEAN IMMUTABLE LANGUAGE sql AS"
        " $$ SELECT md5(n) ~ '^000000' $$;"
        'CREATE TABLE t (id INT PRIMARY KEY, "the x" TEXT NOT NULL CHECK (rare("the x")))'
    )
    with pytest.raises(Refused) as no:
        seed(conn)
    assert no.value.hint == (
        "nothing was written; see whether any row can satisfy it, and say which values do in"
        ' pyproject.toml, [tool.ringfence.seed.columns]: "public.t.\\"the x\\"" = ["…"]'
    )


def test_what_a_check_cannot_be_computed_of_is_asked_once(
    conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A check that raises is tried in its own columns, and again only where these are others."""
    asked: list[int] = []

    def counted(*them: Any) -> Any:
        asked.append(1)
        return ask(*them)

    monkeypatch.setattr(probe, "ask", counted)
    conn.execute(
        "CREATE TABLE t (id int PRIMARY KEY, note text NOT NULL UNIQUE, ok boolean NOT NULL,"
        " n int NOT NULL CHECK (n BETWEEN 0 AND 3), CHECK (5 / abs(n - 2) <> 7))"
    )
    seeded = seed(conn, rows=200)
    assert seeded.shortfalls == ()
    assert one(conn, "SELECT count(*) FROM t") == 200
    assert len(asked) < 100
