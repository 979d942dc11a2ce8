"""Secrets of foreign data and subscriptions are in no catalog and in no plan."""

from __future__ import annotations

import io
import socket
import subprocess
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from engine import catalog, psql
from projects import BIN, Project
from ringfence import sources
from ringfence.change import diff
from ringfence.cli.main import main
from ringfence.planner import plan

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ringfence.model import Catalog

FOREIGN = """
CREATE FOREIGN DATA WRAPPER w OPTIONS (api_key 's3cret', debug 'true');
CREATE SERVER s FOREIGN DATA WRAPPER w OPTIONS (host 'h', "sslPassword" 's3cret');
CREATE USER MAPPING FOR PUBLIC SERVER s OPTIONS (user 'u', password 's3cret');
CREATE FOREIGN TABLE t (id int) SERVER s OPTIONS (access_token 's3cret', name 'n');
"""


def everything(one: Catalog) -> str:
    """All that a catalog says."""
    return "\n".join(f"{fact.ref} {dict(fact.attrs)}" for fact in one.facts.values())


def test_options_named_like_secrets_are_hidden(make_database: Callable[..., str]) -> None:
    empty, full = make_database(), make_database()
    psql(full, FOREIGN)
    wanted = catalog(full)
    assert "s3cret" not in everything(wanted)
    assert "debug=true" in everything(wanted)
    script = plan(catalog(empty), wanted, executor="postgres").script()
    assert "s3cret" not in script
    assert (
        "-- its secrets are not known here: afterwards, "
        "ALTER USER MAPPING FOR PUBLIC SERVER s OPTIONS (SET password '…')\n"
    ) in script
    psql(empty, script)
    assert diff(catalog(empty), wanted) == ()


def test_a_secret_in_place_is_left_alone(make_database: Callable[..., str]) -> None:
    one, two = make_database(), make_database()
    psql(one, FOREIGN)
    psql(two, FOREIGN.replace("s3cret", "another").replace("user 'u'", "user 'v'"))
    made = plan(catalog(one), catalog(two))
    assert [s.sql for s in made.steps] == [
        "ALTER USER MAPPING FOR PUBLIC SERVER s OPTIONS (SET \"user\" 'v')"
    ]
    psql(one, made.script())
    with psycopg.connect(one) as connection:
        row = connection.execute("SELECT umoptions FROM pg_user_mappings").fetchone()
    assert row is not None
    assert sorted(row[0]) == ["password=s3cret", "user=v"]


@pytest.fixture
def publisherless(make_database: Callable[..., str]) -> Iterator[str]:
    """A database whose subscriptions are dropped, so that it can be."""
    one = make_database()
    yield one
    with psycopg.connect(one, autocommit=True) as connection:
        found = connection.execute(
            "SELECT s.subname FROM pg_subscription AS s JOIN pg_database AS d"
            " ON d.oid = s.subdbid WHERE d.datname = current_database()"
        ).fetchall()
        for (name,) in found:
            connection.execute(f"ALTER SUBSCRIPTION {name} SET (slot_name = NONE)")
            connection.execute(f"DROP SUBSCRIPTION {name}")


@pytest.mark.parametrize(
    ("connection", "shown"),
    [
        ("host=h password=s3cret user=u", "host=h password=******** user=u"),
        (r"password = 's3\'c ret' host=h", "password = ******** host=h"),
        (
            "postgresql://u:s3cret@h/d?application_name=y",
            "postgresql://u:********@h/d?application_name=y",
        ),
        (
            "postgresql://u@h/d?password=s3cret&application_name=y",
            "postgresql://u@h/d?password=********&application_name=y",
        ),
        ("host=h user=u", "host=h user=u"),
    ],
)
def test_a_subscriptions_password_is_hidden(
    publisherless: str, connection: str, shown: str
) -> None:
    with psycopg.connect(publisherless, autocommit=True) as one:
        one.execute(
            psycopg.sql.SQL(
                "CREATE SUBSCRIPTION s CONNECTION {} PUBLICATION p WITH (connect = false)"
            ).format(connection)
        )
    found = [f for r, f in catalog(publisherless).facts.items() if r.kind == "subscription"]
    assert [f["connection"] for f in found] == [shown]


def test_what_only_a_superuser_may_read_is_named(publisherless: str) -> None:
    with psycopg.connect(publisherless, autocommit=True) as one:
        one.execute(
            "CREATE SUBSCRIPTION s CONNECTION 'host=h' PUBLICATION p WITH (connect = false)"
        )
        one.execute("CREATE FOREIGN DATA WRAPPER w")
        one.execute("CREATE SERVER s FOREIGN DATA WRAPPER w")
        one.execute("CREATE USER MAPPING FOR CURRENT_USER SERVER s OPTIONS (user 'u')")
        one.execute("SET SESSION AUTHORIZATION pg_monitor")
        from ringfence.pg.extract import extract

        found = extract(one)
    assert not any(r.kind == "subscription" for r in found.facts)
    assert [(u.what, u.name) for u in found.unmodeled] == [
        ("subscription", "s"),
        ("user mapping", "postgres for s"),
    ]


DSN = "postgresql://somebody:S3CR3T@127.0.0.1:1/d"
PAIRS = "host=127.0.0.1 port=1 password=S3CR3T dbname=d"


@pytest.mark.parametrize(
    "argv",
    [
        ["migrate", PAIRS],
        ["verify", PAIRS],
        [PAIRS],
        ["-C", PAIRS, "status"],
        ["lint", "host=h password = 'my S3CR3T'"],
        ["migrate", DSN],
        [DSN],
        ["-C", DSN, "status"],
        ["migrate", "--to", DSN],
        ["verify", "--claim", DSN],
        ["lint", DSN],
        ["explain", DSN],
        ["status", "--format", DSN],
        ["history", "-n", DSN],
        ["seed", "--rows", DSN],
        ["db", "start", "--port", DSN],
        ["db", DSN],
        ["db", "url", DSN],
        ["completion", DSN],
        ["demo", DSN],
        ["diff", DSN, "nowhere"],
        ["rehearse", DSN],
    ],
    ids=" ".join,
)
def test_a_dsn_in_the_wrong_place_is_repeated_without_its_password(
    argv: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool.ringfence]\n")
    (tmp_path / "migrations" / "versions").mkdir(parents=True)
    (tmp_path / "migrations" / "env.py").write_text("")
    monkeypatch.chdir(tmp_path)
    out = io.StringIO()
    with redirect_stdout(out), redirect_stderr(out):
        assert main(argv) != 0
    assert "S3CR3T" not in out.getvalue()
    assert sorted(p.name for p in tmp_path.iterdir()) in (
        ["migrations", "pyproject.toml"],
        [".ringfence", "migrations", "pyproject.toml"],
    )


@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="there is no /proc")
@pytest.mark.parametrize(
    "dsn",
    [
        "postgresql://me:s3cr%40t@127.0.0.1:{port}/shop?sslpassword=s3cret",
        "host=127.0.0.1 port={port} user=me password=s3cret dbname=shop",
        "host=127.0.0.1 port={port} user=me password = 's3cret of two' dbname=shop",
    ],
)
def test_who_lists_processes_reads_no_password(dsn: str, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        text = dsn.format(port=server.getsockname()[1])
        run = subprocess.Popen(
            [BIN / "ringfence", "verify", "--dsn", text],
            cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        connection, _ = server.accept()  # it has begun
        seen = Path(f"/proc/{run.pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
        connection.close()
    assert "verify --dsn" in seen
    assert "127.0.0.1" in seen
    assert "*" in seen
    assert "s3cr" not in seen
    out, err = run.communicate()
    assert "s3cr" not in out + err


def _forms(dsn: str) -> dict[str, str]:
    """A database's connection string in each form, with all that may be secret in it."""
    parts: dict[str, str] = {k: str(v) for k, v in conninfo_to_dict(dsn).items()}
    secret = {"password": "S3CR3T", "sslpassword": "S3CR3T"}
    where = {k: parts[k] for k in ("host", "port") if k in parts}
    query = urlencode(where | {"sslpassword": "S3CR3T"})
    url = f"postgresql://{parts['user']}:S3CR3T@/{parts['dbname']}?{query}"
    return {
        "url": url,
        "pairs": " ".join(f"{k} = '{v}'" for k, v in {**parts, **secret}.items()),
    }


@pytest.mark.parametrize("form", ["url", "pairs"])
def test_what_names_a_database_is_shown_without_its_secrets(
    form: str, make_database: Callable[..., str], tmp_path: Path
) -> None:
    one, other = make_database(), make_database()
    psql(one, "CREATE TABLE t (id int)")
    plain = Project(tmp_path / "project")
    (plain.root / "ddl").mkdir()
    (plain.root / "ddl" / "t.sql").write_text("CREATE TABLE t (id bigint);\n")
    here, there = _forms(one)[form], _forms(other)[form]
    gone = there.replace(str(conninfo_to_dict(other)["dbname"]), "not_there")
    for argv in (
        *(["diff", here, there, "--format", f] for f in ("json", "markdown")),
        ["diff", here, gone],
        ["diff", "ddl", here, "--no-proof"],
        ["diff", here, "ddl", "--shadow", gone],
        ["snapshot", here],
        ["plan", "-m", "first", "--shadow", gone],
        ["plan", "-m", "first", "--dsn", here],
        *([command, "--dsn", gone]
          for command in ("snapshot", "pull", "plan -m x", "verify", "status", "history", "seed",
                          "check", "rehearse", "migrate")),
        *(["verify", "--dsn", here, "--format", f] for f in ("text", "json", "markdown", "junit")),
        ["pull", "--dsn", there],
        ["init", str(tmp_path / "new"), "--from", gone],
        ["init", str(tmp_path / "new"), "--from", here],
    ):  # fmt: skip
        done = plain.run(*argv[0].split(), *argv[1:])
        assert "S3CR3T" not in done.out + done.err, argv
    assert plain.run("diff", here, here).err.endswith(" are the same\n")


def test_two_connection_strings_name_two_databases(make_database: Callable[..., str]) -> None:
    one, other = (sources.source(None, make_database()) for _ in "12")
    assert one.spec != other.spec
