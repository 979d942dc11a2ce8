"""`ringfence seed`: what it prints where, and with which status it ends."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest

from projects import Project
from ringfence.seed import mark_disposable
from seed.support import counts, digests

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from seed.support import Connection

SCHEMA = (
    "CREATE SCHEMA shop;"
    "CREATE TABLE shop.plans (id INT PRIMARY KEY);"
    "CREATE TABLE shop.tenants (id UUID PRIMARY KEY, plan INT REFERENCES shop.plans);"
    "CREATE TABLE shop.settings (tenant UUID PRIMARY KEY REFERENCES shop.tenants);"
    "CREATE TABLE shop.items (id INT PRIMARY KEY, tenant UUID NOT NULL REFERENCES shop.tenants);"
    "CREATE TABLE shop.nowhere (id INT) PARTITION BY LIST (id)"
)
CONFIG = '[tool.ringfence.tenancy]\nroot = "shop.tenants"\nsetting = "shop.tenant"'


@pytest.fixture
def shop(
    tmp_path: Path,
    connect: Callable[[str], Connection],
    database: str,
    monkeypatch: pytest.MonkeyPatch,
) -> tuple[Project, Connection]:
    """A project whose database holds a small shop, and a connection to it."""
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("NO_COLOR", "1")
    conn = connect(database)
    conn.execute(SCHEMA)
    mark_disposable(conn)
    return Project(tmp_path / "project", database, config=CONFIG), conn


def test_a_table_on_stderr_and_nothing_on_stdout(shop: tuple[Project, Connection]) -> None:
    project, conn = shop
    done = project.run("seed", "--tenants", "2", "--rows", "3")
    assert (done.status, done.out) == (0, "")
    lines = done.err.splitlines()
    assert lines[:-1] == [
        "table          tenant 1  tenant 2  rows",
        "shop.items            3         3     6",
        "shop.plans                            3",
        "shop.settings         1         1     2",
        "shop.tenants          1         1     2",
        "",
        "tenants: the rows of shop.tenants, told apart by shop.tenant",
        "2 of 6 rows for shop.settings: settings_tenant_fkey takes each row of shop.tenants once",
        "shop.nowhere can hold no rows",
    ]
    assert lines[-1].startswith("wrote 13 rows to 4 tables of ")
    assert lines[-1].endswith(", from seed 1")
    assert sum(counts(conn).values()) == 13


def test_json_on_stdout(shop: tuple[Project, Connection]) -> None:
    project, conn = shop
    done = project.run("seed", "--rows", "3", "--seed", "9", "--format", "json")
    assert done.status == 0
    answer = json.loads(done.out)
    tenants = [str(i) for (i,) in conn.execute("SELECT id FROM shop.tenants ORDER BY 1").fetchall()]
    assert answer.pop("target")
    assert answer.pop("ringfence")
    assert answer == {
        "format": 1,
        "command": "seed",
        "status": 0,
        "written": True,
        "seed": 9,
        "tenancy": {
            "root": "shop.tenants",
            "setting": "shop.tenant",
            "value": None,
            "roles": [],
            "shared": [],
            "inferred": False,
            "column": None,
            "columns": [],
            "rootless": [],
        },
        "tenants": tenants,
        "rows": 13,
        "tables": [
            {"table": "shop.items", "scoped": True, "rows": [3, 3], "by_triggers": 0},
            {"table": "shop.plans", "scoped": False, "rows": [3], "by_triggers": 0},
            {"table": "shop.settings", "scoped": True, "rows": [1, 1], "by_triggers": 0},
            {"table": "shop.tenants", "scoped": True, "rows": [1, 1], "by_triggers": 0},
        ],
        "shortfalls": [
            {
                "table": "shop.settings",
                "asked": 6,
                "got": 2,
                "reason": "settings_tenant_fkey takes each row of shop.tenants once",
                "candidate": "",
            }
        ],
        "empty": ["shop.nowhere"],
        "uncovered": [],
        "role": None,
        "guarded": [],
        "refusals": [],
        "unseen": [],
        "fickle": [],
        "recorded": True,
    }


def test_a_dry_run_says_what_it_would_write(shop: tuple[Project, Connection]) -> None:
    project, conn = shop
    done = project.run("seed", "--dry-run", "--format", "json")
    assert json.loads(done.out)["written"] is False
    assert done.err.splitlines()[-1].startswith("would write 19 rows to 4 tables of ")
    assert sum(counts(conn).values()) == 0


def test_many_tenants_fit_a_narrow_terminal(
    shop: tuple[Project, Connection], monkeypatch: pytest.MonkeyPatch
) -> None:
    project, _ = shop
    monkeypatch.setenv("COLUMNS", "40")
    done = project.run("seed", "--tenants", "9", "--dry-run")
    assert done.err.splitlines()[:3] == [
        "table          a tenant  rows",
        "shop.items            5    45",
        "shop.plans                  5",
    ]


def test_a_second_time_is_refused_and_force_adds(shop: tuple[Project, Connection]) -> None:
    project, conn = shop
    project.run("seed")
    before = counts(conn)
    done = project.run("seed")
    assert (done.status, done.out) == (1, "")
    assert done.err == (
        "error: the database is not empty: shop.items, shop.plans, shop.settings, shop.tenants\n"
        "hint: seed a fresh database, or add to this one with --force and another --seed\n"
    )
    assert counts(conn) == before
    done = project.run("seed", "--force", "--seed", "2")
    assert done.status == 0, done.err
    assert counts(conn)["shop.items"] == 20


def test_without_tenants_it_says_so(
    tmp_path: Path, connect: Callable[[str], Connection], database: str
) -> None:
    connect(database).execute("CREATE TABLE t (id INT)")
    done = Project(tmp_path / "project", database).run("seed", "--force")
    assert done.status == 0
    assert done.err.splitlines()[:4] == [
        "table     rows",
        "public.t     5",
        "",
        "tenants: none are configured, and no policy tells of any",
    ]
    assert "wrote 5 rows to 1 table of " in done.err


def test_who_was_found_to_be_a_tenant_is_said(
    tmp_path: Path, connect: Callable[[str], Connection], database: str
) -> None:
    connect(database).execute(
        SCHEMA + ";ALTER TABLE shop.items ENABLE ROW LEVEL SECURITY;"
        "CREATE POLICY p ON shop.items USING (tenant = current_setting('a.b')::uuid)"
    )
    done = Project(tmp_path / "project", database).run("seed", "--force")
    lines = done.err.splitlines()
    # Before anything is written, and once.
    assert done.err.count("told apart by") == 1
    begins = lines.index(
        "tenants: the rows of shop.tenants, told apart by a.b (found from policies and foreign keys)"
    )
    assert lines[begins + 1 : begins + 6] == [
        "if that is so, write it down in pyproject.toml:",
        "  [tool.ringfence.tenancy]",
        '  root = "shop.tenants"',
        '  setting = "a.b"',
        '  shared = ["shop.plans"]',
    ]
    assert begins < next(n for n, line in enumerate(lines) if line.startswith("table "))
    assert "not recorded" not in done.err


LONE = (
    "CREATE TABLE sales (id INT PRIMARY KEY, tenant TEXT NOT NULL);"
    "CREATE TABLE items (id INT PRIMARY KEY, sale INT REFERENCES sales, tenant TEXT NOT NULL);"
    "CREATE TABLE lines (id INT PRIMARY KEY, item INT NOT NULL REFERENCES items);"
    "CREATE TABLE colours (id INT PRIMARY KEY);"
    "ALTER TABLE sales ENABLE ROW LEVEL SECURITY;"
    "CREATE POLICY p ON sales USING (tenant = current_setting('a.b', true))"
)


def test_tenants_that_no_table_lists_are_made_up(
    tmp_path: Path, connect: Callable[[str], Connection], database: str
) -> None:
    conn = connect(database)
    conn.execute(LONE)
    config = '[tool.ringfence.seed.columns]\n"sales.tenant" = ["acme", "globex", "initech"]'
    project = Project(tmp_path / "project", database, config=config)
    done = project.run("seed", "--force", "--tenants", "3", "--format", "json")
    assert done.status == 0
    assert done.err.splitlines()[:8] == [
        "tenants: what stands in public.items.tenant, public.sales.tenant, which a.b names (found from policies)",
        "they are made up: acme, globex, initech",
        "if that is so, write it down in pyproject.toml:",
        "  [tool.ringfence.tenancy]",
        '  column = "tenant"',
        '  setting = "a.b"',
        '  shared = ["public.colours"]',
        "",
    ]
    said = json.loads(done.out)
    assert said["tenants"] == ["acme", "globex", "initech"]
    assert said["tenancy"]["columns"] == ["public.items.tenant", "public.sales.tenant"]
    # What was found is what the configuration says when it is written down.
    first = digests(conn)
    assert project.run("seed", "--clean").status == 0
    lines = [line.strip() for line in done.err.splitlines()[3:7]]
    project.say("\n".join(lines))
    again = project.run("seed", "--force", "--tenants", "3")
    assert again.status == 0
    assert "found from policies" not in again.err
    assert digests(conn) == first


def test_a_list_of_tenants_that_is_too_short(
    tmp_path: Path, connect: Callable[[str], Connection], database: str
) -> None:
    conn = connect(database)
    conn.execute(LONE)
    config = '[tool.ringfence.seed.columns]\n"sales.tenant" = ["acme", "globex"]'
    done = Project(tmp_path / "project", database, config=config).run(
        "seed", "--force", "--tenants", "3"
    )
    assert done.status == 1
    assert done.err.startswith(
        "error: 3 tenants were asked for, and public.sales.tenant has room for 2\n"
    ) or done.err.startswith(
        "error: 3 tenants were asked for, and public.items.tenant has room for 2\n"
    )
    assert done.err.endswith("hint: ask for fewer: --tenants 2\n")
    assert not any(counts(conn).values())


@pytest.mark.parametrize(
    ("argv", "answer", "rows"), [((), "n", 0), ((), "y", 2), (("--yes",), "", 2)]
)
def test_on_a_terminal_who_was_found_to_be_a_tenant_is_asked(
    tmp_path: Path,
    connect: Callable[[str], Connection],
    database: str,
    argv: tuple[str, ...],
    answer: str,
    rows: int,
) -> None:
    conn = connect(database)
    conn.execute(
        "CREATE TABLE tenants (id INT PRIMARY KEY);"
        "CREATE TABLE t (id INT PRIMARY KEY, tenant INT NOT NULL REFERENCES tenants);"
        "ALTER TABLE t ENABLE ROW LEVEL SECURITY;"
        "CREATE POLICY p ON t USING (tenant = current_setting('a.b')::int)"
    )
    mine, theirs = os.openpty()
    try:
        os.write(mine, f"{answer}\n".encode())
        process = Project(tmp_path / "project", database).spawn(
            "seed", "--force", "--rows", "1", *argv, stdin=theirs, stderr=theirs
        )
        out, _ = process.communicate(timeout=60)
        said = os.read(mine, 1 << 16).decode()
    finally:
        os.close(mine)
        os.close(theirs)
    assert (process.returncode, out) == (0 if rows else 1, "")
    assert "tenants: the rows of public.tenants, told apart by a.b (found" in said
    assert ("for these tenants? [y/N] " in said) == (not argv)
    assert ("nothing was written" in said) == (not rows)
    assert counts(conn) == {"public.t": rows, "public.tenants": rows}


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["--tenants", "0"], "error: Invalid value for '--tenants': 0 is not in the range x>=1"),
        (
            ["--rows", "none"],
            "error: Invalid value for '--rows': 'none' is not a valid integer range",
        ),
        (["--seed", "x"], "error: Invalid value for '--seed': 'x' is not a valid integer"),
    ],
)
def test_asked_wrongly(shop: tuple[Project, Connection], argv: list[str], said: str) -> None:
    done = shop[0].run("seed", *argv)
    assert (done.status, done.out) == (2, "")
    assert done.err == f"{said}\nhint: ringfence seed --help\n"


def test_a_root_that_does_not_exist(shop: tuple[Project, Connection]) -> None:
    project, conn = shop
    conn.execute("ALTER TABLE shop.tenants RENAME TO tenant")
    done = project.run("seed")
    assert (done.status, done.out) == (2, "")
    assert done.err == (
        "error: [tool.ringfence.tenancy] root names shop.tenants, and there is no such table\n"
        "hint: did you mean shop.tenant?\n"
    )


def test_a_row_that_the_server_refuses_ends_with_status_1(shop: tuple[Project, Connection]) -> None:
    project, conn = shop
    conn.execute(
        "CREATE FUNCTION no() RETURNS TRIGGER LANGUAGE plpgsql AS"
        " $$ BEGIN RAISE EXCEPTION 'no' USING HINT = 'ask nicely'; END; $$;"
        "CREATE TRIGGER no BEFORE INSERT ON shop.items FOR EACH ROW EXECUTE FUNCTION no()"
    )
    done = project.run("seed")
    assert (done.status, done.out) == (1, "")
    assert done.err.startswith(
        "error: row 1 of tenant 1 for shop.items was refused: no [SQLSTATE P0001]\ndetail: "
    )
    assert done.err.endswith("hint: ask nicely\n")
    assert sum(counts(conn).values()) == 0


def test_an_unsatisfiable_table_ends_with_status_1(shop: tuple[Project, Connection]) -> None:
    project, conn = shop
    conn.execute("ALTER TABLE shop.items ADD CONSTRAINT never CHECK (false)")
    done = project.run("seed")
    assert (done.status, done.out) == (1, "")
    assert done.err.startswith("error: no row for shop.items satisfies never\ndetail: false\n")
    assert sum(counts(conn).values()) == 0


def test_help_shows_examples_and_statuses(shop: tuple[Project, Connection]) -> None:
    done = shop[0].run("seed", "--help")
    assert done.status == 0
    assert "ringfence seed --tenants 3 --rows 100 --seed 42" in done.out
    assert "Exit status 1 means refused" in done.out


def test_a_database_that_nobody_marked_is_refused(shop: tuple[Project, Connection]) -> None:
    project, conn = shop
    assert project.run("db", "mark-disposable", "--undo").status == 0
    done = project.run("seed")
    assert (done.status, done.out) == (1, "")
    shown = done.err.partition(" is not marked")[0]
    assert done.err == (
        f"{shown} is not marked disposable\n"
        "hint: if invented rows may go there: ringfence db mark-disposable, or --force once\n"
    )
    assert sum(counts(conn).values()) == 0
    assert project.run("seed", "--dry-run").status == 0
    said = project.run("db", "mark-disposable").err
    assert said == f"{shown.removeprefix('error: ')} is marked disposable\n"
    assert project.run("db", "mark-disposable").err == said.replace("\n", ", as before\n")
    assert project.run("seed").status == 0


def test_clean_takes_away_what_was_written(shop: tuple[Project, Connection]) -> None:
    project, conn = shop
    project.run("seed", "--rows", "3")
    done = project.run("seed", "--clean", "--format", "json")
    assert done.status == 0
    assert done.err.startswith("removed 13 rows from 4 tables of ")
    assert done.err.endswith(", written by seed 1\n")
    answer = json.loads(done.out)
    assert (answer["cleaned"], answer["rows"], answer["status"]) == ([1], 13, 0)
    assert answer["tables"][0] == {"table": "shop.items", "removed": 6, "gone": 0}
    assert sum(counts(conn).values()) == 0
    done = project.run("seed", "--clean")
    assert (done.status, done.out) == (1, "")
    assert done.err == (
        "error: no seed is recorded in this database\n"
        "hint: only what ringfence seed wrote, and recorded, can be removed\n"
    )


def test_rows_to_files(shop: tuple[Project, Connection], tmp_path: Path) -> None:
    project, conn = shop
    done = project.run("seed", "--profile", "minimal", "--to-sql", "-")
    assert done.out.startswith("-- Seed 1: ")
    assert done.out.endswith("COMMIT;\n")
    done = project.run("seed", "--to-sql", str(tmp_path / "rows.sql"))
    assert (done.status, done.out) == (0, "")
    assert done.err == f"wrote 19 rows to {tmp_path / 'rows.sql'}\n"
    done = project.run("seed", "--to-csv", str(tmp_path / "rows"))
    assert done.err == (
        f"wrote 19 rows to 4 files in {tmp_path / 'rows'}\n"
        f"load them with: cd {tmp_path / 'rows'} && psql -f load.sql\n"
    )
    assert sum(counts(conn).values()) == 0
    conn.execute((tmp_path / "rows.sql").read_text())
    assert sum(counts(conn).values()) == 19


def test_a_file_that_cannot_be_written(shop: tuple[Project, Connection], tmp_path: Path) -> None:
    done = shop[0].run("seed", "--to-sql", str(tmp_path / "no" / "such.sql"))
    assert (done.status, done.out) == (2, "")
    path = tmp_path / "no" / "such.sql"
    assert done.err == f"error: cannot write {path}: No such file or directory\n"


def test_ways_that_do_not_go_together(shop: tuple[Project, Connection]) -> None:
    done = shop[0].run("seed", "--clean", "--dry-run")
    assert (done.status, done.out) == (2, "")
    assert done.err == (
        "error: --dry-run and --clean do not go together\nhint: ringfence seed --help\n"
    )


def test_a_load_and_what_it_says(shop: tuple[Project, Connection]) -> None:
    project, conn = shop
    done = project.run("seed", "--profile", "load", "--rows", "900", "--batch", "400")
    assert done.status == 0, done.err
    assert done.err.splitlines()[1] == "shop.items          900       900  1800"
    assert "wrote 2,704 rows to 4 tables of " in done.err
    assert counts(conn)["shop.items"] == 1800
    done = project.run("seed", "--resume")
    assert (done.status, done.out) == (1, "")
    assert done.err == (
        "error: no seed was interrupted here\n"
        "hint: only a load in batches can be resumed:"
        " ringfence seed --profile load --batch 100000\n"
    )


def test_wishes_of_the_command_line_go_before_the_project_s(
    tmp_path: Path, connect: Callable[[str], Connection], database: str
) -> None:
    conn = connect(database)
    conn.execute(SCHEMA)
    mark_disposable(conn)
    config = (
        f'{CONFIG}\n[tool.ringfence.seed]\nskew = 1\nrows = {{"shop.items" = 6}}\nlocale = "xx"'
    )
    project = Project(tmp_path / "project", database, config=config)
    done = project.run("seed", "--locale", "en_US", "--format", "json")
    assert done.status == 0, done.err
    assert json.loads(done.out)["tables"][0]["rows"] == [8, 4]
    assert project.run("seed", "--dry-run").status == 2


def test_a_table_with_little_room_shows_the_last_row_that_was_tried(
    shop: tuple[Project, Connection],
) -> None:
    project, conn = shop
    conn.execute("ALTER TABLE shop.plans ADD CONSTRAINT few CHECK (id IN (4, 7))")
    lines = project.run("seed").err.splitlines()
    at = lines.index("2 of 5 rows for shop.plans: plans_pkey leaves no room for more")
    assert lines[at + 1].startswith("  the last one tried: id = '")
