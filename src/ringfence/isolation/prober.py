"""Statements tried as somebody: what came back, what it changed, and nothing of it stays.

Every try runs between a savepoint and its rollback, in one transaction of one connection, with
`SET LOCAL SESSION AUTHORIZATION`, so that nothing of who connected shines through.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import psycopg

from ringfence.errors import Bug
from ringfence.isolation.estate import texts
from ringfence.kinds._sql import ident, literal

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Sequence

    from psycopg import Connection

    from ringfence.isolation.estate import Estate, State

TIMEOUT = "2 s"
"""How long one statement may take before it counts as one that does not end."""

DENIED = ("42501", "0A000")
"""What the server says to who may not, or to a COPY into a table with policies."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a try.

    `count` is the number of rows the server says were hit, -1 where it says nothing; `lost` and
    `made` are the tenants' rows that were there before only, and after only.
    """

    sqlstate: str = ""
    message: str = ""
    rows: tuple[tuple[str | None, ...], ...] = ()
    count: int = -1
    said: tuple[str, ...] = ()
    lost: Counter[tuple[int, str, str, tuple[str, ...]]] = field(default_factory=lambda: _nothing())
    made: Counter[tuple[int, str, str, tuple[str, ...]]] = field(default_factory=lambda: _nothing())
    prepared: bool = True

    @property
    def ok(self) -> bool:
        """Whether the server did it."""
        return not self.sqlstate

    @property
    def denied(self) -> bool:
        """Whether the server said that this role may not."""
        return self.sqlstate in DENIED

    def values(self) -> list[str]:
        """Everything that whoever asked got to read."""
        shown = [value for row in self.rows for value in row if value is not None]
        return [*shown, *self.said, *([self.message] if self.message else [])]

    def answer(self) -> tuple[object, ...]:
        """What distinguishes this answer from another, whatever the order of rows."""
        return self.sqlstate, self.count, sorted(repr(row) for row in self.rows), sorted(self.said)


def _words(said: psycopg.errors.Diagnostic) -> str:
    """All that the server says to whoever asked."""
    parts = (said.message_primary, said.message_detail, said.message_hint)
    return " ".join(filter(None, parts))


def _nothing() -> State:
    from collections import Counter

    return Counter()


@dataclass
class Prober:
    """Tries statements. `setting` names the tenant; `estate` tells what a write changed."""

    conn: Connection[Any]
    estate: Estate
    setting: str
    tries: int = 0
    untouched: State = field(default_factory=lambda: _nothing())
    _said: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.conn.add_notice_handler(lambda d: self._said.append(_words(d)))

    def attempt(
        self,
        role: str | None,
        tenant: str | None,
        statement: str,
        *,
        setup: Sequence[str] = (),
        before: Sequence[str] = (),
        writes: bool = False,
        replica: bool = False,
        copied: str | None = None,
    ) -> Outcome:
        """Run a statement as `role` (None: as who may everything) for `tenant`, and undo it.

        `setup` runs first as who may everything, `before` as the role. With `writes` the outcome
        says which rows changed; with `replica` triggers and foreign keys look away. `copied` is
        what a COPY FROM STDIN reads.
        """
        self.tries += 1
        conn = self.conn
        start = ["SAVEPOINT ringfence_try"]
        if replica:
            start.append("SET LOCAL session_replication_role = replica")
        start += setup
        if replica and setup:  # which may have ended it
            start.append("SET LOCAL session_replication_role = replica")
        if role is not None:
            start.append(f"SET LOCAL SESSION AUTHORIZATION {ident(role)}")
        if tenant is not None and self.setting:
            start.append(
                f"SELECT set_config({literal(self.setting)}, {literal(self.estate.model.named(tenant))}, true)"
            )
        # A prepared statement outlives the savepoint.
        plan = f"ringfence_plan_{uuid4().hex}"
        start += [line.replace("ringfence_plan", plan) for line in before]
        statement = statement.replace("ringfence_plan", plan)
        self._said.clear()
        prepared = False
        try:
            conn.execute("; ".join(start))
            self._said.clear()
            prepared = True
            return self._run(statement, copied, setup if writes else None)
        except psycopg.errors.InvalidSqlStatementName as error:
            if self.estate.plan in str(error):
                raise Bug("what tells the rows of tenants is prepared no more") from error
            return Outcome(error.sqlstate or "26000", _words(error.diag), prepared=prepared)
        except psycopg.Error as error:
            said = error.diag
            return Outcome(
                error.sqlstate or "XX000",
                _words(said),
                said=tuple(self._said),
                prepared=prepared,
            )
        finally:
            conn.execute("ROLLBACK TO SAVEPOINT ringfence_try; RELEASE SAVEPOINT ringfence_try")

    def _run(self, statement: str, copied: str | None, setup: Sequence[str] | None) -> Outcome:
        conn = self.conn
        rows: tuple[tuple[str | None, ...], ...] = ()
        if statement.startswith("COPY "):
            with conn.cursor() as cursor:
                if copied is None:
                    with cursor.copy(statement) as stream:
                        text = b"".join(bytes(part) for part in stream).decode()
                    rows = tuple((line,) for line in text.splitlines())
                else:
                    with cursor.copy(statement) as stream:
                        stream.write(copied)
                count = cursor.rowcount
        else:
            cursor = conn.execute(statement, prepare=False)
            rows, count = tuple(texts(cursor)), cursor.rowcount
        said = tuple(self._said)
        if setup is None:
            return Outcome(rows=rows, count=count, said=said)
        conn.execute("SET CONSTRAINTS ALL IMMEDIATE")
        if count == 0 and not statement.startswith(("SELECT", "CALL", "TRUNCATE")):
            return Outcome(rows=rows, count=count, said=said)
        conn.execute("RESET SESSION AUTHORIZATION")
        after = self.estate.state(conn)
        base = self.untouched
        if setup:
            conn.execute("; ".join(["ROLLBACK TO SAVEPOINT ringfence_try", *setup]))
            base = self.estate.state(conn)
        return Outcome(rows=rows, count=count, said=said, lost=base - after, made=after - base)

    def settle(self) -> None:
        """Take what is there now for what is there between tries."""
        self.estate.ready(self.conn)
        self.untouched = self.estate.state(self.conn)
