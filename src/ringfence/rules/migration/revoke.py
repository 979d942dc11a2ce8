"""A privilege is taken away from, or given to, somebody in use.

Why it matters: the release that is running may need what is revoked, and fails from that moment on;
what is granted to PUBLIC is granted to every role there is and will be.

Caught:

    REVOKE SELECT ON app.t FROM app_user;

Passes:

    GRANT SELECT ON app.t TO app_user;

When to ignore: when no release in use needs the privilege.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ringfence.finding import Severity
from ringfence.rules import Problem, rule
from ringfence.rules._migration import pb

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ringfence.rules._migration import Action


@rule("M044", Severity.INFO, on=("grant",))
def revoke(action: Action) -> Iterator[Problem]:
    """REVOKE; GRANT … TO PUBLIC."""
    node = action.node
    if action.migration.undo or node.objtype not in (pb.OBJECT_TABLE, pb.OBJECT_SCHEMA):
        return
    if any(_new(each, action) for each in node.objects):
        return
    public = any(g.role_spec.roletype == pb.ROLESPEC_PUBLIC for g in node.grantees)
    if not node.is_grant and not public:
        yield Problem("a privilege is revoked that the release that is running may need")
    elif node.is_grant and public:
        yield Problem("a privilege is granted to every role there is", severity=Severity.WARNING)


def _new(each: Any, action: Action) -> bool:
    """Whether an object is a table that this migration made."""
    relation = each.range_var
    known = action.state.relations.get(action.state.named(relation.schemaname, relation.relname))
    return known is not None and known.made_by == action.migration.shown
