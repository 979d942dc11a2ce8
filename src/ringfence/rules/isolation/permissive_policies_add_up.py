"""Several permissive policies hold for the same command and role.

Why it matters: they are joined with OR: a row that any one of them shows is shown. A second policy
that was meant to narrow the first one widens it.

Caught:

    CREATE TABLE app.notes (id uuid PRIMARY KEY, owner text, draft boolean);
    CREATE POLICY mine ON app.notes USING (owner = current_user);
    CREATE POLICY no_drafts ON app.notes USING (NOT draft);
    ALTER TABLE app.notes ENABLE ROW LEVEL SECURITY;

Passes:

    CREATE TABLE app.notes (id uuid PRIMARY KEY, owner text, draft boolean);
    CREATE POLICY mine ON app.notes USING (owner = current_user);
    CREATE POLICY no_drafts ON app.notes AS RESTRICTIVE USING (NOT draft);
    ALTER TABLE app.notes ENABLE ROW LEVEL SECURITY;

Where each of them asks who is reading (members see it, and whoever was invited), they are likely
meant as they are: that is information.

When to ignore: where each of them is to be enough on its own.
"""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

from ringfence.finding import Severity
from ringfence.rules import Problem, rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ringfence.rules._schema import Policy, Schema


@rule("T007", Severity.WARNING)
def permissive_policies_add_up(schema: Schema) -> Iterator[Problem]:
    """Pairs of permissive policies that a role meets in one command."""

    def asks(policy: Policy) -> bool:
        trees = [tree for tree in (policy.using, policy.check) if tree is not None]
        return bool(trees) and all(schema.sets_apart(tree, settings=False) for tree in trees)

    for table in schema.tables.values():
        plain = [policy for policy in table.policies if not policy.restrictive]
        for first, second in combinations(plain, 2):
            same = first.command == second.command or "ALL" in (first.command, second.command)
            met = not first.roles or not second.roles or set(first.roles) & set(second.roles)
            if same and met:
                yield Problem(
                    f"policies {first.ref.name[-1]} and {second.ref.name[-1]} on {table.path} add up:"
                    " a row is shown that either of them shows",
                    second.ref,
                    severity=Severity.INFO if asks(first) and asks(second) else None,
                    help="make one of them RESTRICTIVE, or join the two with AND",
                )
