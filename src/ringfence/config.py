"""What `[tool.ringfence]` in pyproject.toml says, checked and typed.

Every key is known here, with its type; an unknown one is an error that names the nearest known one.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, get_type_hints

from ringfence.errors import Misuse, Span

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Migrate:
    """`[tool.ringfence.migrate]`: how revisions are applied.

    `schema` holds the history and Alembic's version table. `lock_timeout` (PostgreSQL's notation)
    bounds how long one statement may queue for a lock, `wait` how long a second runner waits for
    the first.
    """

    schema: str = "ringfence"
    lock_timeout: str = "5s"
    wait: str = "60s"


@dataclass(frozen=True, slots=True)
class Tenancy:
    """`[tool.ringfence.tenancy]`: who the tenants are.

    `root` is the table whose rows are the tenants, `setting` the configuration parameter that
    policies read the tenant from, `roles` the runtime roles that policies must bind, `shared` the
    tables whose rows belong to nobody.
    """

    root: str = ""
    setting: str = ""
    roles: tuple[str, ...] = ()
    shared: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Config:
    """`[tool.ringfence]`. Paths are as written, relative to the project."""

    dsn: str = ""
    database: str = ""
    server_version: int = 0
    ddl: str = "ddl"
    migrations: str = "migrations"
    migrate: Migrate = field(default_factory=Migrate)
    tenancy: Tenancy = field(default_factory=Tenancy)


def load(pyproject: Path) -> Config | None:
    """The configuration in a pyproject.toml, or None where it has no `[tool.ringfence]`.

    Raises `Misuse` that names file, key, value and what is allowed.
    """
    try:
        text = pyproject.read_text(encoding="utf-8")
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise Misuse(
            f"{pyproject} is not valid TOML: {error}", span=_toml_span(pyproject, text, error)
        ) from None
    except UnicodeDecodeError as error:
        raise Misuse(f"{pyproject} is not UTF-8: byte {error.start}") from None
    except OSError as error:
        raise Misuse(f"cannot read {pyproject}: {error.strerror}") from None
    tool = document.get("tool", {})
    table = tool.get("ringfence") if isinstance(tool, dict) else None
    if table is None:
        return None
    built = _build(Config, table, "tool.ringfence", pyproject, text)
    assert isinstance(built, Config)
    return built


def _build(cls: type, table: Any, where: str, path: Path, text: str) -> object:
    """An instance of a configuration dataclass from a TOML table."""
    if not isinstance(table, dict):
        raise _bad(path, text, where, f"[{where}] must be a table", "")
    hints = get_type_hints(cls)
    known = {f.name.replace("_", "-"): f.name for f in fields(cls)}
    values: dict[str, object] = {}
    for key, value in table.items():
        name = known.get(key.replace("_", "-"))
        if name is None:
            raise _unknown(path, text, where, key, sorted(n.replace("-", "_") for n in known))
        values[name] = _value(hints[name], value, f"{where}.{key}", path, text)
    return cls(**values)


def _value(kind: Any, value: object, where: str, path: Path, text: str) -> object:
    if isinstance(kind, type) and kind in (Migrate, Tenancy):
        return _build(kind, value, where, path, text)
    if kind is str:
        if isinstance(value, str):
            said = where.replace("-", "_")
            if said.endswith((".lock_timeout", ".wait")) and not DURATION.match(value):
                raise _bad(
                    path,
                    text,
                    where,
                    f'{where} is "{value}"',
                    'write a duration: "500ms", "5s", "2min"',
                )
            if said.endswith((".migrate.schema", ".ddl", ".migrations")) and not value:
                raise _bad(path, text, where, f"{where} is empty", "name one, or leave the key out")
            return value
        raise _bad(path, text, where, f"{where} is {_toml(value)}", 'it must be a string: "…"')
    if kind is int:
        if isinstance(value, int) and not isinstance(value, bool):
            return value
        raise _bad(path, text, where, f"{where} is {_toml(value)}", "it must be a whole number")
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return tuple(value)
    raise _bad(
        path, text, where, f"{where} is {_toml(value)}", 'it must be a list of strings: ["…"]'
    )


DURATION = re.compile(r"\d+\s*(us|ms|s|min|h|d)\Z")
"""PostgreSQL's notation of a duration with its unit."""


def _toml(value: object) -> str:
    return repr(value).lower() if isinstance(value, bool) else repr(value)


def _unknown(path: Path, text: str, where: str, key: str, known: list[str]) -> Misuse:
    import difflib

    near = difflib.get_close_matches(key, known, n=1)
    hint = f"did you mean {near[0]}?" if near else f"known here: {', '.join(known)}"
    return _bad(path, text, f"{where}.{key}", f"unknown key {key} in [{where}]", hint)


def _bad(path: Path, text: str, where: str, message: str, hint: str) -> Misuse:
    return Misuse(_discreet(message), hint=hint, span=_key_span(path, text, where))


def _key_span(path: Path, text: str, where: str) -> Span:
    """Where a key stands: the line that assigns to it, or its table's head; else just the file."""
    inside = ""
    for number, line in enumerate(text.split("\n"), 1):
        shown = _discreet(line.rstrip())
        head = re.match(r"\s*\[+\s*([^\]]*?)\s*\]", line)
        if head:
            inside = re.sub(r"[\s\"']", "", head[1])
            if inside == where:
                return Span(str(path), number, 1, shown)
        key = re.match(r"\s*([\w\-.\s\"']+?)\s*=", line)
        if key:
            name = re.sub(r"[\s\"']", "", key[1])
            # An inline table says more than its name; its keys stand on its line.
            if f"{where}.".startswith(f"{inside}.{name}."):
                return Span(str(path), number, line.index(key[1]) + 1, shown)
    return Span(str(path))


def _toml_span(path: Path, text: str, error: tomllib.TOMLDecodeError) -> Span:
    """Where TOML's error is: its message tells, or says that the text ended too early."""
    lines = text.rstrip().split("\n")
    match = re.search(r"at line (\d+), column (\d+)", str(error))
    line, column = (int(match[1]), int(match[2])) if match else (len(lines), 0)
    return Span(str(path), line, column, _discreet(lines[min(line, len(lines)) - 1].rstrip()))


def _discreet(text: str) -> str:
    """What may be shown of the configuration: a DSN's password may not."""
    from ringfence.script import redacted_message

    return redacted_message(text)
