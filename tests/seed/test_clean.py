"""What was seeded is recorded, and exactly that is removed again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from ringfence.errors import Refused, ServerError, described
from ringfence.seed import clean, read, seed
from seed.support import counts, digests, one
from seed.test_messaging import TENANCY, migrated

if TYPE_CHECKING:
    from seed.support import Connection

SCHEMA = """
CREATE TABLE tenants (id INT PRIMARY KEY);
CREATE TABLE a (id INT PRIMARY KEY, tenant INT NOT NULL REFERENCES tenants, b INT, me INT REFERENCES a);
CREATE TABLE b (id INT PRIMARY KEY, a INT NOT NULL REFERENCES a);
ALTER TABLE a ADD FOREIGN KEY (b) REFERENCES b;
CREATE TABLE "odd one" ("the key" TEXT, "a b" INT, n INT, PRIMARY KEY ("the key", "a b"));
CREATE TABLE bare (x INT, y TEXT);
CREATE TABLE audit (id INT GENERATED ALWAYS AS IDENTITY, what TEXT);
CREATE TABLE parent (id INT PRIMARY KEY);
CREATE TABLE child () INHERITS (parent);
CREATE FUNCTION note() RETURNS TRIGGER LANGUAGE plpgsql AS
    $$ BEGIN INSERT INTO audit (what) VALUES (TG_TABLE_NAME); RETURN NEW; END; $$;
CREATE TRIGGER note AFTER INSERT ON bare FOR EACH ROW EXECUTE FUNCTION note();
"""


def emptied(conn: Connection, **more: Any) -> Any:
    return clean(conn, read(conn, exclude_schemas=["ringfence"]), **more)


def test_nothing_is_left(conn: Connection) -> None:
    conn.execute(SCHEMA)
    seeded = seed(conn, record="ringfence")
    assert seeded.recorded
    cleaned = emptied(conn)
    assert cleaned.tables == {f.table: f.total for f in seeded.tables}
    assert cleaned.tables["public.audit"] == 10
    assert (cleaned.seeds, cleaned.gone) == ((1,), {})
    assert set(counts(conn).values()) == {0}
    assert one(conn, "SELECT count(*) FROM ringfence.seed_rows") == 0


def test_rows_of_others_stay(conn: Connection) -> None:
    conn.execute(SCHEMA)
    conn.execute("INSERT INTO bare VALUES (1, 'mine'); INSERT INTO tenants VALUES (-7)")
    mine = digests(conn)
    seed(conn, record="ringfence", force=True)
    conn.execute("INSERT INTO bare SELECT * FROM bare LIMIT 1; INSERT INTO parent VALUES (-1)")
    emptied(conn)
    conn.execute("DELETE FROM parent")
    left = {t: n for t, n in counts(conn).items() if n}
    # The table without a key had rows before: ours there cannot be told from those, and stay.
    assert {t: n for t, n in left.items() if t not in ("public.bare", "public.audit")} == {
        "public.tenants": 1
    }
    assert digests(conn)["public.tenants"] == mine["public.tenants"]


def test_one_of_two_seeds(conn: Connection) -> None:
    migrated(conn, "")
    seed(conn, tenancy=TENANCY, record="ringfence")
    first = digests(conn)
    seed(conn, tenancy=TENANCY, seed=2, record="ringfence", force=True)
    assert emptied(conn, seed=2).seeds == (2,)
    assert digests(conn) == first
    with pytest.raises(Refused) as caught:
        emptied(conn, seed=2)
    assert described(caught.value) == (
        "error: no seed 2 is recorded in this database\n"
        "hint: only what ringfence seed wrote, and recorded, can be removed"
    )


def test_what_went_before_is_counted(conn: Connection) -> None:
    conn.execute("CREATE TABLE t (id INT PRIMARY KEY)")
    seed(conn, record="ringfence")
    conn.execute("DELETE FROM t WHERE id < 3")
    cleaned = emptied(conn)
    assert (cleaned.rows, cleaned.gone) == (3, {"public.t": 2})


def test_rows_that_others_hang_on_are_not_removed(conn: Connection) -> None:
    conn.execute("CREATE TABLE t (id INT PRIMARY KEY); CREATE TABLE u (t INT REFERENCES t)")
    seed(conn, record="ringfence")
    conn.execute("INSERT INTO u SELECT id FROM t")
    with pytest.raises(ServerError) as caught:
        emptied(conn)
    assert described(caught.value).startswith(
        'error: rows that were seeded are still needed: update or delete on table "t" violates'
    )
    assert caught.value.hint == "remove the rows that point to them first; nothing was removed"
    assert counts(conn) == {"public.t": 5, "public.u": 10}


def test_who_may_not_record_is_told_so(conn: Connection, database: str) -> None:
    role = f"guest_{conn.info.backend_pid}"
    conn.execute(
        f"CREATE ROLE {role} LOGIN; CREATE TABLE t (id INT); ALTER TABLE t OWNER TO {role}"
    )
    try:
        dsn = psycopg.conninfo.make_conninfo(database, user=role)
        with psycopg.connect(dsn, autocommit=True) as guest:
            assert not seed(guest, record="ringfence").recorded
        assert counts(conn) == {"public.t": 5}
    finally:
        conn.execute(f"DROP OWNED BY {role}; DROP ROLE {role}")


def test_of_equal_rows_as_many_as_were_written(conn: Connection) -> None:
    conn.execute("CREATE TABLE bare (x INT NOT NULL CHECK (x = 1))")
    seed(conn, record="ringfence")
    conn.execute("INSERT INTO bare VALUES (1), (1)")
    assert emptied(conn).tables == {"public.bare": 5}
    assert counts(conn) == {"public.bare": 2}
