"""A foreign key refers to a table of another schema.

Why it matters: the two schemas can no longer be migrated, dumped or given away each by itself. Many
projects mean it so: this is looked for when it is asked for by name, `--select P012`.

Caught:

    CREATE TABLE public.p (id int PRIMARY KEY);
    CREATE TABLE app.t (id int PRIMARY KEY, p_id int REFERENCES public.p);

Passes:

    CREATE TABLE app.p (id int PRIMARY KEY);
    CREATE TABLE app.t (id int PRIMARY KEY, p_id int REFERENCES app.p);

When to ignore: where the schemas belong together.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.finding import Severity
from ringfence.rules import Problem, rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ringfence.rules._schema import Schema


@rule("P012", Severity.INFO, asked=True)
def foreign_key_leaves_schema(schema: Schema) -> Iterator[Problem]:
    """Foreign keys whose ends lie in two schemas."""
    for table in schema.tables.values():
        for key in table.foreign:
            if key.target.name[0] != key.ref.name[0]:
                yield Problem(
                    f"{key.ref.name[-1]} of {table.path} refers to {key.target.path}, in another schema",
                    key.ref,
                    help="keep what belongs together in one schema, or leave this rule out",
                )
