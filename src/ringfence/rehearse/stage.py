"""Where a rehearsal happens: its server, its rows, and how large the real tables are."""

from __future__ import annotations

import re
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from psycopg import sql

from ringfence.errors import Error, ServerError
from ringfence.finding import Coverage, Finding
from ringfence.pg import shadow as shadows
from ringfence.pg.connect import connect
from ringfence.pg.extract import extract
from ringfence.pg.load import missing_role
from ringfence.rehearse.promises import advance
from ringfence.rehearse.sizes import Rates, Size, sizes
from ringfence.replay import replay, stand_in

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager

    from psycopg import Connection

    from ringfence.config import Seed
    from ringfence.model import Catalog
    from ringfence.pg.connect import Target
    from ringfence.pg.shadow import Host
    from ringfence.project import Project
    from ringfence.rehearse.files import File
    from ringfence.rehearse.hazards import Part
    from ringfence.rehearse.instead import Rewritten
    from ringfence.rehearse.mend import Columns
    from ringfence.rows import Held


@dataclass
class Work:
    """A rehearsal in the making."""

    project: Project
    host: Host
    hidden: tuple[str, ...]
    known: Mapping[str, Size]
    rate: Rates | None
    safe: bool
    rewrite: bool
    stepwise: bool
    count: int
    listen: Callable[[str], None]
    parts: list[Part] = field(default_factory=list)
    rewritten: list[Rewritten] = field(default_factory=list)
    mended: set[str] = field(default_factory=set)
    roles: frozenset[str] | None = frozenset()
    """The roles that stand-ins may be made for where a file names them: the target's, or None for any."""
    stand_ins: dict[str, None] = field(default_factory=dict)
    had: Mapping[int, Held] = field(default_factory=dict)
    left: Mapping[int, Held] | None = None
    """What tables held when rows were made up last; and, where they were emptied for a file that fails
    all the same, what they held before that."""
    emptied: dict[str, set[str]] = field(default_factory=dict)
    columns: Columns = frozenset()
    """The columns that there were when the file began that is run now."""
    findings: list[Finding] = field(default_factory=list)
    rows: list[Coverage] = field(default_factory=list)
    coverage: list[Coverage] = field(default_factory=list)


def server(
    project: Project, target: Target, shadow: str | None, stack: ExitStack
) -> tuple[Host, list[Coverage]]:
    """A spare server, of the target's major version where there is one.

    Never the target's server: what a file does to roles or settings is not undone with a database.
    """
    if shadow is not None:
        return shadows.host(project, target, shadow, stack=stack), []
    with connect(target) as connection:
        major = connection.info.server_version // 10000
        wanted = connection.execute(_SETTINGS).fetchall()
    notes: list[Coverage] = []
    try:
        host = stack.enter_context(shadows.spare(major))
    except Error:
        host = stack.enter_context(shadows.spare(None))
        reason = (
            f"there is no PostgreSQL {major} here: rehearsed on {host.major}"
            " (--shadow DSN names another server)"
        )
        notes = [Coverage("server", f"PostgreSQL {major}", skipped=reason)]
    with connect(host.target) as connection:
        for name, value in set(wanted) - set(connection.execute(_SETTINGS).fetchall()):
            connection.execute(
                sql.SQL("ALTER ROLE CURRENT_USER SET {} = {}").format(
                    sql.Identifier(str(name)), sql.Literal(value)
                )
            )
    return host, notes


_SETTINGS = """
    SELECT name, setting FROM pg_settings
    WHERE name IN ('TimeZone', 'DateStyle', 'IntervalStyle')
"""
"""What casts between times and texts hang on, and with it whether a table is written anew."""


def roles(target: Target) -> frozenset[str]:
    """The roles of the target's server, which a spare one has not."""
    with connect(target) as connection:
        return frozenset(
            str(name) for (name,) in connection.execute("SELECT rolname FROM pg_roles")
        )


def replayed(work: Work, base: Target, revision: str) -> None:
    """Run the revisions up to one, with stand-ins for the roles that none of them makes."""
    work.stand_ins.update(dict.fromkeys(replay(work.project, base, revision)))


def stood_in(work: Work, error: Error | None) -> bool:
    """Make a stand-in for the role that a statement failed for want of; whether there is one now.

    Not for one that the target lacks too, where the file is still to run there.
    """
    role = missing_role(error) if isinstance(error, ServerError) else ""
    if not role or role in work.stand_ins or (work.roles is not None and role not in work.roles):
        return False
    stand_in(work.host.target, [role])
    work.stand_ins[role] = None
    return True


def roles_made(work: Work, files: Sequence[File]) -> list[Coverage]:
    """What stand-ins that these files name say nothing of."""
    words = {word for file in files for word in _WORD.findall(file.up.text)}
    named = [role for role in work.stand_ins if words >= set(_WORD.findall(role))]
    if not named:
        return []
    reason = "no file makes them: stand-ins were made, members of nothing and with no settings"
    return [Coverage("roles", f"what {', '.join(named)} may do", skipped=reason)]


_WORD = re.compile(r"[\w$]+")


def real_sizes(target: Target) -> tuple[Mapping[str, Size], Coverage]:
    """How large the real tables are. A database that holds next to nothing does not say."""
    title = "how large the tables really are"
    reason = "the embedded server's say nothing of production's: every hazard counts"
    if not target.embedded:
        with connect(target) as connection:
            found = sizes(connection)
        if any(size.heap >= _TELLING for size in found.values()):
            return found, Coverage("sizes", title, len(found), "table")
        reason = f"{target.shown} holds next to nothing: every hazard counts"
    return {}, Coverage("sizes", title, skipped=reason)


_TELLING = 1 << 20
"""Bytes of its largest table from which on a database says something about the real one."""


def seeded(project: Project, base: Target, count: int, seed_: int = 1) -> Coverage:
    """Give the tables that have none `count` rows a tenant."""
    from ringfence.seed import seed

    title = "rows to work on"
    try:
        with connect(base) as connection:
            done = seed(
                connection,
                rows=count,
                seed=seed_,
                tenancy=project.config.tenancy,
                exclude_schemas=(project.config.migrate.schema,),
                force=True,
                settings=_there(connection, project.config.seed),
            )
            advance(connection, (project.config.migrate.schema,))
    except Error as error:
        return Coverage("rows", title, skipped=error.message)
    return Coverage("rows", title, done.rows, "row")


def made(
    project: Project, connection: Connection[tuple[object, ...]], table: sql.Identifier
) -> int:
    """Give a table rows, and what it refers to; how many came of it."""
    from ringfence.seed import seed

    row = connection.execute("SELECT %s::regclass::oid::bigint", [table.as_string(None)]).fetchone()
    assert row is not None
    done = seed(
        connection,
        rows=1,
        tenancy=project.config.tenancy,
        exclude_schemas=(project.config.migrate.schema,),
        force=True,
        settings=_there(connection, project.config.seed),
        only={int(str(row[0]))},
    )
    return done.rows


def rows(seeded: Sequence[Coverage]) -> Coverage:
    """The rows that were made up before each of some files; why there were none, where there were none."""
    count = sum(each.count for each in seeded)
    if count or not seeded[0].skipped:
        return replace(seeded[0], count=count, unit="row", skipped="")
    none = "there is no table where it begins"
    found = next((each for each in reversed(seeded) if each.skipped), seeded[0])
    return replace(found, skipped=none) if found.skipped == _NO_TABLE else found


_NO_TABLE = "there is no table to fill"


def _there(connection: Connection[tuple[object, ...]], said: Seed) -> Seed:
    """What the project says of columns and tables that this revision has already."""
    names: set[str] = set()
    for table, column in connection.execute(_NAMES):
        names |= {str(table), f"{table}.{column}"}
    return replace(
        said,
        columns={name: wish for name, wish in said.columns.items() if name in names},
        rows={name: count for name, count in said.rows.items() if name in names},
    )


_NAMES = """
    SELECT format('%I.%I', n.nspname, c.relname), quote_ident(a.attname)
    FROM pg_attribute AS a
    INNER JOIN pg_class AS c ON a.attrelid = c.oid
    INNER JOIN pg_namespace AS n ON c.relnamespace = n.oid
    WHERE a.attnum > 0 AND NOT a.attisdropped AND c.relkind IN ('r', 'p')
"""


def copy(work: Work, base: Target) -> AbstractContextManager[Target]:
    """A copy of a database for the length of a block; nobody may be connected to the original."""
    return work.host.database(base)


@contextmanager
def spare(work: Work, base: Target) -> Iterator[Target | None]:
    """Another copy, where the file is to be rewritten."""
    if not work.rewrite:
        yield None
        return
    with copy(work, base) as spare:
        yield spare


def extracted(work: Work, connection: Connection[tuple[object, ...]]) -> Catalog:
    """The catalog without what ringfence itself keeps there, and without the name of who makes it."""
    return extract(connection, exclude=work.hidden, nobody=connection.info.user)
