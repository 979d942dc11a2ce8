"""A runtime role is not bound by policies.

Why it matters: superusers and roles with BYPASSRLS are never asked, an owner only where it is forced,
and whoever is a member of such a role can become it.

Caught:

    CREATE TABLE app.notes (id uuid PRIMARY KEY, owner text);
    GRANT SELECT ON app.notes TO app_bypass;

Passes:

    CREATE TABLE app.notes (id uuid PRIMARY KEY, owner text);
    GRANT SELECT ON app.notes TO app_user;

When to ignore: for roles of maintenance that no application logs in as: leave them out of `roles` in `[tool.ringfence.tenancy]`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.finding import Severity
from ringfence.model import Ref
from ringfence.rules import Problem, rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ringfence.rules._schema import Schema


@rule("T020", Severity.ERROR)
def role_above_policies(schema: Schema) -> Iterator[Problem]:
    """Runtime roles that are superusers, bypass row-level security, or are members of owners."""
    owners = {
        t.owner for t in schema.tables.values() if t.owner and (t.row_security or schema.belongs(t))
    }
    for name in schema.roles:
        role = schema.role(name)
        if role is None:
            continue
        ref = Ref("role", (name,))
        if role["superuser"] or role["bypass_row_security"]:
            yield Problem(
                f"no policy binds {name}: it is {'a superuser' if role['superuser'] else 'BYPASSRLS'}",
                ref,
            )
        for group in sorted(_groups(schema, name)):
            if group in owners:
                yield Problem(
                    f"{name} is a member of {group}, which owns tables: it can become it", ref
                )


def _groups(schema: Schema, name: str) -> set[str]:
    """The roles that a role is a member of, directly or not."""
    memberships = [f.ref.name for f in schema.catalog.facts.values() if f.ref.kind == "membership"]
    found: set[str] = set()
    waiting = [name]
    while waiting:
        member = waiting.pop()
        for parts in memberships:
            if member in parts[1:] and parts[0] not in found:
                found.add(parts[0])
                waiting.append(parts[0])
    return found
