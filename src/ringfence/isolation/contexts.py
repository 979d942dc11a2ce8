"""What a session may name instead of its tenant: nothing, no tenant at all, one whose key is like B's."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg

from ringfence.kinds._sql import ident, literal, qualified

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ringfence.isolation.estate import Fixture

CONTEXTS: Mapping[str, str] = {
    "empty": "",
    "blank": " ",
    "garbage": "ringfence",
    "nobody": "00000000-0000-4000-8000-000000000000",
}
"""What is no tenant: what SET LOCAL leaves behind after COMMIT is empty."""


def alike(fixture: Fixture) -> dict[str, str]:
    """Keys that another tenant may have and that are like B's: what compares them by anything but
    equality takes one for the other. The server says which there may be beside B's."""
    model, conn = fixture.estate.model, fixture.conn
    if model.members is not None or not model.setting:
        return {}
    table = model.root or next((fixture.estate.shape.tables[oid] for oid in model.columns), None)
    if table is None:
        return {}
    column = ident(model.own(table))
    at = qualified((table.schema, table.name))
    found: dict[str, str] = {}
    for name, key in _near(fixture.b):
        if key in (fixture.a, fixture.b, *found.values()):
            continue
        # A's row takes the key in a world that has B's: a CHECK refuses it, or a key that B's clashes with.
        conn.execute(b"SAVEPOINT ringfence_alike; SET LOCAL session_replication_role = replica")
        try:
            query = (
                f"UPDATE {at} SET {column} = {literal(key)} WHERE {column}::text = {literal(fixture.a)}"
                f" RETURNING {column}::text <> {literal(fixture.b)}"
            )
            answer = conn.execute(query.encode(), prepare=False).fetchone()
            if answer is not None and answer[0]:
                found[name] = key
        except psycopg.Error:
            pass  # what the schema refuses no tenant has
        finally:
            # In one with RELEASE: psycopg takes a bare ROLLBACK for the end of what is prepared.
            conn.execute(
                b"ROLLBACK TO SAVEPOINT ringfence_alike; RELEASE SAVEPOINT ringfence_alike"
            )
    return found


def _near(key: str) -> Iterator[tuple[str, str]]:
    """Names of ways to be like a key, and keys that are."""
    if key.isdecimal():
        yield from (("one more", str(int(key) + 1)), ("one less", str(int(key) - 1)))
    yield from (("in capitals", key.upper()), ("in small letters", key.lower()))
    yield from (("longer", f"{key}x"), ("shorter", key[:-1]), ("a pattern", f"_{key[1:]}"))
