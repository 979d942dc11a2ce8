"""A new project, empty or made from a database that exists."""

from __future__ import annotations

import re
from contextlib import contextmanager, suppress
from importlib.resources import files
from typing import TYPE_CHECKING

from ringfence import lockfile, revisions
from ringfence import project as projects
from ringfence.errors import Misuse, Refused
from ringfence.model import quoted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from ringfence.model import Catalog
    from ringfence.pg.connect import Target
    from ringfence.project import Project

# Where each template goes. None of them is written over a file that is there.
_FILES = {
    "env.py.txt": "migrations/env.py",
    "script.py.mako": "migrations/script.py.mako",
    "ci.yml.txt": ".github/workflows/ringfence.yml",
    "pre-commit.yaml.txt": ".pre-commit-config.yaml",
}
# What else it writes, and where it makes room.
_OWN = ("pyproject.toml", ".gitignore", "migrations/ringfence.lock")
_FOLDERS = ("migrations/versions", "ddl")


def init(directory: Path) -> tuple[Project, tuple[Path, ...]]:
    """Make a project in `directory`; returns it and the files that were written or changed.

    A pyproject.toml that is there gets the tables it lacks. Raises `Refused` in a directory that is
    a project already.
    """
    directory.mkdir(parents=True, exist_ok=True)
    pyproject = directory / "pyproject.toml"
    if pyproject.is_file():
        from ringfence.config import load

        if load(pyproject) is not None:
            raise Refused(
                f"{pyproject} has a [tool.ringfence] table: this is a project already",
                hint="ringfence status says where it stands",
            )
    written = [pyproject]
    before = pyproject.read_text(encoding="utf-8") if pyproject.is_file() else ""
    tables = _template("pyproject.toml.txt")
    if "[tool.alembic]" in before:
        tables = tables.partition("\n[tool.alembic]")[0]
    pyproject.write_text(f"{before.rstrip()}\n\n{tables}".lstrip(), encoding="utf-8")
    for name, where in _FILES.items():
        path = directory / where
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(_template(name), encoding="utf-8")
            written.append(path)
    for folder in _FOLDERS:
        (directory / folder).mkdir(parents=True, exist_ok=True)
        keep = directory / folder / ".gitkeep"
        if not any((directory / folder).iterdir()):
            keep.touch()
            written.append(keep)
    ignore = directory / ".gitignore"
    ignored = ignore.read_text(encoding="utf-8") if ignore.is_file() else ""
    if new := [
        line for line in (".ringfence/", "__pycache__/") if line not in ignored.splitlines()
    ]:
        ignored += "\n" * bool(ignored and not ignored.endswith("\n"))
        ignore.write_text(ignored + "".join(f"{line}\n" for line in new), encoding="utf-8")
        written.append(ignore)
    project = projects.need(directory)
    if not lockfile.path(project).exists():
        written.append(lockfile.write(project, revisions.read(project)))
    return project, tuple(written)


@contextmanager
def whole(directory: Path) -> Iterator[None]:
    """What fails in here leaves `directory` as it was."""
    before = {f: f.read_bytes() for f in _files(directory)}
    folders = {p for p in _places(directory) if p.exists()}
    home = directory / ".ringfence"
    served = home.exists()
    try:
        yield
    except BaseException:
        for file in {*before, *_files(directory)}:
            if file not in before:
                file.unlink()
            elif not file.is_file() or file.read_bytes() != before[file]:
                file.write_bytes(before[file])
        if not served and home.exists():
            from ringfence.pg import embedded

            embedded.destroy(home)
        new = {*_places(directory)} - folders
        for folder in sorted(new, key=lambda p: len(p.parts), reverse=True):
            with suppress(OSError):  # there is something in it, or it never came to be
                folder.rmdir()
        raise


def _files(directory: Path) -> list[Path]:
    """The files that may have been written."""
    known = [directory / name for name in (*_FILES.values(), *_OWN)]
    trees = [f for folder in _FOLDERS for f in (directory / folder).rglob("*")]
    return [f for f in (*known, *trees) if f.is_file()]


def _places(directory: Path) -> list[Path]:
    """The folders that may have been made, up to the outermost."""
    files = [directory / name for name in (*_FILES.values(), *_OWN)]
    trees = [directory / folder for folder in _FOLDERS]
    below = [p for tree in trees for p in tree.rglob("*") if p.is_dir()]
    return [*(p for f in (*files, *trees) for p in f.parents), *trees, *below]


def adopt(
    project: Project,
    dsn: str,
    shadow: str | None = None,
    *,
    tell: Callable[[str], None] = lambda _: None,
) -> tuple[Path, ...]:
    """Write ddl/ and the first revision from a live database. Returns the files written.

    What is there and no file can say is told.

    The database itself is only read; `ringfence.migrate.baseline` records the revision in it. Raises
    `Refused`, before anything is written, where it could not.
    """
    from ringfence import revise, sources
    from ringfence.pg.connect import named
    from ringfence.pull import pull

    _refuse_known(project, named(dsn, "--from"))
    side = sources.source(project, "live", dsn)
    with sources.shop(project, (side,), shadow) as shop:
        catalog = shop.catalog(side)
        if not catalog.facts:
            raise Misuse("the database is empty: there is nothing to adopt")
        done = pull(project, shop, side)
        for thing in done.unwritten:
            tell(f"not written: {thing}")
    written = [project.ddl / name for name in done.written]
    roles = _roles(catalog)
    if roles:
        path = project.ddl / "roles.sql"
        path.write_text(roles, encoding="utf-8")
        written.append(path)
    revised = revise.revise(
        project, "what was there", online=False, allow=("NOT_REVERSIBLE",), shadow=shadow
    )
    for path in revised.files:
        if path.name.endswith(".up.sql") and roles and path == revised.files[1]:
            # Roles are the server's, not the database's: no difference of schemas makes them, and
            # no way back drops them, for another database may have something of theirs.
            said = "".join(f"-- ringfence: allowed: {name}\n" for name in _left(catalog))
            text = path.read_text(encoding="utf-8")
            head, _, rest = text.partition("-- noqa: disable=all\n")
            text = f"{head}-- noqa: disable=all\n\n{roles}{rest}"
            path.write_text(said + text, encoding="utf-8")
    if lockfile.path(project).is_file():
        lockfile.write(project, revisions.read(project))
    for folder in (project.ddl, project.migrations / "versions"):
        (folder / ".gitkeep").unlink(missing_ok=True)
    return (*written, *revised.files)


def _refuse_known(project: Project, target: Target) -> None:
    """Raise `Refused` where no baseline can be recorded."""
    from ringfence.pg import ledger
    from ringfence.pg.connect import connect
    from ringfence.pg.runner import refuse_standby

    schema = project.config.migrate.schema
    with connect(target, pinned=True) as connection:
        refuse_standby(connection, target)
        state = ledger.state(connection, schema)
        if state.current:
            raise Refused(
                f"{target.shown} stands at revision {', '.join(state.current)} already: a project"
                " has its files",
                hint="work in that one; where its files are lost, DROP SCHEMA"
                f" {quoted(schema)} CASCADE in the database forgets them, and init begins anew",
            )
        row = connection.execute(
            "SELECT has_database_privilege(current_database(), 'CREATE')"
            " OR to_regnamespace(quote_ident(%s)) IS NOT NULL, quote_ident(current_database())",
            [schema],
        ).fetchone()
        assert row is not None
        if not row[0]:
            role = quoted(connection.info.user)
            raise Refused(
                f"{role} may not make schema {quoted(schema)} in {target.shown}, which remembers"
                " what is applied",
                hint=f"GRANT CREATE ON DATABASE {row[1]} TO {role}; or connect as its owner",
            )


def _left(catalog: Catalog) -> list[str]:
    """The hazards of what the way back leaves: the roles. A name that no line can hold goes by the code."""
    from ringfence.model import Ref

    paths = [Ref("role", (name,)).path for name in _named(catalog)]
    code = "NOT_REVERSIBLE"
    return [f"{code}:{p}" if len(p.splitlines()) == 1 else code for p in paths]


def _named(catalog: Catalog) -> list[str]:
    """The roles that the schema names, but for the server's own."""
    from ringfence.kinds import kind_of

    names = {role for fact in catalog.facts.values() for role in kind_of(fact.ref).roles(fact)}
    names -= {"", "public", "none", "postgres"}
    return sorted(n for n in names if not re.match("pg_", n))


def _roles(catalog: Catalog) -> str:
    """SQL that makes each role the schema names, where it is not there yet."""
    from ringfence.kinds._sql import ident, literal

    text = ""
    for name in _named(catalog):
        there = f"SELECT 1 FROM pg_roles WHERE rolname = {literal(name).lstrip()}"  # noqa: S608 - quoted
        text += (
            "DO $$\nBEGIN\n"
            f"    IF NOT EXISTS ({there}) THEN\n"
            f"        CREATE ROLE {ident(name)};\n"
            "    END IF;\nEND;\n$$;\n\n"
        )
    return text.rstrip("\n") + "\n" if text else ""


def _template(name: str) -> str:
    return (files(__package__) / "template" / name).read_text(encoding="utf-8")
