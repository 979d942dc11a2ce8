"""Something is renamed while the application knows its old name.

Why it matters: the release that is running fails from that moment on, and the next one fails until
then: there is no moment at which both work.

Caught:

    CREATE TABLE app.t (id bigint PRIMARY KEY, a int);
    -- then
    ALTER TABLE app.t RENAME COLUMN a TO b;

Passes, for nobody names an index:

    CREATE TABLE app.t (id bigint PRIMARY KEY, a int);
    CREATE INDEX t_a ON app.t (a);
    -- then
    ALTER INDEX app.t_a RENAME TO t_a_new;

Nor a column that is new:

    CREATE TABLE app.t (id bigint PRIMARY KEY, a int);
    -- then
    ALTER TABLE app.t ADD COLUMN b int;
    ALTER TABLE app.t RENAME COLUMN b TO c;

When to ignore: where a view of the old name stands in, or the application is stopped.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.finding import Severity
from ringfence.rules import Problem, rule
from ringfence.rules._actions import actions
from ringfence.rules._parse import pb

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ringfence.rules._migration import Action


@rule("M028", Severity.WARNING, on=("rename",))
def rename(action: Action) -> Iterator[Problem]:
    """RENAME of what an application names."""
    tree = action.node
    if action.new or action.migration.undo or tree.rename_type not in _KINDS:
        return
    kind = _KINDS[tree.rename_type]
    old = tree.subname or action.table
    if kind == "table" and any(
        a.verb == "create_view" and a.name == action.name
        for s in action.migration.statements
        for a in actions(s, action.state)
    ):
        return
    if kind == "column":
        known = action.relation.columns.get(old)
        if known is not None and known.made_by == action.migration.shown:
            return
    if kind in ("table", "view", "materialized view") and _given_again(action):
        return
    yield Problem(
        f"{kind} {old} is now {tree.newname}: the release that is running knows the old name",
        action.ref if action.name.name else None,
        help="add the new one, keep both in step, and drop the old one when nobody uses it",
    )


def _given_again(action: Action) -> bool:
    """Whether another relation gets the old name behind it."""
    every = action.migration.statements
    return any(
        a.verb == "rename"
        and a.node.rename_type in (pb.OBJECT_TABLE, pb.OBJECT_VIEW, pb.OBJECT_MATVIEW)
        and (a.name.schema, a.node.newname) == tuple(action.name)
        for s in every[every.index(action.statement.top) + 1 :]
        for a in actions(s, action.state)
    )


_KINDS = {
    pb.OBJECT_COLUMN: "column",
    pb.OBJECT_ATTRIBUTE: "attribute",
    pb.OBJECT_TABLE: "table",
    pb.OBJECT_VIEW: "view",
    pb.OBJECT_MATVIEW: "materialized view",
    pb.OBJECT_SCHEMA: "schema",
    pb.OBJECT_SEQUENCE: "sequence",
    pb.OBJECT_FUNCTION: "function",
    pb.OBJECT_PROCEDURE: "procedure",
    pb.OBJECT_TYPE: "type",
    pb.OBJECT_ROLE: "role",
}
