"""Connections: which database is meant, how it is reached, and what it says when it will not.

Passwords live here and nowhere else: a `Target` shows itself without one, and no message repeats a
connection string that could not be read.
"""

from __future__ import annotations

import os
import re
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from ringfence.errors import Busy, Misuse, ServerError
from ringfence.model import quoted
from ringfence.pg import rights
from ringfence.pg.said import Noting

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
    "keepalives_idle": "30",
    "keepalives_interval": "10",
    "keepalives_count": "3",
    "tcp_user_timeout": "60000",  # ms: nobody asks whether one lives who owes an answer
}
_PLAIN: Mapping[str, str] = {
    "channel_binding": "prefer",
    "gssencmode": "disable",
    "sslmode": "prefer",
    "target_session_attrs": "any",
}
_REQUIRES_AUTH = 160000
"""The first libpq that knows `require_auth`."""


PINS = (
    "SET DateStyle = ISO",  # the order of day and month stays as it is
    "SET standard_conforming_strings = on",
    "SET quote_all_identifiers = off",
    "SET idle_in_transaction_session_timeout = 0",
)
"""What a session of ours sets, whatever the database or the role says: values are read and texts
divided as if it were so."""

PATH = "SET search_path = pg_catalog, pg_temp"
"""For statements of our own: nobody's function or table stands before the server's."""

PATIENCE = "SET lock_timeout = '5s'"
"""For statements of our own on tables of our own: whoever holds those is named, not waited for."""


@dataclass(frozen=True, slots=True)
class Target:
    """A database somebody named, and where they named it.

    `conninfo` may hold a password: it is left out of `repr` and must not be printed. `shown` is
    what messages call the database. One of our own has in `said` what was given an owner by name.
    """

    conninfo: str = field(repr=False)
    source: str
    shown: str
    embedded: bool = False
    said: set[tuple[int, int]] | None = field(default=None, repr=False, compare=False)


def resolve(project: Project | None, dsn: str | None, source: str = "--dsn") -> Target:
    """The database meant: `--dsn`, RINGFENCE_DSN, the configuration, PGHOST …, the embedded server.

    Starts the embedded server when it is the one. Raises `Misuse` on a connection string that
    cannot be read, without repeating it, and on one that is empty: a variable that is not set must
    not lead to another database than the one it names.
    """
    found = chosen(project, dsn, source)
    if found is not None:
        return found
    from ringfence.pg import embedded

    if project is None and not os.environ.get("RINGFENCE_HOME"):
        raise Misuse(
            "no database named, and no project here whose embedded server to use",
            hint="give --dsn postgresql://…, or cd into a project",
        )
    home = embedded.home_for(project.root) if project else embedded.home_for(Path.cwd())
    version = (project.config.server_version or None) if project else None
    server = embedded.start(home, server_version=version)
    database = project.database if project else "ringfence"
    embedded.ensure_database(server, database)
    return Target(
        server.dsn(database), "the embedded server", f"{database} on the embedded server", True
    )


def chosen(project: Project | None, dsn: str | None, source: str = "--dsn") -> Target | None:
    """The database that somebody named; None where that is left to us. Raises as `resolve` does."""
    if dsn is not None:
        if not dsn.strip():
            raise Misuse(f"{source} is empty", hint="is the variable set that it comes from?")
        return named(dsn, source)
    if said := os.environ.get("RINGFENCE_DSN"):
        if not said.strip():
            raise Misuse("RINGFENCE_DSN is blank", hint="unset it, or name a database in it")
        return named(said, "RINGFENCE_DSN")
    if project is not None and project.config.dsn:
        return named(project.config.dsn, "[tool.ringfence] dsn")
    present = [name for name in _ENVIRONMENT if os.environ.get(name)]
    if present:
        return named("", present[0])
    return None


_SETTING = re.compile(r"[,;&\s](host|hostaddr|port|user|dbname|password|passfile|sslpassword)\s*=")
"""A setting within the value of another, as where commas stand between them."""


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
    if "://" not in text and any(_SETTING.search(str(v)) for v in parts.values()):
        # What libpq takes for a part of another value would be printed with it.
        raise Misuse(
            f"a value in {source} holds another setting",
            hint="write blanks between settings: host=… dbname=… user=…",
        )
    host = str(
        parts.get("host")
        or parts.get("hostaddr")
        or os.environ.get("PGHOST")
        or os.environ.get("PGHOSTADDR")
        or ""
    )
    authority = text.partition("://")[2].partition("/")[0]
    if (
        "@" in authority
        and "@" not in host
        and not re.fullmatch(r"[\d,]*", str(parts.get("port") or ""))
    ):
        raise Misuse(f"the port in {source} is not a number", hint="write host:5432")
    if "://" in text and _cut(
        text, host, str(parts.get("port") or ""), str(parts.get("dbname") or "")
    ):
        # libpq cut the password there, and would print the rest of it as host, port or database.
        raise Misuse(
            f"the password in {source} holds a bare @ or /",
            hint="write @ as %40 and / as %2F in a connection URL",
        )
    user = parts.get("user") or os.environ.get("PGUSER") or ""
    database = str(parts.get("dbname") or os.environ.get("PGDATABASE") or user or "")
    port = str(parts.get("port") or os.environ.get("PGPORT") or "")
    service = str(parts.get("service") or os.environ.get("PGSERVICE") or "")
    # The directory of a socket comes last, for it would read as a part of the name before it.
    where = "" if host.startswith("/") else host
    shown = (f"{user}@" if user else "") + where + (f":{port}" if port and where else "")
    shown += ("/" if shown and not shown.endswith("@") else "") + (
        database or ("" if service else "the default database")
    )
    if service:
        shown += f"{' of ' if shown else ''}service {service}"
    if host.startswith("/"):
        shown += f" at {host}" + (f":{port}" if port else "")
    return Target(text, source, shown)


def _cut(url: str, host: str, port: str, database: str) -> bool:
    """Whether a password with a character that ends it went on into the other parts of a URL."""
    authority = url.partition("://")[2].partition("?")[0]
    odd = "@" in host or not re.fullmatch(r"[\d,]*", port)
    return odd or ("@" in database and "@" in authority)


def connect(target: Target, *, pinned: bool = False) -> psycopg.Connection[tuple[object, ...]]:
    """An open connection in autocommit mode.

    `pinned`: with no schema but the server's own in its search_path, for statements of ours. What is
    a user's begins with `SET LOCAL search_path TO DEFAULT`. Raises `ServerError` when the server cannot be reached, refuses the login or is too old.
    """
    parts = conninfo_to_dict(target.conninfo)
    extra = {key: value for key, value in _DEFAULTS.items() if key not in parts}
    extra["client_encoding"] = "UTF8"  # whatever the environment says: our files are
    if target.embedded:
        # What the shell demands of a server elsewhere: this one is behind a socket, without TLS.
        extra |= {name: value for name, value in _PLAIN.items() if name not in parts}
        if psycopg.pq.version() >= _REQUIRES_AUTH:
            extra["require_auth"] = ""
    if "PGCONNECT_TIMEOUT" in os.environ:
        extra.pop("connect_timeout", None)
    if "PGAPPNAME" in os.environ:
        extra.pop("application_name", None)
    try:
        conninfo = make_conninfo(target.conninfo, **extra)
        # No prepared statements: a revision may DEALLOCATE ALL, and a pooler may lose them.
        connection = (
            psycopg.connect(conninfo, autocommit=True, prepare_threshold=None)
            if target.said is None
            else Noting.to(conninfo, target.said, autocommit=True, prepare_threshold=None)
        )
    except psycopg.Error as error:
        raise unreachable(error, target) from error
    version = connection.info.server_version
    if version < OLDEST:
        connection.close()
        raise ServerError(
            f"{target.shown} runs PostgreSQL {_release(version)}, which is too old",
            hint="ringfence needs PostgreSQL 14 or newer",
        )
    connection.execute("; ".join((*PINS, PATH) if pinned else PINS))
    if not pinned and (kept := opened.get()) is not None:
        kept.append(connection)
    return connection


opened: ContextVar[list[psycopg.Connection[tuple[object, ...]]] | None] = ContextVar(
    "opened", default=None
)
"""Where connections that are not pinned are kept note of, for who may have to close them."""


@contextmanager
def translated(
    connection: psycopg.Connection[tuple[object, ...]], title: str = ""
) -> Iterator[None]:
    """Have what the server refuses inside the block be raised as an error of ours."""
    try:
        yield
    except psycopg.Error as error:
        found = server_error(error, role=connection.info.user)
        found.title = title
        raise found from error


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


def unreachable(error: psycopg.Error, target: Target) -> ServerError | Busy:
    """What a failed attempt to connect means, in one line; `Busy` where it may work in a while."""
    from ringfence.script import redacted_message

    said = ""
    for line in str(error).splitlines():
        # psycopg lists every attempt; the server's own words are better than libpq's about them.
        line = re.sub(r"\A- host: .*?, port: .*?, hostaddr: .*?: ", "", line.strip())
        if "FATAL:" in line:
            said = line.partition("FATAL:")[2].strip()
            break
        if not said and line and not line.startswith("Multiple connection attempts failed"):
            said = line
    said = re.sub(r"\A(connection failed: |connection is bad: )", "", said)
    said = re.sub(r"\Aconnection to server at [^:]*? failed: ", "", said)
    said = redacted_message(said)
    title, lower = f"cannot connect to {target.shown}", said.lower()
    if any(word in lower for word in _LATER):
        return Busy(said, title=title, hint="try again in a while")
    if "password" in lower:
        hint = f"check user and password in {target.source}; PGPASSWORD or ~/.pgpass may hold it"
    elif "does not exist" in lower and "database" in lower:
        hint = "create it first: CREATE DATABASE …"
    elif "no pg_hba.conf entry" in lower:
        hint = "the server's pg_hba.conf must let this host, user and database in"
    else:
        hint = f"is the server running, and is {target.source} right?"
    return ServerError(said, sqlstate=error.sqlstate or "", hint=hint, title=title)


_LATER = (
    "too many clients",
    "too many connections",
    "connection slots are reserved",
    "the database system is starting up",
    "the database system is shutting down",
    "the database system is in recovery mode",
)


_HINTS = {
    "22P05": "write what the database's encoding can hold, in comments too, which the history keeps",
    "25001": "put this line at the top of the file: -- ringfence: transaction: none",
    "2D000": "put this line at the top of the file: -- ringfence: transaction: none",
    "25006": "this is a read-only session or a standby: name the primary",
    "40001": "run it again",
    "40P01": "run it again",
    "42501": "connect as a role that may, or have its owner GRANT it",
    "53100": "the server's disk is full: nothing was changed; free some space and run it again",
    "55P03": "run it again later, or give it longer: -- ringfence: lock-deadline: 10min",
    "55P04": "a new enum value can be used only after it is committed: use it in a later revision, or"
    " put this line at the top of the file: -- ringfence: transaction: none",
    "57014": "somebody cancelled it: run it again when that is settled",
    "57P01": "the connection was ended on the server: run it again when that is settled",
}


def server_error(
    error: psycopg.Error,
    *,
    script: Script | None = None,
    statement: Statement | None = None,
    role: str = "",
    source: str = "",
) -> ServerError | Busy:
    """PostgreSQL's refusal as one of our errors, pointing into `script` when the place is known.

    `role` is whom a hint would grant to; what is a secret in `source` (or in the script) is masked.
    """
    from ringfence.script import redacted_message

    diag = error.diag
    state = error.sqlstate or ""
    message = diag.message_primary or str(error).strip().splitlines()[0]
    span = None
    if script is not None and statement is not None:
        span = script.span(_offset(diag, script, statement))
    hint = diag.message_hint if state != "55P04" else ""
    hint = hint or _hint(state, message, role, statement.text if statement else "")
    detail = "\n".join(filter(None, (diag.message_detail, diag.context)))
    text = script.text if script else source
    message, detail, hint = (redacted_message(part, text) for part in (message, detail, hint))
    if state in ("55P03", "40P01", "40001", "53300"):
        return Busy(message, span=span, detail=detail, hint=hint)
    return ServerError(message, sqlstate=state, span=span, detail=detail, hint=hint)


def _offset(diag: psycopg.errors.Diagnostic, script: Script, statement: Statement) -> int:
    """Where in the script the error is: PostgreSQL's position, or what its context tells."""
    if diag.statement_position:
        return statement.start + int(diag.statement_position) - 1
    context = diag.context or ""
    end = statement.start + len(statement.text)
    if statement.data is not None and (copied := re.match(r"COPY [^,]*, \D*(\d+)", context)):
        return _line(script.text, script.text.find("\n", end) + 1, int(copied[1]))
    block = re.search(r"inline_code_block\D*(\d+)", context)
    if block is None:
        return statement.start
    # The statement is a DO: the context counts lines from the one where its body begins.
    inner = diag.internal_query or ""
    at = statement.text.find(inner) if inner else -1
    if at >= 0 and diag.internal_position and "inline_code_block" in context.partition("\n")[0]:
        return statement.start + at + int(diag.internal_position) - 1
    body = re.search(r"'|\$\w*\$", statement.text)
    if body is None:
        return statement.start
    return _line(script.text, statement.start + body.end(), int(block[1]))


def _line(text: str, start: int, number: int) -> int:
    """The offset of the first character that is no space on the `number`th line from `start`."""
    for _ in range(number - 1):
        start = text.find("\n", start) + 1
    while text[start : start + 1] in (" ", "\t"):
        start += 1
    return start


MISSING_ROLE = re.compile(r'role "(.+)" does not exist', re.DOTALL)  # as it is: nothing is doubled


def _hint(state: str, message: str, role: str, text: str) -> str:
    """What to do about an error that the server gave no hint for."""
    missing = MISSING_ROLE.fullmatch(message) if state in ("42704", "22023") else None
    if missing:
        return (
            f"CREATE ROLE {quoted(missing[1])} first: a role is the server's, and plan makes none"
        )
    if state == "42501":
        denied = rights.denied(message)
        hint = rights.grant(*denied, role, text) if denied else rights.membership(message, role)
        if hint:
            return hint
    if state == "42501" and message.startswith("must be "):
        return "connect as that role, or as one that may SET ROLE to it"
    if state == "55006" and "pending trigger events" in message:
        return "write SET CONSTRAINTS ALL IMMEDIATE; before it"
    if state == "57014" and "statement timeout" in message:
        return (
            "statement_timeout stopped it; at the top of the file,"
            " -- ringfence: statement-timeout: 30min gives it longer, 0 no limit"
        )
    return _HINTS.get(state, "")


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
    "translated",
    "unreachable",
]
