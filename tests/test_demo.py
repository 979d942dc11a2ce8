"""The demo: what it shows, and what it never touches."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest

from ringfence import demo, project
from ringfence.cli.main import main
from ringfence.errors import Busy
from ringfence.pg import embedded

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[1]

REVISION = '''"""{title}"""

from ringfence.history import sqlfile

revision = "{id}"
down_revision = None

upgrade, downgrade = sqlfile(__file__)
'''


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A home for a server of the test's own, and an environment that names no other."""
    place = tmp_path / "home"
    for name in list(os.environ):
        if name.startswith("PG") or name in ("RINGFENCE_DSN", "FORCE_COLOR"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("RINGFENCE_HOME", str(place))
    monkeypatch.setenv("COLUMNS", "100")
    yield place
    embedded.destroy(place)


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    """A project with one revision, one table and one thing that its author says of it."""
    root = tmp_path / "tiny"
    versions = root / "migrations" / "versions"
    versions.mkdir(parents=True)
    (root / "pyproject.toml").write_text("[tool.ringfence]\n")
    shutil.copy(ROOT / "migrations" / "env.py", root / "migrations")
    (versions / "01_shop.py").write_text(REVISION.format(title="A shop.", id="01"))
    (versions / "01_shop.up.sql").write_text("CREATE TABLE wares (id integer PRIMARY KEY);\n")
    (versions / "01_shop.verify.sql").write_text("SELECT 1 AS missing WHERE false;\n")
    return root


def said(capsys: pytest.CaptureFixture[str], *argv: str) -> tuple[int, str, str]:
    """Status, standard output and standard error of a command."""
    status = main(argv)
    out, err = capsys.readouterr()
    return status, out, err


def test_the_messaging_schema_in_one_go(home: Path, tmp_path: Path) -> None:
    """As a process, in a directory that is no project: what the packaged one holds is counted."""
    command = [sys.executable, "-m", "ringfence", "demo", "--format", "json"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, f"wrote a project: {tmp_path}/ringfence-demo\n")
    said = json.loads(done.stdout)
    objects = {each["kind"]: each["schemas"].get("messaging", 0) for each in said["objects"]}
    assert objects == {
        "schema": 1,
        "table": 8,
        "view": 2,
        "index": 26,
        "primary key": 8,
        "foreign key": 14,
        "unique constraint": 11,
        "check": 31,
        "trigger": 19,
        "policy": 8,
        "function": 13,
        "comment": 16,
    }
    assert said["revisions"] == [f"{number:04}" for number in range(1, 15)]
    assert said["verify"]["status"] == 0
    assert len(said["tenants"]) == 2
    assert all(min(each["rows"]) > 0 for each in said["tables"])
    assert list(said["seconds"]) == ["server", "migrate", "seed", "verify"]
    with psycopg.connect(said["dsn"]) as connection:
        tenants = connection.execute("SELECT id::text FROM core_tenants.tenants ORDER BY 1")
        assert [row[0] for row in tenants] == sorted(said["tenants"])


def test_four_lines_of_python_do_the_same(home: Path, tiny: Path) -> None:
    done = demo.run(project.need(tiny))
    assert (done.report.status, done.anew, len(done.moved)) == (0, False, 1)
    assert [(each.kind, each.count) for each in done.objects] == [("table", 1), ("primary key", 1)]
    assert embedded.running(home) is not None


def test_a_second_demo_begins_anew(
    home: Path, tiny: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = demo.run(project.need(tiny))
    with psycopg.connect(first.target.conninfo, autocommit=True):  # who only looks is in no way
        status, out, err = said(capsys, "-C", str(tiny), "demo", "--format", "json")
    assert (status, err) == (0, "")
    again = json.loads(out)
    assert again["anew"]
    assert again["tenants"] == list(first.seeded.tenants)


@pytest.mark.parametrize(
    "work",
    [
        "CREATE TABLE left_behind (id integer)",
        "CREATE VIEW left_behind AS SELECT 1 AS one",
        "DELETE FROM {}",
        "UPDATE {} SET id = id + 1000",
    ],
)
def test_what_somebody_did_in_a_demos_database_is_not_lost(
    home: Path, tiny: Path, capsys: pytest.CaptureFixture[str], work: str
) -> None:
    first = demo.run(project.need(tiny))
    table = first.seeded.tables[0].table
    with psycopg.connect(first.target.conninfo, autocommit=True) as visitor:
        visitor.execute(work.format(table).encode())
    assert said(capsys, "-C", str(tiny), "demo") == (
        1,
        "",
        (
            "error: database ringfence is not as the last demo left it: what was changed would be lost\n"
            "hint: ringfence demo --anew throws it away; ringfence demo DIR shows another\n"
        ),
    )
    assert said(capsys, "-C", str(tiny), "demo", "--anew", "--format", "json")[0] == 0
    assert said(capsys, "-C", str(tiny), "demo", "--format", "json")[0] == 0


def test_a_database_that_no_demo_made_is_left_alone(
    home: Path, tiny: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    server = embedded.start(home)
    with psycopg.connect(server.dsn("ringfence"), autocommit=True) as connection:
        connection.execute("CREATE TABLE payroll ()")
        connection.execute("COMMENT ON DATABASE ringfence IS 'not the ringfence demo'")
        assert said(capsys, "-C", str(tiny), "demo") == (
            1,
            "",
            (
                "error: database ringfence holds what no demo made: relation payroll\n"
                "hint: keep it, and run the demo in a project of its own: ringfence demo DIR; or throw"
                " it away first: ringfence db destroy\n"
            ),
        )
        tables = connection.execute("SELECT count(*) FROM payroll").fetchone()
    assert tables == (0,)


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE SCHEMA s",
        "CREATE TABLE t ()",
        "CREATE SEQUENCE s",
        "CREATE VIEW v AS SELECT 1 AS one",
        "CREATE FUNCTION f() RETURNS integer LANGUAGE sql RETURN 1",
        "CREATE TYPE mood AS ENUM ('good')",
        "CREATE DOMAIN d AS integer",
        "CREATE EXTENSION citext",
        "CREATE PUBLICATION p",
        "SELECT lo_create(0)",
    ],
)
def test_anything_that_somebody_made_is_noticed(database: str, statement: str) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        assert connection.execute(demo._query("contents")).fetchall() == []
        connection.execute(statement)
        assert connection.execute(demo._query("contents")).fetchall() != []


@pytest.mark.parametrize("source", ["RINGFENCE_DSN", "PGHOST", "PGDATABASE"])
def test_a_server_named_by_the_environment_is_left_alone(
    home: Path,
    tiny: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    source: str,
) -> None:
    value = "postgresql://me:s3cret@db.invalid/shop" if source == "RINGFENCE_DSN" else "db.invalid"
    shown = "me@db.invalid/shop" if source == "RINGFENCE_DSN" else None
    monkeypatch.setenv(source, value)
    status, out, err = said(capsys, "-C", str(tiny), "demo")
    if shown:
        assert err == (
            f"error: the demo runs on the embedded server only, and {source} names {shown}\n"
            f"hint: env -u {source} ringfence demo\n"
        )
    assert (status, out) == (1, "")
    assert f"{source} names" in err
    assert "s3cret" not in err
    assert not home.exists()


def test_a_server_named_by_the_configuration_is_left_alone(
    home: Path, tiny: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tiny / "pyproject.toml").write_text(
        '[tool.ringfence]\ndsn = "postgresql://me@db.invalid/shop"\n'
    )
    assert said(capsys, "-C", str(tiny), "demo") == (
        1,
        "",
        (
            "error: the demo runs on the embedded server only, and [tool.ringfence] dsn names"
            " me@db.invalid/shop\n"
            "hint: run it where no [tool.ringfence] dsn is set: ringfence demo DIR makes a project\n"
        ),
    )
    assert not home.exists()


def test_one_demo_at_a_time(home: Path, tiny: Path) -> None:
    server = embedded.start(home)
    with psycopg.connect(server.dsn()) as other:
        other.execute("SELECT pg_advisory_lock(%s, hashtext('ringfence'))", [demo._LOCK])
        with pytest.raises(Busy, match="another demo is running on this server"):
            demo.run(project.need(tiny))
    assert demo.run(project.need(tiny)).report.status == 0


def test_a_claim_that_does_not_hold_is_shown_and_is_the_status(
    home: Path, tiny: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    verify = tiny / "migrations" / "versions" / "01_shop.verify.sql"
    verify.write_text("SELECT 'sold out' AS wares;\n")
    status, out, err = said(capsys, "-C", str(tiny), "demo")
    assert (status, err) == (1, "")
    assert "  ✗  each revision's own verification holds\n" in out
    assert "does not verify: wares = sold out [verify-files]" in out
    assert "migrations/versions/01_shop.verify.sql:1:1" in out


@pytest.mark.parametrize("columns", [60, 100, 200])
def test_the_summary_fits_the_terminal(
    home: Path,
    tiny: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    columns: int,
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    status, out, err = said(capsys, "-C", str(tiny), "demo")
    assert (status, err) == (0, "")
    lines = out.splitlines()
    assert max(map(len, lines)) <= min(columns, 100)
    assert all(line == line.rstrip() for line in lines)
    assert "\x1b" not in out
    headings = [line for line in lines if re.match(r"\w+$", line)]
    assert headings == ["made", "filled", "verified", "took", "next"]
    assert re.match(r"PostgreSQL \d+\.\d+: an empty database migrated, seeded and", lines[0])


def test_without_a_project_one_is_written(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    written, new = demo.place(None, None)
    assert (written.root, new) == (tmp_path / "ringfence-demo", True)
    ours = project.need(ROOT)
    assert written.config == ours.config
    for folder in ("ddl", "migrations"):
        assert tree(written.root / folder) == tree(ROOT / folder)
    assert sorted(path.name for path in written.root.iterdir()) == [
        "ddl",
        "migrations",
        "pyproject.toml",
    ]
    alembic = '[tool.alembic]\nscript_location = "%(here)s/migrations"\n'
    assert alembic in (written.root / "pyproject.toml").read_text()
    assert demo.place(None, None) == (written, False)
    assert main(["-C", str(written.root), "lint"]) == 0


def tree(folder: Path) -> dict[str, bytes]:
    """Every file below a folder, but for what Python leaves there."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def test_a_project_is_written_into_the_directory_named(tiny: Path) -> None:
    """Inside another project too: the directory named is what is meant."""
    written, new = demo.place(tiny, Path("inner"))
    assert (written.root, new) == (tiny / "inner", True)
    assert demo.place(tiny, None) == (project.need(tiny), False)
    assert demo.place(None, tiny) == (project.need(tiny), False)


@pytest.mark.parametrize(
    ("found", "message"),
    [
        ("other files", "{} holds other files and no ringfence project"),
        ("a file", "{} is a file"),
    ],
)
def test_nothing_is_written_over(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], found: str, message: str
) -> None:
    place = tmp_path / "work"
    if found == "a file":
        place.write_text("mine")
    else:
        place.mkdir()
        (place / "thesis.txt").write_text("mine")
    assert said(capsys, "demo", str(place)) == (
        2,
        "",
        f"error: {message.format(place)}\nhint: name a new directory: ringfence demo DIR\n",
    )


def test_the_inventory_counts_what_a_person_made(database: str) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(
            """
            CREATE EXTENSION citext;
            CREATE SCHEMA app;
            CREATE TABLE app.days (
                day date NOT NULL, id serial, number integer GENERATED ALWAYS AS IDENTITY,
                name text CHECK (name <> ''), PRIMARY KEY (day, name), UNIQUE (day, number)
            ) PARTITION BY RANGE (day);
            """
        )
        connection.execute("CREATE INDEX ON app.days (id)")
        connection.execute(
            "CREATE TABLE app.past PARTITION OF app.days FOR VALUES FROM (MINVALUE) TO ('2020-01-01')"
        )
        connection.execute("CREATE SEQUENCE app.numbers")
        connection.execute("CREATE PROCEDURE app.work() LANGUAGE sql BEGIN ATOMIC END")
        connection.execute("CREATE TYPE app.mood AS ENUM ('good', 'bad')")
        connection.execute("CREATE MATERIALIZED VIEW app.all_days AS SELECT * FROM app.days")
        connection.execute("COMMENT ON COLUMN app.days.day IS 'of the year'")
        connection.execute("COMMENT ON TYPE app.mood IS 'of the day'")
        found = {each.kind: each.count for each in demo.inventory(connection)}
        assert demo.inventory(connection, without="app") == ()
    assert found == {
        "schema": 1,
        "table": 2,
        "materialized view": 1,
        "sequence": 1,
        "index": 1,
        "primary key": 1,
        "unique constraint": 1,
        "check": 1,
        "procedure": 1,
        "enum": 1,
        "comment": 2,
    }
