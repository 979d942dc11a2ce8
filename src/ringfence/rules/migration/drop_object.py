"""An object is dropped.

Why it matters: what is in it is gone, and whatever still names it fails from that moment on. With
CASCADE, other objects go with it that the migration does not name.

Caught:

    CREATE TABLE app.t (id bigint PRIMARY KEY);
    -- then
    DROP TABLE app.t;

It is not there until the next statement is committed:

    CREATE TABLE app.t (id bigint PRIMARY KEY);
    CREATE VIEW app.v AS SELECT id FROM app.t;
    -- then
    DROP VIEW app.v;
    CREATE VIEW app.v AS SELECT id, 1 AS one FROM app.t;

Passes, for the view is made anew:

    CREATE TABLE app.t (id bigint PRIMARY KEY);
    CREATE VIEW app.v AS SELECT id FROM app.t;
    -- then
    BEGIN;
    DROP VIEW app.v;
    CREATE VIEW app.v AS SELECT id, 1 AS one FROM app.t;
    COMMIT;

Nor does anybody name what the migration itself made:

    CREATE TYPE app.step AS ENUM ('one', 'two');
    CREATE SCHEMA scratch;
    DROP SCHEMA scratch;
    DROP TYPE app.step;
    CREATE FUNCTION app.f() RETURNS int LANGUAGE sql AS 'SELECT 1';
    ALTER FUNCTION app.f() RENAME TO g;
    DROP FUNCTION app.g();
    CREATE DOMAIN app.name AS text;
    ALTER DOMAIN app.name RENAME TO title;
    DROP DOMAIN app.title;
    CREATE SCHEMA other;
    CREATE TYPE other.step AS ENUM ('one');
    ALTER SCHEMA other RENAME TO another;
    DROP TYPE another.step;

Nor a function that only triggers call: while one does, PostgreSQL does not drop it.

    CREATE FUNCTION app.f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
    -- then
    DROP FUNCTION app.f();

When to ignore: when no release in use names it any more. The way back of a migration may drop what
its way forth made.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.finding import Severity
from ringfence.rules import USERS, Problem, rule
from ringfence.rules._actions import made_again
from ringfence.rules._parse import pb

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ringfence.rules._migration import Action


@rule("M026", Severity.WARNING, on=("drop_table", "drop"), measured_as=USERS)
def drop_object(action: Action) -> Iterator[Problem]:
    """DROP of what was there before and is not made again."""
    tree = action.node
    if action.new or action.migration.undo or tree.remove_type not in _KINDS:
        return
    kind, verb = _KINDS[tree.remove_type]
    again = made_again(action, verb) if verb else ""
    if again == "at once":
        return
    made_by = action.state.others.get((kind, action.name))
    if verb == "create_function":
        made_by = action.state.made.get(action.name.name)
    cascade = tree.behavior == pb.DROP_CASCADE
    called = cascade or action.name.name not in action.state.for_triggers
    if tree.missing_ok and _never(action, kind, made_by):
        return
    if made_by == action.migration.shown or not (called or verb != "create_function"):
        return
    if again:
        yield Problem(
            f"{kind} {action.table} is gone until it is made again, in another transaction",
            action.name.ref(kind.replace(" ", "_")),
            help="drop it and make it in one: BEGIN; … COMMIT;",
        )
        return
    rest = ", and everything that needs it" if cascade else ""
    yield Problem(
        f"{kind} {action.table} is gone{rest}; what still names it fails",
        action.name.ref(kind.replace(" ", "_")),
        help="name what goes instead of CASCADE" if cascade else "",
    )


def _never(action: Action, kind: str, made_by: str | None) -> bool:
    """Whether no file before made it: IF EXISTS is then for databases that another tool has made."""
    state = action.state
    followed = kind not in ("sequence", "foreign table")  # these come with others, too
    return state.whole and followed and made_by is None and action.name not in state.relations


_KINDS = {
    pb.OBJECT_TABLE: ("table", "create_table"),
    pb.OBJECT_VIEW: ("view", "create_view"),
    pb.OBJECT_MATVIEW: ("materialized view", "create_table_as"),
    pb.OBJECT_SCHEMA: ("schema", ""),
    pb.OBJECT_SEQUENCE: ("sequence", ""),
    pb.OBJECT_FUNCTION: ("function", "create_function"),
    pb.OBJECT_PROCEDURE: ("procedure", "create_function"),
    pb.OBJECT_TYPE: ("type", ""),
    pb.OBJECT_DOMAIN: ("domain", "create_domain"),
    pb.OBJECT_EXTENSION: ("extension", ""),
    pb.OBJECT_FOREIGN_TABLE: ("foreign table", ""),
}
