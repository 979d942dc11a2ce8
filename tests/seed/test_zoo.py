"""A schema with one of everything: every table filled, every constraint obeyed, twice the same."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from ringfence.config import Tenancy
from ringfence.seed import read, seed
from seed.support import counts, digests, one, strangers, unsatisfied, violations

if TYPE_CHECKING:
    from collections.abc import Callable

    from ringfence.seed import Seeded
    from seed.support import Connection

ROWS = 5
TENANTS = 2


def test_every_table_that_can_hold_rows_is_filled_and_the_report_says_so(
    seeded_zoo: tuple[Connection, Seeded],
) -> None:
    zoo, seeded = seeded_zoo
    found = counts(zoo)
    assert {path for path, count in found.items() if not count} == {"zoo.unpartitioned"}
    assert seeded.empty == ("zoo.logs", "zoo.unpartitioned")
    for filled in seeded.tables:
        path = filled.table.replace('"Odd ""names"""."Tab le%"', 'Odd "names".Tab le%')
        assert filled.total == found[path], path
    full = {f.table: f.rows for f in seeded.tables if f.table != "zoo.parks"}
    short = {s.table for s in seeded.shortfalls}
    assert short == {"zoo.ledger", "zoo.settings"}, "one row for each park is all they take"
    for table, rows in full.items():
        if table not in short:
            assert rows in ((ROWS,) * TENANTS, (ROWS,)), table


def test_who_the_tenants_are_is_found_out(seeded_zoo: tuple[Connection, Seeded]) -> None:
    zoo, seeded = seeded_zoo
    assert (seeded.root, seeded.setting, seeded.inferred) == ("zoo.parks", "zoo.park", True)
    ids = [str(i) for (i,) in zoo.execute("SELECT id FROM zoo.parks ORDER BY id").fetchall()]
    assert list(seeded.tenants) == ids


def test_every_constraint_holds_when_it_is_looked_at_again(
    seeded_zoo: tuple[Connection, Seeded],
) -> None:
    zoo, _ = seeded_zoo
    assert violations(zoo) == []
    assert unsatisfied(zoo, read(zoo)) == []


def test_no_foreign_key_crosses_tenants(seeded_zoo: tuple[Connection, Seeded]) -> None:
    zoo, _ = seeded_zoo
    assert strangers(zoo, "zoo.parks") == []


def test_the_test_for_strangers_finds_one(seeded_zoo: tuple[Connection, Seeded]) -> None:
    zoo, _ = seeded_zoo
    with zoo.transaction(force_rollback=True):
        zoo.execute(
            "UPDATE zoo.tickets SET guest_id = (SELECT max(id) FROM zoo.guests g WHERE g.park_id <>"
            " (SELECT park_id FROM zoo.guests WHERE id = guest_id)) WHERE id = 1"
        )
        assert len(strangers(zoo, "zoo.parks")) == 1


def test_paths_that_meet_end_in_the_same_row(conn: Connection) -> None:
    conn.execute(
        "CREATE TABLE tenants (id INT PRIMARY KEY);"
        "CREATE TABLE guests (id INT PRIMARY KEY, tenant_id INT NOT NULL REFERENCES tenants);"
        "CREATE TABLE tickets (id INT PRIMARY KEY, guest_id INT NOT NULL REFERENCES guests);"
        "CREATE TABLE bookings (id INT PRIMARY KEY, tenant_id INT NOT NULL REFERENCES tenants,"
        " guest_id INT NOT NULL REFERENCES guests, ticket_id INT NOT NULL REFERENCES tickets,"
        " companion_id INT REFERENCES guests)"
    )
    seed(conn, rows=20, tenancy=Tenancy(root="tenants"))
    all_, same, own, others, strange = (
        conn.execute(
            "SELECT count(*), count(*) FILTER (WHERE t.guest_id = b.guest_id),"
            " count(*) FILTER (WHERE g.tenant_id = b.tenant_id),"
            " count(*) FILTER (WHERE companion_id <> b.guest_id),"
            " count(*) FILTER (WHERE c.tenant_id <> b.tenant_id)"
            " FROM bookings b JOIN tickets t ON t.id = b.ticket_id JOIN guests g ON g.id = b.guest_id"
            " LEFT JOIN guests c ON c.id = companion_id"
        ).fetchone()
        or ()
    )
    assert (all_, same, own, strange) == (40, 40, 40, 0)
    assert others > 10, "two keys to one table by other names may point to different rows"


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(
    make_zoo: Callable[[], Connection],
) -> None:
    first, second, other = make_zoo(), make_zoo(), make_zoo()
    # What a session is set to is nobody's schema.
    second.execute(
        "SET search_path = zoo, public; SET TimeZone = 'America/Mexico_City'; SET jit = on;"
        " SET DateStyle = 'German, DMY'; SET IntervalStyle = 'iso_8601'"
    )
    seed(first, seed=7)
    seed(second, seed=7)
    seed(other, seed=8)
    second.execute("RESET ALL")
    assert digests(first) == digests(second)
    unlike = digests(other)
    # Nothing in these is free: a count, and rows without a column.
    fixed = {"zoo.audit", "zoo.without_columns", "zoo.unpartitioned", "zoo.logs", "zoo.ledger"}
    same = {path for path, digest in digests(first).items() if digest == unlike[path]}
    assert same <= fixed


def test_another_table_or_column_changes_no_other_value(make_zoo: Callable[[], Connection]) -> None:
    plain, grown = make_zoo(), make_zoo()
    grown.execute(
        "CREATE TABLE zoo.aardvarks (id INT PRIMARY KEY, park UUID REFERENCES zoo.parks, b TEXT);"
        " ALTER TABLE zoo.guests ADD COLUMN nickname TEXT;"
        " ALTER TABLE zoo.types ADD COLUMN more INT4RANGE NOT NULL"
    )
    seed(plain)
    seed(grown)
    without = {"zoo.guests": ["nickname"], "zoo.types": ["more"]}
    after = digests(grown, without=without)
    assert after.pop("zoo.aardvarks")
    assert digests(plain) == after


def test_every_partition_has_a_row(zoo: Connection) -> None:
    seed(zoo, tenants=1, rows=2)
    query = "SELECT count(DISTINCT tableoid), count(*) FROM zoo.{}"
    assert zoo.execute(query.format("events")).fetchone() == (4, 4)
    assert zoo.execute(query.format("hashed")).fetchone() == (3, 3)


def test_sequences_are_left_ahead_of_the_rows(seeded_zoo: tuple[Connection, Seeded]) -> None:
    zoo, _ = seeded_zoo
    with zoo.transaction(force_rollback=True):
        zoo.execute("INSERT INTO zoo.wards (park, keeper) SELECT park, id FROM zoo.keepers LIMIT 1")
        zoo.execute("INSERT INTO zoo.audit (what) VALUES ('later')")
        cage = one(
            zoo,
            "INSERT INTO zoo.cages (park, ward, area, width)"
            " SELECT park, id, 10, 10 FROM zoo.wards LIMIT 1 RETURNING id",
        )
    assert cage == 100 + 10 * ROWS * TENANTS, "START WITH and INCREMENT BY are the sequence's own"


def test_triggers_fire_under_the_tenant_s_setting(seeded_zoo: tuple[Connection, Seeded]) -> None:
    zoo, seeded = seeded_zoo
    told = zoo.execute("SELECT what FROM zoo.audit WHERE what LIKE 'opened%'").fetchall()
    assert {what for (what,) in told} == {f"opened under {tenant}" for tenant in seeded.tenants}
    audit = next(filled for filled in seeded.tables if filled.table == "zoo.audit")
    assert audit.by_triggers == 2
    assert one(zoo, "SELECT count(*) FROM zoo.ledger WHERE entries = 0") == 2


def test_keys_are_uuids_in_the_order_of_the_rows(conn: Connection) -> None:
    conn.execute("CREATE TABLE t (id UUID PRIMARY KEY, other UUID NOT NULL)")
    seed(conn, rows=100)
    ids = [str(i) for (i,) in conn.execute("SELECT id FROM t ORDER BY ctid").fetchall()]
    assert ids == sorted(ids)
    assert {i[14] for i in ids} == {"7"}
    assert one(conn, "SELECT count(DISTINCT other) FROM t") == 100


def test_values_without_a_default_of_the_clock_do_not_follow_the_clock(
    seeded_zoo: tuple[Connection, Seeded],
) -> None:
    zoo, _ = seeded_zoo
    newest = one(zoo, "SELECT max(at) FROM zoo.events")
    assert newest.year <= 2025


def test_some_values_are_null_and_most_are_not(conn: Connection) -> None:
    conn.execute("CREATE TABLE t (id INT PRIMARY KEY, a TEXT, b DATE, deleted_at TIMESTAMPTZ)")
    seed(conn, rows=200)
    for column in ("a", "b"):
        assert 5 < one(conn, f"SELECT count(*) FROM t WHERE {column} IS NULL") < 60
    assert one(conn, "SELECT count(deleted_at) FROM t") < 80, "most rows are not deleted"


def test_json_takes_the_shape_of_the_default(seeded_zoo: tuple[Connection, Seeded]) -> None:
    zoo, _ = seeded_zoo
    for (options,) in zoo.execute("SELECT options::text FROM zoo.settings").fetchall():
        made = json.loads(options)
        assert list(made) == ["count", "colour", "nested"] or set(made) == {
            "colour",
            "count",
            "nested",
        }
        assert isinstance(made["colour"], str)
        assert isinstance(made["count"], int)
        assert isinstance(made["nested"]["on"], bool)


def test_references_by_name_alone_point_to_rows_of_the_same_tenant(
    conn: Connection,
) -> None:
    conn.execute(
        "CREATE TABLE tenants (id UUID PRIMARY KEY, name TEXT);"
        "CREATE TABLE users (id UUID PRIMARY KEY, tenant_id UUID NOT NULL REFERENCES tenants);"
        "CREATE TABLE big_boxes (id UUID PRIMARY KEY, tenant_id UUID NOT NULL REFERENCES tenants,"
        " created_by UUID NOT NULL, parcel_ids UUID[] NOT NULL, stranger_id UUID NOT NULL);"
        "CREATE TABLE parcels (id UUID PRIMARY KEY, box_id UUID NOT NULL REFERENCES big_boxes)"
    )
    seed(conn, tenancy=_tenants())
    assert (
        one(
            conn,
            "SELECT count(*) FROM big_boxes b JOIN users u ON u.id = b.created_by"
            " AND u.tenant_id = b.tenant_id",
        )
        == 10
    )
    assert (
        one(
            conn,
            "SELECT count(*) FROM big_boxes b WHERE cardinality(parcel_ids) > 0 AND NOT EXISTS (SELECT"
            " FROM unnest(parcel_ids) p (id) LEFT JOIN parcels USING (id)"
            " WHERE box_id IS DISTINCT FROM b.id)",
        )
        == 10
    ), "a row that has children names its own"


def _tenants() -> Tenancy:
    return Tenancy(root="public.tenants")


@pytest.mark.parametrize("rows", [1, 3])
def test_a_few_rows_do_as_well(zoo: Connection, rows: int) -> None:
    seeded = seed(zoo, tenants=1, rows=rows)
    assert all(filled.total for filled in seeded.tables)
    assert violations(zoo) == []
