"""A trigger's function sets a column that its table does not have.

Why it matters: PL/pgSQL finds out when the trigger fires: every INSERT or UPDATE fails.

Caught:

    CREATE FUNCTION app.touch() RETURNS trigger LANGUAGE plpgsql
        AS $$ BEGIN NEW.updated_at := now(); RETURN NEW; END $$;
    CREATE TABLE app.t (id int PRIMARY KEY);
    CREATE TRIGGER touched BEFORE UPDATE ON app.t FOR EACH ROW EXECUTE FUNCTION app.touch();

Passes:

    CREATE FUNCTION app.touch() RETURNS trigger LANGUAGE plpgsql
        AS $$ BEGIN NEW.updated_at := now(); RETURN NEW; END $$;
    CREATE TABLE app.t (id int PRIMARY KEY, updated_at timestamptz);
    CREATE TRIGGER touched BEFORE UPDATE ON app.t FOR EACH ROW EXECUTE FUNCTION app.touch();

When to ignore: where the function asks which table it is called for first.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ringfence.finding import Severity
from ringfence.rules import Problem, rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ringfence.rules._schema import Schema


@rule("C002", Severity.ERROR)
def trigger_sets_missing_column(schema: Schema) -> Iterator[Problem]:
    """Assignments to NEW in a trigger's function, against the columns of its table."""
    for table in schema.tables.values():
        for trigger in table.triggers:
            function = schema.function_of(trigger)
            if (
                function is None
                or function.language != "plpgsql"
                or "tg_table_name" in function.body.lower()
            ):
                continue
            for column in dict.fromkeys(
                re.findall(r"\bNEW\.(\w+)\s*:?=(?!=)", _assigned(function.body), re.IGNORECASE)
            ):
                if column.lower() not in table.columns:
                    yield Problem(
                        f"trigger {trigger.ref.name[-1]} sets {column}, which {table.path} does not have",
                        trigger.ref,
                    )


def _assigned(body: str) -> str:
    """The statements of a body that begin with an assignment: a comparison in IF is none."""
    body = re.sub(r"--[^\n]*|/\*.*?\*/", " ", body, flags=re.DOTALL)
    parts = re.split(r";|\bTHEN\b|\bELSE\b|\bBEGIN\b|\bLOOP\b", body, flags=re.IGNORECASE)
    return ";".join(part for part in parts if re.match(r"\s*NEW\.", part, re.IGNORECASE))
