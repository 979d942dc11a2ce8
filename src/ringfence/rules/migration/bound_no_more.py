"""A role that policies bound is bound by them no more.

Why it matters: a superuser, a role with BYPASSRLS and the owner of a table whose row security is not
forced read and write every tenant's rows, whatever the policies say; so does who belongs to the owner.

Caught:

    ALTER ROLE app BYPASSRLS;

    ALTER ROLE app SUPERUSER;

    CREATE TABLE app.notes (id bigint PRIMARY KEY, owner text);
    ALTER TABLE app.notes ENABLE ROW LEVEL SECURITY;
    -- then
    ALTER TABLE app.notes OWNER TO app_user;

Passes:

    ALTER ROLE app NOBYPASSRLS LOGIN;

What is forced binds the owner too:

    CREATE TABLE app.notes (id bigint PRIMARY KEY, owner text);
    ALTER TABLE app.notes ENABLE ROW LEVEL SECURITY;
    ALTER TABLE app.notes FORCE ROW LEVEL SECURITY;
    -- then
    ALTER TABLE app.notes OWNER TO app_user;

Nor does a table without policies lose any:

    CREATE TABLE app.units (id bigint PRIMARY KEY, name text);
    -- then
    ALTER TABLE app.units OWNER TO app_user;

When to ignore: for roles of maintenance that no application logs in as.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.finding import Severity
from ringfence.model import Ref, quoted
from ringfence.rules import Problem, rule
from ringfence.rules._parse import switched

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ringfence.rules._migration import Action


@rule(
    "M058",
    Severity.WARNING,
    on=("alter_role", "change_owner"),
    measured_as=("LOST_PROTECTION",),
)
def bound_no_more(action: Action) -> Iterator[Problem]:
    """ALTER ROLE … BYPASSRLS or SUPERUSER, and OWNER TO of a table whose row security is not forced."""
    if action.migration.undo:
        return
    if action.verb == "alter_role":
        yield from _role(action)
    elif not action.new and action.relation.row_security and not action.relation.forced:
        owner = quoted(action.node.newowner.rolename) or "its new owner"
        yield Problem(
            f"policies of {action.table} do not bind {owner}, who owns it now: its row security is not"
            " forced",
            action.ref,
            help=f"ALTER TABLE {action.table} FORCE ROW LEVEL SECURITY first",
        )


def _role(action: Action) -> Iterator[Problem]:
    name = action.node.role.rolename
    for option, says in _ABOVE.items():
        if switched(action.node.options, option):
            who = f"role {quoted(name)}" if name else "the role that runs it"
            yield Problem(
                f"{who} {says}: no policy binds it any more",
                Ref("role", (name,)) if name else None,
                help="let a role of its own do what has to pass every policy",
            )


_ABOVE = {"superuser": "is made a superuser", "bypassrls": "gets BYPASSRLS"}
