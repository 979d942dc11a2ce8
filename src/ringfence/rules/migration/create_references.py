"""A new table refers to one in use, which is locked against writers for that.

Why it matters: a foreign key's triggers are made on the table it refers to as well, and for that its
writers must wait. It is done at once when it gets the lock, and until then it queues behind the longest
transaction that has written to that table, with every other writer behind it.

Caught:

    CREATE TABLE app.p (id bigint PRIMARY KEY);
    -- then
    CREATE TABLE app.t (id bigint PRIMARY KEY, p_id bigint REFERENCES app.p (id));

Passes:

    CREATE TABLE app.p (id bigint PRIMARY KEY);
    -- then
    SET lock_timeout = '2s';
    CREATE TABLE app.t (id bigint PRIMARY KEY, p_id bigint REFERENCES app.p (id));

    CREATE TABLE app.p (id bigint PRIMARY KEY);
    CREATE TABLE app.t (id bigint PRIMARY KEY, p_id bigint REFERENCES app.p (id));

When to ignore: where something else sets the lock timeout. ringfence does: of its own revisions this is
not said.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.finding import Severity
from ringfence.rules import Problem, rule
from ringfence.rules._parse import constraints_in, pb
from ringfence.rules._state import Relation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ringfence.rules._migration import Action
    from ringfence.rules._parse import Name


@rule("M048", Severity.INFO, on=("create_table",))
def create_references(action: Action) -> Iterator[Problem]:
    """CREATE TABLE … REFERENCES a table that other files have made."""
    migration = action.migration
    if migration.managed or migration.undo or migration.limited(action):
        return
    targets = sorted(
        {
            name
            for name in _targets(action)
            if name != action.name
            # One that no file at hand has made was there before.
            and action.state.relations.get(name, Relation()).made_by != migration.shown
        }
    )
    if targets:
        others = ", ".join(target.path for target in targets)
        yield Problem(
            f"making {action.table} locks {others} against writers, however long that takes to get",
            action.ref,
            help="SET lock_timeout = '2s' before it, and try again",
        )


def _targets(action: Action) -> Iterator[Name]:
    for element in action.node.table_elts:
        kind = element.WhichOneof("node")
        if kind == "column_def":
            keys = list(constraints_in(element.column_def, pb.CONSTR_FOREIGN))
        elif kind == "constraint" and element.constraint.contype == pb.CONSTR_FOREIGN:
            keys = [element.constraint]
        else:
            continue
        for key in keys:
            yield action.state.named(key.pktable.schemaname, key.pktable.relname)
