"""A project: the directory with the pyproject.toml that says `[tool.ringfence]`, and what is in it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from ringfence.config import Config, load
from ringfence.errors import Misuse


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
        return self.config.database or "ringfence"

    def shown(self, path: Path) -> str:
        """A path as messages show it: relative to the project where it lies inside."""
        try:
            return path.resolve().relative_to(self.root.resolve()).as_posix()
        except ValueError:
            return str(path)


def find(start: Path | None = None) -> Project | None:
    """The project that `start` (default: here) lies in, or None.

    The nearest pyproject.toml upward that has a `[tool.ringfence]` table makes the project. Raises
    `Misuse` when one on the way cannot be read or says something wrong.
    """
    here = (start or Path.cwd()).absolute()
    if not here.is_dir():
        raise Misuse(f"no such directory: {start}")
    for directory in (here, *here.parents):
        pyproject = directory / "pyproject.toml"
        if pyproject.is_file():
            config = load(pyproject)
            if config is not None:
                return Project(directory, config)
    return None


def find_root(start: Path) -> Path | None:
    """The directory of the project that `start` lies in, or None."""
    project = find(start)
    return project.root if project else None


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
