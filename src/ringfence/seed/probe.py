"""The server's verdict on rows that are not written yet.

A table's rows travel as one array a column; every CHECK, every unique key, every exclusion and
every partition's bound is computed on them by the server's own rules, in one or two statements.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql

from ringfence.errors import Misuse
from ringfence.model import quoted
from ringfence.seed import expression

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from psycopg import Connection

    from ringfence.seed.rows import Row
    from ringfence.seed.shape import Column, Key, Shape, Table


@dataclass(frozen=True, slots=True)
class Fault:
    """A constraint that a row does not satisfy, with the columns it reads.

    `unique` says that the row is only one too many of its kind.
    """

    name: str
    columns: tuple[str, ...]
    definition: str
    unique: bool = False


def verbatim(text: str) -> sql.SQL:
    """An expression as the server deparsed it: SQL already, and nobody's input."""
    return sql.SQL(text)


def ask(
    conn: Connection[Any],
    query: sql.SQL | sql.Composed,
    arrays: Sequence[Sequence[str | None]] = (),
) -> psycopg.RawCursor[Any]:
    """Run a statement whose parameters are $1, $2, …: a percent sign in a name means nothing."""
    return psycopg.RawCursor(conn).execute(query, list(arrays))


def _unlike(name: str, table: Table) -> sql.Identifier:
    """A name that no column of the table has."""
    while name in table.column:
        name += "_"
    return sql.Identifier(name)


def parameters(count: int, first: int = 1) -> sql.Composed:
    """So many arrays of text as parameters, numbered from `first`."""
    return sql.SQL(", ").join(sql.SQL(f"${n}::TEXT[]") for n in range(first, first + count))


class Probe:
    """The statements that test rows of one table. `faults` asks the server."""

    def __init__(self, conn: Connection[Any], shape: Shape, table: Table) -> None:
        self.conn = conn
        self.shape = shape
        self.table = table
        self.written = [column for column in table.columns if not column.generated]
        self.generated = [column for column in table.columns if column.generated]
        self.depends = {
            column.name: tuple(expression.parse(column.generated).columns())
            for column in self.generated
        }
        self.row = _unlike("ringfence row", table)
        self.leaf = _unlike("ringfence leaf", table)
        self.known: dict[str, dict[str, str | None]] = {}
        self.raised: dict[str, dict[tuple[int | str | None, ...], str | None]] = {}
        self.tests: list[Fault] = []
        self.columns: list[sql.Composable] = []
        self._readable()
        self._checks()
        for key in table.keys:
            if not key.operators:
                self._test(self._unique(key), self._fault(key))
        self.exclusions = [key for key in table.keys if key.operators]

    def faults(self, rows: Sequence[Row]) -> list[list[Fault]]:
        """What is wrong with each of the rows; nothing with those that the table would take."""
        if not rows:
            return []
        found: list[list[Fault]] = [[] for _ in rows]
        good = list(range(len(rows)))
        try:
            answers = self._ask(rows)
        except psycopg.Error:
            for number, fault in self._unreadable(rows):
                found[number].append(fault)
            good = [number for number in good if not found[number]]
            answers = self._ask([rows[number] for number in good]) if good else []
        for number, answer in zip(good, answers, strict=True):
            for fault, holds in zip(self.tests, answer, strict=True):
                if not holds:
                    found[number].append(fault)
        for key in self.exclusions:
            sound = [number for number in good if not found[number]]
            for position in self._overlapping(key, [rows[number] for number in sound]):
                found[sound[position]].append(self._fault(key))
        return found

    def _unreadable(self, rows: Sequence[Row]) -> list[tuple[int, Fault]]:
        """The rows that the server cannot compute the tests of, by their numbers.

        Values that a type does not take are found column by column; what else it is, by halving.
        """
        broken: dict[int, dict[str, str]] = {}
        for column in self.written:
            texts = [row.values.get(column.name) for row in rows]
            said = self._refused(column, list(dict.fromkeys(t for t in texts if t is not None)))
            for number, text in enumerate(texts):
                if text is not None and text in said:
                    broken.setdefault(number, {})[column.name] = said[text]
        found = [
            (number, Fault("", tuple(names), next(iter(names.values()))))
            for number, names in broken.items()
        ]
        for test, fault in zip(self.columns, self.tests, strict=True):
            gone = {number for number, _ in found}
            # Equal values raise equally: one of them is asked for, and once.
            known = self.raised.setdefault(fault.name, {})
            keys = {
                number: (row.leaf, *(row.values.get(name) for name in fault.columns))
                for number, row in enumerate(rows)
                if number not in gone
            }
            asked = {key: number for number, key in keys.items() if key not in known}
            known.update(dict.fromkeys(asked))
            for number, _, message in self._raising(test, sorted(asked.values()), rows):
                known[keys[number]] = message
            found += [
                (number, Fault(fault.name, fault.columns, heard))
                for number, key in keys.items()
                if (heard := known[key]) is not None
            ]
        # And what only some of them together do.
        every = tuple(column.name for column in self.written)
        gone = {number for number, _ in found}
        left = [number for number in range(len(rows)) if number not in gone]
        whole = self._raising(sql.SQL(", ").join(self.columns), left, rows)
        return found + [(number, Fault(name, every, text)) for number, name, text in whole]

    def _raising(
        self, test: sql.Composable, numbers: Sequence[int], rows: Sequence[Row]
    ) -> list[tuple[int, str, str]]:
        """The rows of which the server cannot compute a test, found by halving, and what it says."""
        if not numbers:
            return []
        try:
            with self.conn.transaction():
                self._select(test, [rows[number] for number in numbers])
        except psycopg.Error as error:
            if len(numbers) == 1:
                message = (error.diag.message_primary or str(error)).strip()
                return [(numbers[0], error.diag.constraint_name or "", message)]
            half = len(numbers) // 2
            return [
                *self._raising(test, numbers[:half], rows),
                *self._raising(test, numbers[half:], rows),
            ]
        return []

    def _refused(self, column: Column, texts: Sequence[str]) -> dict[str, str]:
        """The texts that a column's type does not take, each with what the server says."""
        known = self.known.setdefault(column.name, {})
        new = [text for text in texts if text not in known]
        query = sql.SQL("SELECT count(v::{}) FROM unnest({}) AS u (v)").format(
            self._cast(column), parameters(1)
        )
        todo = [new] if new else []
        while todo:
            some = todo.pop()
            try:
                with self.conn.transaction():
                    ask(self.conn, query, [some])
            except psycopg.Error as error:
                message = (error.diag.message_primary or str(error)).strip()
                if len(some) == 1 or isinstance(error, psycopg.errors.FeatureNotSupported):
                    # What this server was built without it takes no value of.
                    known.update(dict.fromkeys(some, message))
                else:
                    todo += [some[: len(some) // 2], some[len(some) // 2 :]]
            else:
                known.update(dict.fromkeys(some))
        return {text: said for text in texts if (said := known[text]) is not None}

    def compute(self, text: str, rows: Sequence[Row]) -> list[str | None]:
        """What an expression comes to in each of the rows; None where the server cannot say."""
        try:
            with self.conn.transaction():
                answers = self._select(sql.SQL("({})::TEXT").format(verbatim(text)), rows)
        except psycopg.Error:
            return [None] * len(rows)
        return [answer for (answer,) in answers]

    def derive(self, column: Column, text: str, rows: Sequence[Row]) -> list[str | None]:
        """What an expression that the project gives comes to in each of the rows.

        Raises `Misuse` where the server cannot compute it as the column's type.
        """
        cast = self._cast(column)
        wanted = sql.SQL("(({})::{})::TEXT").format(verbatim(text), cast)
        try:
            with self.conn.transaction():
                return [answer for (answer,) in self._select(wanted, rows)]
        except psycopg.Error as error:
            where = f"{self.table.path}.{quoted(column.name)}"
            raise Misuse(
                f"[tool.ringfence.seed.columns] sets {where} by SQL that the server does not take:"
                f" {error.diag.message_primary or error}",
                detail=text,
                hint=error.diag.message_hint
                or "write an expression over the table's other columns, without a semicolon",
            ) from error

    def generate(self, rows: Sequence[Row]) -> None:
        """Fill in the generated columns, for the rows that others refer to by them."""
        if not self.generated or not rows:
            return
        wanted = sql.SQL(", ").join(
            sql.SQL("{}::TEXT").format(sql.Identifier(column.name)) for column in self.generated
        )
        with self.conn.transaction():
            answers = self._select(wanted, rows)
        for row, answer in zip(rows, answers, strict=True):
            for column, text in zip(self.generated, answer, strict=True):
                row.values[column.name] = text

    def _ask(self, rows: Sequence[Row]) -> list[tuple[Any, ...]]:
        with self.conn.transaction():
            return self._select(sql.SQL(", ").join(self.columns), rows)

    def _select(self, wanted: sql.Composable, rows: Sequence[Row]) -> list[tuple[Any, ...]]:
        query = sql.SQL("SELECT {} FROM {} ORDER BY {}").format(wanted, self._source(), self.row)
        return ask(self.conn, query, self._arguments(rows)).fetchall()

    def _arguments(self, rows: Sequence[Row]) -> list[list[str | None]]:
        arrays: list[list[str | None]] = [[str(row.leaf) for row in rows]]
        arrays += [[row.values.get(column.name) for row in rows] for column in self.written]
        return arrays

    def _source(self) -> sql.Composed:
        """The rows as a table that has the name and the columns of the real one."""
        aliases = [sql.Identifier(f"c{n}") for n in range(len(self.written))]
        typed = [
            sql.SQL("r.{}::{} AS {}").format(alias, self._cast(column), sql.Identifier(column.name))
            for alias, column in zip(aliases, self.written, strict=True)
        ]
        computed = [
            sql.SQL("({}) AS {}").format(verbatim(column.generated), sql.Identifier(column.name))
            for column in self.generated
        ]
        return sql.SQL(
            "(SELECT * FROM (SELECT v.*{computed} FROM (SELECT r.n AS {row}, r.leaf::INT AS {leaf}"
            "{typed} FROM unnest({arrays}) WITH ORDINALITY AS r (leaf{aliases}, n)) AS v) AS g)"
            " AS {name}"
        ).format(
            computed=sql.Composed([part for c in computed for part in (sql.SQL(", "), c)]),
            row=self.row,
            leaf=self.leaf,
            typed=sql.Composed([part for c in typed for part in (sql.SQL(", "), c)]),
            arrays=parameters(len(aliases) + 1),
            aliases=sql.Composed([part for a in aliases for part in (sql.SQL(", "), a)]),
            name=sql.Identifier(self.table.name),
        )

    def _cast(self, column: Column) -> sql.SQL:
        """The type below the column's domain: the domain's checks are tests of their own."""
        return verbatim(self.shape.below_domains(column))

    def _readable(self) -> None:
        """A test that looks at every value, so that the server reads those no constraint is on."""
        names = [sql.Identifier(column.name) for column in self.written]
        parts = [
            # A function takes no more than a hundred arguments.
            sql.SQL("num_nulls({}) >= 0").format(sql.SQL(", ").join(names[first : first + 100]))
            for first in range(0, len(names), 100)
        ]
        every = tuple(column.name for column in self.written)
        test = sql.SQL(" AND ").join(parts) if parts else sql.SQL("true")
        self._test(test, Fault("", every, "values that the types accept"))

    def _checks(self) -> None:
        whole = [check for check in self.table.checks if not check.partition]
        for check in whole:
            tree = expression.parse(check.expression, value=check.column)
            test: sql.Composable = verbatim(check.expression)
            if check.column:
                test = sql.SQL("SELECT ({}) FROM (SELECT {} AS value) AS domain_").format(
                    test, sql.Identifier(check.column)
                )
            fault = Fault(check.name, self._sources(tree.columns()), check.expression)
            self._test(sql.SQL("({}) IS NOT FALSE").format(test), fault)
        for number, partition in enumerate(self.table.partitions):
            local = [c.expression for c in self.table.checks if c.partition == partition.oid]
            text = " AND ".join(f"(({e}) IS NOT FALSE)" for e in (partition.bound, *local))
            columns = [
                name for e in (partition.bound, *local) for name in expression.parse(e).columns()
            ]
            test = sql.SQL("{} <> {} OR ({})").format(
                self.leaf, sql.Literal(number), verbatim(text)
            )
            self._test(test, Fault(partition.name, self._sources(columns), partition.bound))

    def _test(self, test: sql.Composable, fault: Fault) -> None:
        self.columns.append(test)
        self.tests.append(fault)

    def _sources(self, names: Iterable[str]) -> tuple[str, ...]:
        """The columns, with those that a generated one is computed from in its place."""
        flat = [source for name in names for source in self.depends.get(name, (name,))]
        return tuple(dict.fromkeys(name for name in flat if name in self.table.column))

    def _fault(self, key: Key) -> Fault:
        parts = (*key.elements, *((key.predicate,) if key.predicate else ()))
        names = [name for part in parts for name in expression.parse(part).columns()]
        definition = ", ".join(key.elements)
        return Fault(key.name, self._sources(names), definition, unique=True)

    def _applies(self, key: Key) -> list[sql.Composable]:
        """The conditions under which the key counts a row."""
        conditions: list[sql.Composable] = []
        if key.predicate:
            conditions.append(sql.SQL("({}) IS TRUE").format(verbatim(key.predicate)))
        if key.nulls_distinct:
            conditions += [sql.SQL("({}) IS NOT NULL").format(verbatim(e)) for e in key.elements]
        return conditions or [sql.SQL("true")]

    def _unique(self, key: Key) -> sql.Composable:
        """True for a row that is the first with its key."""
        applies = sql.SQL(" AND ").join(self._applies(key))
        elements = sql.SQL(", ").join(sql.SQL("({})").format(verbatim(e)) for e in key.elements)
        return sql.SQL(
            "NOT ({applies}) OR row_number() OVER (PARTITION BY ({applies}), {elements}"
            " ORDER BY {row}) = 1"
        ).format(applies=applies, elements=elements, row=self.row)

    def _overlapping(self, key: Key, rows: Sequence[Row]) -> list[int]:
        """The positions of rows that an earlier row excludes."""
        if len(rows) < 2:
            return []
        elements = sql.SQL(", ").join(
            sql.SQL("({}) AS {}").format(verbatim(e), sql.Identifier(f"e{n}"))
            for n, e in enumerate(key.elements)
        )
        conflict = sql.SQL(" AND ").join(
            sql.SQL("a.{0} {1} b.{0}").format(sql.Identifier(f"e{n}"), verbatim(operator))
            for n, operator in enumerate(key.operators)
        )
        query = sql.SQL(
            "WITH keyed AS MATERIALIZED (SELECT {row} AS n, {elements} FROM {source} WHERE {applies})"
            " SELECT DISTINCT b.n FROM keyed AS a JOIN keyed AS b ON a.n < b.n AND {conflict}"
            " ORDER BY 1"
        ).format(
            row=self.row,
            elements=elements,
            source=self._source(),
            applies=sql.SQL(" AND ").join(self._applies(key)),
            conflict=conflict,
        )
        with self.conn.transaction():
            return [n - 1 for (n,) in ask(self.conn, query, self._arguments(rows)).fetchall()]
