"""What was seeded is recorded, and exactly that is removed again."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, NamedTuple

import psycopg
import pytest

from ringfence import seed as seeding
from ringfence.config import Tenancy
from ringfence.errors import Busy, Refused, described
from ringfence.seed import clean, read, seed
from seed.support import counts, digests, one
from seed.test_messaging import TENANCY, migrated

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

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


@pytest.mark.parametrize(
    ("clause", "does"),
    [
        ("", ""),
        ("ON DELETE RESTRICT", ""),
        ("ON DELETE CASCADE", ", ON DELETE CASCADE"),
        ("ON DELETE SET NULL", ", ON DELETE SET NULL"),
        ("ON DELETE SET DEFAULT", ", ON DELETE SET DEFAULT"),
        ("DEFERRABLE INITIALLY DEFERRED", ""),
    ],
)
def test_rows_that_others_hang_on_are_not_removed(conn: Connection, clause: str, does: str) -> None:
    conn.execute(
        'CREATE TABLE t (id INT PRIMARY KEY); CREATE TABLE "u p" (id INT PRIMARY KEY,'
        f' "the t" INT DEFAULT -1 CONSTRAINT up REFERENCES t {clause})'
    )
    seed(conn, record="ringfence")
    conn.execute('INSERT INTO "u p" SELECT 1000 + id, id FROM t WHERE id < 3')
    before = digests(conn)
    with pytest.raises(Refused) as caught:
        emptied(conn)
    assert described(caught.value) == (
        "error: rows that were seeded are still needed: 2 others point to them\n"
        f'detail: public."u p" (id = 1001, "the t" = 1) points to public.t by up{does}\n'
        f'  public."u p" (id = 1002, "the t" = 2) points to public.t by up{does}\n'
        "hint: remove the rows that point to them first; nothing was removed"
    )
    assert digests(conn) == before
    conn.execute('DELETE FROM "u p" WHERE id > 1000')
    assert emptied(conn).rows == 10
    assert set(counts(conn).values()) == {0}


def test_partitions_and_other_schemas_hang_on_rows_too(conn: Connection) -> None:
    conn.execute(
        "CREATE TABLE t (id INT NOT NULL, k INT NOT NULL, PRIMARY KEY (id, k)) PARTITION BY LIST (k);"
        "CREATE TABLE t1 PARTITION OF t FOR VALUES IN (1); CREATE TABLE t2 PARTITION OF t DEFAULT;"
        "CREATE SCHEMA apart; CREATE TABLE apart.c (t INT, k INT,"
        " FOREIGN KEY (t, k) REFERENCES t ON DELETE CASCADE);"
        "CREATE TABLE p (id INT, t INT, k INT, FOREIGN KEY (t, k) REFERENCES t ON DELETE SET NULL)"
        " PARTITION BY RANGE (id); CREATE TABLE p1 PARTITION OF p DEFAULT"
    )
    seed(conn, record="ringfence", exclude_schemas=["ringfence", "apart"])
    conn.execute("INSERT INTO apart.c SELECT id, k FROM t1 LIMIT 1")
    conn.execute("INSERT INTO p SELECT -1, id, k FROM t2 LIMIT 1")
    before = digests(conn)
    with pytest.raises(Refused) as caught:
        clean(conn, read(conn, exclude_schemas=["ringfence", "apart"]))
    assert caught.value.message == "rows that were seeded are still needed: 2 others point to them"
    assert "apart.c (t = " in caught.value.detail
    assert "public.p (t = " in caught.value.detail
    assert digests(conn) == before


def test_many_that_hang_on_are_counted(conn: Connection) -> None:
    conn.execute("CREATE TABLE t (id INT PRIMARY KEY); CREATE TABLE u (t INT REFERENCES t)")
    seed(conn, record="ringfence")
    conn.execute("INSERT INTO u SELECT 1 FROM generate_series(1, 20)")
    with pytest.raises(Refused, match="20 others point to them") as caught:
        emptied(conn)
    assert caught.value.detail.endswith("by u_t_fkey\nand 15 more")


def test_who_does_not_see_all_rows_removes_none(conn: Connection, database: str) -> None:
    role = f"bound_{conn.info.backend_pid}"
    conn.execute("CREATE TABLE t (id INT PRIMARY KEY)")
    seed(conn, record="ringfence")
    conn.execute(
        f"CREATE ROLE {role} LOGIN; GRANT ALL ON SCHEMA ringfence TO {role};"
        f"GRANT ALL ON ALL TABLES IN SCHEMA ringfence TO {role}; ALTER TABLE t OWNER TO {role};"
        "ALTER TABLE t ENABLE ROW LEVEL SECURITY; ALTER TABLE t FORCE ROW LEVEL SECURITY"
    )
    try:
        dsn = psycopg.conninfo.make_conninfo(database, user=role)
        with (
            psycopg.connect(dsn, autocommit=True) as guest,
            pytest.raises(Refused, match=f"not all rows can be seen or removed by {role}"),
        ):
            emptied(guest)
        assert counts(conn) == {"public.t": 5}
        assert one(conn, "SELECT count(*) FROM ringfence.seeds") == 1
    finally:
        conn.execute(f"DROP OWNED BY {role}; DROP ROLE {role}")


SLOW = """
CREATE TABLE a (id INT PRIMARY KEY);
CREATE TABLE z (id INT PRIMARY KEY, a INT REFERENCES a);
CREATE FUNCTION wait() RETURNS TRIGGER LANGUAGE plpgsql AS
    $$ BEGIN PERFORM pg_advisory_xact_lock(1); RETURN NEW; END; $$;
CREATE TRIGGER s BEFORE INSERT ON z FOR EACH ROW EXECUTE FUNCTION wait();
"""


@pytest.fixture
def held_up(connect: Callable[[str], Connection], database: str) -> Iterator[Held]:
    """A seed that has written table a, and waits before z for what a lock's holder does."""
    conn, gate = connect(database), connect(database)
    conn.execute(SLOW)
    gate.execute("SELECT pg_advisory_lock(1)")
    with ThreadPoolExecutor(1) as pool:
        try:
            held = Held(gate, pool.submit(seed, conn, record="ringfence"))
            query = "SELECT 1 FROM pg_stat_activity WHERE wait_event = 'advisory' AND pid = %s"
            while not gate.execute(query, (conn.info.backend_pid,)).fetchone():
                assert not held.running.done()
            yield held
        finally:
            gate.execute("SELECT pg_advisory_unlock_all()")


class Held(NamedTuple):
    other: Connection
    running: Future[Any]

    def finish(self) -> Any:
        self.other.execute("SELECT pg_advisory_unlock_all()")
        return self.running.result()


def test_rows_that_others_commit_meanwhile_are_theirs(held_up: Held) -> None:
    held_up.other.execute("INSERT INTO a VALUES (-7)")
    seeded = held_up.finish()
    assert {f.table: f.by_triggers for f in seeded.tables} == {"public.a": 0, "public.z": 0}
    assert emptied(held_up.other).rows == 10
    assert held_up.other.execute("SELECT id FROM a").fetchall() == [(-7,)]


def test_two_seeds_at_once_are_one_too_many(held_up: Held) -> None:
    for again in (lambda: seed(held_up.other, seed=2, force=True), lambda: emptied(held_up.other)):
        with pytest.raises(Busy) as caught:
            again()
        assert caught.value.message.startswith("another seed is at work in ")
        assert caught.value.detail.startswith("pid ")
        assert caught.value.hint == "run it again when the other is done"
    assert seed(held_up.other, dry_run=True).rows == 10
    assert held_up.finish().rows == 10
    assert emptied(held_up.other).seeds == (1,)


def test_rows_that_come_before_the_first_is_written_are_noticed(
    conn: Connection, connect: Callable[[str], Connection], database: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    conn.execute("CREATE TABLE t (id INT PRIMARY KEY)")
    other, think = connect(database), seeding.plan

    def meanwhile(*arguments: Any, **more: Any) -> Any:
        other.execute("INSERT INTO t VALUES (-7)")
        return think(*arguments, **more)

    monkeypatch.setattr(seeding, "plan", meanwhile)
    with pytest.raises(Busy, match=r"another session has written to public\.t meanwhile"):
        seed(conn, record="ringfence")
    assert counts(conn) == {"public.t": 1}


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


def test_a_sequence_without_another_number_says_so(conn: Connection) -> None:
    conn.execute(
        "CREATE TABLE t (id SMALLINT GENERATED ALWAYS AS IDENTITY"
        " (START 5 INCREMENT 10 MAXVALUE 45) PRIMARY KEY)"
    )
    assert seed(conn, record="ringfence").rows == 5
    with pytest.raises(psycopg.errors.SequenceGeneratorLimitExceeded):
        conn.execute("INSERT INTO t DEFAULT VALUES")
    emptied(conn)


def test_a_sequence_is_left_alone_by_a_seed_that_is_undone(conn: Connection) -> None:
    conn.execute(
        "CREATE SEQUENCE s MAXVALUE 5; CREATE TABLE t (id INT PRIMARY KEY DEFAULT nextval('s'))"
    )
    with conn.transaction(force_rollback=True):
        seed(conn)
    assert one(conn, "SELECT nextval('s')") == 1


def test_a_statement_may_take_its_time(conn: Connection) -> None:
    conn.execute(
        "CREATE TABLE t (id INT PRIMARY KEY); CREATE FUNCTION slow() RETURNS TRIGGER LANGUAGE plpgsql"
        " AS $$ BEGIN ASSERT current_setting('statement_timeout') = '0'; RETURN NEW; END; $$;"
        "CREATE TRIGGER s BEFORE INSERT OR DELETE ON t FOR EACH STATEMENT EXECUTE FUNCTION slow()"
    )
    conn.execute("SET statement_timeout = '1h'")
    assert seed(conn, record="ringfence").rows == 5
    assert emptied(conn).rows == 5
    assert one(conn, "SHOW statement_timeout") == "1h"


def test_a_row_for_no_partition_names_the_partition(conn: Connection) -> None:
    conn.execute(
        "CREATE TABLE t (id INT NOT NULL CHECK (id < 0)) PARTITION BY RANGE (id);"
        'CREATE TABLE "t 2" PARTITION OF t FOR VALUES FROM (10) TO (20)'
    )
    with pytest.raises(Refused) as caught:
        seed(conn)
    assert "satisfies" not in caught.value.message or "t 2" not in caught.value.message


def test_a_large_load_is_not_read_through_for_every_row(conn: Connection) -> None:
    """Where no index leads back along a foreign key, one does for that long."""
    conn.execute(
        "CREATE TABLE tenants (id INT PRIMARY KEY);"
        " CREATE TABLE rooms (tenant INT NOT NULL REFERENCES tenants, id INT, PRIMARY KEY (tenant, id));"
        " CREATE TABLE stays (id INT PRIMARY KEY, tenant INT NOT NULL, room INT NOT NULL, wish TEXT,"
        "  FOREIGN KEY (tenant, room) REFERENCES rooms);"
        " CREATE INDEX ON stays (tenant, wish);"
        ' CREATE TABLE "odd stays" (id INT, "tenant\'s" INT, "room""s" INT,'
        '  FOREIGN KEY ("tenant\'s", "room""s") REFERENCES rooms) PARTITION BY LIST (id);'
        ' CREATE TABLE part PARTITION OF "odd stays" DEFAULT'
    )
    indexes = "SELECT array_agg(indexname ORDER BY 1) FROM pg_indexes WHERE schemaname = 'public'"
    before = one(conn, indexes)
    seed(conn, profile="load", rows=4000, record="ringfence", tenancy=Tenancy(root="tenants"))
    scans = "SELECT pg_stat_get_xact_numscans('stays'::regclass) + pg_stat_get_xact_numscans('part'::regclass)"
    with conn.transaction():
        cleaned = emptied(conn)
        scanned = one(conn, scans)
    assert cleaned.tables["public.stays"] == cleaned.tables['public."odd stays"'] == 8000
    assert set(counts(conn).values()) == {0}
    assert scanned < 100
    assert one(conn, indexes) == before


def test_who_may_make_no_index_removes_rows_all_the_same(
    conn: Connection, connect: Callable[[str], Connection], database: str
) -> None:
    conn.execute(
        "CREATE TABLE tenants (id INT PRIMARY KEY);"
        " CREATE TABLE rooms (id INT PRIMARY KEY, tenant INT NOT NULL REFERENCES tenants, note TEXT)"
    )
    who = f"sweeper_{conn.info.dbname}"
    seed(conn, profile="load", rows=3000, record="ringfence", tenancy=Tenancy(root="tenants"))
    conn.execute(
        f"CREATE ROLE {who} LOGIN; GRANT USAGE ON SCHEMA public, ringfence TO {who};"
        f" GRANT ALL ON ALL TABLES IN SCHEMA public, ringfence TO {who}"
    )
    try:
        other = connect(psycopg.conninfo.make_conninfo(database, user=who))
        assert emptied(other).rows == 6002
        assert set(counts(conn).values()) == {0}
    finally:
        conn.execute(f"DROP OWNED BY {who}; DROP ROLE {who}")


def test_keys_are_recorded_whatever_dates_look_like(conn: Connection) -> None:
    conn.execute("CREATE TABLE days (day TIMESTAMPTZ PRIMARY KEY); SET DateStyle = 'SQL, DMY'")
    seed(conn, record="ringfence")
    conn.execute("SET DateStyle = 'SQL, MDY'; SET TimeZone = 'Asia/Tokyo'")
    assert emptied(conn).gone == {}
    assert counts(conn)["public.days"] == 0
