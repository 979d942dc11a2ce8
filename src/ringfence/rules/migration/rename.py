"""Something is renamed while the application knows its old name.

Why it matters: the release that is running fails from that moment on, and the next one fails until
then: there is no moment at which both work.

Caught:

    CREATE TABLE app.t (id bigint PRIMARY KEY, a int);
    -- then
    ALTER TABLE app.t RENAME COLUMN a TO b;

Names change places, and both mean something else:

    CREATE TABLE app.t (id bigint PRIMARY KEY, a int, b int);
    -- then
    BEGIN;
    ALTER TABLE app.t RENAME COLUMN a TO c;
    ALTER TABLE app.t RENAME COLUMN b TO a;
    ALTER TABLE app.t RENAME COLUMN c TO b;
    COMMIT;

    ALTER AGGREGATE app.total (int) RENAME TO sum_of;

    ALTER FOREIGN TABLE app.far RENAME TO away;

Passes, for nobody names an index:

    CREATE TABLE app.t (id bigint PRIMARY KEY, a int);
    CREATE INDEX t_a ON app.t (a);
    -- then
    ALTER INDEX app.t_a RENAME TO t_a_new;

Nor what is new, by whatever name:

    CREATE TYPE app.step AS ENUM ('one');
    ALTER TYPE app.step RENAME TO stage;
    ALTER TYPE app.stage RENAME TO phase;
    CREATE AGGREGATE app.total (int) (SFUNC = int4pl, STYPE = int);
    ALTER AGGREGATE app.total (int) RENAME TO sum_of;

Nor a column that is new:

    CREATE TABLE app.t (id bigint PRIMARY KEY, a int);
    -- then
    ALTER TABLE app.t ADD COLUMN b int;
    ALTER TABLE app.t RENAME COLUMN b TO c;

Nor does anybody miss the name of a column that takes the place of another:

    ALTER TABLE app.t ADD COLUMN a_new bigint;
    -- then
    BEGIN;
    ALTER TABLE app.t RENAME COLUMN a TO a_old;
    ALTER TABLE app.t RENAME COLUMN a_new TO a;
    COMMIT;

When to ignore: where a view of the old name stands in, or the application is stopped.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.finding import Severity
from ringfence.rules import USERS, Problem, rule
from ringfence.rules._actions import actions, came_later, of_object, taken_over
from ringfence.rules._parse import pb

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ringfence.model import Ref
    from ringfence.rules._migration import Action


@rule("M028", Severity.WARNING, on=("rename",), measured_as=USERS)
def rename(action: Action) -> Iterator[Problem]:
    """RENAME of what an application names."""
    tree = action.node
    if action.new or action.migration.undo or tree.rename_type not in _KINDS:
        return
    kind = _KINDS[tree.rename_type]
    if kind in _OBJECTS:
        yield from _object(action, kind)
        return
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
        if taken_over(action, old) or _takes_over(action):
            return
    if kind in ("table", "view", "materialized view", "foreign table") and _given_again(action):
        return
    yield _renamed(action, kind, old, action.ref if action.name.name else None)


def _renamed(action: Action, kind: str, old: str, ref: Ref | None) -> Problem:
    new = action.node.newname
    return Problem(
        f"{kind} {old} is now {new}: the release that is running knows the old name",
        ref,
        help="add the new one, keep both in step, and drop the old one when nobody uses it",
    )


def _object(action: Action, kind: str) -> Iterator[Problem]:
    """What is no relation, unless the migration itself made it."""
    name, known = of_object(action.node.object, action.state), action.state
    of = _OBJECTS[kind]
    made = (
        known.made.get(name.name)
        if of in ("routine", "aggregate")
        else known.others.get((kind, name))
    )
    if made != action.migration.shown:
        yield _renamed(action, kind, name.path, name.ref(of))


def _takes_over(action: Action) -> bool:
    """Whether a column that came later gets the name that another has lost in the same transaction."""
    new = action.node.newname
    return came_later(action, action.node.subname) and any(
        a.name == action.name
        and action.migration.at_once(a.statement, action.statement)
        and (
            (a.verb == "drop_column" and a.node.name == new)
            or (
                a.verb == "rename"
                and a.node.rename_type == pb.OBJECT_COLUMN
                and a.node.subname == new
            )
        )
        for a in action.migration.actions
    )


def _given_again(action: Action) -> bool:
    """Whether another relation gets the old name behind it."""
    every = action.migration.statements
    return any(
        a.verb == "rename"
        and a.node.rename_type in _RELATIONS
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
    pb.OBJECT_ROUTINE: "routine",
    pb.OBJECT_AGGREGATE: "aggregate",
    pb.OBJECT_FOREIGN_TABLE: "foreign table",
    pb.OBJECT_TYPE: "type",
    pb.OBJECT_DOMAIN: "domain",
    pb.OBJECT_ROLE: "role",
}
_RELATIONS = (pb.OBJECT_TABLE, pb.OBJECT_VIEW, pb.OBJECT_MATVIEW, pb.OBJECT_FOREIGN_TABLE)
_OBJECTS = {
    "function": "routine",
    "procedure": "routine",
    "routine": "routine",
    "aggregate": "aggregate",
    "type": "type",
    "domain": "domain",
}
"""Those that are no relations, and the kind that a finding names them by."""
