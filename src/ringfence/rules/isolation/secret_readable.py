"""A runtime role may read a secret.

Why it matters: a token or password that a query can return ends up in a log, a cache or an answer.
A grant of columns keeps it out of `SELECT *`.

Caught:

    CREATE TABLE app.accounts (id uuid PRIMARY KEY, access_token text);
    GRANT SELECT ON app.accounts TO app_user;

Passes:

    CREATE TABLE app.accounts (id uuid PRIMARY KEY, access_token text, token_expires_at date);
    GRANT SELECT (id) ON app.accounts TO app_user;

When to ignore: where the application has to read it to use it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ringfence.finding import Severity
from ringfence.rules import Problem, rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ringfence.rules._schema import Schema


@rule("T030", Severity.WARNING)
def secret_readable(schema: Schema) -> Iterator[Problem]:
    """Columns named like secrets in tables that a runtime role may read as a whole."""
    for table in schema.tables.values():
        whole = {
            f.ref.name[-1]
            for f in schema.catalog.below(table.ref, "grant")
            if "r" in f.text("privileges")
        }
        for column, fact in table.columns.items():
            by_column = {
                f.ref.name[-1]
                for f in schema.catalog.below(fact.ref, "grant")
                if "r" in f.text("privileges")
            }
            who = sorted(
                role for role in whole | by_column if role in schema.roles or role == "public"
            )
            if who and _SECRET.search(column) and fact.text("type").partition("(")[0] in _TYPES:
                yield Problem(
                    f"{', '.join(who)} may read {column} of {table.path}",
                    table.column_ref(column),
                    help="grant the other columns, and give this one to a function that needs it",
                )


_SECRET = re.compile(
    r"(^|_)(password|passwd|secret|api_?key|private_key|credentials?|access_token|refresh_token|"
    r"auth_token|verify_token|token)(_encrypted|_hash|_enc)?$|_encrypted$"
)
_TYPES = {"text", "character varying", "bytea", "character", "json", "jsonb"}
