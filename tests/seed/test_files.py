"""Rows as files: loaded into a database of the same schema they are the rows that seed writes."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from ringfence.config import Tenancy
from ringfence.errors import Misuse, Refused
from ringfence.pg.binaries import find_psql
from ringfence.seed import model, plan, read, seed, to_csv, to_sql, wishes_of
from seed.support import digests, one
from seed.test_messaging import TENANCY, migrated

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from conftest import SomeServer
    from ringfence.seed import Plan
    from seed.support import Connection


def planned(conn: Connection, tenancy: Tenancy = TENANCY) -> Plan:
    shape = read(conn)
    return plan(conn, shape, model(shape, tenancy))


@pytest.fixture
def pair(
    connect: Callable[[str], Connection], make_database: Callable[..., str]
) -> tuple[Connection, Connection]:
    """Two databases with the project's schema, the first of them seeded."""
    first, second = (migrated(connect(make_database()), "") for _ in range(2))
    seed(first, tenancy=TENANCY)
    return first, second


def test_sql(pair: tuple[Connection, Connection]) -> None:
    first, second = pair
    text = "".join(to_sql(second, planned(second)))
    assert one(second, "SELECT count(*) FROM core_tenants.tenants") == 0
    second.execute(text)
    assert digests(first) == digests(second)
    assert one(second, "SHOW timezone") == one(first, "SHOW timezone")


def test_sql_of_circles_odd_names_and_quotes(
    zoo: Connection, make_zoo: Callable[[], Connection]
) -> None:
    other = make_zoo()
    tenancy = Tenancy()
    seed(other, tenancy=tenancy)
    zoo.execute("".join(to_sql(zoo, planned(zoo, tenancy))))
    assert digests(zoo).keys() == digests(other).keys()
    same = {t for t, digest in digests(zoo).items() if digest == digests(other)[t]}
    assert len(same) >= len(digests(zoo)) - 2  # those that triggers write


def test_csv(pair: tuple[Connection, Connection], tmp_path: Path, server: SomeServer) -> None:
    first, second = pair
    psql = shutil.which("psql") or find_psql(tmp_path)
    if psql is None:
        pytest.skip("no psql here")
    written = to_csv(second, planned(second), tmp_path / "rows")
    assert next(path.name for path in written) == "001_core_tenants.tenants.csv"
    done = subprocess.run(
        [psql, "-X", "-q", "-v", "ON_ERROR_STOP=1", "-f", "load.sql", "-d", server.dsn(second.info.dbname)],
        cwd=tmp_path / "rows", capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert digests(first) == digests(second)


def test_csv_tells_null_from_nothing(conn: Connection, tmp_path: Path) -> None:
    conn.execute(
        "CREATE TABLE t (id INT PRIMARY KEY, a TEXT NOT NULL CHECK (a IN ('', E'\\\\.', ' ', 'x,\"y'))"
        ", b TEXT CHECK (b IS NULL))"
    )
    shape = read(conn)
    wishes = wishes_of(None, profile="minimal", rows=4)
    (path, _) = to_csv(conn, plan(conn, shape, model(shape, Tenancy()), wishes), tmp_path / "new")
    assert path.read_text() == 'id,a,b\n1,"",\n2,"\\.",\n3," ",\n4,"x,""y",\n'


def test_a_circle_is_not_for_csv(conn: Connection, tmp_path: Path) -> None:
    conn.execute(
        "CREATE TABLE a (id INT PRIMARY KEY, b INT NOT NULL);"
        "CREATE TABLE b (id INT PRIMARY KEY, a INT NOT NULL REFERENCES a);"
        "ALTER TABLE a ADD FOREIGN KEY (b) REFERENCES b"
    )
    with pytest.raises(Refused) as caught:
        to_csv(conn, planned(conn, Tenancy()), tmp_path / "new")
    assert caught.value.message == (
        "public.a, public.b point at each other, and no file can be loaded before the other"
    )
    assert not (tmp_path / "new").exists()


def test_what_is_there_is_not_overwritten(conn: Connection, tmp_path: Path) -> None:
    conn.execute("CREATE TABLE t (id INT)")
    (tmp_path / "x").write_text("mine")
    with pytest.raises(Misuse, match="is not an empty folder"):
        to_csv(conn, planned(conn, Tenancy()), tmp_path)


def test_loads_are_not_for_files(conn: Connection) -> None:
    conn.execute("CREATE TABLE t (id INT)")
    shape = read(conn)
    made = plan(conn, shape, model(shape, Tenancy()), wishes_of(None, profile="load", rows=3))
    with pytest.raises(Misuse, match="the load profile writes to a server, not to files"):
        list(to_sql(conn, made))


def test_sequences_are_ahead_of_the_rows(conn: Connection) -> None:
    conn.execute("CREATE TABLE t (id SERIAL PRIMARY KEY)")
    shape = read(conn)
    made = plan(conn, shape, model(shape, Tenancy()), wishes_of(None, rows=7))
    conn.execute("".join(to_sql(conn, made)))
    assert one(conn, "SELECT nextval('t_id_seq')") == 8


def test_csv_of_what_triggers_write_rules_and_no_columns(
    connect: Callable[[str], Connection], make_database: Callable[..., str], tmp_path: Path,
    server: SomeServer,
) -> None:  # fmt: skip
    first, second = (connect(make_database()) for _ in range(2))
    for each in (first, second):
        each.execute(
            "CREATE TABLE u (id INT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name TEXT);"
            "CREATE TABLE prof (u INT PRIMARY KEY REFERENCES u, motto TEXT);"
            "CREATE FUNCTION more() RETURNS TRIGGER LANGUAGE plpgsql AS"
            " $$ BEGIN INSERT INTO prof (u) VALUES (NEW.id); RETURN NEW; END; $$;"
            "CREATE TRIGGER more AFTER INSERT ON u FOR EACH ROW EXECUTE FUNCTION more();"
            "CREATE TABLE none (); CREATE TABLE ruled (id INT PRIMARY KEY);"
            "CREATE TABLE copies (id INT);"
            "CREATE RULE also AS ON INSERT TO ruled DO ALSO INSERT INTO copies VALUES (NEW.id)"
        )
    to_csv(first, planned(first, Tenancy()), tmp_path / "files")
    seed(first)
    psql = shutil.which("psql") or find_psql(tmp_path)
    if psql is None:
        pytest.skip("no psql here")
    loaded = subprocess.run(
        [psql, "-X", "-q", "-v", "ON_ERROR_STOP=1", "-f", "load.sql", "-o", "/dev/null", "-d", server.dsn(second.info.dbname)],
        cwd=tmp_path / "files", capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (loaded.returncode, loaded.stderr) == (0, "")
    assert digests(second) == digests(first)


@pytest.mark.parametrize("form", ["sql", "csv"])
def test_files_mean_the_same_in_every_session(
    conn: Connection,
    connect: Callable[[str], Connection],
    make_database: Callable[..., str],
    tmp_path: Path,
    server: SomeServer,
    monkeypatch: pytest.MonkeyPatch,
    form: str,
) -> None:
    schema = (
        "CREATE TABLE t (id INT PRIMARY KEY, name TEXT, at TIMESTAMPTZ NOT NULL, d DATE NOT NULL,"
        " i INTERVAL NOT NULL, CHECK (name IN ('Ñandú', 'ä€')), CHECK (at >= '2024-01-01'))"
    )
    conn.execute(schema)
    seed(conn, rows=9)
    second = connect(make_database())
    second.execute(schema)
    made = plan(conn, read(conn), model(read(conn), Tenancy()), wishes_of(None, rows=9))
    if form == "sql":
        (tmp_path / "load.sql").write_text("".join(to_sql(conn, made)), encoding="utf-8")
    else:
        to_csv(conn, made, tmp_path / "files")
    for name, value in {
        "PGTZ": "Asia/Tokyo", "PGDATESTYLE": "German, DMY", "PGCLIENTENCODING": "LATIN1",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    psql = shutil.which("psql") or find_psql(tmp_path)
    if psql is None:
        pytest.skip("no psql here")
    done = subprocess.run(
        [psql, "-X", "-v", "ON_ERROR_STOP=1", "-f", "load.sql", server.dsn(second.info.dbname)],
        cwd=tmp_path if form == "sql" else tmp_path / "files",
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert digests(second) == digests(conn)
