"""SQL files into a database, in whatever order they come.

A statement that fails because something is not there yet is tried again after the others, until
nothing moves any more. Function bodies are looked at last, when everything they may name is there.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import psycopg

from ringfence.errors import ServerError
from ringfence.pg.connect import MISSING_ROLE, server_error
from ringfence.script import Script

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from psycopg import Connection

    from ringfence.script import Statement

_DATA = {"INSERT", "UPDATE", "DELETE", "COPY", "MERGE", "TRUNCATE"}
_ROLES = {"ROLE", "USER", "GROUP"}
_HOPELESS = {"42601"}  # a syntax error stays one
_NO_ROLE = {"42704", "22023"}  # the latter where one would become it
_LOCAL = re.compile(r"\ASET\s+LOCAL\s+", re.IGNORECASE)
_BECOME = re.compile(
    r"\ASET\s+(?:SESSION\s+(?!AUTHORIZATION))?(ROLE|SESSION\s+AUTHORIZATION)\b", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Note:
    """Something that loading left out or made up, and where it was asked for."""

    message: str
    at: str


@dataclass
class Loader:
    """One load. `own_server`: roles may be made on this server, for it is ringfence's own."""

    connection: Connection[tuple[object, ...]]
    own_server: bool = True
    notes: list[Note] = field(default_factory=list)

    def load(self, scripts: Iterable[Script]) -> tuple[Note, ...]:
        """Run the files' statements. The connection is in autocommit mode and superuser's or owner's.

        Raises `BadProject` on text that is no SQL, `ServerError` with its place on the first
        statement that cannot be made to run.
        """
        self.connection.execute("SET check_function_bodies = off; SET synchronous_commit = off")
        waiting = list(self._statements(scripts))
        while waiting:
            failed: list[tuple[_Item, ServerError]] = []
            for item in waiting:
                error = self._try(item)
                if error is not None:
                    failed.append((item, error))
            items = [item for item, _ in failed]
            if len(failed) == len(waiting) and not self._stub(failed):
                items = [item.searching() for item in items]
                if items == waiting:
                    raise _first(failed)
            waiting = items
        self._settings(())
        return tuple(self.notes)

    def _statements(self, scripts: Iterable[Script]) -> Iterable[_Item]:
        for script in scripts:
            settings: tuple[str, ...] = ()
            local: tuple[str, ...] = ()  # until the transaction ends, as the file has it
            for statement in script.statements:
                if statement.controls_transaction:
                    if statement.words[:1] == ("ROLLBACK",) and "TO" not in statement.words:
                        at = str(script.span(statement.start))
                        self.notes.append(Note("what comes before ROLLBACK is loaded too", at))
                    local = ()
                    continue
                first = statement.words[0] if statement.words else ""
                if first in _DATA:
                    span = script.span(statement.start)
                    self.notes.append(Note(f"{first} is data, not schema: left out", str(span)))
                elif statement.words[:2] == ("SET", "LOCAL"):
                    local = (*local, _LOCAL.sub("SET ", statement.text, count=1))
                elif first == "SET" or "set_config(" in statement.text[:60]:
                    settings = (*settings, statement.text)
                elif first == "RESET":
                    settings = _reset(settings, statement)
                else:
                    yield _Item(script, statement, (*settings, *local))

    def _try(self, item: _Item) -> ServerError | None:
        about_roles = _is_about_roles(item.statement)
        if held := _held_back(item.statement, about_roles, self.own_server):
            self.notes.append(Note(held, str(item.script.span(item.statement.start))))
            return None
        try:
            self._settings(item.settings)
            self.connection.execute(_unconnected(item.statement), prepare=False)
        except psycopg.Error as error:
            said = server_error(error, script=item.script, statement=item.statement)
            if not isinstance(said, ServerError):
                raise said from error
            if about_roles and error.sqlstate == "42710":
                return None  # it is there already, from another load on this server
            if error.sqlstate in _HOPELESS:
                raise said from error
            said.__cause__ = error
            return said
        return None

    def _stub(self, failed: Sequence[tuple[_Item, ServerError]]) -> bool:
        """Make stand-ins for the roles that nothing here makes; whether there were any."""
        from psycopg import sql

        made = False
        for item, error in failed:
            role = missing_role(error)
            if not role or not self.own_server:
                continue
            try:
                self.connection.execute(sql.SQL("CREATE ROLE {}").format(sql.Identifier(role)))
            except (psycopg.errors.DuplicateObject, psycopg.errors.UniqueViolation):
                made = True  # somebody else did, just now
                continue
            made = True
            at = str(item.script.span(item.statement.start))
            self.notes.append(Note(f"role {role} did not exist: a stand-in was made", at))
        return made

    _current: tuple[str, ...] = ()

    def _settings(self, settings: tuple[str, ...]) -> None:
        if settings != self._current:
            self._current = ("unknown",)
            # RESET ALL leaves it as whom one works.
            self.connection.execute(
                "RESET SESSION AUTHORIZATION; RESET ROLE; RESET ALL;"
                " SET check_function_bodies = off; SET synchronous_commit = off"
            )
            for setting in settings:
                try:
                    self.connection.execute(setting, prepare=False)
                except psycopg.Error as error:
                    if error.sqlstate in _NO_ROLE and _BECOME.match(setting):
                        raise
                    continue  # a setting of another server version, as pg_dump writes them
            self.connection.execute("SET check_function_bodies = off")
            self._current = settings


def missing_role(error: ServerError) -> str:
    """The role that a statement failed for want of; empty where it failed of something else."""
    found = MISSING_ROLE.fullmatch(error.message) if error.sqlstate in _NO_ROLE else None
    return found[1] if found else ""


def _reset(settings: tuple[str, ...], statement: Statement) -> tuple[str, ...]:
    """The settings in force after a RESET."""
    words = statement.words[1:3]
    if words[:1] == ("ALL",):
        return tuple(s for s in settings if _BECOME.match(s))
    if words[:1] == ("ROLE",):
        return tuple(
            s for s in settings if not ((m := _BECOME.match(s)) and m[1].upper() == "ROLE")
        )
    if words == ("SESSION", "AUTHORIZATION"):
        return tuple(s for s in settings if not _BECOME.match(s))
    return (*settings, statement.text)


def _unconnected(statement: Statement) -> str:
    """The statement, such that a subscription neither connects nor makes a slot where it publishes."""
    if statement.words[:2] != ("CREATE", "SUBSCRIPTION"):
        return statement.text
    text = statement.text
    match = _WITH.search(text)
    kept: list[str] = []
    if match is not None:
        text = text[: match.start()]
        kept = [o for o in match[1].split(",") if o.strip() and not _CONNECTS.match(o)]
    return f"{text} WITH ({', '.join(['connect = false', *kept])})"


_WITH = re.compile(r"\bWITH\s*\(([^()]*)\)\s*\Z", re.IGNORECASE)
_CONNECTS = re.compile(r"\s*(connect|enabled|create_slot|copy_data)\b", re.IGNORECASE)


def _is_about_roles(statement: Statement) -> bool:
    """Whether it makes, changes or drops a role, or what one is a member of."""
    words = statement.words
    if words[:1] in {("CREATE",), ("ALTER",), ("DROP",)} and words[1:2]:
        return words[1] in _ROLES and words[1:3] != ("USER", "MAPPING")
    return words[:1] in {("GRANT",), ("REVOKE",)} and "ON" not in _code(statement)


def about_roles(scripts: Iterable[Script]) -> frozenset[str]:
    """The statements in some files that are about roles, as they are said."""
    return frozenset(
        " ".join(
            token.text if token.text[0] in "\"'" else token.text.upper()
            for token in Script("", statement.text).code()
        )
        for script in scripts
        if _MAYBE.search(script.text)
        for statement in script.statements
        if _is_about_roles(statement)
    )


_MAYBE = re.compile(r"\b(ROLE|USER|GROUP|GRANT|REVOKE)\b", re.IGNORECASE)


def _held_back(statement: Statement, about_roles: bool, own_server: bool) -> str:
    """Why a statement is not run, since what it does goes beyond the database; "" where it is."""
    if about_roles:
        return "" if own_server else "roles are the server's: left as they are"
    words = statement.words
    if words[:2] == ("ALTER", "SYSTEM") or (
        words[:1] in {("CREATE",), ("ALTER",), ("DROP",)} and words[1:2] in _SERVERS
    ):
        return f"{' '.join(words[:2])} is the server's, not a schema's: left out"
    if words[:2] in {("DROP", "OWNED"), ("REASSIGN", "OWNED")}:
        return f"{' '.join(words[:2])} goes through the whole server: left out"
    if words[:1] in {("GRANT",), ("REVOKE",), ("COMMENT",), ("SECURITY",)}:
        code = _code(statement)
        on = code.index("ON") if "ON" in code else len(code)
        about = (code[on + 1],) if on + 1 < len(code) else ()
        if about in _SERVERS or about == ("PARAMETER",) or (about == ("ROLE",) and not own_server):
            return f"{words[0]} ON {about[0]} is the server's, not a schema's: left out"
    if words[:1] in {("DO",), ("SELECT",), ("CALL",), ("WITH",)} and not own_server:
        from ringfence.pg.shadow import touches_server

        if touches_server(statement.text):
            return "this may change more than the database: left out"
    return ""


_SERVERS = {("DATABASE",), ("TABLESPACE",)}


def _code(statement: Statement) -> list[str]:
    """The words and signs of a statement, upper case, but for what is quoted."""
    return [t.text.upper() for t in Script("", statement.text).code()]


@dataclass(frozen=True, slots=True)
class _Item:
    script: Script
    statement: Statement
    settings: tuple[str, ...]

    def searching(self) -> _Item:
        """The same without an empty search_path, as pg_dump sets it.

        What it writes names schemas, and means the same; a function's body, which the server may
        look into for a generated column or an index, need not.
        """
        kept = tuple(s for s in self.settings if not _NO_PATH.search(s))
        return replace(self, settings=kept)


_NO_PATH = re.compile(r"'search_path',\s*''")
_MISSING = {"42P01", "42704", "42883", "42703", "3F000", "42P17"}


def _first(failed: Sequence[tuple[_Item, ServerError]]) -> ServerError:
    """The error that says most: one that is not just the want of something that failed itself."""
    for _, error in failed:
        if error.sqlstate not in _MISSING:
            return error
    return failed[0][1]


def refuse_extensions(error: ServerError) -> ServerError:
    """The error, with what to do when an extension's files are not there."""
    match = re.search(r'extension "([^"]+)" is not available', error.message)
    if match is None:
        return error
    from ringfence.pg.binaries import missing_extension_hint

    return ServerError(
        error.message,
        sqlstate=error.sqlstate,
        span=error.span,
        detail=error.detail,
        hint=missing_extension_hint(match[1]),
    )
