"""What messaging 1.0 promises, as plain Python that knows nothing of a database.

The words of facts.toml as data (columns, checks, keys, references); the two functions, the order of
the views and what a deletion takes along as small programs. The property tests hold the server to
these.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections import deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from uuid import UUID

NOT_NULL = "23502"
FOREIGN_KEY = "23503"
UNIQUE = "23505"
CHECK = "23514"
TOO_LONG = "22001"


@dataclass(frozen=True, slots=True)
class Verdict:
    """The server's answer to one statement: accepted, or an SQLSTATE and who said it.

    `name` is the constraint that was violated, or the column that is missing.
    """

    sqlstate: str = ""
    name: str = ""


ACCEPTED = Verdict()


class Given(Enum):
    """A default that is not the same value every time."""

    NOW = "the time of the transaction"
    RANDOM = "a random UUID"


@dataclass(frozen=True, slots=True)
class Column:
    """A column: `default` is what an INSERT that does not name it puts there, as Python has it.

    `size` is in characters, None where the type has no such limit.
    """

    name: str
    kind: str
    size: int | None
    nullable: bool
    default: object

    @classmethod
    def parse(cls, words: str) -> Column:
        """A column as facts.toml has it: `status varchar(20) not null default 'pending'`."""
        match = _COLUMN.fullmatch(words)
        assert match is not None, words
        name, kind, size, constraint, default = match.groups()
        if default in _SPECIAL:
            value: object = _SPECIAL[default]
        elif kind == "jsonb":
            value = json.loads(default.strip("'"))
        elif kind == "text[]":
            value = {"'{}'": []}[default]
        elif default.startswith("'"):
            value = default.strip("'")
        else:
            value = json.loads(default)
        limit = int(size) if kind == "varchar" else None
        return cls(name, kind, limit, constraint is None, value)

    @property
    def required(self) -> bool:
        """Whether an INSERT must name it."""
        return not self.nullable and self.default is None


_COLUMN = re.compile(r'"?(\w+)"? ([a-z\[\]]+)(?:\(([\d,]+)\))?( not null)?(?: default (.*))?')
_SPECIAL = {None: None, "gen_random_uuid()": Given.RANDOM, "CURRENT_TIMESTAMP": Given.NOW}


@dataclass(frozen=True, slots=True)
class ForeignKey:
    """A reference: `table.column` names a row of `parent`, and goes with it when it cascades."""

    name: str
    table: str
    column: str
    parent: str
    cascades: bool


@dataclass(frozen=True, slots=True)
class Check:
    """A named CHECK: the values of one column that it allows, by a list or by `phone`."""

    name: str
    table: str
    column: Column
    members: tuple[str, ...]

    def allows(self, value: str) -> bool:
        """Whether the constraint is content with a value."""
        return value in self.members if self.members else phone(value)

    def verdict(self, value: str | None) -> Verdict:
        """What becomes of a row with this value in the column, and nothing wrong elsewhere."""
        if value is None:
            return ACCEPTED if self.column.nullable else Verdict(NOT_NULL, self.column.name)
        assert self.column.size is not None
        stored = store(value, self.column.size)
        if stored is None:
            return Verdict(TOO_LONG)
        return ACCEPTED if self.allows(stored) else Verdict(CHECK, self.name)


@dataclass(frozen=True, slots=True)
class Key:
    """A UNIQUE or PRIMARY KEY constraint: no two rows of a table agree on all of `columns`."""

    name: str
    table: str
    columns: tuple[str, ...]


# The words of facts.toml

_FACTS: Mapping[str, Any] = tomllib.loads(Path(__file__).with_name("facts.toml").read_text())
_TABLES: Mapping[str, Mapping[str, Any]] = {
    f"messaging.{name}": table for name, table in _FACTS["tables"].items()
}

TABLES: Mapping[str, Mapping[str, Column]] = {
    table: {column.name: column for column in map(Column.parse, facts["columns"])}
    for table, facts in _TABLES.items()
}
"""The columns of each table, by name."""

GUARDED = tuple(t for t, facts in _TABLES.items() if facts["row_level_security"] != "off")
"""The tables with a policy: those with a tenant_id."""

CHILDREN = tuple(t for t in TABLES if t not in GUARDED)
"""The tables that belong to a tenant through another table. 1.0 puts no policy on them."""

STAMPED = tuple(t for t, facts in _TABLES.items() if facts.get("triggers"))
"""The tables whose updated_at a trigger keeps."""

CHECKS = tuple(
    Check(
        name,
        table,
        TABLES[table][words.split()[0]],
        tuple(words.partition(" in ")[2].split(", ")) if " in " in words else (),
    )
    for table, facts in _TABLES.items()
    for name, words in facts.get("checks", {}).items()
)
"""The named checks. The one without a list is the telephone number's."""

UNIQUES = tuple(
    Key(name, table, tuple(words.split(", ")))
    for table, facts in _TABLES.items()
    for name, words in facts.get("uniques", {}).items()
)
"""The named keys."""

PRIMARY_KEYS = tuple(Key(f"{table.partition('.')[2]}_pkey", table, ("id",)) for table in TABLES)

FOREIGN_KEYS = tuple(
    ForeignKey(
        name, table, words.split()[0], words.split()[2], words.endswith(" on delete cascade")
    )
    for table, facts in _TABLES.items()
    for name, words in facts.get("foreign_keys", {}).items()
)
"""The references of the specification."""

CORE_FOREIGN_KEYS = tuple(
    ForeignKey(
        f"{table.partition('.')[2]}_tenant_id_fkey",
        table,
        "tenant_id",
        "core_tenants.tenants",
        True,
    )
    for table in ("core_users.users", "core_catalogs.contacts")
)
"""The references among the tables that messaging stands on."""

ALL_FOREIGN_KEYS = (*CORE_FOREIGN_KEYS, *FOREIGN_KEYS)

MESSAGE_TYPES = next(c.members for c in CHECKS if c.name == "chk_whatsapp_messages_type")
STATUSES = next(c.members for c in CHECKS if c.name == "chk_whatsapp_conversations_status")
"""The statuses of a conversation."""


# Checks


def phone(value: str) -> bool:
    """Whether a telephone number is in E.164 with its +: 7 to 15 digits, no leading zero."""
    return re.fullmatch(r"\+[1-9][0-9]{6,14}", value) is not None


def store(value: str, size: int) -> str | None:
    """What VARCHAR(size) keeps of a text: blanks too many are dropped, other excess is an error."""
    return value[:size] if not value[size:].strip(" ") else None


# Deletions


@dataclass(frozen=True, slots=True)
class Row:
    """A row as deletions see it: where it is and what it names, by column."""

    table: str
    names: Mapping[str, UUID]


def delete(
    rows: Mapping[UUID, Row], victim: UUID, order: Sequence[ForeignKey]
) -> tuple[Verdict, frozenset[UUID]]:
    """What a DELETE of one row does: the verdict, and the rows that are left.

    PostgreSQL queues the references to a row when it goes and answers them first come, first
    served; a cascade queues more. One that refuses looks at what is left *when its turn comes*, so
    whether a deletion is refused hangs on `order`, the order of the triggers' names. Those are
    object numbers, compared as text.
    """
    left = dict(rows)
    queue: deque[tuple[ForeignKey, UUID]] = deque()

    def remove(key: UUID) -> None:
        gone = left.pop(key)
        queue.extend((reference, key) for reference in order if reference.parent == gone.table)

    remove(victim)
    while queue:
        reference, key = queue.popleft()
        held = [
            child
            for child, row in left.items()
            if row.table == reference.table and row.names.get(reference.column) == key
        ]
        if held and not reference.cascades:
            return Verdict(FOREIGN_KEY, reference.name), frozenset(rows)
        for child in held:
            remove(child)
    return ACCEPTED, frozenset(left)


# The two functions

WINDOW = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Json:
    """A JSON value, to tell JSON's null from SQL's."""

    value: object


@dataclass(slots=True)
class Conversation:
    """A conversation as process_incoming_message and is_window_open leave it."""

    contacts: frozenset[UUID]
    """Whom it may be linked to: any contact with the number, when there are several. Empty: none."""
    created_at: datetime
    updated_at: datetime
    status: str = "open"
    unread_count: int = 0
    is_window_open: bool = False
    window_expires_at: datetime | None = None
    last_message_at: datetime | None = None
    last_message_preview: str | None = None
    last_message_direction: str | None = None


@dataclass(slots=True)
class Message:
    """A message that came in."""

    message_type: str
    content: object
    sent_at: datetime


@dataclass(slots=True)
class Contact:
    """A contact of a tenant's catalogue."""

    tenant: UUID
    number: str
    deleted: bool = False


@dataclass(slots=True)
class Desk:
    """Accounts with their conversations, and a clock that `pass_time` moves.

    A conversation is named by account and number; a message by its conversation and its own id.
    """

    now: datetime
    accounts: dict[UUID, UUID] = field(default_factory=dict)
    """Each account's tenant."""
    contacts: dict[UUID, Contact] = field(default_factory=dict)
    conversations: dict[tuple[UUID, str], Conversation] = field(default_factory=dict)
    messages: dict[tuple[UUID, str, str], Message] = field(default_factory=dict)

    def deliver(
        self,
        account: UUID | None,
        wa_message_id: str | None,
        number: str | None,
        message_type: str | None,
        content: Json | None,
    ) -> Verdict:
        """process_incoming_message: keep a message, in the conversation it belongs to.

        A refusal leaves everything as it was, the conversation made for the message included.
        """
        if account is None or number is None:
            found = None
        else:
            found = self.conversations.get((account, number))
        if number is not None:
            number = store(number, 50)
            if number is None:
                return Verdict(TOO_LONG)
        if account is None:
            return Verdict(NOT_NULL, "account_id")
        if number is None:
            return Verdict(NOT_NULL, "contact_wa_id")
        if found is None:
            if (account, number) in self.conversations:  # the same number but for blanks too many
                return Verdict(UNIQUE, "uq_whatsapp_conversations")
            if account not in self.accounts:
                return Verdict(FOREIGN_KEY, "whatsapp_conversations_account_id_fkey")
        if wa_message_id is not None:
            wa_message_id = store(wa_message_id, 100)
            if wa_message_id is None:
                return Verdict(TOO_LONG)
        if message_type is not None and store(message_type, 20) is None:
            return Verdict(TOO_LONG)
        if wa_message_id is None:
            return Verdict(NOT_NULL, "wa_message_id")
        if message_type is None:
            return Verdict(NOT_NULL, "message_type")
        if content is None:
            return Verdict(NOT_NULL, "content")
        if message_type not in MESSAGE_TYPES:
            return Verdict(CHECK, "chk_whatsapp_messages_type")
        if (account, number, wa_message_id) in self.messages:
            return Verdict(UNIQUE, "uq_whatsapp_messages")
        if found is None:
            found = Conversation(self.candidates(account, number), self.now, self.now)
            self.conversations[account, number] = found
        found.is_window_open = True
        found.window_expires_at = self.now + WINDOW
        found.last_message_at = found.updated_at = self.now
        found.last_message_preview = preview(content.value)
        found.last_message_direction = "inbound"
        found.unread_count += 1
        self.messages[account, number, wa_message_id] = Message(
            message_type, content.value, self.now
        )
        return ACCEPTED

    def candidates(self, account: UUID, number: str) -> frozenset[UUID]:
        """The contacts that a new conversation with this number may be linked to."""
        return frozenset(
            key
            for key, contact in self.contacts.items()
            if contact.tenant == self.accounts[account]
            and contact.number == number
            and not contact.deleted
        )

    def is_window_open(self, key: tuple[UUID, str]) -> bool:
        """is_window_open: whether free messages may be sent; an expired window is shut for good."""
        conversation = self.conversations[key]
        expires = conversation.window_expires_at
        if expires is not None and expires < self.now:
            conversation.is_window_open = False
            conversation.updated_at = self.now  # the trigger's doing
            return False
        return conversation.is_window_open

    def pass_time(self, step: timedelta) -> None:
        """Let time pass: now stays what it is, everything that has happened moves into the past."""
        for conversation in self.conversations.values():
            conversation.created_at -= step
            conversation.updated_at -= step
            if conversation.window_expires_at is not None:
                conversation.window_expires_at -= step
            if conversation.last_message_at is not None:
                conversation.last_message_at -= step
        for message in self.messages.values():
            message.sent_at -= step


def preview(content: object) -> str | None:
    """The first 200 characters of a content's body, as ->> reads it."""
    body = content.get("body") if isinstance(content, dict) else None
    if body is None:
        return None
    if isinstance(body, str):
        return body[:200]
    return json.dumps(body, ensure_ascii=False)[:200]


# What 1.1 adds to them


def normalized(number: str) -> str:
    """What normalize_number() says."""
    digits = re.sub("[^0-9]", "", number)
    digits = digits.removeprefix("00")
    whole = re.fullmatch(r"[+0-9 ().-]+", number) and re.fullmatch("[1-9][0-9]{6,14}", digits)
    return f"+{digits}" if whole else number


SAYS: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "text": (("body",),),
    "image": (("caption",),),
    "video": (("caption",),),
    "document": (("caption",), ("filename",)),
    "location": (("name",), ("address",)),
    "contacts": (("0", "name", "formatted_name"),),
    "interactive": (("button_reply", "title"), ("list_reply", "title"), ("body", "text")),
    "template": (("name",),),
    "reaction": (("emoji",),),
}
"""Where a content of each type says what it is, the best first. The other types say nothing."""


def preview_of(message_type: str | None, content: Json | None) -> str | None:
    """What message_preview() says: 200 characters of a text, or the type in brackets."""
    if message_type is None:
        return None
    value = None if content is None else content.value
    flat = message_type == "text" and isinstance(value, dict) and "body" in value
    if not flat and isinstance(value, dict) and message_type in value:
        value = value[message_type]
    places = (below(value, keys) for keys in SAYS.get(message_type, ()))
    said = next((place for place in places if place is not None), "")
    return (said or f"[{message_type}]")[:200]


def below(value: object, keys: Sequence[str]) -> str | None:
    """What is below these keys, as ->> reads it: None where nothing is, or null. "0" is a place too."""
    for key in keys:
        if isinstance(value, list) and key == "0":
            value = value[0] if value else None
        elif isinstance(value, dict):
            value = value.get(key)
        else:
            return None
    if value is None or isinstance(value, str):
        return value
    return json.dumps(in_order(value), ensure_ascii=False)


def in_order(value: object) -> object:
    """A document with its keys in the order that jsonb keeps them in: the short ones first."""
    if isinstance(value, dict):
        keys = sorted(value, key=lambda key: (len(key.encode()), key.encode()))
        return {key: in_order(value[key]) for key in keys}
    return [in_order(each) for each in value] if isinstance(value, list) else value


# The two views

HIDDEN = frozenset({"closed", "spam"})
"""The statuses of conversations that are not in the inbox."""


def newest_first(moments: Iterable[datetime | None]) -> list[datetime | None]:
    """Moments in the inbox's order: newest first, the conversations without a message last."""
    known = list(moments)
    return [
        *sorted((moment for moment in known if moment is not None), reverse=True),
        *(moment for moment in known if moment is None),
    ]


def month_began(now: datetime) -> datetime:
    """The moment after which things count as of the last 30 days; `now` in the reader's time zone."""
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight - timedelta(days=30)
