"""Rows come into sight, or vanish, by a change of row-level security.

Why it matters: with row-level security off, or a policy gone, one tenant reads another's rows; with
it on and no policy there, nobody reads anything.

Caught:

    ALTER TABLE app.t DISABLE ROW LEVEL SECURITY;

    CREATE TABLE app.t (id bigint PRIMARY KEY);
    -- then
    ALTER TABLE app.t ENABLE ROW LEVEL SECURITY;

Between the two nobody sees what it let through:

    DROP POLICY mine ON app.t;
    CREATE POLICY mine ON app.t USING (owner = current_user);

Another one takes its place that withholds nothing:

    CREATE TABLE app.t (id bigint PRIMARY KEY);
    CREATE POLICY few ON app.t AS RESTRICTIVE USING (id > 0);
    -- then
    BEGIN;
    DROP POLICY few ON app.t;
    CREATE POLICY few ON app.t USING (id > 0);
    COMMIT;

A policy says that any row will do, where others say more:

    CREATE POLICY mine ON app.t USING (owner = current_user);
    -- then
    CREATE POLICY all_of_them ON app.t USING (true);

    ALTER POLICY mine ON app.t WITH CHECK (true);

What runs as its owner is bound as he is:

    ALTER VIEW app.v SET (security_invoker = false);

    ALTER VIEW app.v SET (security_invoker = off);

    ALTER VIEW app.v RESET (security_barrier);

    ALTER FUNCTION app.f() SECURITY DEFINER;

A view that is replaced has what the new one says, and forgets the rest:

    CREATE TABLE app.t (id bigint PRIMARY KEY);
    CREATE VIEW app.v WITH (security_invoker = true) AS SELECT id FROM app.t;
    -- then
    CREATE OR REPLACE VIEW app.v AS SELECT id, 1 AS one FROM app.t;

    CREATE TABLE app.t (id bigint PRIMARY KEY);
    CREATE VIEW app.v AS SELECT id FROM app.t WHERE id > 0 WITH CHECK OPTION;
    -- then
    CREATE OR REPLACE VIEW app.v AS SELECT id FROM app.t WHERE id > 1;

    CREATE TABLE app.t (id bigint PRIMARY KEY);
    CREATE VIEW app.v WITH (security_invoker) AS SELECT id FROM app.t;
    -- then
    CREATE OR REPLACE VIEW app.v AS SELECT id, 1 AS one FROM app.t;
    ALTER VIEW app.v SET (security_invoker = true);

    CREATE TABLE app.t (id bigint PRIMARY KEY);
    CREATE VIEW app.v WITH (security_invoker) AS SELECT id FROM app.t;
    -- then
    BEGIN;
    DROP VIEW app.v;
    CREATE VIEW app.v AS SELECT id::text FROM app.t;
    COMMIT;

Passes, for a policy takes the place of another:

    BEGIN;
    DROP POLICY mine ON app.t;
    CREATE POLICY mine ON app.t USING (owner = current_user);
    COMMIT;

Another one is there before it goes, under whatever name:

    CREATE TABLE app.t (id bigint PRIMARY KEY, owner text);
    CREATE POLICY mine ON app.t USING (owner = current_user);
    CREATE POLICY few ON app.t AS RESTRICTIVE USING (id > 0);
    ALTER POLICY few ON app.t RENAME TO some;
    -- then
    CREATE POLICY own ON app.t USING (owner = session_user);
    DROP POLICY mine ON app.t;
    CREATE POLICY few ON app.t AS RESTRICTIVE USING (id > 1);
    DROP POLICY some ON app.t;

Policies come first:

    CREATE TABLE app.t (id bigint PRIMARY KEY, owner text);
    -- then
    CREATE POLICY mine ON app.t USING (owner = current_user);
    ALTER TABLE app.t ENABLE ROW LEVEL SECURITY;

A table's first policy takes nothing away, nor does what binds more:

    CREATE TABLE app.t (id bigint PRIMARY KEY, owner text);
    -- then
    CREATE POLICY everybodys ON app.t FOR SELECT USING (true);
    CREATE POLICY mine ON app.t AS RESTRICTIVE USING (owner = current_user);
    ALTER POLICY mine ON app.t USING (owner = session_user);
    ALTER VIEW app.v SET (security_invoker, fillfactor = 70);
    ALTER FUNCTION app.f() SECURITY INVOKER;

    CREATE TABLE app.t (id bigint PRIMARY KEY);
    CREATE VIEW app.v WITH (security_barrier, security_invoker = off) AS SELECT id FROM app.t;
    -- then
    CREATE OR REPLACE VIEW app.v WITH (security_barrier = on) AS SELECT id, 1 AS one FROM app.t;

Nor does one that gets back what it had before anybody sees it without:

    CREATE TABLE app.t (id bigint PRIMARY KEY);
    CREATE VIEW app.v WITH (security_invoker) AS SELECT id FROM app.t;
    -- then
    BEGIN;
    CREATE OR REPLACE VIEW app.v AS SELECT id, 1 AS one FROM app.t;
    ALTER VIEW app.v SET (security_invoker = true);
    COMMIT;

    CREATE TABLE app.t (id bigint PRIMARY KEY);
    CREATE VIEW app.v WITH (security_invoker) AS SELECT id FROM app.t;
    -- then
    BEGIN;
    DROP VIEW app.v;
    CREATE VIEW app.v WITH (security_invoker) AS SELECT id::text FROM app.t;
    COMMIT;

When to ignore: on a table whose rows belong to everybody.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.finding import Severity
from ringfence.rules import Problem, rule
from ringfence.rules._actions import actions, switched_on, view_options
from ringfence.rules._parse import always_true, switched

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ringfence.rules._migration import Action, Statement
    from ringfence.rules._parse import Name


@rule(
    "M043",
    Severity.ERROR,
    on=(
        "disable_row_security",
        "no_force_row_security",
        "enable_row_security",
        "drop_policy",
        "create_policy",
        "alter_policy",
        "set_options",
        "reset_options",
        "alter_function",
        "create_view",
    ),
    measured_as=("LOST_PROTECTION", "OLD_READER"),
)
def row_security_weakened(action: Action) -> Iterator[Problem]:
    """What binds fewer than before, or lets more through; and what binds everybody to nothing."""
    if not (action.new or (action.migration.undo and action.verb != "enable_row_security")):
        yield from _SAID[action.verb](action)


def _disabled(action: Action) -> Iterator[Problem]:
    yield Problem(f"row-level security of {action.table} is off: policies bind nobody", action.ref)


def _not_forced(action: Action) -> Iterator[Problem]:
    yield Problem(f"policies of {action.table} no longer bind its owner", action.ref)


def _enabled(action: Action) -> Iterator[Problem]:
    known = action.relation
    if known.whole and not known.policies and not any(_again(action, "create_policy", action.name)):
        yield Problem(
            f"row-level security of {action.table} is on and it has no policy: nobody sees a row",
            action.ref,
            help="create the policy first, in the same migration",
        )


def _dropped(action: Action) -> Iterator[Problem]:
    parts = [part.string.sval for part in action.node.objects[0].list.items]
    table = action.state.named(parts[-3] if len(parts) > 2 else "", parts[-2])
    known = action.state.relations.get(table)
    if known is not None and known.made_by == action.migration.shown:
        return
    permissive = None if known is None else known.policies.get(parts[-1])
    again = list(_again(action, "create_policy", table, permissive))
    if any(_there(action, each) for each in again):
        return
    if again:
        does = "what it lets through nobody sees"
        if permissive is False:
            does = "what it withholds can be seen"
        yield Problem(
            f"policy {parts[-1]} of {table.path} is gone until another is made, in another"
            f" transaction: {does} meanwhile",
            table.ref(),
            help="drop it and make it in one transaction, or ALTER POLICY",
            severity=None if permissive is False else Severity.WARNING,
        )
    else:
        such = " restrictive one" if permissive is False else ""
        yield Problem(
            f"policy {parts[-1]} of {table.path} is gone, and this migration makes no other{such}",
            table.ref(),
            severity=None if permissive is False else Severity.WARNING,
        )


def _there(action: Action, other: Statement) -> bool:
    """Whether what another statement makes is there when others see what an action did."""
    every, own = action.migration.statements, action.statement.top
    before = every.index(other.top) < every.index(own)
    return before or action.migration.at_once(action.statement, other)


def _policy(action: Action) -> Iterator[Problem]:
    """A policy that says true, of a table on which others say more, or may."""
    node, known = action.node, action.relation
    created = action.verb == "create_policy"
    if created and not (node.permissive and (known.policies or not known.whole)):
        return
    clauses = [
        name
        for name, part in (("USING", "qual"), ("WITH CHECK", "with_check"))
        if node.HasField(part) and always_true(getattr(node, part))
    ]
    if clauses:
        does = "lets any row be seen" if "USING" in clauses else "lets any row be written"
        yield Problem(
            f"policy {node.policy_name} of {action.table} {does}: {' and '.join(clauses)} is true",
            action.ref,
            severity=Severity.WARNING,
        )


def _options(action: Action) -> Iterator[Problem]:
    items = getattr(action.node, "def").list.items
    for name, severity, says in _OF_VIEWS:
        said = any(each.def_elem.defname == name for each in items)
        if said and (action.verb == "reset_options" or name not in switched_on(items)):
            yield Problem(says.format(action.table), action.name.ref("view"), severity=severity)


_OF_VIEWS = (
    ("security_invoker", None, "view {} reads as its owner: policies bind its readers no longer"),
    (
        "security_barrier",
        Severity.WARNING,
        "what readers of view {} ask for may see rows that it holds back",
    ),
    (
        "check_option",
        Severity.WARNING,
        "who writes by way of view {} may write rows that it does not show",
    ),
)


def _replaced(action: Action) -> Iterator[Problem]:
    """A view that takes the place of another and says less, by CREATE OR REPLACE or behind a DROP."""
    had = action.relation.options if action.node.replace else frozenset[str]()
    had |= action.state.gone.get(action.name, frozenset())
    lost = had - view_options(action.node) - _set_again(action)
    for name, severity, says in _OF_VIEWS:
        if name in lost:
            yield Problem(
                says.format(action.table),
                action.name.ref("view"),
                help=f"say {name} again: a view that takes the place of another forgets it",
                severity=severity,
            )


def _set_again(action: Action) -> frozenset[str]:
    """The options that the view gets again before others see it without."""
    every = action.migration.statements
    return frozenset(
        option
        for statement in every[every.index(action.statement.top) + 1 :]
        if action.migration.at_once(action.statement, statement)
        for each in actions(statement, action.state)
        if each.verb == "set_options" and each.name == action.name
        for option in switched_on(getattr(each.node, "def").list.items)
    )


def _function(action: Action) -> Iterator[Problem]:
    if switched(action.node.actions, "security"):
        yield Problem(
            f"function {action.table} runs as its owner: policies bind its callers no longer",
            action.name.ref("routine"),
            severity=Severity.WARNING,
        )


_SAID = {
    "disable_row_security": _disabled,
    "no_force_row_security": _not_forced,
    "enable_row_security": _enabled,
    "drop_policy": _dropped,
    "create_policy": _policy,
    "alter_policy": _policy,
    "set_options": _options,
    "reset_options": _options,
    "alter_function": _function,
    "create_view": _replaced,
}


def _again(
    action: Action, verb: str, table: Name, permissive: bool | None = None
) -> Iterator[Statement]:
    """The statements of the migration that make another policy of the table, such a one if that is
    known."""
    for statement in action.migration.statements:
        made = [e for e in actions(statement, action.state) if e.verb == verb and e.name == table]
        if any(permissive is None or e.node.permissive == permissive for e in made):
            yield statement
