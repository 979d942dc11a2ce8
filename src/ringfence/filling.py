"""What rows that are there get in a column: `-- ringfence: filled-with EXPRESSION` beside it in ddl/.

A column that comes, or that may not be NULL any more, is made in two steps then: one that lets it be
NULL, and one that does not. In between its rows are filled, by one statement for all such columns of
a table: NOT NULL of one would refuse rows that are written for the sake of another. Where a column has
what it is to be, the comment asks for nothing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ringfence.asked import find
from ringfence.errors import BadProject
from ringfence.hints import Hint, fillings
from ringfence.kinds._family import links_below
from ringfence.kinds._sql import ident, literal, qualified
from ringfence.model import Ref, quoted
from ringfence.planner import plan as make_plan
from ringfence.step import Step

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from ringfence.change import Change
    from ringfence.hints import Filling
    from ringfence.model import Catalog, Fact
    from ringfence.script import Script
    from ringfence.step import Plan


AT_ONCE = "SET CONSTRAINTS ALL IMMEDIATE"


@dataclass(frozen=True, slots=True)
class Fill:
    """A column and the SQL expression, over its table's columns, that fills it; or `DEFAULT`."""

    column: Ref
    expression: str

    @property
    def table(self) -> Ref:
        """The table that has the column."""
        return Ref("table", self.column.name[:-1])


def asked(scripts: Iterable[Script], new: Catalog) -> tuple[Fill, ...]:
    """What the files ask for. Raises `BadProject` where PostgreSQL could not do it."""
    return tuple(_asked(said, new) for said in fillings(scripts))


def _asked(said: Filling, new: Catalog) -> Fill:
    what = ".".join((*said.on, *said.name))
    found = find(Hint(("column",), said.name, said.on, (), said.span), new)
    if len(found) > 1:
        found = [r for r in found if r.name[0] == "public"] or found
    if len(found) != 1:
        raise BadProject(
            f"filled-with stands by column {what}, which the files do not make"
            if not found
            else f"filled-with may be of any of {', '.join(r.path for r in found)}",
            span=said.span,
            hint="write the table's name with its schema",
        )
    (ref,) = found
    fact = new.facts[ref]
    if fact.parent is None or fact.parent.kind != "table":
        raise BadProject(f"filled-with stands by {what}, which is of no table", span=said.span)
    if fact["generated"] or fact["identity"]:
        raise BadProject(
            f"filled-with stands by {what}, which PostgreSQL fills by itself", span=said.span
        )
    fill = Fill(ref, said.expression)
    if problem := _problem(fill):
        raise BadProject(
            f"filled-with: {problem}",
            span=said.span,
            hint="write one SQL expression on that line: -- ringfence: filled-with lower(mail)",
        )
    return fill


def _problem(fill: Fill) -> str:
    """What keeps the expression from being one; empty where it is."""
    import postgast

    if not fill.expression:
        return "it has no expression"
    try:
        tree: Any = postgast.parse(_one(fill))
    except postgast.PgQueryError as error:
        # What stands behind it says nothing to who wrote it.
        said, near, where = str(error.message).partition(" at or near ")
        return f"{said}{near}{where}" if "WHERE" not in where else said.replace(*_NOT_ONE)
    update = tree.stmts[0].stmt.update_stmt
    clauses = {field.name for field, _ in update.ListFields()}
    alone = len(tree.stmts) == 1 and clauses == {"relation", "target_list", "where_clause"}
    return "" if alone and len(update.target_list) == 1 else _NOT_ONE[1]


_NOT_ONE = ("syntax error", "it is not one expression")


def misfit(step: Step, message: str) -> BadProject:
    """The error of a step that fills and does not run."""
    return BadProject(
        f"filled-with of {step.ref.path} does not run: {message}",
        detail=step.sql,
        hint="mend the expression beside the column in ddl/; what the same plan drops or renames it"
        " cannot name: let that go in a plan of its own, afterwards",
    )


def due(fills: Sequence[Fill], old: Catalog, new: Catalog) -> tuple[Fill, ...]:
    """Those whose column comes to a table that is there, or may be NULL there and no longer."""
    return tuple(f for f in fills if f.table in old.facts and _due(f, old, new))


def _due(fill: Fill, old: Catalog, new: Catalog) -> bool:
    was = old.facts.get(fill.column)
    return was is None or bool(new.facts[fill.column]["not_null"] and not was["not_null"])


def plan(
    old: Catalog,
    new: Catalog,
    fills: Sequence[Fill] = (),
    *,
    executor: str = "",
    changes: tuple[Change, ...] | None = None,
    marked: bool = True,
) -> Plan:
    """The plan from `old` to `new`, by way of one in which the columns may be NULL and are filled."""
    fills = due(fills, old, new)
    if not fills:
        return make_plan(old, new, executor=executor, changes=changes, marked=marked)
    columns = {ref for f in fills for ref in _family(f.column, new)}
    came = {ref for ref in columns if ref not in old.facts}
    late = _late(columns, old, new)
    empty = without(new, late | {Ref("default", ref.name) for ref in came}, columns)
    ready = without(new, late, columns)
    first = make_plan(old, empty, executor=executor, marked=marked)
    second = make_plan(empty, ready, executor=executor, marked=marked)
    last = make_plan(ready, new, executor=executor, marked=marked)
    between = tuple(
        step
        for table in dict.fromkeys(f.table for f in fills)
        for step in _steps([f for f in fills if f.table == table], ready, new)
    )
    return replace(
        last,
        steps=(*first.steps, *second.steps, *between, *last.steps),
        source=first.source,
        notes=(*first.notes, *last.notes, *_forced(fills, new), *_fired(fills, ready)),
        renames=first.renames,
    )


def _forced(fills: Sequence[Fill], new: Catalog) -> Iterator[str]:
    """Tables whose rows are hidden from their owner too, so that it can fill none."""
    for table in dict.fromkeys(f.table for f in fills):
        whole = new.facts[table]
        if whole["row_security"] and whole["force_row_security"]:
            yield (
                f"row security is forced on {table.path}: only a role with BYPASSRLS, or a superuser,"
                " can fill its rows; run as another, the fill is refused"
            )


def _fired(fills: Sequence[Fill], ready: Catalog) -> Iterator[str]:
    """Tables that have triggers which the fill fires."""
    for table in dict.fromkeys(f.table for f in fills):
        if fired := ", ".join(_triggers([f for f in fills if f.table == table], ready)):
            yield (
                f"filling {table.path} fires its triggers, as any UPDATE of these rows does: {fired}."
                " What they write (a time of change, an audit, a message) is written for every row"
                " that is filled"
            )


_UPDATES = re.compile(
    r'CREATE (?:CONSTRAINT )?TRIGGER (?:"(?:[^"]|"")*"|[^\s"]+) (?:BEFORE|AFTER) (?:INSERT OR )?'
    r'(?:DELETE OR )?UPDATE(?: OF (?P<columns>(?:"(?:[^"]|"")*"|[^"])*?))?'
    r"(?: OR TRUNCATE)? ON (?P<rest>.*)",
    re.DOTALL,
)


def _triggers(fills: Sequence[Fill], catalog: Catalog) -> Iterator[str]:
    """What an UPDATE of these columns fires: of the table any trigger, of what is below it those of rows."""
    table = fills[0].table
    columns = {f.column.name[-1] for f in fills}
    for place in dict.fromkeys(
        Ref("table", c.name[:-1]) for c in _family(fills[0].column, catalog)
    ):
        for trigger in sorted(catalog.below(place, "trigger"), key=lambda fact: fact.ref):
            match = _UPDATES.fullmatch(trigger.text("definition"))
            if match is None or trigger["enabled"] in ("D", "R"):
                continue
            of = {c["plain"] or c["quoted"].replace('""', '"') for c in _columns(match["columns"])}
            if (not of or of & columns) and (
                place == table or " FOR EACH ROW " in f" {match['rest']}"
            ):
                yield trigger.ref.path


def _family(column: Ref, catalog: Catalog) -> Iterator[Ref]:
    """The column, and what inherits it."""
    yield column
    for link in links_below(Ref("table", column.name[:-1]), catalog):
        if link.parent is not None:
            yield from _family(Ref("column", (*link.parent.name, column.name[-1])), catalog)


def _late(columns: Iterable[Ref], old: Catalog, new: Catalog) -> set[Ref]:
    """What comes and may say something of the columns' values, and what needs that."""
    todo = [
        user
        for column in columns
        for user in new.used_by.get(column, ())
        if user.kind in ("constraint", "index")
    ]
    found: set[Ref] = set()
    while todo:
        ref = todo.pop()
        if ref not in old.facts and ref not in found:
            found.add(ref)
            todo += new.used_by.get(ref, ())
    return found


def _steps(fills: Sequence[Fill], ready: Catalog, new: Catalog) -> Iterator[Step]:
    """What fills some columns of one table, once it is known that it will."""
    bound = [f for f in fills if new.facts[f.column]["not_null"]]
    if bound:
        yield Step(_unfilled(bound, new), fills[0].column, "fill")
    text = _one(fills[0]) if len(fills) == 1 else _all(fills, new)
    fired = ", ".join(_triggers(fills, ready))
    comment = f"fires the triggers that any UPDATE of these rows does: {fired}" if fired else ""
    yield Step(text, fills[0].column, "fill", comment=comment)
    below = new.below(fills[0].table, "constraint")
    if any(" DEFERRABLE" in f.text("definition") for f in below):
        # A table with checks to come at the end of its transaction cannot be altered in it.
        yield Step(AT_ONCE, fills[0].column, "fill")


def _unfilled(fills: Sequence[Fill], new: Catalog) -> str:
    """What raises where rows would stay without a value, before anything demands one of them.

    Policies would hide such rows from it, as from what fills them: without them it raises as well.
    """
    table = fills[0].table
    wanting = " OR ".join(
        f"{ident(f.column.name[-1])} IS NULL AND ({_value(f, new)}) IS NULL" for f in fills
    )
    columns = ", ".join(quoted(f.column.name[-1]) for f in fills)
    said = f"rows of {table.path} get no value for {columns} by filled-with"
    hint = "Mend the expression beside the column in ddl/, or those rows."
    body = (
        "\nBEGIN\n    PERFORM pg_catalog.set_config('row_security', 'off', true);\n"
        f"    IF EXISTS (SELECT FROM {qualified(table.name)} WHERE {wanting}) THEN\n"
        f"        RAISE EXCEPTION USING ERRCODE = 'not_null_violation', MESSAGE = {literal(said)},\n"
        f"            HINT = {literal(hint)};\n"
        "    END IF;\nEND\n"
    )
    mark = next(
        f"${tag}$" for n in range(1 << 30) if f"${(tag := f'fill{n or str()}')}$" not in body
    )
    return f"DO {mark}{body}{mark}"


def _one(fill: Fill) -> str:
    table, column = qualified(fill.table.name), ident(fill.column.name[-1])
    # On a line of its own: the expression may end in a comment.
    return f"UPDATE {table} SET {column} = {fill.expression}\nWHERE {column} IS NULL"  # noqa: S608 - quoted


def _all(fills: Sequence[Fill], new: Catalog) -> str:
    columns = [ident(f.column.name[-1]) for f in fills]
    types = [new.facts[f.column].text("type") for f in fills]
    values = [_value(f, new) for f in fills]
    sets = ",\n    ".join(
        f"{column} = coalesce({column}, CAST({value} AS {type_}))"
        for column, type_, value in zip(columns, types, values, strict=True)
    )
    missing = " OR ".join(f"{column} IS NULL" for column in columns)
    return f"UPDATE {qualified(fills[0].table.name)} SET\n    {sets}\nWHERE {missing}"


def _value(fill: Fill, new: Catalog) -> str:
    """Its expression; DEFAULT is none where there is more than that."""
    if fill.expression.upper() != "DEFAULT":
        ends = "\n" if "--" in fill.expression else ""  # it may end in a comment
        return fill.expression + ends
    default = new.facts.get(Ref("default", fill.column.name))
    return default.text("expression") if default is not None else "NULL"


def without(catalog: Catalog, gone: Collection[Ref], nullable: Collection[Ref]) -> Catalog:
    """A catalog without these facts and what is below them; these columns may be NULL in it."""
    out = set(gone)
    while more := {f.ref for f in catalog.facts.values() if f.parent in out} - out:
        out |= more
    facts = {
        ref: _nullable(fact) if ref in nullable else fact
        for ref, fact in catalog.facts.items()
        if ref not in out
    }
    uses = {ref: frozenset(used - out) for ref, used in catalog.uses.items() if ref not in out}
    return replace(catalog, facts=facts, uses=uses)


def _nullable(fact: Fact) -> Fact:
    return replace(
        fact, attrs={k: v for k, v in fact.attrs.items() if not k.startswith("not_null")}
    )


_PRIMARY = re.compile(r'PRIMARY KEY \((?P<columns>(?:"(?:[^"]|"")*"|[^")])*)\)')
_COLUMN = re.compile(r'"(?P<quoted>(?:[^"]|"")*)"|(?P<plain>[^\s",]+)')
_PLAIN = re.compile(r"[^\s=\",]+\Z")


def _columns(text: str | None) -> Iterator[re.Match[str]]:
    """Names with commas between them, as SQL has them."""
    yield from _COLUMN.finditer(text or "")


def key(table: Ref | None, catalog: Catalog) -> str:
    """The columns of a table's primary key as a backfill names them; empty where it has none that a line can say."""
    for fact in catalog.below(table, "constraint") if table else ():
        match = _PRIMARY.match(fact.text("definition")) if fact["type"] == "p" else None
        if match:
            said = ",".join(
                c["plain"] or (c["quoted"] if _PLAIN.match(c["quoted"]) else c[0])
                for c in _columns(match["columns"])
            )
            return said if said.isprintable() else ""
    return ""
