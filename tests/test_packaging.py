"""What is installed is whole: the wheel holds everything that ringfence needs when it runs."""

from __future__ import annotations

import email
import json
import os
import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from packaging.requirements import Requirement

from ringfence import __version__
from ringfence.pg import embedded

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[1]


def build(source: Path, target: Path, what: str) -> Path:
    """A wheel or an sdist of the project in `source`, made without a network."""
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", what, "-d", target],
        cwd=source,
        check=True,
        capture_output=True,
    )
    (made,) = target.iterdir()
    return made


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(ROOT, tmp_path_factory.mktemp("wheel"), "wheel")


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel as pip lays it out, its dependencies left to the environment of the tests."""
    target = tmp_path_factory.mktemp("installed")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    subprocess.run([*pip, "--no-deps", "--no-index", "--target", target, wheel], check=True)
    return target


def files(folder: Path) -> set[str]:
    """The files below a folder that are ours."""
    return {
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def test_the_wheel_holds_every_file_of_the_source(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if ".dist-info/" not in name}
    project = "ringfence/demo/project/"
    assert {name for name in held if not name.startswith(project)} == {
        f"ringfence/{name}" for name in files(ROOT / "src" / "ringfence")
    }
    assert {name.removeprefix(project) for name in held if name.startswith(project)} == {
        "pyproject.toml",
        *(f"ddl/{name}" for name in files(ROOT / "ddl")),
        *(f"migrations/{name}" for name in files(ROOT / "migrations")),
    }
    assert "ringfence/py.typed" in held


def test_the_wheel_from_an_sdist_is_the_same(wheel: Path, tmp_path: Path) -> None:
    sdist = build(ROOT, tmp_path / "sdist", "sdist")
    with tarfile.open(sdist) as archive:
        archive.extractall(tmp_path, filter="data")
    again = build(tmp_path / f"ringfence-{__version__}", tmp_path / "again", "wheel")
    with zipfile.ZipFile(wheel) as ours, zipfile.ZipFile(again) as theirs:
        assert sorted(ours.namelist()) == sorted(theirs.namelist())


def test_the_wheel_says_what_it_is(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (n for n in archive.namelist() if n.endswith(".dist-info/METADATA"))
        metadata = email.message_from_bytes(archive.read(name))
        scripts = archive.read(name.replace("METADATA", "entry_points.txt")).decode()
    assert metadata["Name"] == "ringfence"
    assert metadata["Version"] == __version__
    assert metadata["License-Expression"] == "Apache-2.0"
    assert metadata["License-File"] == "LICENSE"
    assert metadata["Requires-Python"] == ">=3.11"
    assert "ringfence = ringfence.__main__:run" in scripts


@pytest.fixture
def outside(
    installed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[dict[str, str]]:
    """The environment of somebody who has the package and no project, with a server of their own."""
    home = tmp_path / "home"
    monkeypatch.chdir(tmp_path)
    yield {
        **{name: value for name, value in os.environ.items() if not name.startswith("PG")},
        "PYTHONPATH": str(installed),
        "PYTHONSAFEPATH": "1",
        "RINGFENCE_HOME": str(home),
    }
    embedded.destroy(home)


def ringfence(environment: dict[str, str], *arguments: str) -> str:
    """What a command of the installed package prints."""
    done = subprocess.run(
        [sys.executable, "-m", "ringfence", *arguments],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_what_is_installed_runs(installed: Path, outside: dict[str, str]) -> None:
    where = subprocess.run(
        [sys.executable, "-c", "import ringfence; print(ringfence.__file__)"],
        env=outside,
        capture_output=True,
        text=True,
        check=True,
    )
    assert Path(where.stdout.strip()).is_relative_to(installed)
    assert ringfence(outside, "--version") == f"ringfence {__version__}\n"
    assert ringfence(outside, "db", "url").startswith("postgresql://postgres@/ringfence?host=")
    said = json.loads(ringfence(outside, "demo", "--format", "json"))
    versions = (Path(__file__).parents[1] / "migrations" / "versions").glob("[0-9]*.py")
    assert said["revisions"] == sorted(path.name.partition("_")[0] for path in versions)
    assert said["verify"]["status"] == 0
    assert "0 errors, 0 warnings" in ringfence(outside, "-C", "ringfence-demo", "lint")


def test_the_lock_pins_what_the_project_asks_for() -> None:
    document = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wanted = [*document["project"]["dependencies"], *document["dependency-groups"]["dev"]]
    lock = (ROOT / "requirements-dev.lock").read_text()
    pins = dict(re.findall(r"^([\w-]+)(?:\[[\w,]+\])?==([\w.]+)", lock, re.MULTILINE))
    for requirement in map(Requirement, wanted):
        assert requirement.specifier.contains(pins[requirement.name]), requirement.name
    # Whoever installs uses an index of their own.
    assert "://" not in lock
