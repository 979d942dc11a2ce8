"""Values of every type, tried on a server column of that type."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ringfence.seed import names, read
from ringfence.seed.limits import ANY, Limits
from ringfence.seed.place import SHARED, Place, instant, words_of
from ringfence.seed.values import Values
from seed.support import one

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from seed.support import Connection

TYPES = [
    "int2", "int4", "int8", "numeric", "numeric(1)", "numeric(5,2)", "numeric(3,3)", "numeric(30,10)",
    "float4", "float8", "money", "text", "varchar(1)", "varchar(5)", "varchar(40)", "char(1)",
    "char(7)", "name", "bit(1)", "bit(9)", "varbit(3)", "date", "timestamptz", "timestamp(0)", "time",
    "interval", "uuid", "jsonb", "bytea", "inet", "int4range", "tsrange", "datemultirange", "text[]",
    "numeric(4,1)[]", "tsvector", "point", "box", "macaddr8", "pg_lsn",
]  # fmt: skip
NAMES = [
    "name", "email", "phone_number", "created_at", "expires_at", "birth_date", "price", "url", "city",
    "country_code", "currency", "status", "description", "code", "year", "percent", "tags", "x",
]  # fmt: skip


@pytest.fixture(scope="module")
def typed(server: object) -> Iterator[tuple[Connection, Values, dict[str, tuple[int, int]]]]:
    """A connection, the values of its types, and (OID, modifier) by how a type is written."""
    name = f"test_values_{words_of(__name__)}{id(server)}"
    dsn = server.dsn  # type: ignore[attr-defined]
    with psycopg.connect(dsn(), autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name} TEMPLATE template0")
        try:
            with psycopg.connect(dsn(name), autocommit=True) as conn:
                columns = ", ".join(f"c{n} {text}" for n, text in enumerate(TYPES))
                conn.execute(f"CREATE TABLE t ({columns})")
                shape = read(conn)
                table = next(iter(shape.tables.values()))
                known = {
                    text: (column.type, column.typmod)
                    for text, column in zip(TYPES, table.columns, strict=True)
                }
                yield conn, Values(shape, {}), known
        finally:
            admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


@settings(deadline=None, max_examples=400)
@given(
    written=st.sampled_from(TYPES),
    column=st.sampled_from(NAMES),
    row=st.integers(0, 500),
    tenant=st.integers(-1, 3),
    attempt=st.integers(0, 20),
    key=st.booleans(),
)
def test_the_server_takes_them_and_keeps_them_whole(
    typed: tuple[Connection, Values, dict[str, tuple[int, int]]],
    written: str, column: str, row: int, tenant: int, attempt: int, key: bool,
) -> None:  # fmt: skip
    conn, values, known = typed
    place = Place(1, "s.people", column, tenant, row, 4, attempt, key=key, alone=key)
    made = values.value(*known[written], ANY, place)
    assert made == values.value(*known[written], ANY, place)
    position = TYPES.index(written)
    with conn.transaction(force_rollback=True):
        # An assignment refuses what does not fit the modifier, where a cast would cut it off.
        base = "bpchar" if written.startswith("char") else written.split("(")[0]
        base += "[]" if written.endswith(")[]") else ""
        base = {"bit": '"bit"'}.get(base, base)
        conn.execute(f"INSERT INTO t (c{position}) VALUES (%s::text::{base})", (made,))
        if written.startswith(("varchar", "text", "name")) and "[" not in written:
            assert one(conn, f"SELECT c{position}::text FROM t") == made


@pytest.mark.parametrize(
    "written",
    ["int2", "int4", "numeric(5,2)", "numeric(3,3)", "float8", "money", "text", "varchar(5)",
     "char(7)", "name", "bit(9)", "date", "timestamptz", "time", "interval", "uuid", "jsonb", "inet",
     "int4range", "tsrange", "tsvector", "macaddr8", "pg_lsn", "bytea"],
)  # fmt: skip
def test_keys_of_different_rows_differ(
    typed: tuple[Connection, Values, dict[str, tuple[int, int]]], written: str
) -> None:
    _, values, known = typed
    made = [
        values.value(*known[written], ANY, Place(1, "s.t", "x", tenant, row, 3, 1, True, True))
        for row in range(60)
        for tenant in range(3)
    ]
    assert len(set(made)) == len(made)


@settings(deadline=None)
@given(
    written=st.sampled_from(["int4", "numeric(30,10)", "float8", "numeric"]),
    low=st.integers(-5000, 5000),
    room=st.integers(1, 100),
    strict=st.booleans(),
    attempt=st.integers(0, 12),
    column=st.sampled_from(["x", "year", "price", "percent"]),
)
def test_numbers_stay_within_their_bounds(
    typed: tuple[Connection, Values, dict[str, tuple[int, int]]],
    written: str, low: int, room: int, strict: bool, attempt: int, column: str,
) -> None:  # fmt: skip
    _, values, known = typed
    limits = Limits(low=((str(low), not strict),), high=((str(low + room), True),))
    made = float(values.value(*known[written], limits, Place(1, "t", column, 0, 3, 2, attempt)))
    assert low <= made <= low + room
    assert made > low or not strict


@settings(deadline=None)
@given(year=st.integers(1990, 2030), days=st.integers(2, 400), attempt=st.integers(0, 12))
def test_moments_stay_within_their_bounds(
    typed: tuple[Connection, Values, dict[str, tuple[int, int]]],
    year: int, days: int, attempt: int,
) -> None:  # fmt: skip
    conn, values, known = typed
    low, high = (
        f"{year}-03-01 00:00:00+00",
        one(
            conn,
            "SELECT ((%s::date + %s::int)::timestamp AT TIME ZONE 'UTC')::text",
            f"{year}-03-01",
            days,
        ),
    )
    for written in ("date", "timestamptz"):
        limits = Limits(low=((low, True),), high=((str(high), False),))
        made = values.value(*known[written], limits, Place(1, "t", "x", 0, 3, 2, attempt))
        assert one(
            conn,
            "SELECT %s::timestamptz AT TIME ZONE 'UTC' >= %s::timestamptz AT TIME ZONE 'UTC'"
            " AND %s::timestamptz < %s::timestamptz",
            made, low, made, high,
        ), (made, low, high)  # fmt: skip


def test_no_value_depends_on_the_process() -> None:
    script = (
        "from ringfence.seed.draw import Draw; from ringfence.seed.place import Place, instant;"
        "from ringfence.seed import names;"
        "d = Draw(1, 'ñ', 2); print(d.word(), d.below(10**30), d.bytes(9).hex(), instant(3),"
        " names.person(Place(1, 's.t', 'c', 0, 0)))"
    )
    said = {
        subprocess.run(
            [sys.executable, "-c", script], check=True, capture_output=True, text=True,
            env={"PYTHONHASHSEED": seed, "PYTHONIOENCODING": "utf-8"},
        ).stdout
        for seed in ("0", "1")
    }  # fmt: skip
    assert said == {(
        "5071922383838590385 756726883590913301858037048585 a3f2291ded553e70ad"
        " 2024-10-27 00:00:00+00:00"
        " Person(given='Ximena', family='Domínguez', mother='Martínez', number=1539)\n"
    )}  # fmt: skip


@pytest.mark.parametrize(
    ("column", "provider"),
    [
        ("email", names.email), ("contactEmail", names.email), ("email_address", names.email),
        ("phone_number", names.phone), ("whatsapp_number", names.phone), ("telefono", names.phone),
        ("webhook_url", names.url), ("avatar", names.url), ("access_token", names.token),
        ("last_message_preview", names.sentence), ("company_name", names.company),
        ("email_subject", names.title), ("order_number", names.code), ("external_id", names.identifier),
        ("description2", None), ("qqq", None), ("name", names.named),
    ],
)  # fmt: skip
def test_a_column_s_name_says_what_it_holds(
    column: str, provider: Callable[..., str] | None
) -> None:
    assert names.provider(words_of(column)) is provider


def test_a_row_is_about_one_person() -> None:
    first, mail, login = (
        provider(Place(1, "s.users", column, 0, 4), Place(1, "s.users", column, 0, 4).draw())
        for column, provider in (
            ("full_name", names.provider("_full_name_")),
            ("email", names.provider("_email_")),
            ("login", names.provider("_login_")),
        )
        if provider is not None
    )
    assert mail == f"{login}@example.com"
    assert first.split()[0].lower()[0] == login[0]


def test_rows_of_nobody_are_numbered_without_gaps() -> None:
    assert [Place(1, "t", "c", SHARED, row, 4).ordinal for row in range(3)] == [0, 1, 2]
    assert [Place(1, "t", "c", 1, row, 4).ordinal for row in range(3)] == [1, 5, 9]


def test_the_moment_taken_for_now_follows_from_the_seed() -> None:
    assert instant(1) == instant(1)
    assert len({instant(seed) for seed in range(50)}) > 30
    assert {instant(seed).year for seed in range(50)} == {2024}
