"""The whole of ringfence on an empty database: migrated to the head, seeded, verified.

It runs on the project's embedded server and nowhere else, in a database that carries the demo's mark
(its comment). Only a database with that mark is ever dropped.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from psycopg import sql
from psycopg.conninfo import make_conninfo

from ringfence import claims, migrate, rows
from ringfence import project as projects
from ringfence import seed as seeding
from ringfence.config import load
from ringfence.errors import Bug, Busy, Misuse, Refused
from ringfence.pg.connect import Target, connect, resolve

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from psycopg import Connection

    from ringfence.finding import Report
    from ringfence.migrate import Moved
    from ringfence.project import Project
    from ringfence.seed import Seeded

Part = Literal["server", "migrate", "seed", "verify"]

MARK = "ringfence demo"
"""What the comment of a database begins with that the demo made and may drop."""

FOLDER = "ringfence-demo"
"""Where the packaged project is written when nobody says where."""

_LOCK = 0x72666E64
"""The advisory lock's key ("rfnd"); its other half is a hash of the database's name."""


@dataclass(frozen=True, slots=True)
class Objects:
    """How many objects of a kind there are, by schema."""

    kind: str
    schemas: Mapping[str, int]

    @property
    def count(self) -> int:
        """In all schemas together."""
        return sum(self.schemas.values())


@dataclass(frozen=True, slots=True)
class Demo:
    """What a demo did and found.

    `anew` says whether the database of an earlier demo had to go first; `seconds` how long each part
    took.
    """

    project: Project
    target: Target
    server_version: str
    anew: bool
    moved: tuple[Moved, ...]
    objects: tuple[Objects, ...]
    seeded: Seeded
    report: Report
    seconds: Mapping[Part, float]


def run(
    project: Project,
    *,
    anew: bool = False,
    begins: Callable[[Part], None] = lambda _: None,
) -> Demo:
    """Migrate an empty database of the project's embedded server, seed it, verify it.

    The database of an earlier demo is dropped for it, one that was worked in since only where `anew`
    says so. `begins` is told what comes next. The server is left running. Raises `Refused` when the
    project or the environment names another server, or the database holds what no demo made; `Busy`
    when another demo is at it.
    """
    history = project.config.migrate.schema
    seconds: dict[Part, float] = {}

    @contextmanager
    def part(name: Part) -> Iterator[None]:
        begins(name)
        began = time.perf_counter()
        yield
        seconds[name] = time.perf_counter() - began

    with part("server"):
        target = resolve(project, None)
        if not target.embedded:
            raise _not_ours(target)
        admin = connect(Target(make_conninfo(target.conninfo, dbname="postgres"), *_ours))
    with admin:
        dropped = _emptied(admin, target, project.database, history, anew=anew)
        with part("migrate"):
            _, moved = migrate.migrate(project, target)
        with connect(target) as connection:
            with part("seed"):
                seeded = seeding.seed(
                    connection,
                    tenants=2,
                    tenancy=project.config.tenancy,
                    settings=project.config.seed,
                    exclude_schemas=(history,),
                    record=history,
                )
            with part("verify"):
                report = claims.verify(claims.Case(connection, project, target.shown, target))
            objects = inventory(connection, without=history)
            version = connection.info.parameter_status("server_version") or ""
            _mark(admin, project.database, _digest(connection, history))
    return Demo(project, target, version, dropped, moved, objects, seeded, report, seconds)


def inventory(
    connection: Connection[tuple[object, ...]], *, without: str = ""
) -> tuple[Objects, ...]:
    """What a database holds, by kind, but for PostgreSQL's own, extensions' and one schema."""
    found: dict[str, dict[str, int]] = {}
    for kind, schema, count in connection.execute(_query("objects")).fetchall():
        if schema != without:
            found.setdefault(str(kind), {})[str(schema)] = int(str(count))
    return tuple(Objects(kind, schemas) for kind, schemas in found.items())


def place(start: Path | None, directory: Path | None) -> tuple[Project, bool]:
    """The project to show, and whether it was written just now.

    Without `directory`: the project that `start` (default: here) lies in, else `ringfence-demo` in
    it. In a directory that is no project, the packaged one is written. Raises `Misuse` when that
    directory holds anything else.
    """
    if directory is None:
        project = projects.find(start)
        if project is not None:
            return project, False
    path = (start or Path.cwd()).absolute() / (directory or FOLDER)
    pyproject = path / "pyproject.toml"
    config = load(pyproject) if pyproject.is_file() else None
    if config is not None:
        return projects.Project(path, config), False
    unpack(path)
    return projects.need(path), True


def unpack(path: Path) -> None:
    """Write the project that the package brings into a new or empty directory.

    Raises `Misuse` when there is something else already.
    """
    if path.is_symlink() or path.exists():
        if not path.is_dir():
            raise Misuse(f"{path} is a file", hint="name a new directory: ringfence demo DIR")
        if any(path.iterdir()):
            raise Misuse(
                f"{path} holds other files and no ringfence project",
                hint="name a new directory: ringfence demo DIR",
            )
    path.parent.mkdir(parents=True, exist_ok=True)
    # Whole or not at all: half a project would be taken for one the next time.
    with tempfile.TemporaryDirectory(prefix=".ringfence-", dir=path.parent) as scratch:
        fresh = Path(scratch, "project")
        source = _packaged()
        for name in ("ddl", "migrations"):
            shutil.copytree(
                source / name, fresh / name, ignore=shutil.ignore_patterns("__pycache__")
            )
        text = (source / "pyproject.toml").read_text(encoding="utf-8")
        (fresh / "pyproject.toml").write_text(_settings(text), encoding="utf-8")
        fresh.replace(path)


def _packaged() -> Path:
    """Where the packaged project lies: in the wheel beside this module, else in the checkout."""
    here = Path(__file__).parent
    for candidate in (here / "project", here.parents[2]):
        if (candidate / "ddl").is_dir() and (candidate / "migrations").is_dir():
            return candidate
    raise Bug("the package came without its demo project")


def _settings(pyproject: str) -> str:
    """Of a pyproject.toml, the tables that are a project's, not the package's."""
    kept: list[str] = []
    ours = False
    for line in pyproject.splitlines(keepends=True):
        if line.startswith("["):
            ours = re.match(r"\[tool\.(ringfence|alembic)[].]", line) is not None
        if ours:
            kept.append(line)
    return "".join(kept).rstrip("\n") + "\n"


def _not_ours(target: Target) -> Refused:
    if target.source.startswith("["):
        hint = f"run it where no {target.source} is set: ringfence demo DIR makes a project"
    else:
        hint = f"env -u {target.source} ringfence demo"
    return Refused(
        f"the demo runs on the embedded server only, and {target.source} names {target.shown}",
        hint=hint,
    )


_ours = ("the embedded server", "the embedded server", True)


def _emptied(
    admin: Connection[tuple[object, ...]],
    target: Target,
    database: str,
    history: str,
    *,
    anew: bool,
) -> bool:
    """Have the database there, empty and marked; whether an earlier demo's was dropped for it."""
    # Held until the connection closes, at the demo's end.
    got = admin.execute(
        "SELECT pg_try_advisory_lock(%s, hashtext(%s))", [_LOCK, database]
    ).fetchone()
    if got != (True,):
        raise Busy("another demo is running on this server", hint="wait for it, then try again")
    name = sql.Identifier(database)
    row = admin.execute(
        "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = %s",
        [database],
    ).fetchone()
    said = str(row[0] or "") if row is not None else ""
    ours = said.startswith(MARK)
    if ours:
        if not anew:
            _refuse_work(target, database, history, said)
        admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(name))
    elif row is not None:
        _refuse_contents(target, database)
    if ours or row is None:
        admin.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(name))
    _mark(admin, database, "")
    return ours


def _mark(admin: Connection[tuple[object, ...]], database: str, digest: str) -> None:
    """Say in the database's comment that it is a demo's, and what the demo left in it."""
    left = f" unless it was worked in [{digest}]" if digest else ""
    admin.execute(
        sql.SQL("COMMENT ON DATABASE {} IS {}").format(
            sql.Identifier(database),
            sql.Literal(f"{MARK}: the next one drops this database and makes it anew{left}"),
        )
    )


def _digest(connection: Connection[tuple[object, ...]], history: str) -> str:
    """Of the objects and the rows in a database; of a demo's, the same until somebody works in it."""
    total = hashlib.blake2b(digest_size=8)
    total.update(repr(inventory(connection)).encode())
    for held in sorted(rows.held(connection, (history,)).values(), key=lambda h: h.path):
        columns = sorted(held.columns.values())
        total.update(f"{held.path} {held.count} {columns}".encode())
    return total.hexdigest()


def _refuse_work(target: Target, database: str, history: str, said: str) -> None:
    """Raise `Refused` where somebody has worked in the database of an earlier demo."""
    left = re.search(r"\[(\w+)\]", said)
    if left is None:
        return  # that demo was interrupted
    with connect(target) as connection:
        if _digest(connection, history) == left[1]:
            return
    raise Refused(
        f"database {database} is not as the last demo left it: what was changed would be lost",
        hint="ringfence demo --anew throws it away; ringfence demo DIR shows another",
    )


def _refuse_contents(target: Target, database: str) -> None:
    with connect(target) as connection:
        rows = connection.execute(_query("contents")).fetchall()
    if not rows:
        return
    first = f"{rows[0][1]} {rows[0][2]}"
    more = f" and {len(rows) - 1} more" if len(rows) > 1 else ""
    raise Refused(
        f"database {database} holds what no demo made: {first}{more}",
        hint="keep it, and run the demo in a project of its own: ringfence demo DIR;"
        " or throw it away first: ringfence db destroy",
    )


def _query(name: str) -> bytes:
    return Path(__file__).with_name(f"{name}.sql").read_bytes()
