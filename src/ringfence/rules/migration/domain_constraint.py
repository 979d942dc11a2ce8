"""A domain's new constraint is checked in every table that uses it.

Why it matters: every column of the domain is read while nobody can write to its table. So does
VALIDATE CONSTRAINT of a domain; unlike a table's it keeps writers waiting too.

Caught:

    CREATE DOMAIN app.positive AS int;
    CREATE TABLE app.t (id bigint PRIMARY KEY, a app.positive);
    -- then
    ALTER DOMAIN app.positive ADD CONSTRAINT above CHECK (value > 0);

    CREATE DOMAIN app.positive AS int;
    CREATE TABLE app.t (id bigint PRIMARY KEY, a app.positive);
    ALTER DOMAIN app.positive ADD CONSTRAINT above CHECK (value > 0) NOT VALID;
    -- then
    ALTER DOMAIN app.positive VALIDATE CONSTRAINT above;

    CREATE DOMAIN app.positive AS int;
    CREATE TABLE app.t (id bigint PRIMARY KEY, a app.positive);
    -- then
    ALTER DOMAIN app.positive ADD CONSTRAINT above CHECK (value > 0) NOT VALID;
    ALTER DOMAIN app.positive SET NOT NULL;

Passes:

    CREATE DOMAIN app.positive AS int;
    CREATE TABLE app.t (id bigint PRIMARY KEY, a app.positive);
    -- then
    ALTER DOMAIN app.positive ADD CONSTRAINT above CHECK (value > 0) NOT VALID;

When to ignore: where every table that uses the domain stays small.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ringfence.finding import Severity
from ringfence.rules import Problem, rule
from ringfence.rules._parse import pb

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ringfence.rules._migration import Action


@rule("M034", Severity.WARNING, on=("alter_domain",), measurable=True)
def domain_constraint(action: Action) -> Iterator[Problem]:
    """ADD CONSTRAINT, SET NOT NULL or VALIDATE of a domain that columns have."""
    node = action.node
    if node.subtype == "C" and getattr(node, "def").constraint.skip_validation:
        return
    if node.subtype not in ("C", "V", "O"):
        return
    known = {name.name for name in action.state.domains}
    if action.name.name in known and not any(
        name.name == action.name.name for name in action.state.domain_users
    ):
        return
    yield Problem(
        f"every table that has a column of {action.name.path} is read while nobody can write to it",
        action.name.ref("domain"),
        help=_HELP["O" if node.subtype == "C" and _required(node) else node.subtype],
    )


def _required(node: Any) -> bool:
    """Whether the constraint is NOT NULL, which nobody can add as not valid."""
    return bool(getattr(node, "def").constraint.contype == pb.CONSTR_NOTNULL)


_HELP = {
    "C": "add it as NOT VALID: it holds for new values at once",
    "O": "ADD CONSTRAINT … CHECK (VALUE IS NOT NULL) NOT VALID holds for new values at once",
    "V": "for new values it holds already: validate it while few write",
}
