"""A migration waits for a lock without end.

Why it matters: while a statement queues for a lock, everybody who comes after it queues behind it. A
short lock timeout gives up and lets them pass; ringfence sets one for every migration. Who takes it
back has what the server says, and that is no limit unless somebody has set one.

Caught:

    SET lock_timeout = 0;

    SET lock_timeout = '10min';

    SET lock_timeout TO DEFAULT;
    DROP TABLE app.t;

    RESET ALL;
    DROP TABLE app.t;

Passes:

    SET lock_timeout = '2s';

With nothing below it that could wait:

    SET lock_timeout = '2s';
    DROP TABLE IF EXISTS app.none;
    RESET lock_timeout;

Nor with what only the file itself makes, as what pg_dump writes:

    SET lock_timeout = 0;
    CREATE TABLE app.t (id bigint PRIMARY KEY);
    CREATE TABLE app.u (t_id bigint);
    ALTER TABLE ONLY app.u ADD CONSTRAINT u_t FOREIGN KEY (t_id) REFERENCES app.t (id);

When to ignore: while the application is stopped.
"""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING, Any

from ringfence.finding import Severity
from ringfence.rules import Problem, rule
from ringfence.rules._parse import lock_limit, nodes

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ringfence.rules._migration import Action, Statement


@rule("M049", Severity.WARNING, on=("variable_set", "select", "discard"))
def lock_timeout(action: Action) -> Iterator[Problem]:
    """SET lock_timeout to nothing, or to more than a minute; what takes it back."""
    limit = lock_limit(action.statement)
    if limit is None or 0 < limit <= 60_000:
        return
    every = action.migration.statements
    below = every[every.index(action.statement.top) + 1 :]
    taken_back = action.verb == "discard" or (
        action.verb == "variable_set" and not action.node.args
    )
    if (below or taken_back) and _wait_for_nobody(below, every):
        return
    what = "without end" if limit == 0 else "for more than a minute"
    yield Problem(
        f"statements below may queue for a lock {what}, and everybody else queues behind them",
        help="SET lock_timeout = '2s', and try again",
    )


def _wait_for_nobody(below: Sequence[Statement], every: Sequence[Statement]) -> bool:
    """Whether statements lock nothing, or only what is made among `every`."""
    if all(each.kind in _WAIT_FOR_NOBODY for each in below):
        return True
    made = {name for each in every for name in _made(each)}
    return all(
        each.kind in _WAIT_FOR_NOBODY
        or (
            each.kind in _ON_THEIRS
            and all((r.schemaname, r.relname) in made for r in _relations(each.tree))
        )
        for each in below
    )


def _made(statement: Statement) -> Iterator[tuple[str, str]]:
    """The relations that a statement makes, by schema and name: indexes of keys too."""
    tree = statement.tree
    if statement.kind in _MADE:
        relation = attrgetter(_MADE[statement.kind])(tree)
        yield relation.schemaname, relation.relname
    elif statement.kind == "index_stmt":
        yield tree.relation.schemaname, tree.idxname
    elif statement.kind == "alter_table_stmt":
        for each in nodes(tree, "constraint"):
            yield tree.relation.schemaname, each.conname


def _relations(tree: Any) -> Iterator[Any]:
    """Every table that a part of a parse tree names."""
    for descriptor, value in tree.ListFields():
        if descriptor.message_type is None:
            continue
        for each in value if descriptor.is_repeated else (value,):
            if each.DESCRIPTOR.name == "RangeVar":
                yield each
            yield from _relations(each)


_MADE = {
    "composite_type_stmt": "typevar",
    "create_stmt": "relation",
    "create_seq_stmt": "sequence",
    "create_table_as_stmt": "into.rel",
    "view_stmt": "view",
}
_ON_THEIRS = frozenset(
    {
        *_MADE, "alter_table_stmt", "alter_seq_stmt", "index_stmt", "create_function_stmt",
        "create_enum_stmt", "create_domain_stmt", "create_range_stmt",
        "define_stmt", "create_schema_stmt", "create_extension_stmt", "comment_stmt", "grant_stmt",
        "alter_owner_stmt", "alter_default_privileges_stmt", "create_policy_stmt", "create_trig_stmt",
        "copy_stmt", "insert_stmt", "rule_stmt", "create_stats_stmt", "create_cast_stmt",
    }
)  # fmt: skip
_WAIT_FOR_NOBODY = (
    "select_stmt",
    "variable_set_stmt",
    "transaction_stmt",
    "discard_stmt",
    "variable_show_stmt",
)
