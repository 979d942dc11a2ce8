"""Databases of ringfence's own, made to look into and dropped after.

A shadow is of the target's major version, or the server would print what it stores in other words.
It lies on the target's server where the role may create databases, else on a *spare* server of that
major: one of ringfence's own that is thrown away with all that is in it. So it does where files touch
what belongs to a whole server (roles, for one), which dropping a database does not undo. Nothing is
ever written to a database or a server that somebody named.
"""

from __future__ import annotations

import os
import re
import tempfile
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from ringfence.errors import Error, Misuse
from ringfence.pg.connect import Target, connect, named, server_error
from ringfence.script import Script

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ringfence.project import Project
    from ringfence.script import Statement

_PREFIX = "ringfence_shadow_"
_numbers = count(1)


@dataclass(frozen=True, slots=True)
class Host:
    """A server that shadows may be made on. `own`: one where roles may be made too."""

    target: Target
    major: int
    own: bool

    @contextmanager
    def database(self, like: Target | None = None) -> Iterator[Target]:
        """A database, empty or a copy of one of ours, dropped at the end of the block.

        Nobody may be connected to the one that is copied.
        """
        template = "template0" if like is None else str(conninfo_to_dict(like.conninfo)["dbname"])
        with connect(self.target, pinned=True) as admin:
            _sweep(admin)
            name = _name(admin)
            try:
                admin.execute(
                    sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(
                        sql.Identifier(name), sql.Identifier(template)
                    )
                )
            except psycopg.Error as error:
                raise server_error(error) from error
            try:
                yield Target(
                    make_conninfo(self.target.conninfo, dbname=name),
                    "a shadow",
                    name,
                    self.target.embedded,
                    {*((like and like.said) or ())},
                )
            finally:
                _drop(admin, name)


def host(
    project: Project | None,
    target: Target | None,
    shadow: str | None = None,
    *,
    stack: ExitStack,
    apart: bool = False,
) -> Host:
    """Where shadows for `target` are made; with none, on the embedded server.

    `shadow` is the DSN of a server that the user names for it. `apart`: what is to be loaded touches
    more than its database. A spare server is thrown away when `stack` is closed. Raises `Misuse` that
    says what to give when there is nowhere.
    """
    if shadow is not None:
        return _named(named(shadow, "--shadow"), target)
    if target is None:
        major = (project.config.server_version or None) if project else None
        return stack.enter_context(spare(major)) if apart else local(project, major)
    with connect(target, pinned=True) as connection:
        major = connection.info.server_version // 10000
        row = connection.execute(
            "SELECT rolcreatedb OR rolsuper FROM pg_roles WHERE rolname = current_user"
        ).fetchone()
        if row is not None and row[0] and not apart:
            return Host(target, major, own=False)
    try:
        return stack.enter_context(spare(major))
    except Error as error:
        said = (
            f"nowhere to make a shadow: what is to be loaded touches roles, and those of"
            f" {target.shown} are left alone"
            if apart
            else f"nowhere to make a shadow: the role at {target.shown} may not create databases"
        )
        raise Misuse(
            said,
            detail=str(error),
            hint="give a PostgreSQL server of the same major version that may be used:"
            " --shadow postgresql://…",
        ) from error


def _named(server: Target, target: Target | None) -> Host:
    with connect(server, pinned=True) as connection:
        major = connection.info.server_version // 10000
    if target is not None:
        with connect(target, pinned=True) as connection:
            wanted = connection.info.server_version // 10000
        if wanted != major:
            raise Misuse(
                f"--shadow is PostgreSQL {major}, {target.shown} is PostgreSQL {wanted}",
                hint="name a server of the same major version",
            )
    return Host(server, major, own=True)


def local(project: Project | None, major: int | None) -> Host:
    """The project's embedded server. Raises `Misuse` where there is none."""
    from ringfence.pg import embedded

    home = embedded.home_for(project.root if project else Path.cwd())
    server = embedded.start(home, server_version=major)
    target = Target(server.dsn("postgres"), "the embedded server", "the embedded server", True)
    return Host(target, server.major, own=False)


@contextmanager
def spare(major: int | None) -> Iterator[Host]:
    """A server that is thrown away at the end of the block, with its roles.

    Raises `Misuse` where there are no programs of that major version.
    """
    from ringfence.pg import embedded

    _sweep_spares()
    home = Path(tempfile.mkdtemp(prefix=f"{_SPARE}{os.getpid()}-"))
    try:
        server = embedded.start(home, server_version=major)
        target = Target(server.dsn("postgres"), "a spare server", "a spare server", True)
        yield Host(target, server.major, own=True)
    finally:
        _throw_away(home)


_SPARE = "ringfence-spare-"


def _sweep_spares() -> None:
    """Throw away the servers of runs that were killed."""
    for home in Path(tempfile.gettempdir()).glob(f"{_SPARE}*-*"):
        pid = home.name.removeprefix(_SPARE).partition("-")[0]
        with suppress(OSError, Error):
            ours = home.is_dir() and not home.is_symlink() and home.stat().st_uid == os.geteuid()
            if ours and pid.isdigit() and not _runs(int(pid)):
                _throw_away(home)


def _throw_away(home: Path) -> None:
    import shutil

    from ringfence.pg import embedded

    with suppress(OSError, Error):
        embedded.stop(home, immediate=True)
        embedded.destroy(home)
    shutil.rmtree(home, ignore_errors=True)


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def touches_server(text: str, *, python: bool = False) -> bool:
    """Whether SQL (or Python with SQL in it) may change more than the database it runs in.

    What stands in a comment does not, nor does a string in a statement that runs none. A DO block
    that puts a statement together may do anything.
    """
    bare = re.sub(r"/\*.*?\*/|--[^\n]*", " ", text) if "/*" in text or "--" in text else text
    suspect = _BEYOND.search(text) is not None or _BEYOND.search(bare) is not None
    if python or not (suspect or _COMPOSES.search(text)):
        return suspect
    try:
        return any(map(_statement_touches, Script("", text).statements))
    except Error:
        return suspect


def _statement_touches(statement: Statement) -> bool:
    said = " ".join(_said(Script("", statement.text), strings=_runs_strings(statement)))
    if _BEYOND.search(said) is not None:
        return True
    return statement.words[:1] == ("DO",) and _COMPOSES.search(said) is not None


def _runs_strings(statement: Statement) -> bool:
    """Whether a string in it may be run: all but what defines an object without a body."""
    words = statement.words
    return words[:1] not in _DEFINES or bool({"FUNCTION", "PROCEDURE"} & {*words})


def _said(script: Script, *, strings: bool) -> Iterator[str]:
    """The statement without its comments, those in bodies too, and without strings that are none."""
    for token in script.code():
        body = _BODY.fullmatch(token.text)
        if body is not None:
            inner = (
                body["dollar"] if body["dollar"] is not None else body["plain"].replace("''", "'")
            )
            if not strings:
                yield "''"
                continue
            try:
                yield f"' {' '.join(_said(Script('', inner), strings=True))} '"
            except Error:  # it is no SQL
                yield f"' {inner} '"
        else:
            yield token.text


_DEFINES = {("COMMENT",), ("CREATE",), ("ALTER",)}
_BODY = re.compile(
    r"\$(?P<tag>\w*)\$(?P<dollar>.*)\$(?P=tag)\$|(?:[eEnN]|[uU]&)?'(?P<plain>.*)'", re.DOTALL
)
_COMPOSES = re.compile(
    r"\bEXECUTE\s+(?!FUNCTION\b|PROCEDURE\b)(?:(?!'|\$)|'[^']*'\s*\|\|)", re.IGNORECASE
)


_BEYOND = re.compile(
    r"""
    \b(CREATE|ALTER|DROP)\s+(ROLE|GROUP|USER(?!\s+MAPPING)|DATABASE|TABLESPACE|SUBSCRIPTION)\b
    | \bALTER\s+SYSTEM\b
    | \b(DROP|REASSIGN)\s+OWNED\b
    | \bON\s+(ROLE|DATABASE|TABLESPACE|PARAMETER)\b
    | \bpg_\w*(replication_slot|replication_origin|reload_conf|terminate_backend)
    | \b(dblink|lo_export|pg_file_\w+)
    | \bGRANT\s+(?!\w[^;]*?\bON\b)[^;]*?\bTO\b
    | \bREVOKE\s+(?!\w[^;]*?\bON\b)[^;]*?\bFROM\b
    """,
    re.IGNORECASE | re.VERBOSE,
)


def cut_off(shadow: psycopg.Connection[tuple[object, ...]]) -> None:
    """No foreign table leads anywhere: what is tried here would be tried on somebody's rows.

    The session is a superuser's, on a database of ours.
    """
    wrappers = "SELECT fdwname::text FROM pg_foreign_data_wrapper WHERE fdwhandler <> 0"
    for (name,) in shadow.execute(wrappers).fetchall():
        off = sql.SQL("ALTER FOREIGN DATA WRAPPER {} NO HANDLER")
        shadow.execute(off.format(sql.Identifier(str(name))))


def _name(admin: psycopg.Connection[tuple[object, ...]]) -> str:
    """A name that tells whose it is: the creating session's pid and start, and a number."""
    row = admin.execute(
        "SELECT pid, extract(epoch FROM backend_start)::bigint FROM pg_stat_activity"
        " WHERE pid = pg_backend_pid()"
    ).fetchone()
    assert row is not None
    return f"{_PREFIX}{row[0]}_{row[1]}_{next(_numbers)}"


def _sweep(admin: psycopg.Connection[tuple[object, ...]]) -> None:
    """Drop the shadows of sessions that are no more: their runs were killed."""
    rows = admin.execute(
        "SELECT d.datname FROM pg_database AS d"
        " WHERE d.datname ~ '^ringfence_shadow_[0-9]+_[0-9]+_[0-9]+$'"
        " AND pg_has_role(d.datdba, 'MEMBER') AND NOT EXISTS ("
        " SELECT 1 FROM pg_stat_activity AS a WHERE a.pid = split_part(d.datname, '_', 3)::integer"
        " AND extract(epoch FROM a.backend_start)::bigint = split_part(d.datname, '_', 4)::bigint)"
    ).fetchall()
    for (name,) in rows:
        _drop(admin, str(name))


def _unsubscribe(admin: psycopg.Connection[tuple[object, ...]], name: str) -> None:
    """Drop a database's subscriptions, which keep it from being dropped, and not what they name."""
    found = admin.execute(
        "SELECT s.subname FROM pg_subscription AS s INNER JOIN pg_database AS d ON s.subdbid = d.oid"
        " WHERE d.datname = %s",
        [name],
    ).fetchall()
    if not found:
        return
    there = make_conninfo(admin.info.dsn, password=admin.info.password or None, dbname=name)
    with psycopg.connect(there, autocommit=True) as connection:
        for (subscription,) in found:
            it = sql.Identifier(str(subscription))
            connection.execute(sql.SQL("ALTER SUBSCRIPTION {} DISABLE").format(it))
            connection.execute(sql.SQL("ALTER SUBSCRIPTION {} SET (slot_name = NONE)").format(it))
            connection.execute(sql.SQL("DROP SUBSCRIPTION {}").format(it))


def _drop(admin: psycopg.Connection[tuple[object, ...]], name: str) -> None:
    if admin.closed:
        return
    try:
        _unsubscribe(admin, name)
        admin.execute(
            sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
        )
    except psycopg.Error:
        return  # another run swept it, or still uses it; the next one sweeps again
