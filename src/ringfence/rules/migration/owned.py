"""What a role owns is dropped, or is given to another, whatever it is.

Why it matters: the statement names nothing that it changes. DROP OWNED takes tables with their rows, and
what the role may use; behind REASSIGN OWNED other rights and other policies hold, for an owner is bound
by none, and functions with SECURITY DEFINER run as somebody else.

Caught:

    DROP OWNED BY old_app CASCADE;

    REASSIGN OWNED BY old_app TO new_app;

Passes:

    ALTER TABLE app.orders OWNER TO new_app;

    REVOKE ALL ON SCHEMA app FROM old_app;

When to ignore: where the role is known to own and to use nothing that is in use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.finding import Severity
from ringfence.model import quoted
from ringfence.rules import Problem, rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ringfence.rules._migration import Action


@rule("M057", Severity.WARNING, on=("drop_owned", "reassign_owned"))
def owned(action: Action) -> Iterator[Problem]:
    """DROP OWNED and REASSIGN OWNED."""
    names = [
        quoted(each.role_spec.rolename) for each in action.node.roles if each.role_spec.rolename
    ]
    who = " and ".join(names) or "the role that runs it"
    if action.verb == "drop_owned":
        yield Problem(
            f"all that is {who}'s is dropped, and what it may use is revoked; nobody sees here what",
            help="drop by name what has to go, or give it to another role first: REASSIGN OWNED BY",
        )
    else:
        yield Problem(
            f"all that is {who}'s gets another owner, whom no policy of it binds; nobody sees here what",
            help="name what changes hands: ALTER … OWNER TO",
        )
