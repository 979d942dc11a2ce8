"""Reading a database: by one connection or two, and only what is there; catalogs that are kept."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

import psycopg
import pytest
from psycopg import sql

from ringfence import kept, snapshot, sources
from ringfence.comparison import compare
from ringfence.errors import ServerError
from ringfence.kinds import kinds
from ringfence.model import Catalog
from ringfence.pg import extract as reading
from ringfence.pg.ahead import Query, Reader
from ringfence.pg.connect import connect, named

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

SCHEMA = """
CREATE SCHEMA "s ""pace";
CREATE TABLE "s ""pace"."t,able" (
    id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    "NULL" text DEFAULT 'NULL' CHECK ("NULL" <> ''),
    "{brace}" int REFERENCES "s ""pace"."t,able",
    whole text GENERATED ALWAYS AS (upper("NULL")) STORED
);
CREATE INDEX "i\\x" ON "s ""pace"."t,able" (lower("NULL")) WHERE id > 0;
CREATE TABLE p (k int, v text) PARTITION BY RANGE (k);
CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (9);
CREATE INDEX ON p (v);
CREATE VIEW v AS SELECT * FROM p;
CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER t BEFORE INSERT ON p FOR EACH ROW EXECUTE FUNCTION f();
CREATE TYPE mood AS ENUM ('low', 'high');
CREATE DOMAIN positive AS int CHECK (VALUE > 0);
COMMENT ON TABLE p IS 'parted';
GRANT SELECT ON p TO PUBLIC;
"""


@pytest.fixture
def filled(database: str) -> str:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(SCHEMA.encode())
    return database


def read(dsn: str) -> Catalog:
    with connect(named(dsn, "the DSN")) as connection:
        return reading.extract(connection)


@pytest.fixture
def helped(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[bool]]:
    """Has every database read by two connections; tells of each whether the second came to read."""
    monkeypatch.setattr(reading, "_MANY", 0)
    came: list[bool] = []
    help_ = Reader._help
    ask = Reader._ask

    def watched(self: Reader, *arguments: str) -> None:
        came.append(False)
        help_(self, *arguments)

    def asking(self: Reader, connection: object, take: object) -> None:
        if connection is not self._connection.pgconn:
            came[-1] = True
        ask(self, connection, take)  # type: ignore[arg-type]

    monkeypatch.setattr(Reader, "_help", watched)
    monkeypatch.setattr(Reader, "_ask", asking)
    yield came
    assert not [t for t in threading.enumerate() if t.name == "reader"]


def test_two_connections_read_what_one_reads(
    filled: str, monkeypatch: pytest.MonkeyPatch, helped: list[bool]
) -> None:
    two = read(filled)
    assert helped == [True]
    monkeypatch.setattr(reading, "_MANY", 1_000_000)
    one = read(filled)
    assert snapshot.dumps(one) == snapshot.dumps(two)
    assert helped == [True]


def test_where_there_is_no_second_connection_the_first_reads_it_all(
    filled: str, helped: list[bool]
) -> None:
    role = f"one_{psycopg.conninfo.conninfo_to_dict(filled)['dbname']}"
    name = sql.Identifier(role)
    with psycopg.connect(filled, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE ROLE {} LOGIN CONNECTION LIMIT 1").format(name))
        try:
            alone = read(psycopg.conninfo.make_conninfo(filled, user=role))
        finally:
            connection.execute(sql.SQL("DROP ROLE {}").format(name))
    assert helped == [False]
    assert alone.facts == read(filled).facts


def test_the_second_connection_sees_what_the_first_sees(
    filled: str, monkeypatch: pytest.MonkeyPatch, helped: list[bool]
) -> None:
    before = read(filled)
    queries = reading.Reading._queries

    def meanwhile(self: reading.Reading) -> list[Query]:
        found = queries(self)
        with psycopg.connect(filled, autocommit=True) as other:
            other.execute("CREATE TABLE later (id int DEFAULT 1)")
        return found

    monkeypatch.setattr(reading.Reading, "_queries", meanwhile)
    assert read(filled).facts == before.facts
    assert helped == [True, True]


def test_an_error_of_the_server_is_raised_and_nothing_is_left_running(
    filled: str, monkeypatch: pytest.MonkeyPatch, helped: list[bool]
) -> None:
    kind = type(kinds()["enum"])
    monkeypatch.setattr(kind, "query", lambda _self, _major: "SELECT 1 / 0")
    with connect(named(filled, "the DSN")) as connection:
        with pytest.raises(ServerError, match="division by zero"):
            reading.extract(connection)
        assert connection.execute("SELECT 1").fetchone() == (1,)
    assert len(helped) == 1


def test_what_is_not_asked_for_is_not_there(
    make_database: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    empty, some = make_database(), make_database()
    with psycopg.connect(some, autocommit=True) as connection:
        connection.execute(SCHEMA.encode())
    for dsn in (empty, some):
        lean = read(dsn)
        with monkeypatch.context() as patch:
            for kind in kinds().values():
                patch.setattr(type(kind), "probe", "")
            full = read(dsn)
        assert lean.facts == full.facts
        assert {ref: set(used) for ref, used in lean.uses.items()} == dict(full.uses)


def test_a_catalog_is_kept_whole(filled: str, tmp_path: Path) -> None:
    found = read(filled)
    path = tmp_path / "catalogs" / "one.json"
    kept.write(path, found)
    again = kept.read(path)
    assert again is not None
    assert snapshot.dumps(again) == snapshot.dumps(found)
    assert list(again.facts) == list(found.facts)
    assert again.fingerprint == found.fingerprint


@pytest.mark.parametrize("text", ["", "{}", "[]\n[]", '{"kinds": 1}\n[]', "\x00"])
def test_what_is_kept_and_cannot_be_read_is_as_good_as_not_there(text: str, tmp_path: Path) -> None:
    path = tmp_path / "one.json"
    path.write_text(text, encoding="utf-8")
    assert kept.read(path) is None
    assert kept.read(tmp_path / "none.json") is None


def test_a_catalog_that_cannot_be_kept_is_not(filled: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    kept.write(tmp_path / "file" / "one.json", read(filled))


def test_a_side_that_cannot_be_read_is_told_of(filled: str) -> None:
    a = sources.source(None, filled)
    b = sources.source(None, psycopg.conninfo.make_conninfo(filled, dbname="is not there"))
    with sources.shop(None, (a, b), None) as shop:
        for one, other in ((a, b), (b, a)):
            with pytest.raises(ServerError, match="does not exist"):
                shop.catalogs(one, other)


def test_rows_first_make_the_catalog_that_a_reading_at_once_makes(
    filled: str, helped: list[bool]
) -> None:
    with connect(named(filled, "the DSN")) as connection, reading.Reading(connection) as two:
        two.rows()
        found = two.catalog()
    assert snapshot.dumps(found) == snapshot.dumps(read(filled))


def same(a: str, b: str, exclude: tuple[str, ...] = ("ringfence",)) -> bool:
    with (
        connect(named(a, "the DSN")) as one,
        connect(named(b, "the DSN")) as other,
        reading.Reading(one, exclude=exclude) as left,
        reading.Reading(other, exclude=exclude) as right,
    ):
        left.rows()
        right.rows()
        return left.same(right)


def run(dsn: str, *statements: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement.encode())


def test_two_databases_are_the_same_whatever_their_objects_numbers(
    filled: str, make_database: Callable[..., str]
) -> None:
    other = make_database()
    run(other, "CREATE TABLE q (gone int, id int); ALTER TABLE q DROP COLUMN gone; DROP TABLE q")
    run(other, SCHEMA)
    assert same(filled, other)
    assert read(filled).fingerprint == read(other).fingerprint


@pytest.mark.parametrize(
    "change",
    [
        "ALTER TABLE p ALTER v SET DEFAULT 'x'",
        "ALTER TABLE p ALTER k SET STATISTICS 7",
        "COMMENT ON COLUMN p.v IS 'said'",
        "COMMENT ON TABLE p IS 'parted otherwise'",
        "COMMENT ON TABLE p IS NULL; COMMENT ON TABLE p1 IS 'parted'",
        "REVOKE SELECT ON p FROM PUBLIC",
        "ALTER TABLE p1 OWNER TO pg_monitor",
        "ALTER TYPE mood ADD VALUE 'none'",
        "CREATE OR REPLACE VIEW v AS SELECT * FROM p WHERE k > 0",
        "ALTER TABLE p DISABLE TRIGGER t",
        "ALTER TABLE p1 DISABLE TRIGGER t",
        "ALTER TABLE p ENABLE ROW LEVEL SECURITY",
        "CREATE POLICY a ON p USING (k > 1)",
        "CREATE SCHEMA more",
        "CREATE COLLATION german (provider = libc, locale = 'C')",
        "REVOKE USAGE ON LANGUAGE sql FROM PUBLIC",
        "SET allow_system_table_mods = on; CREATE FUNCTION pg_catalog.mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    ],
)
def test_two_databases_are_not_the_same_where_anything_differs(
    filled: str, make_database: Callable[..., str], change: str
) -> None:
    other = make_database()
    run(other, SCHEMA)
    assert same(filled, other)
    run(other, change)
    assert not same(filled, other)
    assert not same(other, filled)


def test_what_is_left_out_makes_no_difference(
    filled: str, make_database: Callable[..., str]
) -> None:
    other = make_database()
    run(other, SCHEMA)
    run(
        other,
        'CREATE SCHEMA "h ""i"',
        'CREATE TABLE "h ""i".t (id int PRIMARY KEY DEFAULT 1)',
        """COMMENT ON COLUMN "h ""i".t.id IS 'kept out'""",
    )
    assert not same(filled, other)
    assert same(filled, other, ('h "i',))
    assert same(other, filled, ('h "i',))


def test_a_database_and_files_once_found_the_same_need_no_second_comparison(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "a.sql"
    file.write_text("CREATE TABLE t (id int PRIMARY KEY); COMMENT ON TABLE t IS 'x';")
    run(database, file.read_text())
    a, b = sources.source(None, database), sources.source(None, str(file))

    def ask(one: sources.Source, other: sources.Source, note: bool = False) -> bool:
        with sources.shop(None, (one, other), None) as made:
            made.cache = tmp_path / "cache"
            found = made.same(one, other)
            if note:
                assert not found
                assert not compare(made, one, other, marked=False).plan.steps
                made.found_same()
            return found

    ask(a, b, note=True)
    with monkeypatch.context() as patch:
        patch.setattr(reading.Reading, "catalog", None)
        patch.setattr(kept, "read", None)
        assert ask(a, b)
    assert not ask(b, a)  # whose owner is left open depends on the direction
    ask(b, a, note=True)
    assert ask(b, a)
    assert ask(a, b)
    run(database, "COMMENT ON TABLE t IS 'y'")
    assert not ask(a, b)
    run(database, "COMMENT ON TABLE t IS 'x'")
    file.write_text("CREATE TABLE t (id int PRIMARY KEY); COMMENT ON TABLE t IS 'z';")
    changed = sources.source(None, str(file))
    assert not ask(a, changed)
    with sources.shop(None, (a, changed), None) as made:
        made.cache = tmp_path / "cache"
        assert not made.same(a, changed)
        assert compare(made, a, changed, marked=False).plan.steps


@pytest.mark.parametrize("text", ["\x00", "\n\n"])
def test_a_note_that_cannot_be_read_is_as_good_as_not_there(text: str, tmp_path: Path) -> None:
    path = tmp_path / "one.json"
    path.with_suffix(".same").write_text(text)
    assert not kept.equal(path, "abc")
    kept.note_equal(path, "abc")
    assert kept.equal(path, "abc")
    for number in range(40):
        kept.note_equal(path, f"d{number}")
    assert not kept.equal(path, "abc")
    assert len(path.with_suffix(".same").read_text().split()) < 40


def test_what_was_not_read_for_longest_leaves_the_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(70):
        (tmp_path / f"{number}.json").write_text("x")
        os.utime(tmp_path / f"{number}.json", (number, number))
    kept.write(tmp_path / "new.json", Catalog({}, {}, 180000))
    assert {p.stem for p in tmp_path.iterdir()} == {"new", *(str(n) for n in range(7, 70))}
    os.utime(tmp_path / "new.json", (0, 0))
    assert kept.read(tmp_path / "new.json") is not None  # which is of use
    monkeypatch.setattr(kept, "_LARGEST", (tmp_path / "new.json").stat().st_size + 2)
    kept.prune(tmp_path)
    assert {p.stem for p in tmp_path.iterdir()} == {"new", "69", "68"}
    kept.prune(tmp_path / "nowhere")
