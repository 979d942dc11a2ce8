"""Everybody may use a table, or make objects in a schema.

Why it matters: what is granted to PUBLIC is granted to every role there is and will be. Whoever may
create objects in a schema that others have on their search_path can slip them a function.

Caught:

    CREATE TABLE app.notes (id uuid PRIMARY KEY, owner text);
    GRANT SELECT ON app.notes TO PUBLIC;

Passes:

    CREATE TABLE app.notes (id uuid PRIMARY KEY, owner text);
    GRANT SELECT ON app.notes TO app_user;

When to ignore: for data that everybody may see.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.finding import Severity
from ringfence.rules import Problem, rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ringfence.rules._schema import Schema


@rule("T029", Severity.WARNING)
def granted_to_public(schema: Schema) -> Iterator[Problem]:
    """Grants to PUBLIC on tables and views, and of CREATE on schemas; default privileges to PUBLIC."""
    for ref, fact in sorted(schema.catalog.facts.items()):
        if ref.kind == "grant" and ref.name[-1] == "public" and fact.parent is not None:
            letters = set(fact.text("privileges"))
            kind = fact.parent.kind
            if kind in ("table", "view", "materialized_view") and letters & set("rawdD"):
                yield Problem(f"everybody may use {fact.parent.path}", fact.parent)
            elif kind == "schema" and "C" in letters:
                yield Problem(
                    f"everybody may make objects in schema {fact.parent.path}", fact.parent
                )
        elif (
            ref.kind == "default_acl"
            and ref.name[-1] == "public"
            and fact["privileges"]
            and ref.name[2] == "TABLES"
        ):
            yield Problem(f"everybody may use the tables that {ref.name[1]} will make", ref)
