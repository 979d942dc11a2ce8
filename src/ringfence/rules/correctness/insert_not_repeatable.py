"""A function inserts into a table with a unique key, and fails when it is called again.

Why it matters: messages are delivered twice and requests are tried again; the second call fails, with
all else that its transaction did.

Caught:

    CREATE TABLE app.t (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, wire_id text UNIQUE);
    CREATE FUNCTION app.receive(w text) RETURNS void LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO app.t (wire_id) VALUES (w);
    END $$;

Passes:

    CREATE TABLE app.t (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, wire_id text UNIQUE);
    CREATE FUNCTION app.receive(w text) RETURNS void LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO app.t (wire_id) VALUES (w) ON CONFLICT (wire_id) DO NOTHING;
    END $$;

Passes, for that a name is taken is what a caller is to be told:

    CREATE TABLE app.u (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, username text UNIQUE);
    CREATE FUNCTION app.sign_up(n text) RETURNS void LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO app.u (username) VALUES (n);
    END $$;

When to ignore: where the caller is to be told that it came twice.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ringfence.finding import Severity
from ringfence.rules import Problem, rule
from ringfence.rules._schema import NAME, code, matching

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ringfence.rules._schema import Schema, Table


@rule("C011", Severity.WARNING)
def insert_not_repeatable(schema: Schema) -> Iterator[Problem]:
    """Plain INSERTs that give a value to every column of a unique key, where it may come twice: the
    key holds a number that another system gave, or the function is named like one that receives."""
    for routine in schema.routines.values():
        if routine.result == "trigger":
            continue
        body = code(routine.body)
        for insert in re.finditer(
            rf"\bINSERT\s+INTO\s+({NAME})\s*\(([^)]*)\)[^;]*;", body, re.IGNORECASE
        ):
            if (
                re.search(r"\bON\s+CONFLICT\b", insert[0], re.IGNORECASE)
                or "unique_violation" in body.lower()
            ):
                continue
            given = {name.strip().strip('"') for name in insert[2].split(",")}
            for table in matching(schema.tables.values(), insert[1]):
                keys = [
                    columns
                    for _, columns in table.uniques
                    if set(columns) <= given
                    and (_RECEIVES.search(routine.ref.name[1]) or _foreign(table, columns))
                ]
                if keys:
                    yield Problem(
                        f"{routine.ref.path} fails when called again: ({', '.join(keys[0])}) of"
                        f" {table.path} is unique",
                        routine.ref,
                        help="INSERT … ON CONFLICT, and say what a second call is to do",
                    )


def _foreign(table: Table, columns: Iterable[str]) -> bool:
    """Whether a key holds a text that is named like another system's number."""
    return any(
        _NUMBER.search(column)
        and table.type(column).partition("(")[0] in ("text", "character varying", "bytea")
        for column in columns
    )


_NUMBER = re.compile(r"id$|(^|_)(token|key|digest|hash|checksum)$")
_RECEIVES = re.compile(
    r"(^|_)(receive|ingest|record|upsert|sync|import|ensure|get|find|process|handle|enqueue|on)(_|$)"
)
