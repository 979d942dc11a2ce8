"""A column is made required, and every row is looked at.

Why it matters: SET NOT NULL reads the whole table for a NULL while nobody else can read or write,
unless a valid CHECK already proves that there is none.

Caught:

    CREATE TABLE app.t (id bigint PRIMARY KEY, a int);
    -- then
    ALTER TABLE app.t ALTER COLUMN a SET NOT NULL;

Passes:

    CREATE TABLE app.t (id bigint PRIMARY KEY, a int);
    ALTER TABLE app.t ADD CONSTRAINT a_there CHECK (a IS NOT NULL) NOT VALID;
    ALTER TABLE app.t VALIDATE CONSTRAINT a_there;
    -- then
    ALTER TABLE app.t ALTER COLUMN a SET NOT NULL;

When to ignore: on a table that stays small.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.finding import Severity
from ringfence.model import quoted
from ringfence.rules import Problem, rule
from ringfence.rules._state import proved_not_null

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ringfence.rules._migration import Action


@rule("M016", Severity.WARNING, on=("set_not_null",), measurable=True)
def set_not_null(action: Action) -> Iterator[Problem]:
    """SET NOT NULL that nothing proves."""
    column = action.node.name
    if action.new or proved_not_null(action.relation, column):
        return
    table, name, check = action.table, quoted(column), quoted(f"{column}_not_null")
    yield Problem(
        f"making {column} required reads all of {table} while nobody can use it",
        action.ref,
        help="let a CHECK prove it first; from PostgreSQL 18 on, ADD CONSTRAINT … NOT NULL … NOT VALID",
        fix=f"ALTER TABLE {table} ADD CONSTRAINT {check} CHECK ({name} IS NOT NULL) NOT VALID;\n"
        f"-- in the next migration:\n"
        f"ALTER TABLE {table} VALIDATE CONSTRAINT {check};\n"
        f"ALTER TABLE {table} ALTER COLUMN {name} SET NOT NULL;\n"
        f"ALTER TABLE {table} DROP CONSTRAINT {check};",
    )
