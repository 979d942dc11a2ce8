"""[tool.ringfence]: what it may say, and the whole message for everything else."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING

import pytest

from ringfence.config import Column, Config, Migrate, Seed, Tenancy, load
from ringfence.errors import Misuse, described
from ringfence.project import find, need, server_of

if TYPE_CHECKING:
    from pathlib import Path


def test_without_a_table_there_is_no_configuration(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[project]\nname = 'x'\n")
    assert load(tmp_path / "pyproject.toml") is None


def test_an_empty_table_has_the_defaults(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool.ringfence]\n")
    assert load(tmp_path / "pyproject.toml") == Config()
    assert Config().migrate == Migrate(
        schema="ringfence", lock_timeout="1s", wait="60s", lock_deadline="1min", lag="10s"
    )


def test_reads_every_key_with_either_spelling(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(
        """
[tool.ringfence]
dsn = "postgresql:///x"
database = "dev"
server-version = 15
ddl = "schema"
migrations = "db"
migrate.schema = 'we"ird'
migrate.lock-timeout = "500ms"
migrate.wait = "2min"

[tool.ringfence.tenancy]
root = "core.tenants"
setting = "app.tenant"
roles = ["app"]
shared = ["core.countries"]

[tool.ringfence.seed]
locale = "en_US"
skew = 1
rows = { "core.orders" = 7, core.lines = 9 }

[tool.ringfence.seed.columns]
"core.orders.status" = ["new", 1, true]
core.orders.note = { provider = "sentence" }
"core.orders.total" = { distribution = "normal", mean = 10, deviation = 2.5, low = 0 }
"core.orders.kind" = { values = ["a", "b"], weights = [3, 1] }
"""
    )
    assert load(tmp_path / "pyproject.toml") == Config(
        dsn="postgresql:///x",
        database="dev",
        server_version=15,
        ddl="schema",
        migrations="db",
        migrate=Migrate('we"ird', "500ms", "2min"),
        tenancy=Tenancy("core.tenants", "app.tenant", ("app",), ("core.countries",)),
        seed=Seed(
            "en_US",
            1.0,
            {"core.orders": 7, "core.lines": 9},
            {
                "core.orders.status": Column(values=("new", "1", "true")),
                "core.orders.note": Column(provider="sentence"),
                "core.orders.total": Column(
                    distribution="normal", mean=10.0, deviation=2.5, low=0.0
                ),
                "core.orders.kind": Column(values=("a", "b"), weights=(3, 1)),
            },
        ),
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(
            '[tool.ringfence]\nmigrationz = "x"\n',
            """
error: unknown key migrationz in [tool.ringfence]
  PATH:2:1
  2 | migrationz = "x"
    | ^
hint: did you mean migrations?
""",
            id="unknown, near",
        ),
        pytest.param(
            "[tool.ringfence.migrate]\n  timeout_of_locks_in_seconds = 5\n",
            """
error: unknown key timeout_of_locks_in_seconds in [tool.ringfence.migrate]
  PATH:2:3
  2 |   timeout_of_locks_in_seconds = 5
    |   ^
hint: known here: allow, drift, free_space, lag, lock_deadline, lock_timeout, schema, wait
""",
            id="unknown, far",
        ),
        pytest.param(
            "[tool]\nringfence.migrate = { schemas = 'x' }\n",
            """
error: unknown key schemas in [tool.ringfence.migrate]
  PATH:2:1
  2 | ringfence.migrate = { schemas = 'x' }
    | ^
hint: did you mean schema?
""",
            id="in an inline table",
        ),
        pytest.param(
            "[tool.ringfence]\nddl = 5\n",
            """
error: tool.ringfence.ddl is 5
  PATH:2:1
  2 | ddl = 5
    | ^
hint: it must be a string: "…"
""",
            id="a number for a string",
        ),
        pytest.param(
            "[tool.ringfence]\nddl = true\n",
            """
error: tool.ringfence.ddl is true
  PATH:2:1
  2 | ddl = true
    | ^
hint: it must be a string: "…"
""",
            id="a boolean for a string",
        ),
        pytest.param(
            "[tool.ringfence]\nserver_version = true\n",
            """
error: tool.ringfence.server_version is true
  PATH:2:1
  2 | server_version = true
    | ^
hint: it must be a whole number
""",
            id="a boolean for a number",
        ),
        pytest.param(
            "[tool.ringfence]\nserver-version = -1\n",
            """
error: tool.ringfence.server-version is -1
  PATH:2:1
  2 | server-version = -1
    | ^
hint: name a major version, 14 or newer: 18
""",
            id="no version that there is",
        ),
        pytest.param(
            '[tool.ringfence.tenancy] # who\nroles = "app"\n',
            """
error: tool.ringfence.tenancy.roles is 'app'
  PATH:2:1
  2 | roles = "app"
    | ^
hint: it must be a list of strings: ["…"]
""",
            id="a string for a list",
        ),
        pytest.param(
            '[tool.ringfence.migrate]\nlock-timeout = "5"\n',
            """
error: tool.ringfence.migrate.lock-timeout is "5"
  PATH:2:1
  2 | lock-timeout = "5"
    | ^
hint: write a duration: "500ms", "5s", "2min"
""",
            id="a duration without a unit",
        ),
        pytest.param(
            '[tool.ringfence.migrate]\nschema = ""\n',
            """
error: tool.ringfence.migrate.schema is empty
  PATH:2:1
  2 | schema = ""
    | ^
hint: name one, or leave the key out
""",
            id="an empty name",
        ),
        pytest.param(
            "[tool.ringfence]\nmigrate = 'x'\n",
            """
error: [tool.ringfence.migrate] must be a table
  PATH:2:1
  2 | migrate = 'x'
    | ^
""",
            id="no table",
        ),
        pytest.param(
            "[tool]\nringfence = 5\n",
            """
error: [tool.ringfence] must be a table
  PATH:2:1
  2 | ringfence = 5
    | ^
""",
            id="no table at all",
        ),
        pytest.param(
            "[tool.ringfence]\ndsn = ['postgresql://u:hunter2@h/db']\n",
            """
error: tool.ringfence.dsn is ['postgresql://u:*******@h/db']
  PATH:2:1
  2 | dsn = ['postgresql://u:*******@h/db']
    | ^
hint: it must be a string: "…"
""",
            id="a password in what is shown",
        ),
        pytest.param(
            "[[tool.ringfence.accepted]]\nfinding = 'x'\nuntil = 2027-01-31\n",
            """
error: [[tool.ringfence.accepted]] does not say its reason
  PATH:1:1
  1 | [[tool.ringfence.accepted]]
    | ^
hint: finding = "isolation/policy:table:app.notes", reason = "…", until = 2027-01-31
""",
            id="accepted without a reason",
        ),
        pytest.param(
            "[[tool.ringfence.accepted]]\nfinding = 'x'\nreason = 'y'\nuntil = 'soon'\n",
            """
error: tool.ringfence.accepted.until is 'soon'
  PATH:4:1
  4 | until = 'soon'
    | ^
hint: write a day: 2027-01-31
""",
            id="accepted until no day",
        ),
    ],
)
def test_says_what_is_wrong_and_where(tmp_path: Path, text: str, expected: str) -> None:
    path = tmp_path / "pyproject.toml"
    path.write_text(text)
    with pytest.raises(Misuse) as caught:
        load(path)
    assert described(caught.value).replace(str(path), "PATH") == expected.strip()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("[tool.ringfence]\nddl = = 'x'\n", "PATH:2:7\n  2 | ddl = = 'x'\n    |       ^"),
        (
            "[tool.ringfence]\ndsn = 'postgresql://u:hunter2@h/db\n",
            "PATH:2\n  2 | dsn = 'postgresql://u:*******@h/db",
        ),
        (
            "[tool.ringfence]\ndsn = 'postgresql://u:hunter2@h/db' ddl = 5\n",
            "PATH:2:37\n  2 | dsn = 'postgresql://u:*******@h/db' ddl = 5\n    | " + " " * 36 + "^",
        ),
    ],
)
def test_says_where_it_is_not_toml(tmp_path: Path, text: str, shown: str) -> None:
    path = tmp_path / "pyproject.toml"
    path.write_text(text)
    with pytest.raises(tomllib.TOMLDecodeError) as theirs:
        tomllib.loads(text)
    with pytest.raises(Misuse) as caught:
        load(path)
    message, _, rest = described(caught.value).replace(str(path), "PATH").partition("\n  ")
    assert message == f"error: PATH is not valid TOML: {theirs.value}"
    assert rest == shown


def test_says_when_it_is_not_text(tmp_path: Path) -> None:
    path = tmp_path / "pyproject.toml"
    path.write_bytes(b"[tool.ringfence]\n# \xf1\n")
    with pytest.raises(Misuse) as caught:
        load(path)
    assert caught.value.message == f"{path} is not UTF-8: byte 19"


# The project that a directory lies in


def test_the_nearest_table_upward_makes_the_project(tmp_path: Path) -> None:
    outer, inner = tmp_path / "outer", tmp_path / "outer" / "service" / "src"
    inner.mkdir(parents=True)
    (outer / "pyproject.toml").write_text("[tool.ringfence]\n")
    (outer / "service" / "pyproject.toml").write_text("[project]\nname = 'x'\n")
    found = find(inner)
    assert found is not None
    assert found.root == outer
    assert found.shown(outer / "ddl" / "x.sql") == "ddl/x.sql"
    assert found.shown(tmp_path / "other") == str(tmp_path / "other")


def test_no_project_is_said_with_where_it_looked(tmp_path: Path) -> None:
    assert find(tmp_path) is None
    with pytest.raises(Misuse) as caught:
        need(tmp_path)
    assert described(caught.value) == (
        f"error: no ringfence project here: {tmp_path}\n"
        "detail: no pyproject.toml with a [tool.ringfence] table in this directory or above it\n"
        "hint: cd into a project, or name one with ringfence -C DIR …"
    )


def test_a_directory_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(Misuse, match=r"no such directory: .*/nowhere$"):
        need(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (
            'columns = { "t.c" = "x" }',
            (
                'tool.ringfence.seed.columns.t.c is \'x\'|write values, ["a", "b"], or a table,'
                ' {provider = "email"}'
            ),
        ),
        (
            'columns = { "t.c" = {} }',
            (
                "tool.ringfence.seed.columns.t.c says nothing|say one of: values, provider,"
                " distribution, sql"
            ),
        ),
        (
            'columns = { "t.c" = { values = ["a"], sql = "b" } }',
            (
                "tool.ringfence.seed.columns.t.c says values and sql|say one of: values, provider,"
                " distribution, sql"
            ),
        ),
        (
            'columns = { "t.c" = { provder = "email" } }',
            "unknown key provder in [tool.ringfence.seed.columns.t.c]|did you mean provider?",
        ),
        (
            'columns = { "t.c" = { values = ["a", "b"], weights = [1] } }',
            (
                "tool.ringfence.seed.columns.t.c has 1 weights for 2 values|give each value a weight,"
                " not all 0"
            ),
        ),
        (
            'columns = { "t.c" = { distribution = "gauss" } }',
            (
                'tool.ringfence.seed.columns.t.c has distribution "gauss"|known: uniform, normal,'
                " exponential"
            ),
        ),
        (
            'columns = { "t.c" = { distribution = "normal", mean = 1 } }',
            (
                "tool.ringfence.seed.columns.t.c does not say deviation of its distribution|a"
                " distribution that is normal has mean and deviation"
            ),
        ),
        (
            'columns = { "t.c" = { distribution = "uniform", low = 9, high = 1 } }',
            (
                "tool.ringfence.seed.columns.t.c has low = 9 above high = 1|low must not be above"
                " high"
            ),
        ),
        (
            'columns = { "t.c" = { distribution = "exponential", mean = -4 } }',
            (
                "tool.ringfence.seed.columns.t.c has mean = -4|an exponential distribution has a"
                " mean above 0"
            ),
        ),
        (
            'columns = { "t.c" = { distribution = "normal", mean = 1, deviation = -1 } }',
            "tool.ringfence.seed.columns.t.c has deviation = -1|it must not be below 0",
        ),
        (
            'columns = { "t.c" = [] }',
            'tool.ringfence.seed.columns.t.c is []|it must be a list: ["a", "b"]',
        ),
        (
            'columns = { "t.c" = [["a"]] }',
            "tool.ringfence.seed.columns.t.c holds ['a']|write it as a string",
        ),
        (
            'rows = { "t" = 0 }',
            "tool.ringfence.seed.rows.t is 0|it must be a whole number above 0",
        ),
        ("rows = 5", "tool.ringfence.seed.rows is 5|it must be a whole number above 0"),
        ("skew = -1", "tool.ringfence.seed.skew is -1|it must be a number, 0 or more"),
        ("skew = inf", "tool.ringfence.seed.skew is inf|it must be a number, 0 or more"),
        ('skew = "1"', "tool.ringfence.seed.skew is '1'|it must be a number, 0 or more"),
    ],
)
def test_wishes_of_a_seed_that_make_no_sense(tmp_path: Path, line: str, said: str) -> None:
    path = tmp_path / "pyproject.toml"
    path.write_text(f"[tool.ringfence.seed]\n{line}\n")
    with pytest.raises(Misuse) as caught:
        load(path)
    message, _, hint = said.partition("|")
    assert described(caught.value).splitlines() == [
        f"error: {message}", f"  {path}:2:1", f"  2 | {line}", "    | ^", f"hint: {hint}",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "table",
    [
        "",
        "server_version = 16",
        "server-version = 15",
        'database = "x y"',
        'database = ""',
        'database = "d"\nserver_version = 0',
    ],
)
def test_what_the_server_needs_to_know_is_what_the_configuration_says(
    tmp_path: Path, table: str
) -> None:
    (tmp_path / "pyproject.toml").write_text(f"[tool.ringfence]\n{table}\n")
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "pyproject.toml").write_text("[tool.other]\n")
    found = need(tmp_path / "in")
    assert server_of(tmp_path / "in") == (
        found.root, found.config.server_version, found.database,
    )  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
        "[tool.ringfence]\nserver_version = 'x'\n",
        "[tool.ringfence]\nserver_version = true\n",
        "[tool.ringfence]\nserver_version = 9\n",
        "[tool.ringfence]\ndatabase = 1\n",
        "[tool]\nringfence = 1\n",
        "[tool.ringfence\n",
    ],
)
def test_what_is_wrong_for_the_server_is_said_as_for_all(tmp_path: Path, text: str) -> None:
    (tmp_path / "pyproject.toml").write_text(text)
    with pytest.raises(Misuse) as expected:
        find(tmp_path)
    with pytest.raises(Misuse) as caught:
        server_of(tmp_path)
    assert described(caught.value) == described(expected.value)


def test_without_a_project_there_is_no_server(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[project]\nname = 'x'\n")
    assert server_of(tmp_path) is None
