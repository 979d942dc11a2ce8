"""Connections: which database is meant, how it is reached, and what it says when it will not.

Passwords live here and nowhere else: a `Target` shows itself without one, and no message repeats a
connection string that could not be read.
"""

from __future__ import annotations

import os
import re
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from ringfence.errors import Busy, Misuse, ServerError, Span

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ringfence.project import Project
    from ringfence.script import Script, Statement

OLDEST = 140000
"""The oldest `server_version_num` that is served: PostgreSQL 14."""

_ENVIRONMENT = ("PGSERVICE", "PGHOST", "PGHOSTADDR", "PGPORT", "PGDATABASE")
_DEFAULTS: Mapping[str, str] = {
    "connect_timeout": "10",
    "application_name": "ringfence",
    "client_encoding": "UTF8",
    "keepalives_idle": "30",
    "keepalives_interval": "10",
    "keepalives_count": "3",
}


@dataclass(frozen=True, slots=True)
class Target:
    """A database somebody named, and where they named it.

    `conninfo` may hold a password: it is left out of `repr` and must not be printed. `shown` is
    what messages call the database.
    """

    conninfo: str = field(repr=False)
    source: str
    shown: str
    embedded: bool = False


def resolve(project: Project | None, dsn: str | None) -> Target:
    """The database meant: `--dsn`, RINGFENCE_DSN, the configuration, PGHOST …, the embedded server.

    Starts the embedded server when it is the one. Raises `Misuse` on a connection string that
    cannot be read, without repeating it.
    """
    if dsn is not None:
        return named(dsn, "--dsn")
    if os.environ.get("RINGFENCE_DSN"):
        return named(os.environ["RINGFENCE_DSN"], "RINGFENCE_DSN")
    if project is not None and project.config.dsn:
        return named(project.config.dsn, "[tool.ringfence] dsn")
    present = [name for name in _ENVIRONMENT if os.environ.get(name)]
    if present:
        return named("", present[0])
    from ringfence.pg import embedded

    if project is None and not os.environ.get("RINGFENCE_HOME"):
        raise Misuse(
            "no database named, and no project here whose embedded server to use",
            hint="give --dsn postgresql://…, or cd into a project",
        )
    home = embedded.home_for(project.root) if project else embedded.home_for(embedded.Path.cwd())
    version = (project.config.server_version or None) if project else None
    server = embedded.start(home, server_version=version)
    database = project.database if project else "ringfence"
    return Target(
        server.dsn(database), "the embedded server", f"{database} on the embedded server", True
    )


def named(dsn: str, source: str) -> Target:
    """A target from a connection string in any form libpq or SQLAlchemy takes."""
    text = re.sub(r"\Apostgres(ql)?\+\w+://", "postgresql://", dsn.strip())
    try:
        parts = conninfo_to_dict(text)
    except psycopg.Error:
        raise Misuse(
            f"{source} is not a connection string",
            hint="write postgresql://user:password@host:5432/database (with %40 for an @ in the"
            " password), or host=… dbname=… user=…",
        ) from None
    host = str(parts.get("host") or parts.get("hostaddr") or os.environ.get("PGHOST") or "")
    if "@" in host:
        # libpq cut the password at its first @, and would print the rest of it as a host name.
        raise Misuse(
            f"the password in {source} holds a bare @", hint="write it as %40 in a connection URL"
        )
    user = parts.get("user") or os.environ.get("PGUSER") or ""
    database = str(parts.get("dbname") or os.environ.get("PGDATABASE") or user or "")
    where = "" if host.startswith("/") else host
    port = str(parts.get("port") or os.environ.get("PGPORT") or "")
    shown = (f"{user}@" if user else "") + where + (f":{port}" if port and where else "")
    shown += ("/" if shown and not shown.endswith("@") else "") + (
        database or "the default database"
    )
    return Target(text, source, shown)


def connect(target: Target) -> psycopg.Connection[tuple[object, ...]]:
    """An open connection in autocommit mode.

    Raises `ServerError` when the server cannot be reached, refuses the login or is too old.
    """
    parts = conninfo_to_dict(target.conninfo)
    extra = {key: value for key, value in _DEFAULTS.items() if key not in parts}
    if "PGCONNECT_TIMEOUT" in os.environ:
        extra.pop("connect_timeout", None)
    if "PGAPPNAME" in os.environ:
        extra.pop("application_name", None)
    try:
        connection = psycopg.connect(make_conninfo(target.conninfo, **extra), autocommit=True)
    except psycopg.Error as error:
        raise unreachable(error, target) from error
    version = connection.info.server_version
    if version < OLDEST:
        connection.close()
        raise ServerError(
            f"{target.shown} runs PostgreSQL {_release(version)}, which is too old",
            hint="ringfence needs PostgreSQL 14 or newer",
        )
    return connection


@contextmanager
def open_target(
    project: Project | None, dsn: str | None
) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    """A connection in autocommit mode to the database meant, closed at the end."""
    connection = connect(resolve(project, dsn))
    try:
        yield connection
    finally:
        connection.close()


def unreachable(error: psycopg.Error, target: Target) -> ServerError:
    """What a failed attempt to connect means, in one line."""
    state = error.sqlstate or ""
    message = str(error).strip()
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    said = lines[-1] if lines else type(error).__name__
    for line in lines:
        if "FATAL:" in line:
            said = line.partition("FATAL:")[2].strip()
    said = re.sub(r"\Aconnection failed: ", "", said)
    lower = said.lower()
    if "password authentication failed" in lower or "no password supplied" in lower:
        hint = f"check user and password in {target.source}; PGPASSWORD or ~/.pgpass may hold it"
    elif "does not exist" in lower and "database" in lower:
        hint = "create it first: CREATE DATABASE …"
    elif "no pg_hba.conf entry" in lower:
        hint = "the server's pg_hba.conf must let this host, user and database in"
    else:
        hint = f"is the server running, and is {target.source} right?"
    return ServerError(said, sqlstate=state, hint=hint, title=f"cannot connect to {target.shown}")


_HINTS = {
    "42501": "connect as a role that may, or have its owner GRANT it",
    "25001": "put this line at the top of the file: -- ringfence: transaction: none",
    "25006": "this is a read-only session or a standby: name the primary",
    "53100": "the server's disk is full: nothing was changed; free some space and run it again",
    "55P04": "a new enum value can be used only after it is committed: use it in a later revision",
    "57014": "the statement was cancelled, by statement_timeout or by somebody",
}


def server_error(
    error: psycopg.Error, *, script: Script | None = None, statement: Statement | None = None
) -> ServerError | Busy:
    """PostgreSQL's refusal as one of our errors, pointing into `script` when the place is known."""
    from ringfence.script import redacted

    diag = error.diag
    state = error.sqlstate or ""
    message = diag.message_primary or str(error).strip().splitlines()[0]
    span: Span | None = None
    if script is not None and statement is not None:
        position = int(diag.statement_position or 1) - 1
        span = script.span(statement.start + position)
    detail = redacted(diag.message_detail or "")
    if diag.context and diag.internal_query is None and "PL/pgSQL" in diag.context:
        detail = f"{detail}\n  {diag.context}".strip()
    hint = diag.message_hint or _HINTS.get(state, "")
    if state == "55P03":
        return Busy(
            message,
            span=span,
            detail=detail,
            hint=hint or "somebody holds the lock: run it again later",
        )
    return ServerError(redacted(message), sqlstate=state, span=span, detail=detail, hint=hint)


def _release(version: int) -> str:
    return (
        f"{version // 10000}.{version % 10000}"
        if version >= 100000
        else (f"{version // 10000}.{version // 100 % 100}.{version % 100}")
    )


__all__ = [
    "OLDEST",
    "Target",
    "connect",
    "named",
    "open_target",
    "resolve",
    "server_error",
    "unreachable",
]
