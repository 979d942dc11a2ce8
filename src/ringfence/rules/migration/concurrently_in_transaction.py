"""A statement that cannot run in a transaction stands in one.

Why it matters: PostgreSQL refuses it (25001) when the migration runs: the deploy fails there.

Caught:

    CREATE TABLE app.t (id bigint PRIMARY KEY, a int);
    -- then
    BEGIN;
    CREATE INDEX CONCURRENTLY t_a ON app.t (a);
    COMMIT;

Passes:

    CREATE TABLE app.t (id bigint PRIMARY KEY, a int);
    -- then
    CREATE INDEX CONCURRENTLY t_a ON app.t (a);

When to ignore: never; say `-- ringfence: transaction: none` at the top of the migration. ringfence
runs a migration in one transaction unless it says so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ringfence.finding import Severity
from ringfence.rules import Problem, rule
from ringfence.rules._parse import pb, switched

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ringfence.rules._migration import Action, Migration


@rule("M003", Severity.ERROR)
def concurrently_in_transaction(migration: Migration) -> Iterator[Problem]:
    """CONCURRENTLY, VACUUM and their like between BEGIN and COMMIT."""
    for block in migration.together():
        for action in block:
            what = _refused(action)
            if what:
                yield Problem(
                    f"{what} cannot run in a transaction",
                    action.ref if action.name.name else None,
                    action.statement.at,
                    help="begin the file with the line: -- ringfence: transaction: none"
                    if migration.transactional
                    else "run it outside of BEGIN and COMMIT",
                )


_EVERYTHING = {
    pb.REINDEX_OBJECT_SCHEMA: "SCHEMA",
    pb.REINDEX_OBJECT_SYSTEM: "SYSTEM",
    pb.REINDEX_OBJECT_DATABASE: "DATABASE",
}


def _refused(action: Action) -> str:
    node, verb = action.node, action.verb
    if verb in ("create_index", "drop_index") and node.concurrent:
        return f"{verb.replace('_', ' ').upper()} CONCURRENTLY"
    if verb == "reindex" and switched(node.params, "concurrently"):
        return "REINDEX CONCURRENTLY"
    if verb == "reindex" and node.kind in _EVERYTHING:
        return f"REINDEX {_EVERYTHING[node.kind]}"
    if verb == "cluster" and not node.relation.relname:
        return "CLUSTER of every table"
    if verb == "detach_partition" and action.definition.concurrent:
        return "DETACH PARTITION CONCURRENTLY"
    if verb == "vacuum" and node.is_vacuumcmd:
        return "VACUUM"
    return {
        "createdb": "CREATE DATABASE",
        "dropdb": "DROP DATABASE",
        "alter_system": "ALTER SYSTEM",
        "create_table_space": "CREATE TABLESPACE",
        "drop_table_space": "DROP TABLESPACE",
    }.get(verb, "")
