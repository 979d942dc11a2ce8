"""Tenants that no table lists: made-up names for them, which every column that holds one takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql

from ringfence.errors import Misuse, Refused
from ringfence.model import quoted
from ringfence.seed import expression
from ringfence.seed.limits import ANY, Limits
from ringfence.seed.place import Place
from ringfence.seed.probe import ask, verbatim
from ringfence.seed.shape import Check

if TYPE_CHECKING:
    from collections.abc import Sequence

    from psycopg import Connection

    from ringfence.seed.lexicon import Lexicon
    from ringfence.seed.rules import Constants
    from ringfence.seed.shape import Shape, Table
    from ringfence.seed.tenancy import Model
    from ringfence.seed.values import Values
    from ringfence.seed.wishes import Overrides, Wishes

_PATIENCE = 64
"""How many values are tried for a tenant before there is none."""


def named(
    conn: Connection[Any],
    shape: Shape,
    model: Model,
    wishes: Wishes,
    overrides: Overrides,
    constants: Constants,
    values: Values,
    words: Lexicon,
) -> tuple[str, ...]:
    """What stands in the tenants' columns, a value for each; () where a table lists the tenants.

    Raises `Refused` where the columns' types and checks have no room for so many, `Misuse` for an
    override that is no list.
    """
    if not model.columns:
        return ()
    homes = sorted(
        ((shape.tables[oid], name) for oid, name in model.columns.items()),
        key=lambda home: _room(shape, *home),
    )
    limits = Limits(null=False)
    given: tuple[str, ...] = ()
    for table, name in homes:
        limits &= _asked(constants, table, name)
        wish = overrides.of(table, name)
        if wish is not None and not wish.values:
            raise Misuse(
                f"[tool.ringfence.seed.columns] sets {table.path}.{quoted(name)}, which says whose"
                " a row is, and not by a list",
                hint="give a list of the tenants' names",
            )
        given = given or (wish.values if wish is not None else ())
    if given:
        limits &= Limits(choices=given)
    table, name = homes[0]
    column = table.column[name]
    found: list[str] = []
    for tenant in range(wishes.tenants):
        for attempt in range(_PATIENCE):
            place = Place(
                wishes.seed, model.setting or model.column, model.column, tenant, 0, wishes.tenants,
                attempt, True, True, None, words,
            )  # fmt: skip
            options = limits.options
            made = (
                options[(tenant + attempt) % len(options)]
                if options
                else values.value(column.type, column.typmod, limits, place)
            )
            if made not in found and _taken(conn, shape, homes, made):
                found.append(made)
                break
        else:
            raise Refused(
                f"{wishes.tenants} tenants were asked for, and {table.path}.{quoted(name)} has room"
                f" for {len(found)}",
                detail=f"the last one tried: {made}",
                hint=f"ask for fewer: --tenants {len(found)}"
                if found
                else "list the tenants in [tool.ringfence.seed.columns]:"
                f' "{table.path}.{quoted(name)}" = ["…"]',
            )
    return tuple(found)


def _room(shape: Shape, table: Table, name: str) -> tuple[bool, int, str]:
    """The column that takes the fewest values first: text takes most, short text fewer."""
    column = table.column[name]
    type_, typmod = shape.base(shape.types[column.type], column.typmod)
    return type_.category == "S", typmod if typmod > 0 else 1 << 30, table.path


def _asked(constants: Constants, table: Table, name: str) -> Limits:
    """What a table's checks, and the bounds of its partitions, ask of the column by itself."""
    asked = ANY
    for check in table.checks:
        rule = constants.rule(check)
        if not check.partition and rule.columns == (name,) and len(rule.ways) == 1:
            asked &= rule.ways[0].limits.get(name, ANY)
    listed: dict[str, None] = {}
    for partition in table.partitions:
        ways = constants.rule(Check(partition.name, partition.bound)).ways
        options = [text for way in ways for text in way.limits.get(name, ANY).options]
        if not options:
            return asked
        listed |= dict.fromkeys(options)
    return asked & Limits(choices=tuple(listed)) if listed else asked


def _taken(
    conn: Connection[Any], shape: Shape, homes: Sequence[tuple[Table, str]], value: str
) -> bool:
    """Whether every column takes the value, as far as its type and its own checks go."""
    for table, name in homes:
        column = table.column[name]
        cast = verbatim(shape.below_domains(column))
        tests: list[sql.Composable] = [sql.SQL("true")]
        tests += [
            sql.SQL("(SELECT ({}) FROM (SELECT t.v AS {}) AS d) IS NOT FALSE").format(
                verbatim(check.expression),
                sql.Identifier("value" if check.column else name),
            )
            for check in table.checks
            if not check.partition and check.column in ("", name) and _own(check, name)
        ]
        query = sql.SQL("SELECT {} FROM (SELECT $1::TEXT::{} AS v) AS t").format(
            sql.SQL(" AND ").join(tests), cast
        )
        try:
            with conn.transaction():
                answer = ask(conn, query, [value]).fetchone()
        except psycopg.Error:
            return False
        if answer is None or not answer[0]:
            return False
    return True


def _own(check: Check, name: str) -> bool:
    return set(expression.parse(check.expression, value=check.column).columns()) == {name}
