"""Another type for a column, its rows not written anew under a lock: a column beside it takes its place.

The new column comes empty; a trigger gives each row that is written its value; the rows that are
there are filled in batches; what stands on the old column is made on the new one, as it can be while
others work. Then, in one brief lock, the old column goes and the new one gets its name.

How each thing is said of the new column, the server tells: the column that the statement has left is
given the other name for a moment. That the form comes to the same is found by running it on a copy.
"""

from __future__ import annotations

from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import postgast
import psycopg
from psycopg import sql

from ringfence.change import diff
from ringfence.errors import Error
from ringfence.filling import Fill, without
from ringfence.filling import key as key_of
from ringfence.kinds._family import aside, tree
from ringfence.kinds._sql import ident, qualified
from ringfence.model import Catalog, Ref
from ringfence.online import online
from ringfence.pg.extract import extract
from ringfence.planner import plan
from ringfence.rehearse.moves import Move

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from contextlib import AbstractContextManager

    from psycopg import Connection

    from ringfence.model import Fact
    from ringfence.step import Step

    Session = Connection[tuple[object, ...]]

pb = postgast.pg_query_pb2
_LONGEST = 63  # bytes of a name
_GATED = {"REWRITE", "INDEX_BUILD", "SCAN_UNDER_LOCK", "LONG_LOCK"}


@dataclass(frozen=True, slots=True)
class Retyped:
    """The form, or why there is none."""

    moves: tuple[Move, ...] = ()
    why: str = ""
    fills: tuple[Fill, ...] = ()
    """What the new columns hold, for the way back."""


@dataclass(frozen=True, slots=True)
class _Key:
    """A primary or unique key that the column is part of; `index` is what is to become its own."""

    name: str
    what: str
    state: str
    index: str


@dataclass(frozen=True, slots=True)
class _Wish:
    """A table whose columns get other types: column → the column in its place, column → USING."""

    table: Ref
    beside: dict[str, str]
    using: dict[str, str]

    def value(self, column: str) -> str:
        """What the new column holds, in terms of the table's columns."""
        return self.using.get(column) or ident(column)


def retyped(
    session: Session,
    before: Catalog,
    after: Catalog,
    text: str,
    hidden: Sequence[str],
    copy: Callable[[], AbstractContextManager[Session]],
) -> Retyped | None:
    """The form of ALTER TABLE … ALTER COLUMN … TYPE; None for what is none.

    `session` stands behind the statement, `copy` gives one that stands before it. Both are ours.
    """
    wish = _wish(session, before, after, text)
    if wish is None:
        return None
    if why := _refused(session, wish, before):
        return Retyped(why=why)
    try:
        with _renamed(session, wish) as (keys, given):
            told = extract(session, exclude=tuple(hidden), nobody=session.info.user)
        first, rest = _beside(wish, before, told)
        values = _values(session, wish, before)
        with copy() as stands:
            swap = _swap(stands, wish, before, keys, given)
            return _tried(stands, wish, (first, rest, swap), after, values, hidden)
    except psycopg.Error as error:
        return Retyped(why=(error.diag.message_primary or str(error)).strip())
    except Error as error:
        return Retyped(why=error.message)


# What is asked for -------------------------------------------------------------------------------


def _wish(session: Session, before: Catalog, after: Catalog, text: str) -> _Wish | None:
    try:
        statements = postgast.parse(text).stmts
    except postgast.PgQueryError:
        return None
    if len(statements) != 1 or statements[0].stmt.WhichOneof("node") != "alter_table_stmt":
        return None
    tree_ = statements[0].stmt.alter_table_stmt
    relation = tree_.relation
    path = tuple(filter(None, (relation.schemaname, relation.relname)))
    row = session.execute(
        "SELECT n.nspname, c.relname FROM pg_class AS c"
        " INNER JOIN pg_namespace AS n ON c.relnamespace = n.oid WHERE c.oid = to_regclass(%s)",
        [sql.Identifier(*path).as_string(None)],
    ).fetchone()
    if row is None:
        return None
    table = Ref("table", (str(row[0]), str(row[1])))
    beside: dict[str, str] = {}
    using: dict[str, str] = {}
    for each in tree_.cmds:
        command = each.alter_table_cmd
        column = Ref("column", (*table.name, command.name))
        if command.subtype != pb.AT_AlterColumnType or column not in before.facts:
            continue
        definition = getattr(command, "def").column_def
        if before.facts[column]["type"] == after.facts[column]["type"] and not (
            definition.HasField("raw_default")
        ):
            continue
        beside[command.name] = _free(f"{command.name}_new", column, before)
        if definition.HasField("raw_default"):
            using[command.name] = _shown(definition.raw_default)
    return _Wish(table, beside, using) if beside else None


def _free(name: str, column: Ref, catalog: Catalog) -> str:
    taken = Ref("column", (*column.name[:-1], name)) in catalog.facts
    return aside(column.name) if taken or len(name.encode()) > _LONGEST else name


def _shown(expression: Any) -> str:
    """An expression as SQL."""
    parsed = postgast.parse("SELECT 1")
    parsed.stmts[0].stmt.select_stmt.target_list[0].res_target.val.CopyFrom(expression)
    return str(postgast.deparse(parsed)).removeprefix("SELECT ")


def _refused(session: Session, wish: _Wish, before: Catalog) -> str:
    """Why there is no such form, by name; "" where there may be one."""
    if tree(wish.table, before) != "":
        return f"{wish.table.path} has partitions or heirs, or is one"
    if not key_of(wish.table, before):
        return f"{wish.table.path} has no primary key to go through its rows by"
    for name in wish.beside:
        fact = before.facts[Ref("column", (*wish.table.name, name))]
        if fact["identity"]:
            return f"{fact.ref.path} numbers itself, and no other column can go on with its numbers"
        if fact["generated"]:
            return f"{fact.ref.path} is generated"
    row = session.execute(
        "SELECT c.conname, c.conrelid::regclass::text, c.contype FROM pg_constraint AS c"
        " WHERE EXISTS (SELECT FROM pg_attribute AS a WHERE a.attname = ANY (%(names)s)"
        "  AND a.attrelid = to_regclass(%(table)s)"
        "  AND ((c.confrelid = a.attrelid AND a.attnum = ANY (c.confkey))"
        "   OR (c.conrelid = a.attrelid AND a.attnum = ANY (c.conkey) AND c.contype = 'x')))"
        " ORDER BY c.conname LIMIT 1",
        {"names": list(wish.beside), "table": qualified(wish.table.name)},
    ).fetchone()
    if row is not None and row[2] == "f":
        return f"foreign key {row[0]} of {row[1]} refers to it"
    if row is not None:
        return f"exclusion constraint {row[0]} is on it, which only a lock can add"
    return ""


# How it is said of the other column ---------------------------------------------------------------

_INDEXES = """
SELECT
    n.nspname, i.relname, pg_get_indexdef(x.indexrelid), c.conname, c.contype, c.condeferrable,
    c.condeferred
FROM pg_index AS x
INNER JOIN pg_class AS i ON x.indexrelid = i.oid
INNER JOIN pg_namespace AS n ON i.relnamespace = n.oid
LEFT JOIN pg_constraint AS c ON x.indexrelid = c.conindid AND c.contype IN ('p', 'u', 'x')
WHERE x.indrelid = to_regclass(%(table)s) AND EXISTS (
    SELECT FROM pg_attribute AS a
    WHERE a.attrelid = x.indrelid AND a.attname = ANY (%(names)s) AND (
        a.attnum = ANY (x.indkey)
        OR EXISTS (
            SELECT FROM pg_depend AS d
            WHERE d.classid = 'pg_class'::regclass AND d.objid = x.indexrelid
                AND d.refobjid = a.attrelid AND d.refobjsubid = a.attnum
        )
    )
)
ORDER BY i.relname
"""
_CONSTRAINTS = """
SELECT c.conname FROM pg_constraint AS c
WHERE c.conrelid = to_regclass(%(table)s) AND c.contype IN ('c', 'f') AND EXISTS (
    SELECT FROM pg_attribute AS a
    WHERE a.attrelid = c.conrelid AND a.attname = ANY (%(names)s) AND a.attnum = ANY (c.conkey)
)
ORDER BY c.conname
"""


@contextmanager
def _renamed(session: Session, wish: _Wish) -> Iterator[tuple[list[_Key], list[str]]]:
    """The columns under their other names, and what stands on them too, for a moment.

    With it come the keys, and the statements that give the other things their names in the end.
    """
    table = qualified(wish.table.name)
    asked = {"names": list(wish.beside.values()), "table": table}
    keys: list[_Key] = []
    given: list[str] = []
    undo: list[str] = []

    def do(text: str, back: str) -> None:
        session.execute(text)
        undo.append(back)

    try:
        for old, new in wish.beside.items():
            start = f"ALTER TABLE {table} RENAME COLUMN"
            do(f"{start} {ident(old)} TO {ident(new)}", f"{start} {ident(new)} TO {ident(old)}")
        for schema, name, text, constraint, kind, deferrable, deferred in session.execute(
            _INDEXES, asked
        ).fetchall():
            other = aside((str(schema), str(name)))
            if constraint is None:
                start, own = f"ALTER INDEX {ident(str(schema))}.", ident(str(name))
                back = f"{start}{other} RENAME TO {own}"
                do(f"{start}{own} RENAME TO {other}", back)
                given.append(back)
                continue
            made = str(text).replace(f" INDEX {ident(str(name))} ON ", f" INDEX {other} ON ", 1)
            do(made, f"DROP INDEX {qualified((str(schema), other))}")
            state = " DEFERRABLE" * bool(deferrable) + " INITIALLY DEFERRED" * bool(deferred)
            what = "PRIMARY KEY" if kind == "p" else "UNIQUE"
            keys.append(_Key(str(constraint), what, state, other))
        for (name,) in session.execute(_CONSTRAINTS, asked).fetchall():
            other = aside((*wish.table.name, str(name)))
            start = f"ALTER TABLE {table} RENAME CONSTRAINT"
            back = f"{start} {other} TO {ident(str(name))}"
            do(f"{start} {ident(str(name))} TO {other}", back)
            given.append(back)
        yield keys, given
    finally:
        for text in reversed(undo):
            session.execute(text)


# The form ----------------------------------------------------------------------------------------


def _beside(wish: _Wish, before: Catalog, told: Catalog) -> tuple[list[Move], list[Move]]:
    """What makes the new columns and fills them; and what makes what stands on them."""
    columns = {Ref("column", (*wish.table.name, new)) for new in wish.beside.values()}
    late = {
        ref
        for ref in told.facts
        if ref not in before.facts and ref.kind in ("constraint", "index")
        # what a constraint has below it comes with it
    }
    facts, uses = dict(before.facts), dict(before.uses)
    for ref in (*columns, *late):
        fact = told.facts[ref]
        facts[ref] = _named_by_default(fact) if ref in columns else fact
        uses[ref] = told.uses.get(ref, frozenset())
    ready = replace(before, facts=facts, uses=uses)
    bare = without(ready, late, columns)
    table, key = qualified(wish.table.name), key_of(wish.table, before)
    first = [Move(step.sql, together=True) for step in plan(before, bare).steps]
    first += [Move(text, together=True) for text in _trigger(wish, before)]
    first[-1] = replace(first[-1], transactional="commit")
    sets = ", ".join(f"{ident(new)} = {wish.value(old)}" for old, new in wish.beside.items())
    missing = " OR ".join(
        f"({ident(new)} IS NULL AND {wish.value(old)} IS NOT NULL)"
        for old, new in wish.beside.items()
    )
    called = [f.ref.name[-1] for f in before.below(wish.table, "trigger") if _by_update(f)]
    said = f"{CALLS}{', '.join(map(ident, called))}\n" * bool(called)
    update = f"UPDATE {table} SET {sets}\nWHERE {missing}"  # noqa: S608 - quoted
    first.append(Move(f"{said}{update}", key=key))
    rest = [Move(s.sql, s.transactional) for s in online(plan(bare, ready), bare, ready).steps]
    if rest and rest[-1].transactional == "yes":
        rest[-1] = replace(rest[-1], transactional="commit")
    return first, rest


CALLS = "-- each row is written, and may be changed by what that calls: "
"""What a form says above a statement that has triggers run which the statement it stands for has not."""


def _by_update(trigger: Fact) -> bool:
    head = trigger.text("definition").partition(" ON ")[0]
    return " UPDATE" in head and " UPDATE OF " not in head


def _named_by_default(fact: Fact) -> Fact:
    return replace(fact, attrs={k: v for k, v in fact.attrs.items() if k != "not_null_name"})


def _trigger(wish: _Wish, before: Catalog) -> Iterator[str]:
    """What gives each row that is written the new columns' values, behind all that change the old."""
    table, (schema, name) = qualified(wish.table.name), wish.table.name
    function = qualified((schema, _step(wish)))
    values = ""
    for old, new in wish.beside.items():
        value = f"NEW.{ident(old)}"
        if old in wish.using:
            value = f"(SELECT {wish.using[old]} FROM (SELECT NEW.*) AS {ident(name)})"  # noqa: S608
        values += f"    NEW.{ident(new)} := {value};\n"
    found = " SET search_path FROM CURRENT" if wish.using else ""
    yield (
        f"CREATE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql{found} AS $in_step$\n"
        f"#variable_conflict use_column\nBEGIN\n{values}    RETURN NEW;\nEND\n$in_step$"
    )
    trigger = ident(_last(wish, before))
    yield (
        f"CREATE TRIGGER {trigger} BEFORE INSERT OR UPDATE ON {table}"
        f" FOR EACH ROW EXECUTE FUNCTION {function}()"
    )
    yield f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {trigger}"


def _step(wish: _Wish) -> str:
    name = f"{wish.table.name[-1]}_{next(iter(wish.beside))}_in_step"
    return name if len(name.encode()) <= _LONGEST else aside((*wish.table.name, "in_step"))


def _last(wish: _Wish, before: Catalog) -> str:
    """A name behind those of all triggers: they are called in the order of their names."""
    others = [f.ref.name[-1] for f in before.below(wish.table, "trigger")]
    last = max(others, key=str.encode, default="")
    return "zz_in_step" if last.encode() < b"zz_in_step" else f"{last}~"


def _swap(
    stands: Session, wish: _Wish, before: Catalog, keys: Sequence[_Key], given: Sequence[str]
) -> list[str]:
    """The old columns go, the new ones get their names, and so does what stands on them."""
    table = qualified(wish.table.name)
    found = [
        f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE",
        f"DROP TRIGGER {ident(_last(wish, before))} ON {table}",
        f"DROP FUNCTION {qualified((wish.table.name[0], _step(wish)))}()",
    ]
    found += [
        f"ALTER SEQUENCE {qualified((str(schema), str(name)))} OWNED BY NONE"
        for schema, name in stands.execute(
            "SELECT n.nspname, s.relname FROM pg_depend AS d"
            " INNER JOIN pg_class AS s ON d.objid = s.oid AND s.relkind = 'S'"
            " INNER JOIN pg_namespace AS n ON s.relnamespace = n.oid"
            " INNER JOIN pg_attribute AS a ON d.refobjid = a.attrelid AND d.refobjsubid = a.attnum"
            " WHERE d.classid = 'pg_class'::regclass AND d.deptype = 'a'"
            " AND a.attrelid = to_regclass(%s) AND a.attname = ANY (%s)",
            [table, list(wish.beside)],
        ).fetchall()
    ]
    found += [f"ALTER TABLE {table} DROP COLUMN {ident(old)}" for old in wish.beside]
    found += [
        f"ALTER TABLE {table} RENAME COLUMN {ident(new)} TO {ident(old)}"
        for old, new in wish.beside.items()
    ]
    if _moves(stands, wish):
        found[-1] = f"{LAST}{', '.join(map(ident, wish.beside))}\n{found[-1]}"
    found += given
    return found + [
        f"ALTER TABLE {table} ADD CONSTRAINT {ident(key.name)} {key.what} USING INDEX"
        f" {key.index}{key.state}"
        for key in keys
    ]


LAST = "-- last among its table's columns from here on, for those who name none: "
"""What a form says above the statement that gives columns their names, where others came behind them."""


def _moves(stands: Session, wish: _Wish) -> bool:
    """Whether other columns come behind the old ones, which will not be so of the new."""
    found = stands.execute(
        "SELECT FROM pg_attribute AS a INNER JOIN pg_attribute AS o USING (attrelid)"
        " WHERE a.attrelid = to_regclass(%s) AND NOT a.attisdropped AND a.attnum > o.attnum"
        " AND o.attname = ANY (%s) AND a.attname <> ALL (%s)",
        [qualified(wish.table.name), list(wish.beside), [*wish.beside, *wish.beside.values()]],
    )
    return found.rowcount > 0


# Whether it comes to the same ----------------------------------------------------------------------


def _values(session: Session, wish: _Wish, before: Catalog) -> list[tuple[object, ...]]:
    """The columns' values row by row, as text."""
    names = [*key_of(wish.table, before).split(","), *wish.beside]
    shown = sql.SQL(", ").join(sql.SQL("{}::text").format(sql.Identifier(n)) for n in names)
    query = sql.SQL("SELECT {} FROM ONLY {}").format(shown, sql.Identifier(*wish.table.name))
    return sorted(session.execute(query).fetchall(), key=repr)


def _tried(
    stands: Session,
    wish: _Wish,
    form: tuple[Sequence[Move], Sequence[Move], Sequence[str]],
    after: Catalog,
    values: list[tuple[object, ...]],
    hidden: Sequence[str],
) -> Retyped:
    """Run it where the statement has not run, and compare what comes of the two."""
    table = qualified(wish.table.name)
    first, rest, swap = form
    for move in (*first, *rest):
        stands.execute(move.sql)
    # Only what the trigger does is left: each row is written once more.
    old = next(iter(wish.beside))
    stands.execute(f"UPDATE {table} SET {ident(old)} = {ident(old)}")  # noqa: S608 - quoted
    try:
        with stands.transaction():
            for text in swap:
                stands.execute(text)
    except psycopg.Error as error:
        said = error.diag.message_detail or error.diag.message_primary or str(error)
        return Retyped(why=" ".join(said.split()))
    actual = extract(stands, exclude=tuple(hidden), nobody=stands.info.user)
    left: tuple[Step, ...] = plan(actual, after).steps
    hazards = {str(hazard.code) for step in left for hazard in step.hazards}
    if hazards & _GATED or any(s.transactional == "no" for s in left):
        named = next((s for s in left if s.hazards), left[0])
        return Retyped(why=f"{named.ref} would have to be made anew")
    with stands.transaction():
        for step in left:
            stands.execute(step.sql)
    if differs := diff(extract(stands, exclude=tuple(hidden), nobody=stands.info.user), after):
        return Retyped(why=f"{differs[0].ref} would not be as it is to be")
    now: list[tuple[object, ...]] = []
    with suppress(psycopg.Error):
        now = _values(stands, wish, after)
    if now != values:
        return Retyped(why="the rows would not have the values that the statement gives them")
    last = [Move(text, together=True) for text in (*swap, *(s.sql for s in left))]
    last[-1] = replace(last[-1], transactional="commit")
    fills = [
        Fill(Ref("column", (*wish.table.name, new)), wish.value(old))
        for old, new in wish.beside.items()
    ]
    return Retyped((*first, *rest, *last), fills=tuple(fills))
