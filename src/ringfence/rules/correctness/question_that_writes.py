"""A function that is named like a question writes.

Why it matters: nobody expects `is_open()` to change a row: it fails in a read-only transaction and on
a replica, takes locks in a SELECT, and may be called more often than it is read.

Caught:

    CREATE TABLE app.t (id int PRIMARY KEY, open boolean);
    CREATE FUNCTION app.is_open(t_id int) RETURNS boolean LANGUAGE plpgsql AS $$
    BEGIN
        UPDATE app.t SET open = false WHERE id = t_id;
        RETURN false;
    END $$;

Passes:

    CREATE TABLE app.t (id int PRIMARY KEY, open boolean);
    CREATE FUNCTION app.is_open(t_id int) RETURNS boolean LANGUAGE sql STABLE
        AS $$ SELECT open FROM app.t WHERE id = t_id $$;

When to ignore: never: name it for what it does.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ringfence.finding import Severity
from ringfence.rules import Problem, rule
from ringfence.rules._schema import writes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ringfence.rules._schema import Schema


@rule("C009", Severity.WARNING)
def question_that_writes(schema: Schema) -> Iterator[Problem]:
    """Functions that give a boolean, are named is_… or has_…, and write."""
    for routine in schema.routines.values():
        asks = re.match(r"(is|has|can|should|was|get)_", routine.ref.name[1])
        if asks and writes(routine.body):
            yield Problem(
                f"{routine.ref.path} is named like a question and writes"
                f" {', '.join(dict.fromkeys(name for _, name in writes(routine.body)))}",
                routine.ref,
            )
