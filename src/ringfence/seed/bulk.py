"""Indexes and foreign keys that stand aside while much is written, and come back validated.

Unique and primary keys stay, for they are what a row is refused by; so does an index that carries
more than its definition says: a comment, a statistics target, CLUSTER's mark.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from psycopg import sql

from ringfence.seed.probe import verbatim

if TYPE_CHECKING:
    from collections.abc import Sequence

    from psycopg import Connection

    from ringfence.seed.loading import Listener
    from ringfence.seed.shape import Table


@dataclass(frozen=True, slots=True)
class Aside:
    """An index or a foreign key that was dropped, and the statement that makes it anew.

    `table` is the OID and the path of the table that rows are written to.
    """

    table: tuple[int, str]
    name: str
    kind: str
    again: sql.SQL | sql.Composed


def put_aside(conn: Connection[Any], tables: Sequence[Table]) -> list[Aside]:
    """Drop the tables' secondary indexes and their foreign keys; gives what makes them anew.

    To be called in a transaction, which has to end with `put_back` or be rolled back.
    """
    query = files("ringfence.seed").joinpath("aside.sql").read_bytes()
    known = {table.oid: table for table in tables}
    aside: list[Aside] = []
    for row in conn.execute(query, prepare=False).fetchall():
        oid, kind, schema, name, definition, above_schema, above, *_ = row
        table = known.get(oid)
        if table is None:
            continue
        again: sql.SQL | sql.Composed = verbatim(definition)
        it = sql.Identifier(schema, name)
        if kind == "foreign key":
            where, it = sql.Identifier(table.schema, table.name), sql.Identifier(name)
            conn.execute(sql.SQL("ALTER TABLE {} DROP CONSTRAINT {}").format(where, it))
            again = sql.SQL("ALTER TABLE {} ADD CONSTRAINT {} {}").format(where, it, again)
        elif above is None:
            # Its parts go with it.
            conn.execute(sql.SQL("DROP INDEX {}").format(it))
        else:
            on = sql.Identifier(above_schema, above)
            again = sql.SQL("{}; ALTER INDEX {} ATTACH PARTITION {}").format(again, on, it)
        aside.append(Aside((oid, table.path), name, kind, again))
    return aside


def put_back(conn: Connection[Any], aside: Sequence[Aside], progress: Listener) -> None:
    """Make anew what was put aside: indexes first, then foreign keys, which are validated by it."""
    for each in aside:
        began = time.perf_counter()
        conn.execute(each.again)
        progress(f"{each.table[1]} {each.name}", 1, 1, time.perf_counter() - began)
