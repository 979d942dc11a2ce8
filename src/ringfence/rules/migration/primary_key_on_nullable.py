"""A primary key takes over an index on a column that may be NULL.

Why it matters: a primary key makes its columns required. USING INDEX looks instant, and reads the
whole table for a NULL while nobody can read or write.

Caught:

    CREATE TABLE app.t (id bigint);
    CREATE UNIQUE INDEX t_id ON app.t (id);
    -- then
    ALTER TABLE app.t ADD CONSTRAINT t_pkey PRIMARY KEY USING INDEX t_id;

Passes:

    CREATE TABLE app.t (id bigint NOT NULL);
    CREATE UNIQUE INDEX t_id ON app.t (id);
    -- then
    ALTER TABLE app.t ADD CONSTRAINT t_pkey PRIMARY KEY USING INDEX t_id;

When to ignore: on a table that stays small.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.finding import Severity
from ringfence.rules import Problem, rule
from ringfence.rules._parse import pb
from ringfence.rules._state import proved_not_null

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ringfence.rules._migration import Action


@rule("M022", Severity.WARNING, on=("add_constraint",), measurable=True)
def primary_key_on_nullable(action: Action) -> Iterator[Problem]:
    """PRIMARY KEY USING INDEX with a column that nothing proves to be filled."""
    if action.new:
        return
    node = action.definition
    if node.contype != pb.CONSTR_PRIMARY or not node.indexname:
        return
    index = next((i for n, i in action.state.indexes.items() if n.name == node.indexname), None)
    for column in index.columns if index is not None and action.relation.whole else ():
        if not proved_not_null(action.relation, column):
            yield Problem(
                f"{column} may be NULL: the primary key reads all of {action.table} under its lock",
                action.ref,
                action.place(node),
                help=f"make {column} NOT NULL first, as `ringfence explain M016` says",
            )
