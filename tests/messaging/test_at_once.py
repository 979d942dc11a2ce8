"""Deliveries of two sessions at the same time, against a model of who sees which message, and when.

Each session holds its transaction open over several steps. Where the one has to wait for the other
it is seen waiting in the server's locks, and only then does the other end, by COMMIT or by ROLLBACK;
where it has not to wait, its statement is run with the other's transaction open beside it.
"""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import psycopg
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    rule,
    run_state_machine_as_test,
)

from messaging.model import normalized
from messaging.support import run
from messaging.world import examples

if TYPE_CHECKING:
    from collections.abc import Callable

    from messaging.support import Connection, Migration

Talk = tuple[int, str]
"""Whose conversation, and with which number."""

NUMBERS = ("525511111111", "+52 55 1111 1111", "0052 5522222222")
DELIVER = "SELECT messaging.process_incoming_message(%s, %s, %s, 'text', '{\"body\": \"hola\"}')"
OTHERS = {
    "close": "UPDATE messaging.whatsapp_conversations SET status = 'closed', closed_at = now()"
    " WHERE contact_wa_id = %s RETURNING id",
    "read": "UPDATE messaging.whatsapp_conversations SET unread_count = 0"
    " WHERE contact_wa_id = %s RETURNING id",
    "forget": "DELETE FROM messaging.whatsapp_conversations WHERE contact_wa_id = %s RETURNING id",
}
"""What people do to a conversation."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something that was done to a conversation: a message came in, or one of OTHERS."""

    talk: Talk
    what: str
    wamid: str = ""
    key: UUID | None = None


class Inbox:
    """What is there after these events."""

    def __init__(self, events: list[Event]) -> None:
        self.kept: dict[tuple[Talk, str], UUID | None] = {}
        self.unread: dict[Talk, int] = {}
        self.closed: set[Talk] = set()
        for event in events:
            if event.what == "deliver":
                self.kept[event.talk, event.wamid] = event.key
                self.unread[event.talk] = self.unread.get(event.talk, 0) + 1
                self.closed.discard(event.talk)
            elif event.what == "close":
                self.closed.add(event.talk)
            elif event.what == "read":
                self.unread[event.talk] = 0
            else:
                self.kept = {k: v for k, v in self.kept.items() if k[0] != event.talk}
                del self.unread[event.talk]
                self.closed.discard(event.talk)

    def of(self, tenant: int) -> tuple[object, ...]:
        """What one tenant sees: its messages, its conversations, and those in the view."""
        return (
            {
                (talk[1], wamid, key)
                for (talk, wamid), key in self.kept.items()
                if talk[0] == tenant
            },
            {
                (talk[1], count, "closed" if talk in self.closed else "open")
                for talk, count in self.unread.items()
                if talk[0] == tenant
            },
            {talk[1] for talk in self.unread if talk[0] == tenant and talk not in self.closed},
        )


@dataclass(slots=True)
class Session:
    """A session of the application and what it did in the transaction that it is in."""

    connection: Connection
    tenant: int | None = None
    """None outside a transaction."""
    done: list[Event] = field(default_factory=list)
    holds: set[Talk] = field(default_factory=set)
    """The conversations that others wait for."""


class AtOnce(RuleBasedStateMachine):
    """Two tenants whose customers have the same numbers; two sessions, and readers beside them."""

    dsn = ""
    seen: Counter[tuple[str, ...]]

    def __init__(self) -> None:
        super().__init__()
        self.watch = psycopg.connect(self.dsn, autocommit=True)
        self.reader = psycopg.connect(self.dsn)
        self.sessions = [Session(psycopg.connect(self.dsn)) for _ in range(2)]
        self.tenants: list[tuple[UUID, UUID]] = []
        for _ in range(2):
            row = self.watch.execute(
                "WITH t AS (INSERT INTO core_tenants.tenants (name, slug) VALUES ('A', %s) RETURNING id)"
                " INSERT INTO messaging.whatsapp_accounts"
                " (tenant_id, waba_id, phone_number_id, phone_number, display_name)"
                " SELECT id, 'w', 'p', '+525500000000', 'A' FROM t RETURNING tenant_id, id",
                [str(uuid4())],
            ).fetchone()
            assert row is not None
            self.tenants.append((row[0], row[1]))
        self.committed: list[Event] = []

    def teardown(self) -> None:
        for session in self.sessions:
            session.connection.close()
        self.reader.close()
        self.watch.close()

    # What happens

    @rule(
        which=st.integers(0, 1),
        tenant=st.sampled_from((0, 0, 0, 1)),
        what=st.sampled_from((*["deliver"] * 4, *OTHERS, "forge", "end")),
        wamid=st.sampled_from(["w1", "w2", "w3"]),
        number=st.sampled_from(NUMBERS),
        commits=st.booleans(),
    )
    def step(
        self, which: int, tenant: int, what: str, wamid: str, number: str, commits: bool
    ) -> None:
        """One rule of all: Hypothesis leaves out rules by the example, and few sessions would meet."""
        if what == "deliver":
            self.deliver(which, tenant, wamid, number, commits)
        elif what == "forge":
            self.forge(which, tenant)
        elif what == "end":
            self.end(which, commits)
        else:
            self.handle(which, tenant, what, number, commits)

    def deliver(self, which: int, tenant: int, wamid: str, number: str, commits: bool) -> None:
        me, other = self.begun(which, tenant)
        assert me.tenant is not None
        talk = me.tenant, normalized(number)
        waits = talk in other.holds
        values = [self.tenants[me.tenant][1], wamid, number]
        answer = self.ask(which, DELIVER, values, waits=waits, commits=commits, what="deliver")
        assert answer is not None
        there = Inbox(self.committed + me.done).kept
        if (talk, wamid) in there:
            assert answer == there[talk, wamid]
            self.seen["twice", *(("waited",) if waits else ())] += 1
        else:
            assert answer not in there.values()
            me.done.append(Event(talk, "deliver", wamid, answer))
        me.holds.add(talk)

    def handle(self, which: int, tenant: int, what: str, number: str, commits: bool) -> None:
        me, other = self.begun(which, tenant)
        assert me.tenant is not None
        talk = me.tenant, normalized(number)
        # A conversation of a transaction that has not ended is not there: nobody waits for it.
        there = talk in Inbox(self.committed + me.done).unread
        waits = there and talk in other.holds
        gone = waits and commits and Event(talk, "forget") in other.done
        answer = self.ask(which, OTHERS[what], [talk[1]], waits=waits, commits=commits, what=what)
        assert (answer is not None) == (there and not gone)
        if answer is not None:
            me.done.append(Event(talk, what))
            me.holds.add(talk)

    def forge(self, which: int, tenant: int) -> None:
        me, _ = self.begun(which, tenant)
        assert me.tenant is not None
        with pytest.raises(psycopg.errors.ForeignKeyViolation), me.connection.transaction():
            me.connection.execute(DELIVER, [self.tenants[1 - me.tenant][1], "w1", NUMBERS[0]])

    def end(self, which: int, commits: bool) -> None:
        session = self.sessions[which]
        if commits:
            session.connection.commit()
            self.committed += session.done
        else:
            session.connection.rollback()
        session.tenant, session.done, session.holds = None, [], set()

    # What each sees

    @invariant()
    def each_sees_its_own_of_what_is_committed(self) -> None:
        committed = Inbox(self.committed)
        for tenant in range(2):
            with self.reader.transaction():
                self.become(self.reader, tenant)
                assert looked(self.reader) == committed.of(tenant)
        with self.reader.transaction():
            self.become(self.reader, None)
            assert looked(self.reader) == (set(), set(), set())

    @invariant()
    def and_what_it_does_itself(self) -> None:
        for session in self.sessions:
            if session.tenant is not None:
                inbox = Inbox(self.committed + session.done)
                assert looked(session.connection) == inbox.of(session.tenant)

    @invariant()
    def the_newest_message_opens_the_window(self) -> None:
        """In whatever order they were taken in: who began first may come last."""
        wrong = self.watch.execute(
            "SELECT c.id FROM messaging.whatsapp_conversations AS c"
            " JOIN messaging.whatsapp_messages AS m ON m.conversation_id = c.id"
            " WHERE c.tenant_id = ANY (%s) GROUP BY c.id"
            " HAVING c.last_message_at <> max(m.sent_at)"
            " OR c.window_expires_at <> max(m.sent_at) + INTERVAL '24 hours'",
            [[tenant for tenant, _ in self.tenants]],
        ).fetchall()
        assert wrong == []

    # How

    def begun(self, which: int, tenant: int) -> tuple[Session, Session]:
        """The session, in a transaction: in the one it is in, or in a new one of this tenant."""
        session = self.sessions[which]
        if session.tenant is None:
            self.become(session.connection, tenant)
            session.tenant = tenant
        return session, self.sessions[1 - which]

    def become(self, connection: Connection, tenant: int | None) -> None:
        connection.execute("SET LOCAL ROLE app_user")
        named = "" if tenant is None else str(self.tenants[tenant][0])
        connection.execute("SELECT set_config('app.tenant_id', %s, true)", [named])

    def ask(
        self, which: int, query: str, values: list[object], *, waits: bool, commits: bool, what: str
    ) -> Any:
        """The one value that a query yields, None without a row; where it waits, the other ends."""
        me, other = (self.sessions[n].connection for n in (which, 1 - which))
        answer: list[Any] = []

        def execute() -> None:
            try:
                answer.append(me.execute(query.encode(), values).fetchone())
            except psycopg.Error as error:
                answer.append(error)

        thread = threading.Thread(target=execute, daemon=True)
        thread.start()
        blockers: list[int] = []
        while not blockers and thread.is_alive():
            row = self.watch.execute(
                "SELECT pg_blocking_pids(%s)", [me.info.backend_pid]
            ).fetchone()
            assert row is not None
            (blockers,) = row
        assert blockers == ([other.info.backend_pid] if waits else []), answer
        if waits:
            self.end(1 - which, commits)
            self.seen[what, "waited", "commit" if commits else "rollback"] += 1
        thread.join()
        (row,) = answer
        assert row is None or isinstance(row, tuple), row
        return row and row[0]


def looked(connection: Connection) -> tuple[object, ...]:
    """What a session sees, in Inbox's words; a message that is there twice is none of them."""
    messages = connection.execute(
        "SELECT c.contact_wa_id, m.wa_message_id, m.id FROM messaging.whatsapp_messages AS m"
        " LEFT JOIN messaging.whatsapp_conversations AS c ON c.id = m.conversation_id"
    ).fetchall()
    talks = connection.execute(
        "SELECT contact_wa_id, unread_count, status FROM messaging.whatsapp_conversations"
    ).fetchall()
    shown = connection.execute(
        "SELECT contact_wa_id FROM messaging.vw_inbox JOIN messaging.whatsapp_conversations USING (id)"
    ).fetchall()
    assert len(set(messages)) == len(messages)
    assert len({talk[0] for talk in talks}) == len(talks)
    return set(messages), set(talks), {row[0] for row in shown}


@pytest.fixture(scope="module", params=["main line", "by month"])
def machine(
    request: pytest.FixtureRequest,
    make_empty: Callable[[], str],
    head: list[Migration],
    by_month: list[Migration],
) -> type[AtOnce]:
    """The machine for a database of its own."""
    dsn = make_empty()
    more = by_month if request.param == "by month" else []
    run(dsn, *(revision.up for revision in (*head, *more)))
    return type("At", (AtOnce,), {"dsn": dsn, "seen": Counter()})


SCHEDULES = {
    "who began first comes last": [
        "0 deliver w1 from 2", "1 deliver w1 from 0", "1 commits",
        "0 deliver w2 from 1", "0 commits",
    ],
    "who began first waits": [
        "0 deliver w1 from 2", "1 deliver w1 from 0",
        "0 deliver w2 from 1, the other commits", "0 commits",
    ],
    "a first message twice": [
        "0 deliver w1 from 0", "1 deliver w1 from 1, the other commits", "1 commits",
    ],
    "a first message twice, of which one never was": [
        "0 deliver w1 from 0", "1 deliver w1 from 1, the other rolls back", "1 commits",
    ],
    "read and another comes": [
        "0 deliver w1 from 0", "0 commits", "0 read from 0",
        "1 deliver w2 from 0, the other commits", "1 commits",
    ],
    "another comes and is read": [
        "0 deliver w1 from 0", "0 commits", "0 deliver w2 from 0",
        "1 read from 0, the other commits", "1 commits",
    ],
    "closed and another comes": [
        "0 deliver w1 from 0", "0 commits", "0 close from 0",
        "1 deliver w2 from 0, the other commits", "1 commits",
    ],
    "forgotten and another comes": [
        "0 deliver w1 from 0", "0 commits", "0 forget from 0",
        "1 deliver w1 from 0, the other commits", "1 commits",
    ],
    "forgotten and begun anew, and another comes": [
        "0 deliver w1 from 0", "0 commits", "0 forget from 0", "0 deliver w2 from 0",
        "1 deliver w1 from 0, the other commits", "1 commits",
    ],
    "another comes and all is forgotten": [
        "0 deliver w1 from 0", "0 commits", "0 deliver w2 from 0",
        "1 forget from 0, the other commits", "1 commits",
    ],
}  # fmt: skip
"""What two sessions of a tenant do, step by step: "from" names the number."""


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_a_schedule(machine: type[AtOnce], schedule: str) -> None:
    at = machine()
    try:
        for words in SCHEDULES[schedule]:
            which, what, *rest = words.replace(",", "").split()
            commits = what == "commits" or "commits" in rest
            number = NUMBERS[int(rest[rest.index("from") + 1])] if "from" in rest else ""
            kind = "end" if what == "commits" else what
            before = at.seen.total()
            at.step(int(which), 0, kind, rest[0] if rest else "", number, commits)
            waited = at.seen.total() > before
            assert waited == ("the other" in words), words
            at.each_sees_its_own_of_what_is_committed()
            at.and_what_it_does_itself()
            at.the_newest_message_opens_the_window()
    finally:
        at.teardown()


def test_two_tenants_with_the_same_number_wait_for_nobody(machine: type[AtOnce]) -> None:
    at = machine()
    try:
        for what in ("deliver", "read", "close", "forget", "deliver"):
            for which in range(2):
                at.step(which, which, what, "w1", NUMBERS[which], True)
                at.each_sees_its_own_of_what_is_committed()
                at.and_what_it_does_itself()
    finally:
        at.teardown()


def test_deliveries_at_once(machine: type[AtOnce]) -> None:
    seen = machine.seen
    seen.clear()
    run_state_machine_as_test(machine, settings=examples(15, steps=25))
    # Each has met a transaction that it had to wait for, a delivery one of either end.
    for what in ("deliver", *OTHERS):
        assert seen[what, "waited", "commit"] + seen[what, "waited", "rollback"], seen
    for how in ("commit", "rollback"):
        assert seen["deliver", "waited", how], seen
    assert seen["twice",]
    assert seen["twice", "waited"]
