"""A foreign key is added, and every row is looked up.

Why it matters: ADD FOREIGN KEY reads both tables while nobody can write to either of them. Added as
NOT VALID it takes the same locks for a moment only, and VALIDATE lets everybody write.

Caught:

    CREATE TABLE app.p (id bigint PRIMARY KEY);
    CREATE TABLE app.t (id bigint PRIMARY KEY, p_id bigint);
    -- then
    ALTER TABLE app.t ADD CONSTRAINT t_p FOREIGN KEY (p_id) REFERENCES app.p (id);

One that is enforced from now on:

    CREATE TABLE app.p (id bigint PRIMARY KEY);
    CREATE TABLE app.t (id bigint PRIMARY KEY, p_id bigint);
    ALTER TABLE app.t ADD CONSTRAINT t_p FOREIGN KEY (p_id) REFERENCES app.p (id) NOT ENFORCED;
    -- then
    ALTER TABLE app.t ALTER CONSTRAINT t_p ENFORCED;

Passes:

    CREATE TABLE app.p (id bigint PRIMARY KEY);
    CREATE TABLE app.t (id bigint PRIMARY KEY, p_id bigint);
    -- then
    ALTER TABLE app.t ADD CONSTRAINT t_p FOREIGN KEY (p_id) REFERENCES app.p (id) NOT VALID;

When to ignore: on tables that stay small.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.finding import Severity
from ringfence.rules import Problem, rule
from ringfence.rules._parse import called, pb
from ringfence.rules.migration._rewrite import with_not_valid

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ringfence.rules._migration import Action


@rule("M018", Severity.WARNING, on=("add_constraint", "alter_constraint"), measurable=True)
def foreign_key_without_not_valid(action: Action) -> Iterator[Problem]:
    """ADD CONSTRAINT … FOREIGN KEY without NOT VALID."""
    if action.new:
        return
    node = action.definition
    if action.verb == "alter_constraint":
        known = action.relation.constraints.get(node.conname)
        if node.alter_enforceability and node.is_enforced and not (known and known.valid):
            yield Problem(
                f"{node.conname} is enforced from now on: {action.table} and what it refers to are"
                " read while their writers wait",
                action.ref,
                help="add it anew as NOT VALID, validate it in another migration, drop this one",
            )
        return
    if node.contype == pb.CONSTR_FOREIGN and node.is_enforced and not node.skip_validation:
        target = action.state.named(node.pktable.schemaname, node.pktable.relname)
        yield Problem(
            f"the foreign key{called(node)} keeps writers from {action.table} and {target.path} while both are read",
            action.ref,
            action.place(node),
            help="add it as NOT VALID, and validate it in another migration",
            fix=with_not_valid(action),
        )
