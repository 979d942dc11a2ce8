"""A privilege is taken away from, or given to, somebody in use.

Why it matters: the release that is running may need what is revoked, and fails from that moment on;
what is granted to PUBLIC is granted to every role there is and will be.

Caught:

    REVOKE SELECT ON app.t FROM app_user;

    REVOKE EXECUTE ON FUNCTION app.f(int) FROM app_user;

    REVOKE app_reader FROM app_user;

    GRANT SELECT ON ALL TABLES IN SCHEMA app TO PUBLIC;

    ALTER DEFAULT PRIVILEGES IN SCHEMA app GRANT SELECT ON TABLES TO PUBLIC;

Passes:

    GRANT SELECT ON app.t TO app_user;
    GRANT app_reader TO app_user;
    ALTER DEFAULT PRIVILEGES IN SCHEMA app GRANT SELECT ON TABLES TO app_user;
    ALTER DEFAULT PRIVILEGES IN SCHEMA app REVOKE SELECT ON TABLES FROM app_user;
    REVOKE EXECUTE ON FUNCTION app.f(int) FROM PUBLIC;

When to ignore: when no release in use needs the privilege.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ringfence.finding import Severity
from ringfence.rules import Problem, rule
from ringfence.rules._parse import pb

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ringfence.rules._migration import Action


@rule("M044", Severity.INFO, on=("grant", "grant_role", "alter_default_privileges"))
def revoke(action: Action) -> Iterator[Problem]:
    """REVOKE of a privilege or a membership; GRANT … TO PUBLIC."""
    node = action.node
    if action.migration.undo:
        return
    if action.verb == "grant_role":
        if not node.is_grant:
            yield Problem("a membership is revoked that the release that is running may need")
        return
    if action.verb == "alter_default_privileges":
        node = node.action
        if node.is_grant and _to_public(node) and node.objtype in _ROWS:
            yield Problem(
                "what is made from now on is granted to every role there is",
                severity=Severity.WARNING,
            )
        return
    if any(_new(each, action) for each in node.objects):
        return
    public = _to_public(node)
    if node.is_grant and public and node.objtype not in _ROWS:
        return  # functions, types and languages are everybody's anyway
    if not node.is_grant and not public:
        yield Problem("a privilege is revoked that the release that is running may need")
    elif node.is_grant and public:
        yield Problem("a privilege is granted to every role there is", severity=Severity.WARNING)


def _to_public(node: Any) -> bool:
    return any(g.role_spec.roletype == pb.ROLESPEC_PUBLIC for g in node.grantees)


_ROWS = (pb.OBJECT_TABLE, pb.OBJECT_SCHEMA, pb.OBJECT_SEQUENCE)


def _new(each: Any, action: Action) -> bool:
    """Whether an object is a table that this migration made."""
    relation = each.range_var
    known = action.state.relations.get(action.state.named(relation.schemaname, relation.relname))
    return known is not None and known.made_by == action.migration.shown
