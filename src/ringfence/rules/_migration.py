"""Migrations as rules see them: what each statement does to what was there before it.

A file is parsed once, by PostgreSQL's own parser. Its statements are taken apart into `Action`s, and
a `State` follows what they make: which tables exist, of which columns and types, what proves that a
column holds no NULL. So a rule can tell a table that this very file makes, which nobody reads yet,
from one that has been in use for years.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain
from typing import TYPE_CHECKING, Any

import postgast

from ringfence.errors import Error
from ringfence.rules._parse import Name, lock_limit, pb
from ringfence.rules._state import Relation, State, constraint_of, index_of
from ringfence.script import Script, blocks

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ringfence.model import Ref
    from ringfence.rules import SqlFile
    from ringfence.script import Block, Turn


@dataclass(frozen=True)
class Statement:
    """One statement of a migration. `tree` is its parse tree, `at` its offset in bytes."""

    migration: Migration
    kind: str
    tree: Any
    at: int
    end: int
    base: int = 0
    """Where the places in the tree are counted from."""
    outer: Statement | None = None
    """The DO that it stands in, if it does."""

    @property
    def top(self) -> Statement:
        """The statement of the file: itself, or the DO that it stands in."""
        return self.outer or self

    @cached_property
    def text(self) -> str:
        """The statement as it stands in the file."""
        return self.migration.raw[self.at : self.end].decode()

    @cached_property
    def fingerprint(self) -> str:
        """The same however it is laid out."""
        try:
            return str(postgast.fingerprint(self.text).hex)
        except postgast.PgQueryError:
            return ""

    @cached_property
    def inner(self) -> tuple[Statement, ...]:
        """Of a DO in PL/pgSQL: the statements in its body that it may run as they stand."""
        return tuple(_inner(self)) if self.kind == "do_stmt" else ()


@dataclass(frozen=True, slots=True)
class Action:
    """One thing that a statement does, and `state`: how things were before it.

    `verb` says what is done, `name` to which relation, type or other object, `node` is the part of
    the parse tree that says how.
    """

    verb: str
    statement: Statement
    name: Name
    node: Any
    state: State

    @property
    def migration(self) -> Migration:
        """The migration that the statement stands in."""
        return self.statement.migration

    @property
    def relation(self) -> Relation:
        """What is known of the relation."""
        return self.state.relations.get(self.name) or Relation()

    @property
    def new(self) -> bool:
        """Whether this very migration made the relation, so that nobody uses it yet."""
        return self.relation.made_by == self.migration.shown

    @property
    def of_whole_only(self) -> bool:
        """Whether it is done with ONLY to a partitioned table, which holds no rows itself."""
        tree = self.statement.tree
        return self.relation.partitioned and tree.HasField("relation") and not tree.relation.inh

    @property
    def takes_in(self) -> bool:
        """Whether every partition that is known has such an index or constraint already: PostgreSQL
        attaches those, and builds nothing."""
        below = self.state.partitions(self.name)
        if self.verb == "create_index":
            made = [*self.state.indexes.values()]
            return bool(below) and all(index_of(name, self.node) in made for name in below)
        wanted = constraint_of(self.definition, self.state)
        return (
            wanted is not None
            and all(
                any(
                    (c.kind, c.columns) == (wanted.kind, wanted.columns)
                    for c in r.constraints.values()
                )
                for r in below.values()
            )
            and bool(below)
        )

    def place(self, node: Any) -> int:
        """Where a part of the tree stands in the file, in bytes."""
        at: int = node.location
        return self.statement.base + at if at >= 0 else -1

    @property
    def definition(self) -> Any:
        """The column or constraint that a part of ALTER TABLE gives."""
        node = getattr(self.node, "def")
        return getattr(node, node.WhichOneof("node"))

    @property
    def ref(self) -> Ref:
        """The relation, for a finding."""
        return self.name.ref()

    @property
    def table(self) -> str:
        """The relation, for a message."""
        return self.name.path


@dataclass
class Migration:
    """A file of statements.

    `managed` is whether ringfence runs it, `undo` whether it takes back another one; `transactional`
    whether all of it is one transaction: else it runs as psql would run it. `beside` are the revisions that follow the same one as this, `merged` whether one has them all below it.
    `batched` is whether its one statement runs over the keys a little at a time, `declares` whether it
    is no migration but a file of ddl/.
    """

    shown: str
    raw: bytes
    statements: list[Statement]
    error: tuple[str, int] | None = None
    managed: bool = False
    undo: bool = False
    transactional: bool = False
    beside: tuple[str, ...] = ()
    merged: bool = False
    batched: bool = False
    declares: bool = False
    actions: list[Action] = field(default_factory=list)
    heavy: list[Action] = field(default_factory=list)
    """Those that were found to go over every row of a table that was there before."""

    @property
    def blocks(self) -> tuple[Block, ...]:
        """The transactions that its statements run in."""
        return blocks(map(_turn, self.statements), one=self.transactional)

    def together(self) -> Iterator[list[Action]]:
        """The actions of each transaction of more than one statement."""
        by_statement: dict[int, list[Action]] = {}
        for action in self.actions:
            by_statement.setdefault(id(action.statement.top), []).append(action)
        for block in self.blocks:
            if block.together:
                its = (by_statement.get(id(self.statements[n - 1]), ()) for n in block.numbers)
                yield list(chain.from_iterable(its))

    def at_once(self, one: Statement, other: Statement) -> bool:
        """Whether two statements are committed together, so that nobody comes in between."""
        if one.top is other.top:
            return True
        numbers = {n for n, s in enumerate(self.statements, 1) if s is one.top or s is other.top}
        return any(block.together and numbers <= {*block.numbers} for block in self.blocks)

    def limited(self, action: Action) -> bool:
        """Whether a statement before an action's has set how long to wait for a lock."""
        limit = 0.0
        for statement in self.statements:
            if statement is action.statement.top:
                break
            said = lock_limit(statement)
            if said is not None:
                limit = said
        return limit > 0


def _turn(statement: Statement) -> Turn:
    """What a statement does to the transaction around it."""
    if statement.kind != "transaction_stmt":
        return ""
    return _TURNS.get((statement.tree.kind, statement.tree.chain), "")


_TURNS: dict[tuple[int, bool], Turn] = {
    (pb.TRANS_STMT_BEGIN, False): "begin",
    (pb.TRANS_STMT_START, False): "begin",
    (pb.TRANS_STMT_COMMIT, False): "commit",
    (pb.TRANS_STMT_COMMIT, True): "commit and chain",
    (pb.TRANS_STMT_ROLLBACK, False): "rollback",
    (pb.TRANS_STMT_ROLLBACK, True): "rollback and chain",
    (pb.TRANS_STMT_PREPARE, False): "rollback",
}


def parsed(file: SqlFile, *, managed: bool = False, undo: bool = False) -> Migration:
    """A file taken apart. What PostgreSQL's parser refuses is said in `error`."""
    raw = file.text.encode()
    migration = Migration(file.shown, raw, [], managed=managed, undo=undo)
    try:
        tree = postgast.parse(file.text)
    except postgast.PgQueryError:
        _piecewise(migration, file.text)
    else:
        for each in tree.stmts:
            end = each.stmt_location + each.stmt_len if each.stmt_len else len(raw)
            _add(migration, each, each.stmt_location, end)
    try:
        script = Script(file.shown, file.text, loose=not managed)
        migration.transactional = script.transactional
        migration.batched = bool(script.backfill)
    except Error:
        migration.transactional = managed
    return migration


def _piecewise(migration: Migration, text: str) -> None:
    """Statement by statement: data below a COPY, or a file that is wrong in places."""
    try:
        statements = Script(migration.shown, text).statements
    except Error as wrong:
        at = 0
        if wrong.span is not None:
            lines = text.split("\n")[: wrong.span.line - 1]
            at = sum(len(line) + 1 for line in lines) + max(wrong.span.column - 1, 0)
        migration.error = (wrong.message, len(text[:at].encode()))
        return
    for statement in statements:
        at = len(text[: statement.start].encode())
        try:
            tree = postgast.parse(statement.text)
        except postgast.PgQueryError as wrong:
            if migration.error is None:
                before = statement.text[: max(wrong.cursorpos - 1, 0)]
                migration.error = (wrong.message, at + len(before.encode()))
            continue
        for each in tree.stmts:
            _add(migration, each, at, at + len(statement.text.encode()), at)


def _add(migration: Migration, each: Any, start: int, end: int, base: int = 0) -> None:
    text = migration.raw[start:end].decode(errors="replace")
    blank = _BLANK.match(text)
    skip = len(text[: blank.end()].encode()) if blank else 0
    kind = each.stmt.WhichOneof("node")
    if kind is None:
        return
    tree = getattr(each.stmt, kind)
    migration.statements.append(Statement(migration, kind, tree, start + skip, end, base))


_BLANK = re.compile(r"(?:\s+|--[^\n]*(?:\n|\Z)|/\*(?:[^*]|\*(?!/))*\*/)*")


# What a DO does ----------------------------------------------------------------------------------


def _inner(do: Statement) -> Iterator[Statement]:
    try:
        body = postgast.parse_plpgsql(do.text)
    except (postgast.PgQueryError, ValueError):
        return  # another language
    for sql in _run_by(body):
        # Where it stands: a string that is executed may be written with its quotes doubled.
        found = do.text.find(sql)
        at = do.at + len(do.text[: max(found, 0)].encode())
        try:
            tree = postgast.parse(sql)
        except postgast.PgQueryError:
            continue
        for each in tree.stmts:
            kind = each.stmt.WhichOneof("node")
            if kind is not None:
                end = at + len(sql.encode()) if found >= 0 else do.end
                yield Statement(do.migration, kind, getattr(each.stmt, kind), at, end, at, do)


def _run_by(node: Any) -> Iterator[str]:
    """The SQL that a body of PL/pgSQL runs: its statements, and strings that it executes as they are."""
    if isinstance(node, list):
        for each in node:
            yield from _run_by(each)
    elif isinstance(node, dict):
        for key, value in node.items():
            if key == "PLpgSQL_stmt_execsql":
                yield value["sqlstmt"]["PLpgSQL_expr"]["query"]
            elif key == "PLpgSQL_stmt_dynexecute":
                yield from _constant(value["query"]["PLpgSQL_expr"]["query"])
            else:
                yield from _run_by(value)


def _constant(expression: str) -> Iterator[str]:
    try:
        (tree,) = postgast.parse(f"SELECT {expression}").stmts
    except (postgast.PgQueryError, ValueError):
        return
    (target,) = tree.stmt.select_stmt.target_list
    if target.res_target.val.HasField("a_const"):
        yield target.res_target.val.a_const.sval.sval
