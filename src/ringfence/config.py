"""What `[tool.ringfence]` in pyproject.toml says, checked and typed.

Every key is known here, with its type; an unknown one is an error that names the nearest known one.
"""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import date
from typing import TYPE_CHECKING, Any, get_type_hints

from ringfence.errors import Misuse, Span

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Migrate:
    """`[tool.ringfence.migrate]`: how revisions are applied.

    `schema` holds the history and Alembic's version table. `lock_timeout` (PostgreSQL's notation)
    bounds how long one statement may queue for a lock, `lock_deadline` how long it is tried anew
    where that was not long enough, `wait` how long a second runner waits for the first, `lag` how
    far a replica may be behind before a backfill pauses. `allow` are hazards of revisions that need
    nobody's word: `LONG_LOCK`. `drift` says what comes of it where an object is not what a revision
    was planned on: `refuse`, `warn` or `off`. `free_space` is how much room the server's disk has
    (`500GB`), where that cannot be looked at.
    """

    schema: str = "ringfence"
    lock_timeout: str = "1s"
    wait: str = "60s"
    lock_deadline: str = "1min"
    lag: str = "10s"
    allow: tuple[str, ...] = ()
    drift: str = "refuse"
    free_space: str = ""


@dataclass(frozen=True, slots=True)
class Tenancy:
    """`[tool.ringfence.tenancy]`: who the tenants are.

    `root` is the table whose rows are the tenants, `setting` the configuration parameter that
    policies read the tenant from, `value` what is in it, with `{tenant}` for the tenant's key (nothing
    else, by default), `roles` the runtime roles that policies must bind, `shared` the tables whose
    rows belong to nobody. Where no table's rows are the tenants, `column` is what the column is
    called that says whose a row is. Where the setting names a person, `members` is the column that says
    which tenants the person belongs to (schema.table.column).
    """

    root: str = ""
    setting: str = ""
    roles: tuple[str, ...] = ()
    shared: tuple[str, ...] = ()
    column: str = ""
    value: str = ""
    members: str = ""


@dataclass(frozen=True, slots=True)
class Column:
    """A column in `[tool.ringfence.seed.columns]`: what its values are, instead of what ringfence
    would think up.

    One of `values` (with `weights`, as many, how often each comes), `provider` (a kind of text, or
    `faker:NAME`), `distribution` (`uniform` from `low` to `high`, `normal` or `exponential` around
    `mean`) and `sql`, an expression over the row's other columns.
    """

    values: tuple[str, ...] = ()
    weights: tuple[int, ...] = ()
    provider: str = ""
    distribution: str = ""
    low: float | None = None
    high: float | None = None
    mean: float | None = None
    deviation: float | None = None
    sql: str = ""


@dataclass(frozen=True, slots=True)
class Seed:
    """`[tool.ringfence.seed]`: how the database is seeded.

    `locale` is whose names and words there are, `skew` how unequal tenants are (0: all alike, 1: the
    second has half of what the first has, the third a third), `rows` how many rows a table gets for
    each tenant, `columns` what the values of a column are. Tables and columns are named with their
    schema, as messages name them.
    """

    locale: str = ""
    skew: float = 0.0
    rows: Mapping[str, int] = field(default_factory=dict)
    columns: Mapping[str, Column] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Accepted:
    """`[[tool.ringfence.accepted]]`: something `verify` finds that is known and borne for a while.

    `finding` is the finding's fingerprint, in which `*` stands for anything, `reason` why it is
    borne, `until` the last day it is.
    """

    finding: str = ""
    reason: str = ""
    until: date = date.max


@dataclass(frozen=True, slots=True)
class Lint:
    """`[tool.ringfence.lint]`: what `ringfence lint` looks for.

    `baseline` is the file of what is accepted as it is, `skip` the codes or families not looked for.
    """

    baseline: str = ""
    skip: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Config:
    """`[tool.ringfence]`. Paths are as written, relative to the project.

    `unmodeled` are things that ringfence does not model and somebody else looks after, by name:
    `subscription:orders`.
    """

    dsn: str = ""
    database: str = ""
    server_version: int = 0
    ddl: str = "ddl"
    migrations: str = "migrations"
    document: str = ""
    unmodeled: tuple[str, ...] = ()
    migrate: Migrate = field(default_factory=Migrate)
    tenancy: Tenancy = field(default_factory=Tenancy)
    lint: Lint = field(default_factory=Lint)
    seed: Seed = field(default_factory=Seed)
    accepted: tuple[Accepted, ...] = ()


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
    if isinstance(kind, type) and kind in (Migrate, Tenancy, Seed, Lint):
        return _build(kind, value, where, path, text)
    if kind == tuple[Accepted, ...]:
        return tuple(_accepted(value, where, path, text))
    if kind is date:
        if type(value) is date:
            return value
        raise _bad(path, text, where, f"{where} is {_toml(value)}", "write a day: 2027-01-31")
    if kind == Mapping[str, Column]:
        return dict(_columns(value, where, "", path, text))
    if kind == Mapping[str, int]:
        return dict(_counts(value, where, "", path, text))
    if kind in (float, float | None):
        least = 0.0 if where.endswith(".skew") else -math.inf
        if (
            isinstance(value, (int, float))
            and not isinstance(value, bool)
            and math.isfinite(value)
            and value >= least
        ):
            return float(value)
        raise _bad(
            path, text, where, f"{where} is {_toml(value)}",
            f"it must be a number{'' if least else ', 0 or more'}",
        )  # fmt: skip
    if kind == tuple[int, ...]:
        if isinstance(value, list) and all(type(item) is int and item >= 0 for item in value):
            return tuple(value)
        raise _bad(
            path, text, where, f"{where} is {_toml(value)}", "it must be whole numbers: [3, 1]"
        )
    if kind == tuple[str, ...] and where.endswith(".values"):
        return _values(value, where, path, text)
    if kind is str:
        if isinstance(value, str):
            said = where.replace("-", "_")
            if said.endswith(_DURATIONS) and not DURATION.match(value):
                raise _bad(
                    path,
                    text,
                    where,
                    f'{where} is "{value}"',
                    'write a duration: "500ms", "5s", "2min"',
                )
            if said.endswith(".migrate.drift") and value not in DRIFT:
                raise _bad(path, text, where, f'{where} is "{value}"', f"known: {', '.join(DRIFT)}")
            if said.endswith(".free_space") and value and not _SIZE.match(value):
                raise _bad(
                    path,
                    text,
                    where,
                    f'{where} is "{value}"',
                    'write a size: "500MB", "20GB", "2TB"',
                )
            if said.endswith((".migrate.schema", ".ddl", ".migrations")) and not value:
                raise _bad(path, text, where, f"{where} is empty", "name one, or leave the key out")
            return value
        raise _bad(path, text, where, f"{where} is {_toml(value)}", 'it must be a string: "…"')
    if kind is int:
        if isinstance(value, int) and not isinstance(value, bool):
            if (
                where.replace("-", "_").endswith("server_version")
                and value
                and not 14 <= value <= 99
            ):
                raise _bad(
                    path,
                    text,
                    where,
                    f"{where} is {value}",
                    "name a major version, 14 or newer: 18",
                )
            return value
        raise _bad(path, text, where, f"{where} is {_toml(value)}", "it must be a whole number")
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return tuple(value)
    raise _bad(
        path, text, where, f"{where} is {_toml(value)}", 'it must be a list of strings: ["…"]'
    )


def _accepted(value: object, where: str, path: Path, text: str) -> Iterator[Accepted]:
    """What is accepted: each says what, why and how long."""
    if not isinstance(value, list):
        raise _bad(path, text, where, f"[{where}] must be a list", f"write it as [[{where}]]")
    for one in value:
        built = _build(Accepted, one, where, path, text)
        assert isinstance(built, Accepted)
        for key, unsaid in (("finding", ""), ("reason", ""), ("until", date.max)):
            if getattr(built, key) == unsaid:
                raise _bad(
                    path, text, where, f"[[{where}]] does not say its {key}",
                    'finding = "isolation/policy:table:app.notes", reason = "…", until = 2027-01-31',
                )  # fmt: skip
        yield built


def _columns(
    value: object, where: str, name: str, path: Path, text: str
) -> Iterator[tuple[str, Column]]:
    """The columns by name, whether it is one quoted key or TOML took its dots for tables."""
    if isinstance(value, list):
        yield name, Column(values=_values(value, where, path, text))
        return
    if not isinstance(value, dict):
        said = f"{where} is {_toml(value)}"
        raise _bad(
            path, text, where, said, 'write values, ["a", "b"], or a table, {provider = "email"}'
        )
    known = {f.name for f in fields(Column)}
    if name and (
        set(value) & known or not any(isinstance(v, (dict, list)) for v in value.values())
    ):
        built = _build(Column, value, where, path, text)
        assert isinstance(built, Column)
        yield name, _coherent(built, where, path, text)
        return
    for key, inner in value.items():
        yield from _columns(inner, f"{where}.{key}", f"{name}.{key}" if name else key, path, text)


_DISTRIBUTIONS: dict[str, tuple[str, ...]] = {
    "uniform": ("low", "high"),
    "normal": ("mean", "deviation"),
    "exponential": ("mean",),
}


def _coherent(column: Column, where: str, path: Path, text: str) -> Column:
    """The column, which says one thing and all of it."""
    ways = [w for w in ("values", "provider", "distribution", "sql") if getattr(column, w)]
    if len(ways) != 1:
        said = " and ".join(ways) or "nothing"
        raise _bad(
            path, text, where, f"{where} says {said}",
            "say one of: values, provider, distribution, sql",
        )  # fmt: skip
    if column.weights and (len(column.weights) != len(column.values) or not any(column.weights)):
        count = f"{len(column.weights)} weights for {len(column.values)} values"
        raise _bad(path, text, where, f"{where} has {count}", "give each value a weight, not all 0")
    if column.distribution:
        needed = _DISTRIBUTIONS.get(column.distribution)
        if needed is None:
            raise _bad(
                path, text, where, f'{where} has distribution "{column.distribution}"',
                f"known: {', '.join(_DISTRIBUTIONS)}",
            )  # fmt: skip
        missing = [key for key in needed if getattr(column, key) is None]
        if missing:
            raise _bad(
                path, text, where,
                f"{where} does not say {' and '.join(missing)} of its distribution",
                f"a distribution that is {column.distribution} has {' and '.join(needed)}",
            )  # fmt: skip
        wrong = _impossible(column)
        if wrong:
            raise _bad(path, text, where, f"{where} has {wrong[0]}", wrong[1])
    return column


def _impossible(column: Column) -> tuple[str, str] | None:
    """What is wrong with a distribution's numbers, and what they must be."""
    if column.low is not None and column.high is not None and column.low > column.high:
        return f"low = {column.low:g} above high = {column.high:g}", "low must not be above high"
    if column.distribution == "exponential" and column.mean is not None and column.mean <= 0:
        return f"mean = {column.mean:g}", "an exponential distribution has a mean above 0"
    if column.deviation is not None and column.deviation < 0:
        return f"deviation = {column.deviation:g}", "it must not be below 0"
    return None


def _values(value: object, where: str, path: Path, text: str) -> tuple[str, ...]:
    if not isinstance(value, list) or not value:
        raise _bad(path, text, where, f"{where} is {_toml(value)}", 'it must be a list: ["a", "b"]')
    for item in value:
        if not isinstance(item, (str, int, float)) and not hasattr(item, "isoformat"):
            raise _bad(path, text, where, f"{where} holds {_toml(item)}", "write it as a string")
    return tuple(str(v).lower() if isinstance(v, bool) else str(v) for v in value)


def _counts(
    value: object, where: str, name: str, path: Path, text: str
) -> Iterator[tuple[str, int]]:
    """Row counts by table, whether the name is one quoted key or TOML took its dots for tables."""
    if name and type(value) is int and value > 0:
        yield name, value
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from _counts(
                inner, f"{where}.{key}", f"{name}.{key}" if name else key, path, text
            )
    else:
        raise _bad(
            path, text, where, f"{where} is {_toml(value)}", "it must be a whole number above 0"
        )


_SIZE = re.compile(r"\d+(MB|GB|TB)\Z")
DRIFT = ("refuse", "warn", "off")
"""What may come of it where an object is not what a revision was planned on."""

_DURATIONS = (".lock_timeout", ".lock_deadline", ".wait", ".lag")
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
