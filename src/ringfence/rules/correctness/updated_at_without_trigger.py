"""A column that tells the last change is set by nobody.

Why it matters: an UPDATE that forgets it leaves the old moment there, and whoever asks what changed
since yesterday is told nothing did.

Caught:

    CREATE TABLE app.t (id int PRIMARY KEY, updated_at timestamptz NOT NULL DEFAULT now());

Passes:

    CREATE FUNCTION app.touch() RETURNS trigger LANGUAGE plpgsql
        AS $$ BEGIN NEW.updated_at := now(); RETURN NEW; END $$;
    CREATE TABLE app.t (id int PRIMARY KEY, updated_at timestamptz NOT NULL DEFAULT now());
    CREATE TRIGGER touched BEFORE UPDATE ON app.t FOR EACH ROW EXECUTE FUNCTION app.touch();

When to ignore: where the application sets it in every UPDATE.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ringfence.finding import Severity
from ringfence.rules import Problem, rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ringfence.rules._schema import Schema


@rule("C001", Severity.WARNING)
def updated_at_without_trigger(schema: Schema) -> Iterator[Problem]:
    """Columns named updated_at and the like, in tables without a trigger that assigns them."""
    for table in schema.tables.values():
        for column, fact in table.columns.items():
            if not re.fullmatch(r"(updated|modified|changed)_(at|on)", column):
                continue
            if not fact.text("type").startswith(("timestamp", "date")) or fact["generated"]:
                continue
            functions = [schema.function_of(trigger) for trigger in table.triggers]
            if not any(
                f and re.search(rf"\bNEW\.{column}\s*:?=", f.body, re.IGNORECASE) for f in functions
            ):
                yield Problem(
                    f"nothing sets {column} of {table.path} when a row changes",
                    table.column_ref(column),
                    help="a BEFORE UPDATE trigger does, whoever writes",
                )
