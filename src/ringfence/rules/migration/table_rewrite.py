"""A table is written anew as a whole.

Why it matters: CLUSTER, VACUUM FULL and a change of where or how a table is stored copy all of it
and its indexes while nobody can read or write.

Caught:

    VACUUM FULL app.t;

    VACUUM FULL;

    CREATE TABLE app.t (id bigint PRIMARY KEY);
    -- then
    ALTER TABLE app.t SET UNLOGGED;

    ALTER INDEX app.t_a SET TABLESPACE fast;

Passes:

    CREATE TABLE app.t (id bigint PRIMARY KEY, a int);
    CREATE INDEX t_a ON app.t (a);
    ALTER INDEX app.t_a SET TABLESPACE fast;

    VACUUM app.t;

    VACUUM (FULL false) app.t;

When to ignore: on a table that stays small, or while the application is stopped.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.finding import Severity
from ringfence.rules import Problem, rule
from ringfence.rules._parse import switched

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ringfence.rules._migration import Action


@rule(
    "M040",
    Severity.WARNING,
    on=(
        "cluster",
        "vacuum",
        "set_logged",
        "set_unlogged",
        "set_access_method",
        "set_tablespace",
        "move_index",
    ),
    measurable=True,
)
def table_rewrite(action: Action) -> Iterator[Problem]:
    """Commands that copy a table."""
    if action.new:
        return
    verb, node = action.verb, action.node
    if verb == "move_index":
        yield from _index(action)
        return
    if verb == "vacuum" and not switched(node.options, "full"):
        return
    so_already = action.relation.unlogged == (verb == "set_unlogged")
    if verb in ("set_logged", "set_unlogged") and action.relation.whole and so_already:
        return
    if verb == "set_access_method" and node.name in ("heap", ""):
        return
    if verb == "set_tablespace" and node.name == "pg_default" and action.relation.whole:
        return
    what = _SAID.get(verb, verb.replace("_", " ").upper())
    yield Problem(
        f"{what} writes {action.table if action.name.name else _EVERY[verb]} anew while nobody can use it",
        action.ref if action.name.name else None,
        help="an extension such as pg_repack or pg_squeeze copies a table while it is in use",
    )


def _index(action: Action) -> Iterator[Problem]:
    known = action.state.indexes.get(action.name)
    table = action.state.relations.get(known.table) if known is not None else None
    if table is None or table.made_by != action.migration.shown:
        yield Problem(
            f"SET TABLESPACE writes {action.table} anew while nobody can use its table",
            action.name.ref("index"),
            help="REINDEX (TABLESPACE …) INDEX CONCURRENTLY does it while others work",
        )


_EVERY = {"vacuum": "every table", "cluster": "every table that was clustered before"}
_SAID = {"vacuum": "VACUUM FULL", "set_tablespace": "SET TABLESPACE"}
