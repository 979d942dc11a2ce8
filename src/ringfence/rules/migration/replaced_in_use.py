"""A view or function in use is replaced by another one.

Why it matters: a view is locked against its readers until the transaction ends. A function's new body
holds for the release that is running from the moment it is committed, which was written for the old one.

Caught:

    CREATE TABLE app.t (id bigint PRIMARY KEY, a int);
    CREATE VIEW app.v AS SELECT id FROM app.t;
    -- then
    CREATE OR REPLACE VIEW app.v AS SELECT id, a FROM app.t;

    CREATE FUNCTION app.f() RETURNS int LANGUAGE sql AS 'SELECT 1';
    -- then
    CREATE OR REPLACE FUNCTION app.f() RETURNS int LANGUAGE sql AS 'SELECT 2';

Passes:

    CREATE TABLE app.t (id bigint PRIMARY KEY, a int);
    -- then
    CREATE OR REPLACE VIEW app.v AS SELECT id FROM app.t;
    CREATE OR REPLACE FUNCTION app.f() RETURNS int LANGUAGE sql AS 'SELECT 1';

When to ignore: where the old release gets along with the new body, and the transaction is short. Of
revisions that ringfence runs this is not said: `ringfence rehearse` tries what used the old ones.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.finding import Severity
from ringfence.rules import Problem, rule
from ringfence.rules._parse import listed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ringfence.rules._migration import Action


@rule("M045", Severity.INFO, on=("create_view", "create_function"))
def replaced_in_use(action: Action) -> Iterator[Problem]:
    """CREATE OR REPLACE of what an earlier file has made."""
    migration, node = action.migration, action.node
    if migration.managed or migration.undo or not node.replace:
        return
    if action.verb == "create_view":
        known = action.state.relations.get(action.name)
        if known is not None and known.made_by != migration.shown:
            yield Problem(
                f"replacing view {action.table} keeps its readers waiting until the transaction ends",
                action.name.ref("view"),
                help="in a migration of its own, with a short lock_timeout",
            )
    elif action.state.made.get(listed(node.funcname).name, migration.shown) != migration.shown:
        yield Problem(
            f"the release that is running gets another {action.name.path}",
            action.name.ref("routine"),
            help="give the new one another name, or arguments of its own, until no release calls the"
            " old one",
        )
