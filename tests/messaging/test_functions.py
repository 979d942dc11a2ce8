"""process_incoming_message and is_window_open, call after call, against the model of a desk.

All calls of an example happen in one transaction, in which NOW() stands still. Time passes all the
same: a step of the clock moves what has happened into the past, in the data and in the model, and
leaves now where it is. For the functions, which know time only as a distance from NOW(), that is
the same, and expected times are exact to the microsecond.
"""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    rule,
    run_state_machine_as_test,
)
from psycopg.types.json import Jsonb

from messaging.model import (
    ACCEPTED,
    CHECK,
    MESSAGE_TYPES,
    STATUSES,
    UNIQUE,
    WINDOW,
    Contact,
    Conversation,
    Desk,
    Json,
    Verdict,
    preview,
)
from messaging.support import run
from messaging.world import World, examples, opened, verdict
from messaging.world import world_of_module as world_of_module

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from messaging.support import Migration

DELIVER = "SELECT messaging.process_incoming_message(%s, %s, %s, %s, %s)"
ASK = "SELECT messaging.is_window_open(%s)"
ACCOUNTS = "messaging.whatsapp_accounts"
CONVERSATIONS = "messaging.whatsapp_conversations"
CONTACTS = "core_catalogs.contacts"
HOLA = Json({"body": "hola"})
NUMBER = "+525511112222"

TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"))
SIMPLE = st.none() | st.booleans() | st.integers(-(2**63), 2**63) | TEXT
BODIES = st.one_of(
    TEXT,
    st.builds(
        lambda text, size: (text * size)[:size],
        st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1),
        st.integers(195, 205),
    ),
    st.builds(lambda text: f" {text}\n ", TEXT),
    SIMPLE,
    st.lists(SIMPLE, max_size=3),
    st.builds(lambda value: {"text": value}, SIMPLE),
)
CONTENTS = st.one_of(
    st.builds(lambda body: {"body": body}, BODIES),
    st.builds(lambda body, caption: {"caption": caption, "body": body}, BODIES, TEXT),
    st.builds(lambda caption: {"id": "media", "caption": caption}, TEXT),
    st.just({"Body": "not it", "text": {"body": "neither"}}),
    SIMPLE,
    st.just(["body"]),
).map(Json)

NUMBERS = (NUMBER, "525511112222", "+525511112222 ", "anónimo")
"""Whom messages come from. To a person, the first three are one number."""

IDS = ("wamid.A", "wamid.B", "wamid.C", "wamid.a", "")
STEPS = (
    timedelta(microseconds=1),
    timedelta(minutes=1),
    timedelta(hours=8),
    WINDOW - timedelta(microseconds=1),
    WINDOW,
    WINDOW + timedelta(microseconds=1),
    timedelta(days=40),
)

FAULTS: tuple[Mapping[str, Any], ...] = (
    {"account": None},
    {"account": UUID(int=0)},
    {"number": None},
    {"number": "+" * 51},
    {"wa_message_id": None},
    {"wa_message_id": "x" * 101},
    {"message_type": None},
    {"message_type": "order"},
    {"message_type": "Text"},
    {"message_type": ""},
    {"message_type": "text" + " " * 20},
    {"message_type": "unknown" * 3},
    {"content": None},
)
"""What can be wrong with a delivery. Content that is no object is nothing wrong."""

numbers = st.sampled_from(NUMBERS)
tenths = st.integers(0, 9)
"""Which of a few things; one that is not there stands for the last."""


class Webhooks(RuleBasedStateMachine):
    """Three accounts of two tenants, and what comes in from the world."""

    def __init__(self, world: World, seen: Counter[str]) -> None:
        super().__init__()
        self.world = world
        self.seen = seen
        self.sandbox = world.sandbox()
        self.sandbox.__enter__()
        self.desk = Desk(world.now)
        self.made: set[UUID] = set()
        self.tenants = [world.put("core_tenants.tenants")["id"] for _ in range(2)]
        for tenant in (*self.tenants, self.tenants[0]):
            account = world.put("messaging.whatsapp_accounts", tenant_id=tenant)["id"]
            self.desk.accounts[account] = tenant

    def teardown(self) -> None:
        self.sandbox.__exit__(None, None, None)

    # What comes in

    @rule(
        account=st.integers(0, 2),
        wa_message_id=st.sampled_from(IDS),
        number=numbers,
        message_type=st.sampled_from(MESSAGE_TYPES),
        content=CONTENTS,
    )
    def deliver(
        self, account: int, wa_message_id: str, number: str, message_type: str, content: Json
    ) -> None:
        self.process(self.account(account), wa_message_id, number, message_type, content)

    @rule(account=st.integers(0, 2), number=numbers, wa_message_id=st.sampled_from(IDS))
    def deliver_a_greeting(self, account: int, number: str, wa_message_id: str) -> None:
        self.process(self.account(account), wa_message_id, number, "text", HOLA)

    @rule(
        account=st.integers(0, 2),
        number=numbers,
        faults=st.lists(st.sampled_from(FAULTS), min_size=1, max_size=2),
    )
    def deliver_something_wrong(
        self, account: int, number: str, faults: list[Mapping[str, Any]]
    ) -> None:
        """One thing wrong, or two: the model knows which is found first."""
        call: dict[str, Any] = {
            "account": self.account(account),
            "wa_message_id": "wamid.D",
            "number": number,
            "message_type": "text",
            "content": HOLA,
        }
        for fault in faults:
            call |= fault
        self.process(**call)

    @rule(which=tenths)
    def deliver_again(self, which: int) -> None:
        known = list(self.desk.messages)
        if known:
            account, number, wa_message_id = known[which % len(known)]
            self.process(account, wa_message_id, number, "text", Json({"body": "otra vez"}))

    # What people do meanwhile

    @rule(tenant=st.integers(0, 1), number=numbers, deleted=st.booleans())
    def contact_appears(self, tenant: int, number: str, deleted: bool) -> None:
        row = self.world.put(
            CONTACTS,
            tenant_id=self.tenants[tenant],
            whatsapp_number=number,
            deleted_at=self.world.now if deleted else None,
        )
        self.desk.contacts[row["id"]] = Contact(self.tenants[tenant], number, deleted)

    @rule(which=tenths, deleted=st.booleans())
    def contact_is_deleted_or_restored(self, which: int, deleted: bool) -> None:
        known = list(self.desk.contacts)
        if known:
            key = known[which % len(known)]
            self.desk.contacts[key].deleted = deleted
            self.execute(
                "UPDATE core_catalogs.contacts SET deleted_at = CASE WHEN %s THEN NOW() END"
                " WHERE id = %s",
                deleted,
                key,
            )

    @rule(
        which=tenths,
        change=st.one_of(
            st.builds(lambda status: {"status": status}, st.sampled_from(STATUSES)),
            st.just({"unread_count": 0}),
            st.builds(
                lambda is_open: {"is_window_open": is_open, "window_expires_at": None},
                st.booleans(),
            ),
        ),
    )
    def agent_changes_something(self, which: int, change: dict[str, object]) -> None:
        known = list(self.desk.conversations)
        if not known:
            return
        key = known[which % len(known)]
        conversation = self.desk.conversations[key]
        conversation.updated_at = self.desk.now
        for name, value in change.items():
            setattr(conversation, name, value)
            self.execute(
                f"UPDATE {CONVERSATIONS} SET {name} = %s WHERE account_id = %s"
                " AND contact_wa_id = %s",
                value,
                *key,
            )

    @rule(account=st.integers(0, 2), number=numbers)
    def agent_writes_first(self, account: int, number: str) -> None:
        """A conversation that no message has come into: no window, nothing known."""
        key = (self.account(account), number)
        if key not in self.desk.conversations:
            self.world.put(CONVERSATIONS, account_id=key[0], contact_wa_id=number)
            now = self.desk.now
            self.desk.conversations[key] = Conversation(frozenset(), now, now)

    # Time, and the question

    @rule(step=st.sampled_from(STEPS))
    def time_passes(self, step: timedelta) -> None:
        """See the module's docstring. Triggers are off, or the step itself would be a change."""
        self.desk.pass_time(step)
        self.execute("SET LOCAL session_replication_role = replica")
        self.execute(
            "UPDATE messaging.whatsapp_conversations SET created_at = created_at - %s,"
            " updated_at = updated_at - %s, window_expires_at = window_expires_at - %s,"
            " last_message_at = last_message_at - %s",
            *[step] * 4,
        )
        self.execute("UPDATE messaging.whatsapp_messages SET sent_at = sent_at - %s", step)
        self.execute("SET LOCAL session_replication_role = origin")

    @rule()
    def ask(self) -> None:
        answers = self.world.rows(
            "SELECT account_id, contact_wa_id, messaging.is_window_open(id) AS answer"
            f" FROM {CONVERSATIONS}"
        )
        for row in answers:
            key = row["account_id"], row["contact_wa_id"]
            was = self.desk.conversations[key].is_window_open
            expected = self.desk.is_window_open(key)
            assert row["answer"] is expected
            self.seen[f"open {was} answered {expected}"] += 1

    # What must be so after each of these

    @invariant()
    def the_conversations_are_those_of_the_model(self) -> None:
        fields = (
            "created_at, updated_at, status, unread_count, is_window_open, window_expires_at,"
            " last_message_at, last_message_preview, last_message_direction"
        )
        found = {
            (row.pop("account_id"), row.pop("contact_wa_id")): row
            for row in self.world.rows(
                f"SELECT account_id, contact_wa_id, contact_id, {fields} FROM {CONVERSATIONS}"
            )
        }
        assert found.keys() == self.desk.conversations.keys()
        for key, conversation in self.desk.conversations.items():
            assert found[key].pop("contact_id") in (conversation.contacts or {None})
            assert found[key] == {name: getattr(conversation, name) for name in found[key]}

    @invariant()
    def the_messages_are_those_of_the_model(self) -> None:
        found = {
            (row["account_id"], row["contact_wa_id"], row["wa_message_id"]): row
            for row in self.world.rows(
                "SELECT c.account_id, c.contact_wa_id, m.* FROM messaging.whatsapp_messages AS m"
                " JOIN messaging.whatsapp_conversations AS c ON c.id = m.conversation_id"
            )
        }
        assert found.keys() == self.desk.messages.keys()
        assert {row["id"] for row in found.values()} == self.made
        for key, message in self.desk.messages.items():
            row = found[key]
            assert (row["message_type"], row["content"]) == (message.message_type, message.content)
            assert row["sent_at"] == message.sent_at
            assert (row["direction"], row["status"]) == ("inbound", "delivered")
            rest = ("wa_context_id", "error_code", "delivered_at", "read_at", "failed_at")
            assert [row[name] for name in rest] == [None] * len(rest)
            assert not row["is_from_chatbot"]
            assert not row["is_from_ai"]

    # How

    def account(self, number: int) -> UUID:
        return list(self.desk.accounts)[number]

    def execute(self, query: str, *values: object) -> None:
        self.world.connection.execute(query.encode(), values)

    def process(
        self,
        account: UUID | None,
        wa_message_id: str | None,
        number: str | None,
        message_type: str | None,
        content: Json | None,
    ) -> None:
        expected = self.desk.deliver(account, wa_message_id, number, message_type, content)
        answer = deliver(self.world, account, wa_message_id, number, message_type, content)
        if expected == ACCEPTED:
            assert isinstance(answer, UUID), answer
            self.made.add(answer)
        else:
            assert answer == expected
        self.seen[expected.name or expected.sqlstate or "accepted"] += 1


def deliver(
    world: World,
    account: UUID | None,
    wa_message_id: str | None,
    number: str | None,
    message_type: str | None,
    content: Json | None,
) -> Verdict | UUID:
    """Call process_incoming_message: the message it made, or why it made none."""
    document = None if content is None else Jsonb(content.value)
    try:
        with world.connection.transaction():
            made = world.value(DELIVER, account, wa_message_id, number, message_type, document)
    except psycopg.Error as error:
        return verdict(error)
    assert isinstance(made, UUID)
    return made


def receive(
    world: World,
    account: UUID,
    wa_message_id: str,
    number: str = NUMBER,
    message_type: str = "text",
    content: Json = HOLA,
) -> None:
    """Let a message come in that there is nothing wrong with."""
    made = deliver(world, account, wa_message_id, number, message_type, content)
    assert isinstance(made, UUID), made


def everything(world: World) -> list[dict[str, Any]]:
    """All conversations and messages, to the last column."""
    return world.rows(
        f"SELECT to_jsonb(c) AS row FROM {CONVERSATIONS} AS c UNION ALL"
        " SELECT to_jsonb(m) FROM messaging.whatsapp_messages AS m ORDER BY row"
    )


def test_webhooks(world: World) -> None:
    seen: Counter[str] = Counter()
    run_state_machine_as_test(
        lambda: Webhooks(world, seen),  # type: ignore[arg-type]  # anything that makes one will do
        settings=examples(40, steps=25),
    )
    # Acceptance, refusal and each answer were among them: else the above proves little.
    assert seen.keys() >= {
        "accepted",
        "uq_whatsapp_messages",
        "open True answered True",
        "open True answered False",
        "open False answered False",
    }


@pytest.mark.parametrize("fault", FAULTS, ids=str)
@pytest.mark.parametrize("known", [False, True], ids=["first message", "later message"])
def test_a_refused_delivery_leaves_no_trace(
    fault: Mapping[str, Any], known: bool, world: World
) -> None:
    with world.sandbox():
        row = world.put(ACCOUNTS)
        account = row["id"]
        desk = Desk(world.now, {account: row["tenant_id"]})
        call: dict[str, Any] = {
            "account": account,
            "wa_message_id": "wamid.1",
            "number": NUMBER,
            "message_type": "text",
            "content": HOLA,
        }
        if known:
            receive(world, **call)
            desk.deliver(**call)
        before = everything(world)
        answer = deliver(world, **{**call, "wa_message_id": "wamid.2", **fault})
        assert answer == desk.deliver(**{**call, "wa_message_id": "wamid.2", **fault})
        assert answer != ACCEPTED
        assert everything(world) == before


@pytest.mark.parametrize(
    ("contacts", "linked"),
    [
        ([], {None}),
        (["known"], {"known"}),
        (["deleted"], {None}),
        (["other number"], {None}),
        (["other tenant"], {None}),
        (["deleted", "known"], {"known"}),
        (["other tenant", "other number", "known"], {"known"}),
        (["known", "known too"], {"known", "known too"}),  # whichever: nothing says which
    ],
    ids=lambda part: ", ".join(part) or "nobody" if isinstance(part, list) else "",
)
def test_whom_a_first_message_is_from(
    contacts: list[str], linked: set[str | None], world: World
) -> None:
    with world.sandbox():
        ours = world.put(ACCOUNTS)
        made = {}
        for contact in contacts:
            other = {} if contact == "other tenant" else {"tenant_id": ours["tenant_id"]}
            row = world.put(
                CONTACTS,
                whatsapp_number="+5215555" if contact == "other number" else NUMBER,
                deleted_at=world.now if contact == "deleted" else None,
                **other,
            )
            made[row["id"]] = contact
        receive(world, ours["id"], "wamid")
        found = world.row(f"SELECT contact_id FROM {CONVERSATIONS}")["contact_id"]
        assert made.get(found) in linked


@given(st.none() | st.uuids())
@examples(10)
def test_the_window_of_nobody_is_closed(world: World, key: UUID | None) -> None:
    assert world.value(ASK, key) is False


@given(content=CONTENTS)
@examples(60)
def test_the_preview_is_the_beginning_of_the_body(world: World, content: Json) -> None:
    expected = preview(content.value)
    with world.sandbox():
        account = world.put(ACCOUNTS)["id"]
        receive(world, account, "wamid", content=content)
        found = world.row(f"SELECT last_message_preview FROM {CONVERSATIONS}")
        assert found == {"last_message_preview": expected}


def test_each_transaction_has_its_own_window(
    database: str, core: Migration, messaging: Migration
) -> None:
    """The state machine lets time pass in the data; here it passes by itself."""
    run(database, core.up, messaging.up)
    with psycopg.connect(database, autocommit=True) as connection:
        world = World(connection)
        account = world.put(ACCOUNTS)["id"]
        began = []
        for number in range(3):
            with connection.transaction():
                began.append(world.value("SELECT NOW()"))
                receive(world, account, f"wamid.{number}")
            row = world.row(f"SELECT * FROM {CONVERSATIONS}")
            assert row["unread_count"] == number + 1
            assert row["created_at"] == began[0]
            assert row["updated_at"] == row["last_message_at"] == began[-1]
            assert row["window_expires_at"] == began[-1] + WINDOW
        sent = world.rows("SELECT sent_at FROM messaging.whatsapp_messages ORDER BY wa_message_id")
        assert [row["sent_at"] for row in sent] == began


# What 1.0 gets wrong. Each of these holds, and the day one does not, it goes.


@pytest.fixture
def account(world: World) -> Iterator[UUID]:
    """An account, and a sandbox around the test."""
    with world.sandbox():
        yield world.put(ACCOUNTS)["id"]


@pytest.mark.parametrize("status", ["closed", "spam", "resolved"])
def test_known_gap_a_message_reopens_nothing(status: str, world: World, account: UUID) -> None:
    """A customer who comes back is counted as unread in a conversation that nobody sees."""
    receive(world, account, "wamid.1")
    world.connection.execute(f"UPDATE {CONVERSATIONS} SET status = %s".encode(), [status])
    receive(world, account, "wamid.2")
    row = world.row(f"SELECT status, unread_count, is_window_open FROM {CONVERSATIONS}")
    assert row == {"status": status, "unread_count": 2, "is_window_open": True}
    visible = world.value("SELECT count(*) FROM messaging.vw_inbox")
    assert visible == (1 if status == "resolved" else 0)


@pytest.mark.parametrize("message_type", ["order", "button", "system", "unsupported"])
def test_known_gap_a_type_that_meta_adds_is_lost(
    message_type: str, world: World, account: UUID
) -> None:
    """There is a type 'unknown', and nothing that would use it."""
    answer = deliver(world, account, "wamid.1", NUMBER, message_type, HOLA)
    assert answer == Verdict(CHECK, "chk_whatsapp_messages_type")
    assert world.value(f"SELECT count(*) FROM {CONVERSATIONS}") == 0


def test_known_gap_a_repeated_delivery_is_an_error(world: World, account: UUID) -> None:
    """Meta delivers at least once; the second time, the caller's transaction is lost."""
    receive(world, account, "wamid.1")
    again = deliver(world, account, "wamid.1", NUMBER, "text", HOLA)
    assert again == Verdict(UNIQUE, "uq_whatsapp_messages")


def test_known_gap_a_number_is_two_people_with_and_without_its_plus(
    world: World, account: UUID
) -> None:
    """Meta's wa_id has no plus, the telephone numbers here have one."""
    tenant = world.value(f"SELECT tenant_id FROM {ACCOUNTS} WHERE id = %s", account)
    contact = world.put(CONTACTS, tenant_id=tenant, whatsapp_number=NUMBER)["id"]
    for number in (NUMBER, "525511112222"):
        receive(world, account, "wamid.1", number)
    found = world.rows(f"SELECT contact_wa_id, contact_id FROM {CONVERSATIONS}")
    assert {row["contact_wa_id"]: row["contact_id"] for row in found} == {
        NUMBER: contact,
        "525511112222": None,
    }


def test_known_gap_a_contact_who_appears_later_stays_a_stranger(
    world: World, account: UUID
) -> None:
    tenant = world.value(f"SELECT tenant_id FROM {ACCOUNTS} WHERE id = %s", account)
    receive(world, account, "wamid.1")
    world.put(CONTACTS, tenant_id=tenant, whatsapp_number=NUMBER)
    receive(world, account, "wamid.2")
    assert world.row(f"SELECT contact_id FROM {CONVERSATIONS}") == {"contact_id": None}


def test_known_gap_a_picture_has_no_preview(world: World, account: UUID) -> None:
    """Its caption is there, but nobody looks; the preview of the text before it is gone."""
    picture = Json({"id": "1", "mime_type": "image/jpeg", "caption": "mira"})
    receive(world, account, "wamid.1")
    receive(world, account, "wamid.2", message_type="image", content=picture)
    row = world.row(f"SELECT last_message_preview FROM {CONVERSATIONS}")
    assert row == {"last_message_preview": None}


def test_known_gap_a_number_with_blanks_too_many_is_heard_once(world: World, account: UUID) -> None:
    """Stored without them, it is not found with them, and may not be stored again."""
    number = "+" * 50 + "  "
    receive(world, account, "wamid.1", number)
    again = deliver(world, account, "wamid.2", number, "text", HOLA)
    assert again == Verdict(UNIQUE, "uq_whatsapp_conversations")


def test_known_gap_a_window_without_an_expiry_never_closes(world: World, account: UUID) -> None:
    row = world.put(CONVERSATIONS, account_id=account, is_window_open=True, window_expires_at=None)
    assert world.value(ASK, row["id"]) is True


def test_known_gap_the_flag_tells_the_truth_only_after_somebody_asked(
    world: World, account: UUID
) -> None:
    conversation = world.put(
        CONVERSATIONS,
        account_id=account,
        is_window_open=True,
        window_expires_at=world.now - timedelta(days=1),
    )["id"]
    shown = "SELECT is_window_open FROM messaging.vw_inbox WHERE id = %s"
    assert world.value(shown, conversation) is True
    assert world.value(ASK, conversation) is False
    assert world.value(shown, conversation) is False


def test_known_gap_a_question_is_a_change(world: World, account: UUID) -> None:
    """It stamps updated_at each time, and cannot be asked where nothing may be written."""
    long_ago = world.now - timedelta(days=400)
    expired = world.put(
        CONVERSATIONS, account_id=account, window_expires_at=long_ago, updated_at=long_ago
    )["id"]
    open_ = world.put(CONVERSATIONS, account_id=account, is_window_open=True, updated_at=long_ago)[
        "id"
    ]
    with world.sandbox():
        world.connection.execute("SET LOCAL transaction_read_only = on")
        assert world.attempt(ASK, open_) == ACCEPTED
        assert world.attempt(ASK, expired) == Verdict("25006")
    for key, stamped in ((open_, long_ago), (expired, world.now)):
        world.value(ASK, key)
        stamp = world.value(f"SELECT updated_at FROM {CONVERSATIONS} WHERE id = %s", key)
        assert stamp == stamped


def test_known_gap_a_tenant_can_forge_a_message_to_another(world: World) -> None:
    """The caller is not asked whether the account is theirs."""
    with world.sandbox():
        ours, theirs = world.put(ACCOUNTS), world.put(ACCOUNTS)
        contact = world.put(CONTACTS, tenant_id=theirs["tenant_id"], whatsapp_number=NUMBER)
        assert contact["deleted_at"] is None
        with world.acting(ours["tenant_id"]):
            receive(world, theirs["id"], "wamid.1")
            # Whose contact it is, the policy on accounts kept from the function: it is a stranger.
            row = world.row(f"SELECT account_id, contact_id FROM {CONVERSATIONS}")
            assert row == {"account_id": theirs["id"], "contact_id": None}


def test_known_gap_without_a_tenant_only_the_first_message_is_refused(at_1_0: str) -> None:
    """The policy speaks up where the function looks for a contact, which it does once."""
    with opened(at_1_0) as world:  # a session that never set app.tenant_id
        account = world.put(ACCOUNTS)["id"]
        with world.acting():
            first = deliver(world, account, "wamid.1", NUMBER, "text", HOLA)
            assert first == Verdict("42704")
        world.put(CONVERSATIONS, account_id=account, contact_wa_id=NUMBER)
        with world.acting():
            receive(world, account, "wamid.1")
