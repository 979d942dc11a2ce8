"""Rows on their way in: what the server refuses, what triggers do, and that all or nothing is written."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
import pytest

from ringfence.config import Tenancy
from ringfence.errors import Misuse, Refused, ServerError
from ringfence.seed import Rejected, clean, read, seed
from seed.support import counts, one

if TYPE_CHECKING:
    from collections.abc import Callable

    from seed.support import Connection

TRIGGER = (
    "CREATE FUNCTION f() RETURNS TRIGGER LANGUAGE plpgsql AS $$ BEGIN {body} END; $$;"
    "CREATE TRIGGER tr {when} INSERT ON t FOR EACH ROW EXECUTE FUNCTION f()"
)
TABLES = (
    "CREATE TABLE first (id INT PRIMARY KEY);"
    "CREATE TABLE t (id INT PRIMARY KEY, first_id INT REFERENCES first, note TEXT NOT NULL);"
)


def test_a_row_that_a_trigger_refuses_is_named_and_nothing_remains(conn: Connection) -> None:
    conn.execute(TABLES + TRIGGER.format(when="BEFORE", body="RAISE EXCEPTION 'never %', NEW.id;"))
    with pytest.raises(Rejected) as caught:
        seed(conn, rows=2)
    error = caught.value
    assert error.message == "row 1 for public.t was refused: never 1 [SQLSTATE P0001]"
    assert (error.sqlstate, error.table, error.status) == ("P0001", "public.t", 1)
    assert error.detail.startswith("first_id = 1, id = 1, note = ")
    assert "PL/pgSQL function f()" in error.detail
    assert error.hint == "nothing was written"
    assert isinstance(error, ServerError)
    assert isinstance(error.__cause__, psycopg.errors.RaiseException)
    assert counts(conn) == {"public.first": 0, "public.t": 0}


def test_a_row_that_only_other_values_get_past_a_trigger_is_thought_up_anew(
    conn: Connection,
) -> None:
    body = (
        r"IF NEW.note !~ '^\d+\.\d+\.\d+$' THEN RAISE EXCEPTION 'no version: %', NEW.note; END IF;"
        " RETURN NEW;"
    )
    conn.execute(TABLES + TRIGGER.format(when="BEFORE", body=body))
    seed(conn)
    assert one(conn, r"SELECT count(*) FROM t WHERE note ~ '^\d+\.\d+\.\d+$'") == 5
    assert one(conn, "SELECT max(id) FROM t") == 5, "what cannot be the cause stays as it was"


def test_a_missing_function_is_not_tried_again(conn: Connection) -> None:
    body = "PERFORM 1 FROM calls; INSERT INTO calls DEFAULT VALUES; PERFORM absent(); RETURN NEW;"
    conn.execute("CREATE TABLE calls (id INT GENERATED ALWAYS AS IDENTITY);" + TABLES)
    conn.execute(TRIGGER.format(when="BEFORE", body=body))
    with pytest.raises(Rejected) as caught:
        seed(conn)
    assert caught.value.sqlstate == "42883"
    # A sequence's numbers are the only trace that a rolled back transaction leaves.
    assert one(conn, "SELECT coalesce(last_value, 0) FROM calls_id_seq") <= 8


def test_rows_that_vanish_without_an_error_are_an_error(conn: Connection) -> None:
    body = "IF NEW.id > 3 THEN RETURN NULL; END IF; RETURN NEW;"
    conn.execute(TABLES + TRIGGER.format(when="BEFORE", body=body))
    with pytest.raises(Refused) as caught:
        seed(conn)
    assert caught.value.message == "2 of 5 rows for public.t vanished on the way in"
    assert caught.value.detail == "triggers that may have dropped them: tr"
    assert counts(conn) == {"public.first": 0, "public.t": 0}


def test_rows_that_a_trigger_moves_to_a_child_have_not_vanished(conn: Connection) -> None:
    conn.execute(TABLES + "CREATE TABLE child () INHERITS (t);")
    body = "INSERT INTO child SELECT NEW.*; RETURN NULL;"
    conn.execute(TRIGGER.format(when="BEFORE", body=body))
    seed(conn)
    assert one(conn, "SELECT count(*) FROM t") == 10


def test_a_table_that_triggers_fill_keeps_what_they_wrote(conn: Connection) -> None:
    conn.execute(
        TABLES
        + "CREATE TABLE a_shadow (t_id INT PRIMARY KEY REFERENCES t, made TEXT DEFAULT 'by trigger');"
        + TRIGGER.format(when="AFTER", body="INSERT INTO a_shadow VALUES (NEW.id); RETURN NEW;")
    )
    seeded = seed(conn)
    assert one(conn, "SELECT count(*) FROM a_shadow WHERE made = 'by trigger'") == 5
    assert one(conn, "SELECT count(*) FROM a_shadow") == 5
    assert next(f.total for f in seeded.tables if f.table == "public.a_shadow") == 5


def test_a_table_that_a_trigger_fills_comes_after_the_trigger_s(conn: Connection) -> None:
    # Without a foreign key only the functions' text tells; a_log would come first by its name.
    conn.execute(
        TABLES + "CREATE TABLE a_log (t_id INT PRIMARY KEY, made TEXT);"
        "CREATE FUNCTION note(i INT) RETURNS VOID LANGUAGE sql AS"
        " $$ INSERT INTO public.a_log VALUES (i, 'by trigger') $$;"
        + TRIGGER.format(when="AFTER", body="PERFORM note(NEW.id); RETURN NEW;")
    )
    seeded = seed(conn)
    assert one(conn, "SELECT count(*) FROM a_log WHERE made = 'by trigger'") == 5
    assert next(f.total for f in seeded.tables if f.table == "public.a_log") == 5


def test_a_database_with_rows_is_refused(conn: Connection) -> None:
    conn.execute(TABLES + "INSERT INTO first VALUES (1)")
    with pytest.raises(Refused) as caught:
        seed(conn)
    assert caught.value.message == "the database is not empty: public.first"
    assert caught.value.hint == (
        "seed a fresh database, or add to this one with --force and another --seed"
    )
    assert counts(conn) == {"public.first": 1, "public.t": 0}


def test_forced_rows_come_beside_those_that_are_there(conn: Connection) -> None:
    conn.execute(
        "CREATE TABLE p (id INT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, code TEXT UNIQUE);"
        "CREATE TABLE c (id UUID PRIMARY KEY, p_id INT NOT NULL REFERENCES p)"
    )
    seed(conn, seed=1)
    seed(conn, seed=2, force=True)
    seed(conn, seed=2, force=True)
    assert counts(conn) == {"public.c": 15, "public.p": 15}
    assert one(conn, "SELECT max(id) FROM p") == 15
    conn.execute("INSERT INTO p (code) VALUES ('more')")


def test_a_dry_run_plans_and_writes_nothing(conn: Connection) -> None:
    conn.execute(
        "CREATE TABLE p (id INT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, code TEXT UNIQUE)"
    )
    seeded = seed(conn, dry_run=True)
    assert (seeded.written, seeded.rows) == (False, 5)
    assert counts(conn) == {"public.p": 0}
    assert one(conn, "INSERT INTO p (code) VALUES ('a') RETURNING id") == 1


def test_history_and_extensions_are_left_alone(conn: Connection) -> None:
    conn.execute(
        "CREATE SCHEMA ringfence; CREATE TABLE ringfence.history (id INT);"
        "CREATE SCHEMA other; CREATE TABLE other.t (id INT); CREATE TABLE mine (id INT)"
    )
    assert [f.table for f in seed(conn).tables] == ["other.t", "public.mine"]
    assert counts(conn)["ringfence.history"] == 0
    conn.execute("TRUNCATE mine, other.t")
    seeded = seed(conn, exclude_schemas=["ringfence", "other"])
    assert [f.table for f in seeded.tables] == ["public.mine"]


def test_nothing_to_fill(conn: Connection) -> None:
    with pytest.raises(Refused, match="there is no table to fill"):
        seed(conn)


def test_a_foreign_key_to_a_table_left_alone(conn: Connection) -> None:
    conn.execute(
        "CREATE SCHEMA ringfence; CREATE TABLE ringfence.h (id INT PRIMARY KEY);"
        "CREATE TABLE may (id INT, h INT REFERENCES ringfence.h);"
        "CREATE TABLE must (id INT, h INT NOT NULL REFERENCES ringfence.h)"
    )
    seeded = seed(conn)
    assert one(conn, "SELECT count(*) FROM may WHERE h IS NULL") == 5
    assert [(s.table, s.got, s.reason) for s in seeded.shortfalls] == [
        ("public.must", 0, "must_h_fkey has no row to point to")
    ]


@pytest.mark.parametrize(("tenants", "rows"), [(0, 1), (1, 0), (-1, 1)])
def test_numbers_that_make_no_sense(conn: Connection, tenants: int, rows: int) -> None:
    conn.execute("CREATE TABLE t (id INT)")
    with pytest.raises(Misuse, match="asked for"):
        seed(conn, tenants=tenants, rows=rows)


def test_more_tenants_than_their_table_has_room_for(conn: Connection) -> None:
    conn.execute(
        "CREATE TABLE tenants (kind TEXT PRIMARY KEY CHECK (kind IN ('a', 'b')));"
        "CREATE TABLE t (kind TEXT NOT NULL REFERENCES tenants)"
    )
    with pytest.raises(Refused) as caught:
        seed(conn, tenants=3, tenancy=Tenancy(root="tenants"))
    assert caught.value.message == "3 tenants were asked for, and public.tenants has room for 2"
    assert caught.value.detail == "tenants_pkey leaves no room for more"
    assert caught.value.hint == "ask for fewer: --tenants 2"


def test_an_owner_whom_policies_bind_writes_each_tenant_under_its_setting(
    connect: Callable[[str], Connection], database: str
) -> None:
    admin = connect(database)
    role = f"owner_{one(admin, 'SELECT current_database()')}"
    admin.execute(f"CREATE ROLE {role} NOBYPASSRLS; CREATE SCHEMA s AUTHORIZATION {role}")
    try:
        conn = connect(database)
        conn.execute(f"SET ROLE {role}")
        conn.execute(
            "CREATE TABLE s.tenants (id UUID PRIMARY KEY);"
            "CREATE TABLE s.t (id INT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,"
            " tenant UUID NOT NULL REFERENCES s.tenants);"
            "ALTER TABLE s.t ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;"
            "CREATE POLICY p ON s.t USING (tenant = nullif(current_setting('a.b', true), '')::uuid)"
        )
        assert seed(conn, tenants=3).rows == 18
        assert one(admin, "SELECT count(*) FROM s.t") == 15
    finally:
        conn.close()
        admin.execute(f"DROP OWNED BY {role} CASCADE; DROP ROLE {role}")


def test_deferred_constraints_are_checked_before_it_says_done(conn: Connection) -> None:
    conn.execute(TABLES)
    conn.execute(
        "CREATE FUNCTION f() RETURNS TRIGGER LANGUAGE plpgsql AS"
        " $$ BEGIN RAISE EXCEPTION 'too late'; END; $$;"
        "CREATE CONSTRAINT TRIGGER tr AFTER INSERT ON t DEFERRABLE INITIALLY DEFERRED"
        " FOR EACH ROW EXECUTE FUNCTION f()"
    )
    with pytest.raises(Rejected, match=r"too late \[SQLSTATE P0001\]"):
        seed(conn)
    assert counts(conn) == {"public.first": 0, "public.t": 0}


def test_it_works_inside_a_transaction_of_the_caller(
    connect: Callable[[str], Connection], database: str
) -> None:
    conn = connect(database)
    conn.execute(TABLES)
    # The trigger's function names a table without its schema.
    body = "PERFORM FROM first; RETURN NEW;"
    conn.execute(TRIGGER.format(when="BEFORE", body=body))
    conn.execute("SET TimeZone = 'America/Mexico_City'")
    names = ("search_path", "TimeZone", "jit")
    with conn.transaction(force_rollback=True):
        before = [one(conn, f"SHOW {name}") for name in names]
        assert seed(conn).rows == 10
        assert counts(conn) == {"public.first": 5, "public.t": 5}
        assert [one(conn, f"SHOW {name}") for name in names] == before
    assert counts(conn) == {"public.first": 0, "public.t": 0}


def test_the_server_s_settings_are_as_before(conn: Connection) -> None:
    conn.execute(TABLES)
    names = ("search_path", "jit", "session_replication_role", "row_security")
    before = [one(conn, f"SHOW {name}") for name in names]
    seed(conn)
    assert [one(conn, f"SHOW {name}") for name in names] == before
    assert one(conn, "SHOW session_replication_role") == "origin"


@pytest.mark.parametrize(
    "body",
    [
        "NEW.id := 'x' || NEW.id; RETURN NEW;",
        "NEW.id := lower(replace(NEW.title, ' ', '-')) || NEW.n; RETURN NEW;",
    ],
)
def test_children_point_to_the_keys_that_triggers_make(conn: Connection, body: str) -> None:
    conn.execute(
        "CREATE TABLE t (id TEXT PRIMARY KEY, n INT NOT NULL UNIQUE, title TEXT NOT NULL);"
        "CREATE TABLE u (id INT PRIMARY KEY, t TEXT NOT NULL REFERENCES t, UNIQUE (t, id));"
        "CREATE TABLE v (id INT PRIMARY KEY, t TEXT NOT NULL, u INT NOT NULL,"
        " FOREIGN KEY (t, u) REFERENCES u (t, id));" + TRIGGER.format(when="BEFORE", body=body)
    )
    seed(conn, record="ringfence")
    assert counts(conn) == {"public.t": 5, "public.u": 5, "public.v": 5}
    clean(conn, read(conn, exclude_schemas=["ringfence"]))
    assert counts(conn) == {"public.t": 0, "public.u": 0, "public.v": 0}
