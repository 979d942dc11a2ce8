"""`ringfence db`: what it prints where, and with which status it ends."""

from __future__ import annotations

import json
import os
import pty
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import psycopg
import pytest

from ringfence.cli.main import main
from ringfence.pg import binaries, embedded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Outcome(NamedTuple):
    """How a command line ended."""

    status: int
    out: str
    err: str


@pytest.fixture
def project(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A project with a server of its own, and we are in it."""
    root = Path(tempfile.mkdtemp(prefix="p", dir=os.environ["RINGFENCE_TEST_RUN"]))
    (root / "pyproject.toml").write_text("[tool.ringfence]\n")
    monkeypatch.delenv("RINGFENCE_HOME")
    monkeypatch.chdir(root)
    yield root
    embedded.destroy(root / ".ringfence")
    shutil.rmtree(root)


@pytest.fixture
def db(capfd: pytest.CaptureFixture[str]) -> Callable[..., Outcome]:
    """Runs `ringfence db …`."""

    def run(*arguments: str) -> Outcome:
        status = main(["db", *arguments])
        out, err = capfd.readouterr()
        return Outcome(status, out, err)

    return run


def process(*arguments: str, stdin: int = subprocess.DEVNULL) -> Outcome:
    """The same in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "ringfence", "db", *arguments],
        stdin=stdin,
        capture_output=True,
        text=True,
    )
    return Outcome(done.returncode, done.stdout, done.stderr)


def current(dsn: str) -> tuple[object, ...] | None:
    with psycopg.connect(dsn) as connection:
        return connection.execute("SELECT current_database(), current_user").fetchone()


def test_start_stop(project: Path, db: Callable[..., Outcome]) -> None:
    started = db("start")
    assert started.status == 0
    assert started.err.startswith("started PostgreSQL ")
    assert current(started.out.strip()) == ("ringfence", "postgres")
    assert db("start") == (0, started.out, "")
    assert db("stop") == (0, "", "stopped\n")
    assert db("stop") == (0, "", "the server was not running\n")


def test_the_project_s_own_database(project: Path, db: Callable[..., Outcome]) -> None:
    (project / "pyproject.toml").write_text('[tool.ringfence]\ndatabase = "my shop"\n')
    url = db("url").out.strip()
    assert current(url) == ("my shop", "postgres")
    with psycopg.connect(db("url", "postgres").out.strip(), autocommit=True) as connection:
        connection.execute('DROP DATABASE "my shop"')
    assert db("start").out.strip() == url
    assert current(url) == ("my shop", "postgres")


def test_url_prints_the_url_alone(project: Path, db: Callable[..., Outcome]) -> None:
    first = db("url")
    assert first.status == 0
    assert first.out.count("\n") == 1
    assert first.err.startswith("started PostgreSQL ")
    assert db("url") == (0, first.out, "")
    assert db("url", "other").out == first.out.replace("/ringfence?", "/other?")


def test_url_works_where_a_folder_below_is(
    project: Path, db: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    url = db("url").out
    (project / "a" / "b").mkdir(parents=True)
    monkeypatch.chdir(project / "a" / "b")
    assert db("url").out == url
    monkeypatch.chdir("/")
    main(["-C", str(project), "db", "url"])


def test_url_through_tcp_holds_no_password(project: Path, db: Callable[..., Outcome]) -> None:
    import socket

    db("start")
    refused = db("url", "--tcp")
    assert (refused.status, refused.out) == (2, "")
    assert "hint: ringfence db stop, then ringfence db start --port" in refused.err
    db("stop")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    db("start", "--port", port)
    url = db("url", "--tcp").out.strip()
    assert url.startswith(f"postgresql://postgres@127.0.0.1:{port}/ringfence?passfile=")
    password = (project / ".ringfence" / "password").read_text().strip().rpartition(":")[2]
    assert password not in url
    assert current(url) == ("ringfence", "postgres")
    assert f"tcp       127.0.0.1:{port}\n" in db("status").out


def test_status(project: Path, db: Callable[..., Outcome]) -> None:
    assert db("status") == (1, "not running\n", "")
    home = str(project / ".ringfence")
    answer = db("status", "--format", "json")
    assert answer.status == 1
    assert json.loads(answer.out) == {"running": False, "home": home, "servers": []}
    assert not (project / ".ringfence").exists()
    url = db("url").out.strip()
    answer = db("status")
    assert answer.status == 0
    assert f"url       {url}\n" in answer.out
    answer = db("status", "--format", "json")
    assert answer.status == 0
    known = json.loads(answer.out)
    assert known["running"] is True
    assert [server["url"] for server in known["servers"]] == [url]
    assert Path(known["servers"][0]["data"]).is_dir()


def test_psql(project: Path) -> None:
    query = "SELECT current_database(), current_user"
    assert process("psql", "-At", "-c", query).out == "ringfence|postgres\n"
    assert process("psql", "--", "-At", "-c", query).out == "ringfence|postgres\n"
    # psql's own words for another database still mean it.
    assert process("psql", "-At", "-c", query, "-d", "template1").out == "template1|postgres\n"
    assert process("psql", "-At", "-c", query, "postgres").out == "postgres|postgres\n"
    assert process("psql", "-v", "ON_ERROR_STOP=1", "-c", "SELECT 1/0").status == 1


def test_psql_is_not_led_elsewhere(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGHOST", "/nowhere")
    monkeypatch.setenv("PGHOSTADDR", "127.0.0.9")
    monkeypatch.setenv("PGPORT", "1")
    monkeypatch.setenv("PGSERVICE", "nowhere")
    monkeypatch.setenv("PGOPTIONS", "-c search_path=nowhere")
    assert process("psql", "-At", "-c", "SELECT 1").out == "1\n"


def test_psql_where_there_is_none(
    project: Path, db: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    from ringfence.pg import binaries

    monkeypatch.setattr(binaries, "find_psql", lambda _: None)
    outcome = db("psql")
    assert outcome.status == 2
    assert "there is no psql on this machine" in outcome.err


def test_destroy_wants_a_yes(project: Path, db: Callable[..., Outcome]) -> None:
    url = db("url").out.strip()
    refused = process("destroy")
    assert (refused.status, refused.out) == (2, "")
    assert "hint: ringfence db destroy --yes" in refused.err
    assert current(url) == ("ringfence", "postgres")
    assert db("destroy", "--yes") == (0, "", "deleted\n")
    assert not (project / ".ringfence").exists()
    assert db("destroy", "--yes") == (0, "", "there was nothing to delete\n")


@pytest.mark.parametrize(("word", "status"), [("n", 1), ("y", 0)])
def test_destroy_asks(project: Path, db: Callable[..., Outcome], word: str, status: int) -> None:
    db("start")
    ours, theirs = pty.openpty()
    try:
        os.write(ours, f"{word}\n".encode())
        outcome = process("destroy", stdin=theirs)
    finally:
        os.close(ours)
        os.close(theirs)
    assert outcome.status == status
    assert outcome.out == ""
    assert f"Delete every database in {project}/.ringfence?" in outcome.err
    assert (project / ".ringfence").exists() is (word == "n")


def test_logs(project: Path, db: Callable[..., Outcome]) -> None:
    nothing = db("logs")
    assert (nothing.status, nothing.out) == (2, "")
    with psycopg.connect(db("url").out.strip()) as connection, pytest.raises(psycopg.Error):
        connection.execute("SELECT nonsense")
    shown = db("logs", "-n", "2")
    assert shown.out.count("\n") == 2
    assert 'column "nonsense" does not exist' in shown.out
    assert "server-" in shown.err
    assert db("logs", "-n", "0").out == ""


def test_outside_a_project(
    tmp_path: Path, db: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("RINGFENCE_HOME")
    monkeypatch.chdir(tmp_path)
    for words in (("start",), ("stop",), ("status",), ("url",), ("psql",), ("logs",)):
        outcome = db(*words)
        assert (outcome.status, outcome.out) == (2, "")
        assert "no ringfence project here" in outcome.err
    assert list(tmp_path.iterdir()) == []


def test_outside_a_project_with_a_home(
    project: Path, db: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / "pyproject.toml").unlink()
    monkeypatch.setenv("RINGFENCE_HOME", str(project / ".ringfence"))
    assert current(db("url").out.strip()) == ("ringfence", "postgres")
    assert db("destroy", "--yes").status == 0


def test_the_major_that_the_project_asks_for(project: Path, db: Callable[..., Outcome]) -> None:
    (project / "pyproject.toml").write_text("[tool.ringfence]\nserver_version = 97\n")
    outcome = db("url")
    assert (outcome.status, outcome.out) == (2, "")
    assert "there is no PostgreSQL 97" in outcome.err
    assert "RINGFENCE_BINARIES" in outcome.err


@pytest.mark.parametrize("words", [(), ("url",), ("start",), ("psql", "-c", "SELECT 1")])
def test_the_major_that_a_command_asks_for(
    project: Path, db: Callable[..., Outcome], words: tuple[str, ...]
) -> None:
    outcome = db("--server-version", "97", *words)
    assert (outcome.status, outcome.out) == (2, "")
    assert "there is no PostgreSQL 97" in outcome.err


def test_the_bundled_major_by_its_number(project: Path, db: Callable[..., Outcome]) -> None:
    major = binaries.find_binaries().major
    outcome = db("--server-version", str(major))
    assert outcome.status == 0
    assert outcome.out == db("url").out
    assert db().status == 2


@pytest.mark.parametrize("words", [("--server-version", "x"), ("--port", "99999")])
def test_asked_wrongly(project: Path, db: Callable[..., Outcome], words: tuple[str, ...]) -> None:
    outcome = db("start", *words)
    assert (outcome.status, outcome.out) == (2, "")
    assert "error: Invalid value" in outcome.err


def test_a_server_that_does_not_start_is_no_traceback(
    project: Path, db: Callable[..., Outcome]
) -> None:
    db("start")
    db("stop")
    settings = next((project / ".ringfence").glob("data-*/postgresql.conf"))
    settings.write_text("work_mem = plenty\n")
    outcome = db("start")
    assert (outcome.status, outcome.out) == (3, "")
    assert "error: the embedded server did not start" in outcome.err
    assert "work_mem" in outcome.err
    assert "Traceback" not in outcome.err


def test_the_warm_path_imports_nothing_heavy(project: Path, db: Callable[..., Outcome]) -> None:
    db("start")
    code = """
import sys
from ringfence.cli.main import main
assert main(["db", "start"]) == 0
heavy = {"ringfence.config", "psycopg", "rich", "alembic", "sqlalchemy", "sqlfluff", "importlib.metadata", "subprocess"}
print(sorted(heavy & set(sys.modules)), file=sys.stderr)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr == "[]\n"


def test_git_sees_nothing_of_it(project: Path, db: Callable[..., Outcome]) -> None:
    if shutil.which("git") is None:
        pytest.skip("needs git")
    db("start")
    subprocess.run(["git", "init", "-q"], check=True)
    seen = subprocess.run(
        ["git", "status", "--porcelain"], check=True, capture_output=True, text=True
    )
    assert seen.stdout == "?? pyproject.toml\n"
    assert stat.S_IMODE((project / ".ringfence").stat().st_mode) == 0o700


def test_ctrl_c_in_the_terminal_leaves_the_server_alone(
    project: Path, db: Callable[..., Outcome]
) -> None:
    url = db("url").out.strip()
    server = embedded.running(project / ".ringfence")
    assert server is not None
    # A terminal sends SIGINT to the foreground's process group; the server is in none of ours.
    assert os.getpgid(server.pid) != os.getpgrp()
    assert os.getsid(server.pid) == server.pid
    assert current(url) == ("ringfence", "postgres")
    assert signal.getsignal(signal.SIGINT) is not signal.SIG_IGN
