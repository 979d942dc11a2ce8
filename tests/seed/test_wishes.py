"""What a project wishes of its rows: profiles, words, overrides, shares; and the whole message where
a wish makes no sense."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from ringfence.config import Column, Tenancy
from ringfence.errors import Misuse, Refused, described
from ringfence.seed import Settings, Wishes, seed, wishes_of
from ringfence.seed.lexicon import lexicon
from seed.support import counts, digests, one

if TYPE_CHECKING:
    from collections.abc import Callable

    from seed.support import Connection

SCHEMA = """
CREATE TYPE mood AS ENUM ('good', 'bad', 'so so');
CREATE TABLE tenants (id UUID PRIMARY KEY, name TEXT NOT NULL);
CREATE TABLE people (
    id INT PRIMARY KEY, tenant UUID NOT NULL REFERENCES tenants, name TEXT NOT NULL, email TEXT,
    mood mood NOT NULL, UNIQUE (tenant, email)
);
CREATE TABLE orders (
    id BIGINT GENERATED ALWAYS AS IDENTITY, tenant UUID NOT NULL REFERENCES tenants,
    status TEXT NOT NULL CONSTRAINT known CHECK (status IN ('new', 'paid', 'sent')),
    paid_at TIMESTAMPTZ, amount INT NOT NULL, total NUMERIC(10, 2) NOT NULL, code VARCHAR(6),
    CONSTRAINT paid CHECK (status = 'new' OR paid_at IS NOT NULL),
    half NUMERIC GENERATED ALWAYS AS (total / 2) STORED, PRIMARY KEY (id, status)
) PARTITION BY LIST (status);
CREATE TABLE orders_new PARTITION OF orders FOR VALUES IN ('new');
CREATE TABLE orders_done PARTITION OF orders FOR VALUES IN ('paid', 'sent');
ALTER TABLE people ENABLE ROW LEVEL SECURITY;
CREATE POLICY p ON people USING (tenant = nullif(current_setting('app.t', true), '')::UUID);
"""


@pytest.fixture
def shop(conn: Connection) -> Connection:
    conn.execute(SCHEMA)
    return conn


def wish(conn: Connection, **columns: Column) -> Any:
    named = {name.replace("__", "."): column for name, column in columns.items()}
    return seed(conn, rows=40, settings=Settings(columns=named))


def test_minimal_covers_every_literal_label_and_partition_with_few_rows(shop: Connection) -> None:
    seeded = seed(shop, profile="minimal")
    assert seeded.uncovered == ()
    assert shop.execute("SELECT DISTINCT status FROM orders ORDER BY 1").fetchall() == [
        ("new",), ("paid",), ("sent",),
    ]  # fmt: skip
    assert one(shop, "SELECT count(DISTINCT mood) FROM people") == 3
    assert one(shop, "SELECT count(DISTINCT tableoid) FROM orders") == 2
    assert counts(shop) == {"public.orders": 3, "public.people": 3, "public.tenants": 2}


def test_minimal_says_which_literal_no_row_can_have(conn: Connection) -> None:
    conn.execute(
        "CREATE TABLE t (a TEXT NOT NULL CHECK (a IN ('x', 'y')), b INT NOT NULL,"
        " CHECK (a <> 'y' OR b * b < 0))"
    )
    assert seed(conn, profile="minimal").uncovered == (("public.t", "a", "y"),)
    assert one(conn, "SELECT string_agg(a, '') FROM t") == "x"


def test_minimal_covers_what_could_be_null_as_well(conn: Connection) -> None:
    conn.execute(
        "CREATE TYPE rating AS ENUM ('A', 'AB', 'AB-1', 'B', 'B-1', 'C', 'C-1', 'D');"
        "CREATE TABLE film (id INT PRIMARY KEY, rating rating, a TEXT CHECK (a IN ('x', 'y')),"
        " b TEXT CHECK (b IN ('x', 'y', 'z')), CHECK (a IS NULL OR b IS NULL))"
    )
    assert seed(conn, profile="minimal").uncovered == ()
    assert one(conn, "SELECT count(DISTINCT rating) FROM film") == 8


def test_minimal_covers_what_stands_in_patterns_and_documents(conn: Connection) -> None:
    conn.execute(
        "CREATE TABLE t (id INT PRIMARY KEY, a TEXT NOT NULL CHECK (a ~ '^(aa|bb|cc)$'),"
        " b TEXT NOT NULL CHECK (b SIMILAR TO 'xx|yy'),"
        " c JSONB NOT NULL CHECK (c ->> 't' IN ('u', 'v', 'w')),"
        " d JSONB CHECK (d -> 'a' ->> 'b' IN ('p', 'q') AND (d ->> 'c')::INT IN (3, 4)),"
        " e JSONB NOT NULL CHECK (e ->> 'k' IN ('m', 'n') AND e ->> 'k' <> 'n'))"
    )
    seeded = seed(conn, profile="minimal")
    assert seeded.uncovered == ()
    found = conn.execute(
        "SELECT count(*), count(DISTINCT a), count(DISTINCT b), count(DISTINCT c ->> 't'),"
        " count(DISTINCT d -> 'a' ->> 'b'), count(DISTINCT d ->> 'c') FROM t"
    ).fetchone()
    assert found == (3, 3, 2, 3, 2, 2)


def test_minimal_says_which_member_no_row_can_have(conn: Connection) -> None:
    conn.execute(
        "CREATE TABLE t (a JSONB NOT NULL CHECK (a -> 'x' ->> 'y' IN ('m', 'n')), b INT NOT NULL,"
        " CHECK (a -> 'x' ->> 'y' <> 'n' OR b * b < 0))"
    )
    assert seed(conn, profile="minimal").uncovered == (("public.t", "a -> 'x' ->> 'y'", "n"),)


def test_minimal_has_as_many_parents_as_a_key_of_theirs_needs(conn: Connection) -> None:
    conn.execute(
        "CREATE TABLE tenants (id INT PRIMARY KEY);"
        "CREATE TABLE top (id INT PRIMARY KEY, tenant INT NOT NULL REFERENCES tenants);"
        "CREATE TABLE mid (id INT PRIMARY KEY REFERENCES top);"
        "CREATE TABLE low (id INT PRIMARY KEY, mid INT NOT NULL UNIQUE REFERENCES mid,"
        " z TEXT NOT NULL CHECK (z IN ('1', '2', '3', '4', '5', '6', '7')))"
    )
    seeded = seed(conn, profile="minimal", tenancy=Tenancy(root="tenants"))
    assert (seeded.uncovered, seeded.shortfalls) == ((), ())
    assert counts(conn) == {
        "public.tenants": 2, "public.top": 7, "public.mid": 7, "public.low": 7,
    }  # fmt: skip


def test_values_weights_and_sql(shop: Connection) -> None:
    wish(
        shop,
        people__mood=Column(values=("good", "bad"), weights=(1, 9)),
        orders__code=Column(sql="upper(left(status, 2)) || amount % 10"),
        orders__amount=Column(distribution="uniform", low=10, high=12),
    )
    found = Counter(mood for (mood,) in shop.execute("SELECT mood FROM people").fetchall())
    assert found["bad"] > 4 * found["good"] > 0
    assert one(shop, "SELECT bool_and(code = upper(left(status, 2)) || amount % 10) FROM orders")
    assert one(shop, "SELECT array_agg(DISTINCT amount ORDER BY amount) FROM orders") == [
        10,
        11,
        12,
    ]


@pytest.mark.parametrize(
    ("column", "test"),
    [
        (Column(distribution="normal", mean=500, deviation=10), "avg(total) BETWEEN 490 AND 510"),
        (Column(distribution="exponential", mean=50), "avg(total) BETWEEN 25 AND 90"),
        (
            Column(distribution="exponential", mean=50, low=20, high=60),
            "min(total) = 20 AND max(total) = 60",
        ),
    ],
)
def test_distributions(shop: Connection, column: Column, test: str) -> None:
    wish(shop, orders__total=column)
    assert one(shop, f"SELECT {test} FROM orders")


def test_providers_ours_and_faker_s(shop: Connection) -> None:
    pytest.importorskip("faker")
    wish(shop, people__name=Column(provider="company"), people__email=Column(provider="faker:job"))
    assert one(shop, "SELECT bool_and(name ~ '^[A-Z]') FROM people")
    assert one(shop, "SELECT count(DISTINCT email) > 20 FROM people WHERE email !~ '@'")


def test_rows_of_a_table_and_shares_of_tenants(shop: Connection) -> None:
    seeded = seed(
        shop, tenants=4, rows=12, settings=Settings(rows={"public.orders": 100}, skew=1.0)
    )
    rows = {filled.table: filled.rows for filled in seeded.tables}
    assert rows["public.people"] == (23, 11, 7, 5)
    assert rows["public.orders"] == (192, 96, 63, 48)
    assert rows["public.tenants"] == (1, 1, 1, 1)


def test_shares_without_skew_are_alike() -> None:
    assert {Wishes(tenants=9, rows=7).count(n) for n in range(9)} == {7}


def test_a_locale_changes_names_and_no_key(
    connect: Callable[[str], Connection], make_database: Callable[..., str]
) -> None:
    here, there = connect(make_database()), connect(make_database())
    for conn, locale in ((here, "es_MX"), (there, "en_US")):
        conn.execute(SCHEMA)
        seed(conn, settings=Settings(locale=locale))
    assert digests(here)["public.people"] != digests(there)["public.people"]
    keys = "SELECT array_agg(id ORDER BY id) FROM people"
    assert one(here, keys) == one(there, keys)
    given = {name.split()[0] for (name,) in there.execute("SELECT name FROM people").fetchall()}
    assert given <= set(lexicon("en_US").given)


def test_any_locale_that_faker_knows(shop: Connection) -> None:
    pytest.importorskip("faker")
    seed(shop, settings=Settings(locale="de_DE"))
    given = {name.split()[0] for (name,) in shop.execute("SELECT name FROM people").fetchall()}
    known = {name.split()[0] for name in lexicon("de_DE").given}
    assert given <= known
    assert not given & set(lexicon("es_MX").given)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (
            Settings(columns={"orders.stat": Column(values=("new",))}),
            ("error: [tool.ringfence.seed.columns] names orders.stat, and there is no such column\n"
            "hint: did you mean public.orders.status?"),
        ),
        (
            Settings(columns={"public.orders.status": Column(values=("new", "lost"))}),
            ("error: [tool.ringfence.seed.columns] gives public.orders.status the value 'lost',"
            " which violates known\n"
            "detail: (status = ANY (ARRAY['new'::text, 'paid'::text, 'sent'::text]))\n"
            "hint: take it out of the list"),
        ),
        (
            Settings(columns={"orders.amount": Column(values=("7", "many"))}),
            ("error: [tool.ringfence.seed.columns] gives public.orders.amount the value 'many',"
            " which its type integer does not take\n"
            'detail: invalid input syntax for type integer: "many"\n'
            "hint: take it out of the list"),
        ),
        (
            Settings(columns={"people.tenant": Column(provider="word")}),
            ("error: [tool.ringfence.seed.columns] sets public.people.tenant, and it is a foreign key"
            " (people_tenant_fkey), and follows from the row it points to\n"
            "hint: set columns of public.tenants"),
        ),
        (
            Settings(columns={"orders.half": Column(sql="1")}),
            ("error: [tool.ringfence.seed.columns] sets public.orders.half, and the server computes"
            " it\nhint: leave it out"),
        ),
        (
            Settings(columns={"people.name": Column(provider="compani")}),
            ("error: [tool.ringfence.seed.columns] names the provider compani, and there is none\n"
            "hint: did you mean company?"),
        ),
        (
            Settings(columns={"orders.code": Column(sql="nosuch + 1")}),
            ("error: [tool.ringfence.seed.columns] sets public.orders.code by SQL that the server does"
            ' not take: column "nosuch" does not exist\n'
            "detail: nosuch + 1\n"
            "hint: write an expression over the table's other columns, without a semicolon"),
        ),
        (
            Settings(rows={"public.order": 5}),
            ("error: [tool.ringfence.seed.rows] names public.order, and there is no such table\n"
            "hint: did you mean public.orders?"),
        ),
        (
            Settings(locale="xx_YY"),
            ("error: there is no locale xx_YY\n"
            "hint: write it as Faker does: es_MX, en_US, de_DE, pt_BR"),
        ),
        (
            Settings(columns={"people.name": Column(provider="faker:nosuch")}),
            ("error: Faker has no provider nosuch that needs no arguments\n"
            "hint: see https://faker.readthedocs.io for those it has: faker:job,"
            " faker:license_plate"),
        ),
    ],
)  # fmt: skip
def test_wishes_that_make_no_sense(shop: Connection, settings: Settings, said: str) -> None:
    pytest.importorskip("faker")
    with pytest.raises(Misuse) as caught:
        seed(shop, settings=settings)
    assert described(caught.value) == said
    assert sum(counts(shop).values()) == 0


def test_values_that_no_row_can_have_together(shop: Connection) -> None:
    with pytest.raises(Refused) as caught:
        wish(shop, orders__status=Column(values=("paid",)), orders__paid_at=Column(sql="NULL"))
    assert caught.value.message == "no row for public.orders satisfies paid"
    assert sum(counts(shop).values()) == 0


def test_the_same_wishes_give_the_same_bytes(
    connect: Callable[[str], Connection], make_database: Callable[..., str]
) -> None:
    found = []
    for _ in range(2):
        conn = connect(make_database())
        conn.execute(SCHEMA)
        settings = Settings(
            skew=0.7,
            columns={"orders.total": Column(distribution="exponential", mean=30)},
        )
        seed(conn, tenants=3, rows=9, profile="minimal", settings=settings)
        found.append(digests(conn))
    assert found[0] == found[1]


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"settings": Settings(skew=float("nan"))}, "the skew is nan"),
        ({"settings": Settings(skew=float("inf"))}, "the skew is inf"),
        ({"settings": Settings(skew=1e308)}, "the skew is 1e+308"),
        ({"tenants": 100_000_000}, "100,000,000 tenants were asked for"),
        ({"rows": 99_999_999_999_999}, "199,999,999,999,998 rows of a table were asked for"),
        ({"settings": Settings(rows={"t": 10**9})}, "2,000,000,000 rows of a table were asked for"),
    ],
)
def test_numbers_without_measure(asked: dict[str, Any], said: str) -> None:
    with pytest.raises(Misuse, match=re.escape(said)):
        wishes_of(asked.pop("settings", None), **asked)


def test_a_list_too_short_for_a_key_is_refused(shop: Connection) -> None:
    shop.execute("ALTER TABLE orders DROP COLUMN code; ALTER TABLE people ADD code TEXT UNIQUE")
    with pytest.raises(Misuse) as no:
        wish(shop, people__code=Column(values=("a", "b", "b")))
    assert described(no.value) == (
        "error: [tool.ringfence.seed.columns] gives public.people.code 2 values, and people_code_key"
        " lets each be in one of 80 rows only\n"
        "hint: list 80 values, or ask for fewer rows: [tool.ringfence.seed] rows"
    )
    assert not any(counts(shop).values())


def test_sql_that_gives_something_else_each_time_is_told(shop: Connection) -> None:
    seeded = wish(
        shop,
        orders__amount=Column(sql="(random() * 5 + abs(-1))::int"),
        people__name=Column(sql="'at ' || CURRENT_DATE"),
        people__email=Column(sql="lower(id || '@example.com')"),
    )
    assert seeded.fickle == (
        ("public.orders.amount", "random"),
        ("public.people.name", "current_date"),
    )
