"""The load profile: many rows by COPY, in one transaction or in batches, as coherent as few are."""

from __future__ import annotations

import tracemalloc
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from ringfence.config import Column, Tenancy
from ringfence.errors import Misuse, Refused, described
from ringfence.pg.canonical import expression
from ringfence.seed import Rejected, Settings, clean, read, resume, seed
from ringfence.seed import desk as desks
from seed.support import counts, digests, one, strangers, unsatisfied, violations
from seed.test_messaging import TENANCY, migrated

if TYPE_CHECKING:
    from collections.abc import Callable

    from seed.support import Connection

MESSAGES = "messaging.whatsapp_messages"
SETTINGS = Settings(rows={MESSAGES: 400})


@pytest.fixture(autouse=True)
def _few_planned(monkeypatch: pytest.MonkeyPatch) -> None:
    """Think up few rows one by one, so that many generations are few rows too."""
    monkeypatch.setattr(desks, "PLANNED", 24)


def load(conn: Connection, **more: Any) -> Any:
    more = {"rows": 100, "settings": SETTINGS, "tenancy": TENANCY, **more}
    return seed(conn, profile="load", **more)


def test_every_table_is_filled_and_in_order(conn: Connection) -> None:
    migrated(conn, "")
    seeded = load(conn)
    assert seeded.shortfalls == ()
    assert seeded.unseen == ()
    for filled in seeded.tables:
        expected = {TENANCY.root: 1, MESSAGES: 400}.get(filled.table, 100)
        assert filled.rows == (expected, expected), filled.table
    assert counts(conn) == {filled.table: filled.total for filled in seeded.tables}
    assert violations(conn) == []
    assert unsatisfied(conn, read(conn)) == []
    assert strangers(conn, TENANCY.root) == []


def test_redundant_paths_agree(conn: Connection) -> None:
    migrated(conn, "")
    load(conn)
    assert one(
        conn,
        "SELECT bool_and(t.account_id = c.account_id) FROM messaging.whatsapp_campaigns c"
        " JOIN messaging.whatsapp_templates t ON t.id = c.template_id",
    )
    assert one(
        conn,
        "SELECT bool_and(n.flow_id = s.flow_id) FROM messaging.chatbot_sessions s"
        " JOIN messaging.chatbot_nodes n ON n.id = s.current_node_id",
    )
    # Every parent has its share of children, and those of one come one after the other.
    assert one(conn, f"SELECT count(DISTINCT conversation_id) FROM {MESSAGES}") > 150
    assert one(conn, f"SELECT count(*) FROM (SELECT id, lag(id) OVER (ORDER BY ctid) AS before FROM {MESSAGES}"
        " ORDER BY ctid OFFSET 30) AS m WHERE before > id") <= 4  # fmt: skip


@pytest.mark.parametrize("bulk", [False, True])
def test_the_same_seed_gives_the_same_bytes(
    connect: Callable[[str], Connection], make_database: Callable[..., str], bulk: bool
) -> None:
    first, second = (migrated(connect(make_database()), "") for _ in range(2))
    load(first)
    load(second, bulk=bulk)
    assert digests(first) == digests(second)


def test_more_rows_do_not_change_those_before(
    connect: Callable[[str], Connection], make_database: Callable[..., str]
) -> None:
    """Of tables whose parents are as many."""
    first, second = (migrated(connect(make_database()), "") for _ in range(2))
    load(first)
    load(second, settings=Settings(rows={MESSAGES: 500}))
    assert digests(first)["core_users.users"] == digests(second)["core_users.users"]


def test_indexes_that_stood_aside_are_back(conn: Connection) -> None:
    migrated(conn, "")
    listed = (
        "SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid) FROM pg_index"
        " WHERE indrelid::regclass::text ~ '^(messaging|core_)' ORDER BY 1"
    )
    keys = (
        "SELECT conname, pg_get_constraintdef(oid), convalidated FROM pg_constraint"
        " WHERE contype = 'f' ORDER BY 1"
    )
    secondary = (
        "SELECT min(indexrelid::regclass::text) FROM pg_index"
        f" WHERE NOT indisunique AND indrelid = '{MESSAGES}'::regclass"
    )
    conn.execute(f"COMMENT ON INDEX {one(conn, secondary)} IS 'kept'")
    before = conn.execute(listed).fetchall(), conn.execute(keys).fetchall()
    load(conn, bulk=True)
    after = conn.execute(listed).fetchall(), conn.execute(keys).fetchall()
    for then, now in zip(before, after, strict=True):
        # What a partial index says is deparsed in another way the second time, and means the same.
        assert [(n, expression(d), *m) for n, d, *m in then] == [
            (n, expression(d), *m) for n, d, *m in now
        ]
    assert one(conn, "SELECT count(*) FROM pg_description WHERE description = 'kept'") == 1
    assert violations(conn) == []


class Stop(Exception):
    pass


def test_a_load_in_batches_goes_on_where_it_was_stopped(
    connect: Callable[[str], Connection], make_database: Callable[..., str]
) -> None:
    whole, parts = (migrated(connect(make_database()), "") for _ in range(2))
    load(whole)

    def stop(table: str, done: int, total: int, seconds: float) -> None:
        written = one(parts, f"SELECT count(*) FROM {MESSAGES}") if table == MESSAGES else 0
        if written > 24 and done == total:
            raise Stop

    with pytest.raises(Stop):
        load(parts, batch=90, record="ringfence", progress=stop)
    stopped = one(parts, f"SELECT count(*) FROM {MESSAGES}")
    assert stopped == 800
    with pytest.raises(Refused, match="not finished"):
        clean(parts, read(parts))
    seeded = resume(parts, tenancy=TENANCY)
    assert {f.table: f.rows for f in seeded.tables}[MESSAGES] == (400, 400)
    assert digests(parts) == digests(whole)
    with pytest.raises(Refused) as caught:
        resume(parts, tenancy=TENANCY)
    assert caught.value.message == "no seed was interrupted here"
    clean(parts, read(parts, exclude_schemas=["ringfence"]))
    assert set(counts(parts).values()) == {0}


def test_a_batch_is_lost_as_a_whole(conn: Connection) -> None:
    """What is committed and where the cursor stands are the same thing."""
    migrated(conn, "")
    conn.execute(
        "CREATE FUNCTION no() RETURNS TRIGGER LANGUAGE plpgsql AS $$ BEGIN"
        f" IF (SELECT count(*) FROM {MESSAGES}) > 300 AND current_setting('my.go', true) IS NULL"
        " THEN RAISE EXCEPTION 'enough'; END IF; RETURN NULL; END; $$;"
        f"CREATE TRIGGER no AFTER INSERT ON {MESSAGES} EXECUTE FUNCTION no()"
    )
    with pytest.raises(Rejected) as caught:
        load(conn, batch=100, record="ringfence")
    error = caught.value
    assert error.message == (
        f"a row of tenant 1 for {MESSAGES} was refused: enough [SQLSTATE P0001]"
    )
    assert (error.status, error.hint) == (1, "ringfence seed --resume goes on")
    assert one(conn, f"SELECT count(*) FROM {MESSAGES}") <= 300
    conn.execute("SET my.go = 'yes'")
    resume(conn, tenancy=TENANCY)
    assert one(conn, f"SELECT count(*) FROM {MESSAGES}") == 800


def test_what_an_unfinished_load_wrote_can_be_removed_whole(conn: Connection) -> None:
    conn.execute("CREATE TABLE t (id INT PRIMARY KEY); CREATE TABLE u (t INT REFERENCES t)")

    def stop(table: str, done: int, total: int, seconds: float) -> None:
        if table == "public.t" and total > 24:
            raise Stop

    with pytest.raises(Stop):
        load(conn, tenancy=None, settings=None, batch=10, record="ringfence", progress=stop)
    shape = read(conn, exclude_schemas=["ringfence"])
    with pytest.raises(Refused) as caught:
        clean(conn, shape)
    assert caught.value.hint == (
        "ringfence seed --resume, then --clean; or --clean --force, which removes the rows that its"
        " batches wrote, and none of others'"
    )
    assert sum(counts(conn).values()) > 48
    clean(conn, shape, force=True)
    assert sum(counts(conn).values()) == 0
    with pytest.raises(Refused, match="no seed was interrupted here"):
        resume(conn)


OTHERS = """
CREATE TABLE t (id INT PRIMARY KEY, note TEXT);
CREATE TABLE u (t INT REFERENCES t);
CREATE TABLE log (at INT);
CREATE FUNCTION note() RETURNS TRIGGER LANGUAGE plpgsql AS
    $$ BEGIN INSERT INTO log VALUES (NEW.id); RETURN NEW; END; $$;
CREATE TRIGGER note BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION note();
"""


@pytest.mark.parametrize("finished", [True, False])
def test_rows_of_others_between_batches_stay_theirs(
    connect: Callable[[str], Connection], database: str, finished: bool
) -> None:
    conn, other = connect(database), connect(database)
    conn.execute(OTHERS)

    def meddle(table: str, done: int, total: int, seconds: float) -> None:
        if table == "public.t" and done == total > 24 and not counts_of(other, "t", "id < 0"):
            other.execute("INSERT INTO t VALUES (-1, 'theirs'); INSERT INTO u VALUES (-1), (NULL)")
            if not finished:
                raise Stop

    alone = {"tenancy": None, "settings": None, "batch": 10, "record": "ringfence", "rows": 200}
    if finished:
        seeded = load(conn, progress=meddle, **alone)
    else:
        with pytest.raises(Stop):
            load(conn, progress=meddle, **alone)
        clean(conn, read(conn, exclude_schemas=["ringfence"]), force=True)
        assert counts_of(conn, "t", "true") == 1
        with pytest.raises(Refused, match="no seed was interrupted"):
            resume(conn)
        return
    assert {f.table: f.total for f in seeded.tables}["public.t"] == 200
    assert (counts_of(conn, "t", "true"), counts_of(conn, "u", "true")) == (201, 202)
    cleaned = clean(conn, read(conn, exclude_schemas=["ringfence"]))
    assert (cleaned.tables["public.t"], cleaned.tables["public.u"], dict(cleaned.gone)) == (
        200,
        200,
        {},
    )
    assert counts_of(conn, "t", "note = 'theirs'") == counts_of(conn, "u", "t = -1") == 1
    assert counts_of(conn, "u", "t IS NULL") == 1


def test_a_row_of_another_in_the_way_is_told_and_the_load_goes_on_without_it(
    connect: Callable[[str], Connection], make_database: Callable[..., str]
) -> None:
    whole, conn, other = (
        connect(database) for database in [make_database()] + [make_database()] * 2
    )
    alone: dict[str, Any] = {"tenancy": None, "settings": None, "rows": 200}
    for each in (whole, conn):
        each.execute("CREATE TABLE t (id INT PRIMARY KEY, x TEXT)")
    load(whole, **alone)
    highest = one(whole, "SELECT max(id) FROM t")

    def meddle(table: str, done: int, total: int, seconds: float) -> None:
        if total <= 24:
            other.execute(
                "INSERT INTO t VALUES (%s, 'theirs') ON CONFLICT DO NOTHING", (highest - 70,)
            )

    with pytest.raises(Rejected) as caught:
        load(conn, batch=10, record="ringfence", progress=meddle, **alone)
    assert caught.value.sqlstate == "23505"
    assert f"(id)=({highest - 70})" in described(caught.value)
    assert "another session has written rows there" in str(caught.value.hint)
    with pytest.raises(Rejected):
        resume(conn)
    other.execute("DELETE FROM t WHERE x = 'theirs'")
    assert resume(conn).shortfalls == ()
    assert digests(conn)["public.t"] == digests(whole)["public.t"]


def counts_of(conn: Connection, table: str, where: str) -> Any:
    return one(conn, f"SELECT count(*) FROM {table} WHERE {where}")


def test_a_row_refused_among_many_is_told_and_nothing_remains(conn: Connection) -> None:
    """A row in between, which no trial of the first and last ones meets."""
    conn.execute(
        "CREATE TABLE t (id INT PRIMARY KEY);"
        "CREATE FUNCTION no() RETURNS TRIGGER LANGUAGE plpgsql AS $$ BEGIN IF NEW.id = 111 THEN"
        " RAISE EXCEPTION 'not this one' USING DETAIL = 'id 111'; END IF; RETURN NEW; END; $$;"
        "CREATE TRIGGER no BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION no()"
    )
    with pytest.raises(Rejected) as caught:
        load(conn, rows=400, settings=None, tenancy=None)
    assert described(caught.value).startswith(
        "error: a row for public.t was refused: not this one [SQLSTATE P0001]\ndetail: id 111\n"
    )
    assert caught.value.hint == "nothing was written"
    assert counts(conn) == {"public.t": 0}


MIXED = """
CREATE TABLE tenants (id INT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE groups (id SERIAL PRIMARY KEY, tenant INT NOT NULL REFERENCES tenants,
    name VARCHAR(12) NOT NULL, UNIQUE (tenant, name));
CREATE TABLE users (id BIGINT PRIMARY KEY, tenant INT NOT NULL REFERENCES tenants,
    email TEXT NOT NULL, boss BIGINT REFERENCES users, born DATE CHECK (born < '2010-01-01'),
    price NUMERIC(12, 2) CHECK (price > 0), at TIMESTAMPTZ CHECK (at > '2000-01-01'),
    twice NUMERIC GENERATED ALWAYS AS (price * 2) STORED);
CREATE UNIQUE INDEX ON users (lower(email));
CREATE TABLE members (group_id INT REFERENCES groups, user_id BIGINT REFERENCES users,
    since TIMESTAMP NOT NULL, until TIMESTAMP, PRIMARY KEY (group_id, user_id),
    CHECK (until > since));
CREATE TABLE profiles (user_id BIGINT PRIMARY KEY REFERENCES users, phone TEXT UNIQUE
    CHECK (phone ~ '^[+][0-9]{12}$'));
CREATE TABLE plain (x INT, y BYTEA, z TEXT[]);
CREATE TABLE parted (id INT, kind TEXT CHECK (kind IN ('a', 'b')), PRIMARY KEY (id, kind))
    PARTITION BY LIST (kind);
CREATE TABLE parted_a PARTITION OF parted FOR VALUES IN ('a');
CREATE TABLE parted_b PARTITION OF parted FOR VALUES IN ('b');
CREATE TABLE flags (id INT PRIMARY KEY CHECK (id < 20));
CREATE TABLE spots (at CIRCLE, EXCLUDE USING gist (at WITH &&));
"""


def test_keys_of_every_sort_and_tables_without_room(conn: Connection) -> None:
    conn.execute(MIXED)
    seeded = seed(conn, rows=60, profile="load", tenancy=Tenancy(root="tenants"))
    rows = {f.table.partition(".")[2]: f.total for f in seeded.tables}
    assert rows == {
        "tenants": 2, "groups": 120, "users": 120, "members": 120, "profiles": 120,
        "plain": 60, "parted": 60, "flags": 19, "spots": 20,
    }  # fmt: skip
    assert {(s.table, s.asked, s.got) for s in seeded.shortfalls} == {
        ("public.flags", 60, 19),
        ("public.spots", 60, 20),
    }
    assert {s.reason for s in seeded.shortfalls} == {
        "flags_pkey leaves no room for more",
        "spots_at_excl excludes rows by what nobody here can lay side by side",
    }
    assert violations(conn) == []
    assert strangers(conn, "tenants") == []
    assert one(conn, "SELECT nextval('groups_id_seq')") > one(conn, "SELECT max(id) FROM groups")
    assert one(conn, "SELECT count(DISTINCT tableoid) FROM parted") == 2


def test_of_an_owner_whom_policies_bind(conn: Connection, server: Any, database: str) -> None:
    """COPY is refused there: the rows go through a table of their own, and meet the policy."""
    role = f"owner_{conn.info.backend_pid}"
    conn.execute(f"CREATE ROLE {role} LOGIN; GRANT CREATE ON SCHEMA public TO {role}")
    try:
        dsn = psycopg.conninfo.make_conninfo(database, user=role)
        with psycopg.connect(dsn, autocommit=True) as owner:
            owner.execute(
                "CREATE TABLE tenants (id UUID PRIMARY KEY);"
                "CREATE TABLE notes (id UUID PRIMARY KEY, tenant UUID NOT NULL REFERENCES tenants);"
                "ALTER TABLE notes ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;"
                "CREATE POLICY p ON notes USING"
                " (tenant = nullif(current_setting('app.t', true), '')::UUID)"
            )
            seeded = seed(owner, rows=90, profile="load")
        assert (seeded.setting, seeded.shortfalls) == ("app.t", ())
        assert one(conn, "SELECT count(*) FROM notes") == 180
    finally:
        conn.execute(f"DROP OWNED BY {role} CASCADE; DROP ROLE {role}")


def test_memory_does_not_grow_with_the_rows(conn: Connection) -> None:
    conn.execute("CREATE TABLE t (id UUID PRIMARY KEY, name TEXT NOT NULL UNIQUE, at TIMESTAMPTZ)")
    peaks = []
    for rows in (2_000, 40_000):
        conn.execute("TRUNCATE t")
        tracemalloc.start()
        seed(conn, rows=rows, profile="load")
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] + 3_000_000


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (
            {"bulk": True, "batch": 5},
            (
                "error: --bulk and --batch do not go together\n"
                "detail: an interruption would leave the tables without their indexes\n"
                "hint: take one of them"
            ),
        ),
        (
            {"profile": "demo", "batch": 5},
            "error: --batch is for loads\nhint: --profile load --batch",
        ),
    ],
)
def test_asked_wrongly(conn: Connection, more: dict[str, Any], said: str) -> None:
    conn.execute("CREATE TABLE t (id INT)")
    with pytest.raises(Misuse) as caught:
        seed(conn, **{"profile": "load", **more})
    assert described(caught.value) == said


def test_batches_need_an_empty_database_and_a_record(conn: Connection) -> None:
    conn.execute("CREATE TABLE t (id INT)")
    with pytest.raises(Refused, match="cannot be recorded here"):
        seed(conn, profile="load", batch=5, rows=50)
    conn.execute("INSERT INTO t VALUES (1)")
    with pytest.raises(Refused) as caught:
        seed(conn, profile="load", batch=5, rows=50, force=True, record="ringfence")
    assert (
        caught.value.hint == "a load in batches begins with an empty one, so that it can be resumed"
    )
    assert one(conn, "SELECT count(*) FROM t") == 1


def test_overrides_hold_for_every_row(conn: Connection) -> None:
    conn.execute("CREATE TABLE t (id INT PRIMARY KEY, kind TEXT)")
    settings = Settings(columns={"t.kind": Column(values=("x", "y"))})
    seed(conn, profile="load", rows=200, settings=settings)
    assert one(conn, "SELECT count(*) FROM t WHERE kind IN ('x', 'y')") == 200


@pytest.mark.parametrize("counts_", [(20, 90, 50, 300), (30, 30, 30, 30), (15, 200, 40, 90)])
def test_parents_that_share_an_ancestor_agree_on_it(
    conn: Connection, counts_: tuple[int, int, int, int]
) -> None:
    conn.execute(
        "CREATE TABLE tenants (id INT PRIMARY KEY);"
        "CREATE TABLE sites (id INT PRIMARY KEY, tenant INT NOT NULL REFERENCES tenants);"
        "CREATE TABLE shelves (id INT PRIMARY KEY, site INT NOT NULL REFERENCES sites);"
        "CREATE TABLE carts (id INT PRIMARY KEY, site INT NOT NULL REFERENCES sites);"
        "CREATE TABLE items (id INT PRIMARY KEY, shelf INT NOT NULL REFERENCES shelves,"
        " cart INT NOT NULL REFERENCES carts, site INT NOT NULL REFERENCES sites)"
    )
    names = ("sites", "shelves", "carts", "items")
    settings = Settings(rows=dict(zip(names, counts_, strict=True)))
    seeded = seed(conn, profile="load", tenancy=Tenancy(root="tenants"), settings=settings)
    rows = {f.table.partition(".")[2]: f.rows for f in seeded.tables}
    for name, count in zip(names[:3], counts_, strict=False):
        assert rows[name] == (count, count)
    assert {s.table for s in seeded.shortfalls} <= {"public.items"}
    assert one(
        conn,
        "SELECT bool_and(s.site = c.site AND i.site = s.site) FROM items i"
        " JOIN shelves s ON s.id = shelf JOIN carts c ON c.id = cart",
    )
    if not seeded.shortfalls:
        assert rows["items"] == (counts_[3], counts_[3])
        assert one(conn, "SELECT count(DISTINCT shelf) FROM items") > 0.3 * min(counts_[1:]) * 2


ALONE: Any = {"tenancy": None, "settings": None}

PARTED = """
CREATE TABLE shops (id INT PRIMARY KEY, town TEXT NOT NULL);
CREATE TABLE sales (
    shop_id INT NOT NULL REFERENCES shops, day DATE NOT NULL, no INT NOT NULL, note TEXT,
    PRIMARY KEY (no, day)
) PARTITION BY RANGE (day);
CREATE TABLE "Sales 1" PARTITION OF sales FOR VALUES FROM ('2020-01-01') TO ('2020-07-01');
CREATE TABLE sales_2 PARTITION OF sales FOR VALUES FROM ('2020-07-01') TO ('2021-01-01')
    PARTITION BY HASH (no);
CREATE TABLE sales_2a PARTITION OF sales_2 FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE sales_2b PARTITION OF sales_2 FOR VALUES WITH (MODULUS 2, REMAINDER 1);
CREATE INDEX "Name of its own" ON "Sales 1" (note) WHERE no > 3;
CREATE INDEX by_note ON sales (note, shop_id DESC);
CREATE INDEX lonely ON sales_2b (no, note);
CREATE INDEX marked ON sales (shop_id);
COMMENT ON INDEX sales_2b_shop_id_idx IS 'kept';
"""


def test_indexes_and_keys_of_partitioned_tables_stand_aside_too(conn: Connection) -> None:
    conn.execute(PARTED)
    listed = (
        "SELECT c.relname, pg_get_indexdef(indexrelid), indisvalid,"
        " (SELECT inhparent::regclass::text FROM pg_inherits WHERE inhrelid = indexrelid)"
        " FROM pg_index i JOIN pg_class c ON c.oid = indexrelid JOIN pg_class t ON t.oid = indrelid"
        " WHERE t.relnamespace = 'public'::regnamespace ORDER BY 1"
    )
    keys = (
        "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid), convalidated"
        " FROM pg_constraint WHERE contype = 'f' ORDER BY 1, 2"
    )
    oids = "SELECT relname, oid FROM pg_class WHERE relkind IN ('i', 'I') AND oid > 16383"
    before = conn.execute(listed).fetchall(), conn.execute(keys).fetchall()
    were: dict[str, int] = dict(conn.execute(oids).fetchall())
    load(conn, bulk=True, **ALONE)
    assert (conn.execute(listed).fetchall(), conn.execute(keys).fetchall()) == before
    again = {name for name, oid in conn.execute(oids).fetchall() if were.get(name) != oid}
    assert again == {
        "by_note", "Sales 1_note_shop_id_idx", "sales_2_note_shop_id_idx", "lonely",
        "sales_2a_note_shop_id_idx", "sales_2b_note_shop_id_idx", "Name of its own",
    }  # fmt: skip
    assert one(conn, "SELECT count(*) FROM pg_description WHERE description = 'kept'") == 1
    assert violations(conn) == []


CIRCLE = """
CREATE TABLE teams (id INT PRIMARY KEY, name TEXT NOT NULL, captain INT NOT NULL);
CREATE TABLE people (id INT PRIMARY KEY, name TEXT NOT NULL, team INT NOT NULL REFERENCES teams);
ALTER TABLE teams ADD CONSTRAINT teams_captain_fkey FOREIGN KEY (captain) REFERENCES people;
"""


def test_a_circle_that_is_not_deferrable_is_filled_in_bulk(
    connect: Callable[[str], Connection], make_database: Callable[..., str]
) -> None:
    plain, bulk, marked = (connect(make_database()) for _ in range(3))
    for conn in (plain, bulk, marked):
        conn.execute(CIRCLE)
    marked.execute("COMMENT ON CONSTRAINT people_team_fkey ON people IS 'x'")
    marked.execute("COMMENT ON CONSTRAINT teams_captain_fkey ON teams IS 'x'")
    said = "it is in a circle of foreign keys that are not deferrable"
    assert {s.reason for s in load(plain, **ALONE).shortfalls} == {f"{said}; --bulk can write it"}
    assert {s.reason for s in load(marked, bulk=True, **ALONE).shortfalls} == {said}
    seeded = load(bulk, bulk=True, **ALONE)
    assert seeded.shortfalls == ()
    assert {f.table: sum(f.rows) for f in seeded.tables} == {
        "public.people": 100,
        "public.teams": 100,
    }
    assert violations(bulk) == []


@pytest.mark.parametrize(
    ("column", "most"),
    [
        ("SMALLINT PRIMARY KEY", 32767),
        ("SMALLINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY", 32767),
        ("INT GENERATED ALWAYS AS IDENTITY (START -5 INCREMENT -10 MINVALUE -9995) UNIQUE", 1000),
        ("INT PRIMARY KEY CHECK (c BETWEEN 1 AND 2000)", 2000),
        ("NUMERIC(3) UNIQUE NOT NULL", 999),
    ],
)
@pytest.mark.parametrize("tenants", [0, 3])
def test_a_key_with_little_room_is_filled_to_the_brim(
    conn: Connection, column: str, most: int, tenants: int
) -> None:
    conn.execute(f"CREATE TABLE t (c {column})")
    tenancy = None
    if tenants:
        conn.execute(
            "CREATE TABLE tenants (id INT PRIMARY KEY);"
            "ALTER TABLE t ADD tenant INT NOT NULL REFERENCES tenants"
        )
        tenancy = Tenancy(root="tenants")
    seeded = seed(conn, tenants=max(1, tenants), rows=40_000, profile="load", tenancy=tenancy)
    assert one(conn, "SELECT count(*) FROM t") == pytest.approx(most, abs=tenants + 1)
    ((short),) = seeded.shortfalls
    assert (short.table, short.reason) == (
        "public.t",
        f"t_{'c_key' if 'UNIQUE' in column else 'pkey'} leaves no room for more",
    )
    assert short.got == one(conn, "SELECT count(*) FROM t")


@pytest.mark.parametrize(
    "column",
    ["CHAR(3) UNIQUE CHECK (c ~ '^[A-Z]{3}$')", "CHAR(3) UNIQUE", "TEXT PRIMARY KEY CHECK (c ~ '^AB-[0-9a-f]{8}$')",
     "TEXT UNIQUE CHECK (c ~ '^(0[1-9]|1[0-2])-[A-Z]{2}-[0-9]{2}$')"],
)  # fmt: skip
def test_text_that_takes_no_number_is_made_of_the_planned_text_s_characters(
    conn: Connection, column: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desks, "PLANNED", 300)
    conn.execute(f"CREATE TABLE t (c {column})")
    seeded = seed(conn, rows=9000, profile="load")
    if "|" in column:
        # Not every combination will do: the planned rows are all there is.
        assert seeded.shortfalls[0].got == one(conn, "SELECT count(*) FROM t") == 300
    else:
        assert seeded.shortfalls == ()
        assert one(conn, "SELECT count(*) FROM t") == 9000


def test_rows_that_take_one_of_another_table_each(conn: Connection) -> None:
    conn.execute(
        "CREATE TABLE a (id INT PRIMARY KEY, x TEXT UNIQUE);"
        "CREATE TABLE b (id INT PRIMARY KEY REFERENCES a, n INT);"
        "CREATE TABLE c (id INT PRIMARY KEY, b INT NOT NULL, main BOOLEAN NOT NULL,"
        " slug TEXT GENERATED ALWAYS AS ('c-' || id) STORED UNIQUE, FOREIGN KEY (b) REFERENCES b);"
        "CREATE UNIQUE INDEX ON c (b) WHERE main"
    )
    seeded = seed(conn, profile="load", rows=1100)
    assert seeded.shortfalls == ()
    assert counts(conn) == {"public.a": 1100, "public.b": 1100, "public.c": 1100}


def test_of_rows_that_take_one_of_another_table_each_there_are_whole_copies(
    conn: Connection,
) -> None:
    conn.execute(
        "CREATE TABLE a (id INT PRIMARY KEY); CREATE TABLE b (id INT PRIMARY KEY REFERENCES a)"
    )
    # A prime: no number of rows goes into it.
    seeded = seed(conn, profile="load", rows=1103)
    assert [(s.table, s.got, s.reason) for s in seeded.shortfalls] == [
        ("public.b", 1080, "b_pkey takes each row of another table once")
    ]


@pytest.mark.parametrize("profile", ["load", "demo"])
def test_a_foreign_key_looks_up_one_row(conn: Connection, profile: Any) -> None:
    """What is looked up in does not depend on how few rows there were when the session began."""
    conn.execute(
        "CREATE TABLE tenants (id int PRIMARY KEY);"
        " CREATE TABLE rooms (tenant int NOT NULL REFERENCES tenants, id int NOT NULL,"
        "  opened date, "
        + "".join(f"note{n} text NOT NULL, " for n in range(20))
        + "  UNIQUE (tenant, id));"
        " CREATE INDEX a_lure ON rooms (tenant, opened);"
        " CREATE TABLE stays (tenant int NOT NULL, room int NOT NULL, id bigint PRIMARY KEY,"
        "  FOREIGN KEY (tenant, room) REFERENCES rooms (tenant, id))"
    )
    fetched = (
        "SELECT sum(pg_stat_get_xact_tuples_fetched(indexrelid))::bigint"
        " FROM pg_index WHERE indrelid = 'rooms'::regclass"
    )
    with conn.transaction():
        seed(conn, profile=profile, rows=1500, tenancy=Tenancy(root="tenants"))
        looked = one(conn, fetched)
    assert counts(conn)["public.stays"] == 3000
    # One for each check, and some for what is tried before.
    assert 3000 <= looked < 10_000


def test_a_table_that_points_to_itself_by_what_it_shares_with_others(conn: Connection) -> None:
    conn.execute(
        "CREATE TABLE tenants (id int PRIMARY KEY);"
        " CREATE TABLE rooms (tenant int NOT NULL REFERENCES tenants, id int, UNIQUE (tenant, id));"
        " CREATE TABLE stays (tenant int NOT NULL, room int NOT NULL, before bigint,"
        "  id bigint PRIMARY KEY, UNIQUE (tenant, id),"
        "  CONSTRAINT a_first FOREIGN KEY (tenant, before) REFERENCES stays (tenant, id),"
        "  CONSTRAINT b_then FOREIGN KEY (tenant, room) REFERENCES rooms (tenant, id))"
    )
    seeded = seed(conn, profile="load", rows=300, tenancy=Tenancy(root="tenants"))
    assert seeded.shortfalls == ()
    assert counts(conn) == {"public.tenants": 2, "public.rooms": 600, "public.stays": 600}
    assert one(conn, "SELECT count(*) FROM stays WHERE before IS NOT NULL") > 300
    # Rooms without a number are nobody's.
    assert one(conn, "SELECT count(*) FROM rooms WHERE id IS NULL") > 0
    assert violations(conn) == []


def test_a_table_without_columns(conn: Connection) -> None:
    conn.execute("CREATE TABLE bare ()")
    assert seed(conn, profile="load", rows=300).shortfalls == ()
    assert counts(conn) == {"public.bare": 300}


BESIDE = """
CREATE EXTENSION btree_gist;
CREATE DOMAIN hours AS TSTZRANGE CHECK (NOT isempty(VALUE));
CREATE TABLE rooms (id INT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE "Stays" (id BIGINT PRIMARY KEY, room INT NOT NULL REFERENCES rooms,
    guest INT NOT NULL, state TEXT NOT NULL CHECK (state IN ('held', 'gone')),
    "from" TIMESTAMPTZ NOT NULL, until TIMESTAMPTZ, asked TIMESTAMPTZ NOT NULL,
    CHECK (until > "from"), CHECK (asked < "from"), UNIQUE (room, "from"),
    CONSTRAINT rooms_once EXCLUDE USING gist (room WITH =, tstzrange("from", until) WITH &&)
    WHERE (state <> 'gone'),
    EXCLUDE USING gist (guest WITH =, tstzrange("from", until, '[]') WITH &&));
CREATE TABLE times (at hours NOT NULL, EXCLUDE USING gist (at WITH &&));
CREATE TABLE days (room INT REFERENCES rooms, d DATERANGE, EXCLUDE USING gist (room WITH =, d WITH &&));
CREATE TABLE nights (a DATE NOT NULL, b DATE NOT NULL CHECK (b > a), "Both" DATERANGE
    GENERATED ALWAYS AS (daterange(a, b)) STORED, EXCLUDE USING gist ("Both" WITH &&));
CREATE TABLE blocks (i INT4RANGE, EXCLUDE USING gist (i WITH &&));
CREATE TABLE pages (i INT8MULTIRANGE NOT NULL, EXCLUDE USING gist (i WITH &&));
CREATE TABLE sums (low NUMERIC(20, 3), high NUMERIC(20, 3), CHECK (high > low),
    EXCLUDE USING gist (numrange(low, high) WITH &&));
CREATE TABLE numbers (n NUMRANGE, EXCLUDE USING gist (n WITH &&));
CREATE TABLE once (x INT, y TEXT, EXCLUDE USING btree (x WITH =));
CREATE TABLE guests (room INT, name TEXT, EXCLUDE USING gist (room WITH =, name WITH <>));
CREATE TABLE areas (id INT, area CIRCLE, EXCLUDE USING gist (id WITH =, area WITH &&));
"""


def test_ranges_that_exclude_each_other_lie_side_by_side(conn: Connection) -> None:
    conn.execute(BESIDE)
    seeded = seed(conn, rows=5000, profile="load", tenancy=Tenancy())
    assert seeded.shortfalls == ()
    assert set(counts(conn).values()) == {5000}
    assert violations(conn) == []
    assert unsatisfied(conn, read(conn)) == []
    # Made anew, an exclusion constraint looks at every row.
    conn.execute("REINDEX DATABASE")


def test_ranges_without_end_end_in_the_copies(conn: Connection) -> None:
    """One that has no end meets all that come behind it: the others lie before, and have one."""
    conn.execute(
        "CREATE EXTENSION btree_gist;"
        "CREATE TABLE prices (item INT NOT NULL CHECK (item IN (1, 2, 3)), since DATE NOT NULL, until DATE,"
        " EXCLUDE USING gist (item WITH =, daterange(since, until) WITH &&));"
        "CREATE TABLE open (n NUMRANGE CHECK (upper_inf(n) OR upper(n) < 90), at TSRANGE NOT NULL,"
        " EXCLUDE USING gist (at WITH &&))"
    )
    seeded = seed(conn, rows=5000, profile="load", tenancy=Tenancy())
    assert (seeded.shortfalls, counts(conn)) == (
        (),
        {"public.prices": 5000, "public.open": 5000},
    )
    conn.execute("REINDEX DATABASE")
