"""A project: the directory with the pyproject.toml that says `[tool.ringfence]`, and what is in it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from ringfence.errors import Misuse

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ringfence.config import Config

DATABASE = "ringfence"
"""The database that a project has where its configuration names none."""


@dataclass(frozen=True)
class Project:
    """Where a project lies and what its configuration says."""

    root: Path
    config: Config

    @cached_property
    def ddl(self) -> Path:
        """The folder of the schema as it should be."""
        return self.root / self.config.ddl

    @cached_property
    def migrations(self) -> Path:
        """Alembic's folder, with env.py and versions/."""
        return self.root / self.config.migrations

    @property
    def database(self) -> str:
        """The database on the embedded server that commands use by default."""
        return self.config.database or DATABASE

    def runs(self, path: Path) -> bool:
        """Whether a file of SQL is one that ringfence runs: it lies where the revisions do."""
        return path.is_relative_to(self.migrations)

    def shown(self, path: Path) -> str:
        """A path as messages show it: relative to the project where it lies inside."""
        if ".." not in path.parts and path.is_relative_to(self.root):
            return path.relative_to(self.root).as_posix()
        try:
            return path.resolve().relative_to(self.root.resolve()).as_posix()
        except ValueError:
            return str(path)


def find(start: Path | None = None) -> Project | None:
    """The project that `start` (default: here) lies in, or None.

    The nearest pyproject.toml upward that has a `[tool.ringfence]` table makes the project. Raises
    `Misuse` when one on the way cannot be read or says something wrong.
    """
    from ringfence.config import load

    for pyproject in _above(start):
        config = load(pyproject)
        if config is not None:
            return Project(pyproject.parent, config)
    return None


def server_of(start: Path | None = None) -> tuple[Path, int, str] | None:
    """The project's directory, the major version it asks for (0: none), and its database; or None.

    What the project's server needs to know, without building the rest of the configuration, which
    takes longer than asking a running server. Raises as `find` does, but not for what is wrong
    elsewhere in the configuration.
    """
    import tomllib

    for pyproject in _above(start):
        try:
            tool = tomllib.loads(pyproject.read_text(encoding="utf-8")).get("tool", {})
            table = tool.get("ringfence") if isinstance(tool, dict) else None
        except (OSError, ValueError):
            break
        if table is None:
            continue
        if not isinstance(table, dict):
            break
        version = table.get("server-version", table.get("server_version", 0))
        database = table.get("database", DATABASE)
        if type(version) is not int or (version and not 14 <= version <= 99):
            break
        if not isinstance(database, str):
            break
        return pyproject.parent, version, database or DATABASE
    # Nothing, or something that `find` has the words for.
    found = find(start)
    return (found.root, found.config.server_version, found.database) if found else None


def _above(start: Path | None) -> Iterator[Path]:
    """Every pyproject.toml in `start` and above it, the nearest first."""
    here = (start or Path.cwd()).absolute()
    if not here.is_dir():
        raise Misuse(f"no such directory: {start}")
    for directory in (here, *here.parents):
        pyproject = directory / "pyproject.toml"
        if pyproject.is_file():
            yield pyproject


def find_root(start: Path) -> Path | None:
    """The directory of the project that `start` lies in, or None."""
    project = find(start)
    return project.root if project else None


def bare(start: Path | None = None) -> Project:
    """Defaults, and no files: for looking at a database where there is no project."""
    from ringfence.config import Config

    return Project((start or Path.cwd()).absolute(), Config())


def need(start: Path | None = None) -> Project:
    """As `find`, but raises `Misuse` where there is no project."""
    project = find(start)
    if project is None:
        raise Misuse(
            f"no ringfence project here: {(start or Path.cwd()).absolute()}",
            detail="no pyproject.toml with a [tool.ringfence] table in this directory or above it",
            hint="cd into a project, or name one with ringfence -C DIR …",
        )
    return project
