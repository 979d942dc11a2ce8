"""Something moves to another schema.

Why it matters: its qualified name changes, so the release that is running fails from that moment on
unless its search_path finds the new place.

Caught:

    CREATE TABLE app.t (id bigint PRIMARY KEY);
    -- then
    ALTER TABLE app.t SET SCHEMA archive;

    CREATE FUNCTION app.f() RETURNS int LANGUAGE sql AS 'SELECT 1';
    -- then
    ALTER FUNCTION app.f() SET SCHEMA archive;

Passes:

    CREATE TABLE app.t (id bigint PRIMARY KEY);
    ALTER TABLE app.t SET SCHEMA archive;

When to ignore: where a view of the old name stands in, or both schemas are on every search_path.
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


@rule("M029", Severity.WARNING, on=("set_schema", "move"), measured_as=USERS)
def set_schema(action: Action) -> Iterator[Problem]:
    """SET SCHEMA on the way forth."""
    if action.new or action.migration.undo or not action.name.name:
        return
    if action.verb == "move":
        if action.node.object_type in _KINDS and (
            action.state.made.get(action.name.name) != action.migration.shown
        ):
            yield Problem(
                f"{_KINDS[action.node.object_type]} {action.table} moves to schema"
                f" {action.node.newschema}: its old name stops working",
                help="make another one there, and drop this one when nobody uses it",
            )
        return
    if made_again(action, "create_view"):
        return
    yield Problem(
        f"{action.table} moves to schema {action.node.newschema}: its old name stops working",
        action.ref,
        help="leave a view of the old name behind",
    )


_KINDS = {
    pb.OBJECT_FUNCTION: "function",
    pb.OBJECT_PROCEDURE: "procedure",
    pb.OBJECT_ROUTINE: "routine",
    pb.OBJECT_AGGREGATE: "aggregate",
    pb.OBJECT_TYPE: "type",
    pb.OBJECT_DOMAIN: "type",
}
