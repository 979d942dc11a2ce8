"""The fixtures that a project's own tests get, in a pytest of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import psycopg

from projects import Project

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import SomeServer

UP = """
CREATE TABLE tenants (id UUID PRIMARY KEY, name TEXT NOT NULL);
CREATE TABLE notes (id UUID PRIMARY KEY, tenant UUID NOT NULL REFERENCES tenants);
ALTER TABLE notes ENABLE ROW LEVEL SECURITY;
CREATE POLICY p ON notes USING (tenant = nullif(current_setting('app.t', true), '')::UUID);
"""
TESTS = """
def test_two_tenants(tenants):
    assert len(tenants) == 2
    with tenants.connect() as owner:
        assert owner.execute("SELECT count(*) FROM notes").fetchone() == (10,)
        owner.execute("DELETE FROM notes")

def test_in_a_database_of_its_own(tenants):
    with tenants.connect(tenants[1]) as connection:
        assert connection.execute("SELECT count(*) FROM notes").fetchone() == (10,)
        assert connection.execute("SHOW app.t").fetchone() == (tenants.ids[1],)
"""


def run(project: Path, dsn: str, *more: str) -> subprocess.CompletedProcess[str]:
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("PYTEST", "RINGFENCE"))}
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-W", "error", "-p", "no:cacheprovider",
         "-p", "no:randomly", "--rootdir", str(project), *more],
        cwd=project, env={**environment, "RINGFENCE_TEST_DSN": dsn}, capture_output=True, text=True,
        check=False,
    )  # fmt: skip


def test_two_seeded_tenants_for_each_test(tmp_path: Path, server: SomeServer) -> None:
    project = Project(tmp_path / "project")
    project.revision("0001", UP)
    (project.root / "test_it.py").write_text(TESTS)
    done = run(project.root, server.dsn())
    assert "2 passed" in done.stdout, done.stdout + done.stderr
    with psycopg.connect(server.dsn()) as conn:
        left = conn.execute("SELECT datname FROM pg_database WHERE datname ~ '^ringfence_tenants'")
        assert [name for (name,) in left.fetchall() if str(os.getpid()) in name] == []


def test_a_run_that_does_not_ask_is_left_alone(tmp_path: Path) -> None:
    """No project, no server, and nothing of ringfence's loaded but the plugin."""
    (tmp_path / "test_it.py").write_text(
        "import sys\n"
        "def test_it():\n"
        "    loaded = {n for n in sys.modules if n.startswith('ringfence')}\n"
        "    assert loaded == {'ringfence', 'ringfence.pytest_plugin'}, loaded\n"
        "    assert 'psycopg' not in sys.modules\n"
    )
    done = run(tmp_path, "nowhere", "-p", "no:postgresql")
    assert "1 passed" in done.stdout, done.stdout + done.stderr


def test_a_project_s_own_fixture_of_the_name_wins(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text(
        "import pytest\n@pytest.fixture\ndef tenants():\n    return 'mine'\n"
    )
    (tmp_path / "test_it.py").write_text("def test_it(tenants):\n    assert tenants == 'mine'\n")
    assert "1 passed" in run(tmp_path, "nowhere").stdout


def test_without_a_project_the_fixture_says_so(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text("def test_it(tenants):\n    pass\n")
    done = run(tmp_path, "nowhere")
    assert "no ringfence project here" in done.stdout
