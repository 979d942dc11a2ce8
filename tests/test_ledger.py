"""Every column of every catalog that holds what users made is modelled, or left out for a reason.

`catalog_ledger.toml` says which for each column, or once for a whole catalog. A column that the
running server has and the ledger does not fails, and so does an entry for what is not there.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg

from ringfence.kinds import kinds

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from conftest import SomeServer

LEDGER: Mapping[str, Mapping[str, Any]] = tomllib.loads(
    Path(__file__).with_name("catalog_ledger.toml").read_text(encoding="utf-8")
)
OLDEST, NEWEST = 14, 18


def _columns(server: SomeServer) -> dict[str, set[str]]:
    """Catalog → its columns, on the running server."""
    with psycopg.connect(server.dsn()) as connection:
        rows = connection.execute(
            "SELECT c.relname, a.attname FROM pg_catalog.pg_class AS c"
            " INNER JOIN pg_catalog.pg_attribute AS a ON c.oid = a.attrelid"
            " WHERE c.relnamespace = 'pg_catalog'::regnamespace AND c.relkind = 'r'"
            " AND a.attnum > 0 AND NOT a.attisdropped"
        )
        found: dict[str, set[str]] = {}
        for catalog, column in rows:
            found.setdefault(catalog, set()).add(column)
        return found


def _there(entry: Mapping[str, Any], major: int) -> bool:
    since, until = entry.get("since", OLDEST), entry.get("until", NEWEST)
    return bool(since <= major <= until)


def _whole(entry: Mapping[str, Any]) -> bool:
    """Whether it speaks of the catalog, not of its columns."""
    return isinstance(entry.get("left_out"), str)


def _expected(major: int) -> dict[str, set[str] | None]:
    """Catalog → the columns the ledger has of it, None where it speaks of all of them at once."""
    return {
        name: None
        if _whole(entry)
        else {c for c, said in entry.items() if isinstance(said, dict) and _there(said, major)}
        for name, entry in LEDGER.items()
        if _there(entry, major)
    }


def _entries() -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every entry, by the name of what it is about."""
    for name, entry in LEDGER.items():
        if _whole(entry):
            yield name, entry
        else:
            for column, said in entry.items():
                if isinstance(said, dict):
                    yield f"{name}.{column}", said


def test_every_column_of_the_server_is_in_the_ledger(server: SomeServer) -> None:
    expected = _expected(server.major)
    unknown = {
        f"{catalog}.{column}"
        for catalog, columns in _columns(server).items()
        for column in columns
        if catalog not in expected or column not in (expected[catalog] or columns)
    }
    assert not unknown, f"not in the ledger for PostgreSQL {server.major}: {sorted(unknown)}"


def test_every_entry_is_of_a_column_of_the_server(server: SomeServer) -> None:
    there = _columns(server)
    gone = {
        f"{catalog}.{column}"
        for catalog, columns in _expected(server.major).items()
        for column in columns or set()
        if column not in there.get(catalog, set())
    } | {catalog for catalog in _expected(server.major) if catalog not in there}
    assert not gone, f"PostgreSQL {server.major} does not have {sorted(gone)}"


def test_an_entry_says_what_models_it_or_why_nothing_does() -> None:
    problems = [f"{name}: {problem}" for name, entry in _entries() for problem in _problems(entry)]
    assert not problems, "\n".join(problems)


def _problems(entry: Mapping[str, Any]) -> Iterator[str]:
    if not set(entry) <= {"modelled", "left_out", "since", "until"}:
        yield f"knows {sorted(entry)}"
    if ("modelled" in entry) == ("left_out" in entry):
        yield "is to be either modelled or left out"
    if not entry.get("left_out", "because ").startswith("because "):
        yield "is left out without a reason"
    said = entry.get("modelled", [])
    for model in [said] if isinstance(said, str) else said:
        if not _modelled(model):
            yield f"there is no {model}"


def _modelled(model: str) -> bool:
    """`kind.attribute`; name, parent, owner and grants are said of kinds that have them."""
    name, _, attribute = model.partition(".")
    kind = kinds().get(name)
    if kind is None:
        return False
    if attribute in ("owner", "grants") and "extract" not in kind.skip:
        column = {"owner": "owner", "grants": "acl"}[attribute]
        return f" AS {column}" in kind.query(NEWEST)
    return attribute in ("name", "parent") or attribute in kind.attributes
