"""A row is looked for, and made where it is not there: two callers make it twice.

Why it matters: both look before either has written. The second INSERT fails on the unique key and
takes its whole transaction along; without a key there are two rows.

Caught:

    CREATE TABLE app.t (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text UNIQUE);
    CREATE FUNCTION app.find(n text) RETURNS int LANGUAGE plpgsql AS $$
    DECLARE found_id int;
    BEGIN
        SELECT id INTO found_id FROM app.t WHERE name = n;
        IF found_id IS NULL THEN
            INSERT INTO app.t (name) VALUES (n) RETURNING id INTO found_id;
        END IF;
        RETURN found_id;
    END $$;

Passes:

    CREATE TABLE app.t (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text UNIQUE);
    CREATE FUNCTION app.find(n text) RETURNS int LANGUAGE plpgsql AS $$
    DECLARE found_id int;
    BEGIN
        INSERT INTO app.t (name) VALUES (n) ON CONFLICT DO NOTHING;
        SELECT id INTO found_id FROM app.t WHERE name = n;
        RETURN found_id;
    END $$;

Passes, for it looks at what it has made:

    CREATE TABLE app.t (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text UNIQUE);
    CREATE FUNCTION app.make(n text) RETURNS int LANGUAGE plpgsql AS $$
    DECLARE new_id int;
    BEGIN
        IF n IS NULL THEN
            RAISE EXCEPTION 'a name is required';
        END IF;
        INSERT INTO app.t (name) VALUES (n);
        SELECT id INTO new_id FROM app.t WHERE name = n;
        RETURN new_id;
    END $$;

When to ignore: where a lock is taken that keeps the second caller waiting.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ringfence.finding import Severity
from ringfence.rules import Problem, rule
from ringfence.rules._schema import NAME, code

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ringfence.rules._schema import Schema


@rule("C010", Severity.ERROR)
def find_or_create_races(schema: Schema) -> Iterator[Problem]:
    """SELECT … INTO from a table, a test for nothing found, and a plain INSERT into the same table."""
    for routine in schema.routines.values():
        if routine.language != "plpgsql":
            continue
        body = code(routine.body)
        looked = {
            m[1]: m.end()
            for m in reversed(
                [*re.finditer(rf"\bINTO\b[^;]*?\bFROM\s+({NAME})[^;]*;", body, re.IGNORECASE)]
            )
        }
        locked = re.search(r"\bLOCK\s+TABLE|pg_advisory|unique_violation", body, re.IGNORECASE)
        for insert in re.finditer(rf"\bINSERT\s+INTO\s+({NAME})[^;]*;", body, re.IGNORECASE):
            safe = re.search(r"\bON\s+CONFLICT\b", insert[0], re.IGNORECASE)
            if insert[1] not in looked or safe or locked:
                continue
            # Between the two somebody has to ask whether there was a row; a look behind it finds it.
            if _ASKED.search(body, looked[insert[1]], insert.start()):
                yield Problem(
                    f"{routine.ref.path} looks for a row of {insert[1]} and makes it: two callers at once fail",
                    routine.ref,
                    help="INSERT … ON CONFLICT … first, then look",
                )
                break


_ASKED = re.compile(r"\bIS\s+NULL\s+THEN|\bNOT\s+FOUND\b|\bNOT\s+EXISTS\b", re.IGNORECASE)
