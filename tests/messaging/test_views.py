"""What the inbox and the metrics show, row for row and count for count."""

from __future__ import annotations

from datetime import UTC, timedelta, timezone
from typing import TYPE_CHECKING, Any

from hypothesis import example, given
from hypothesis import strategies as st

from messaging.model import ACCEPTED, HIDDEN, STATUSES, month_began, newest_first
from messaging.world import examples
from messaging.world import world_of_module as world_of_module

if TYPE_CHECKING:
    from messaging.world import World

ACCOUNTS = "messaging.whatsapp_accounts"
CONVERSATIONS = "messaging.whatsapp_conversations"
MESSAGES = "messaging.whatsapp_messages"
INBOX = "SELECT * FROM messaging.vw_inbox"
METRICS = "SELECT * FROM messaging.vw_whatsapp_metrics"

AGES = st.none() | st.integers(-2, 4).map(lambda hours: timedelta(hours=hours))
"""How long ago, if ever; few values, so that some are equal. Negative: in the future."""

TALKS = st.fixed_dictionaries(
    {
        "status": st.sampled_from(STATUSES),
        "age": AGES,
        "contact": st.sampled_from([None, "known", "deleted", "of another tenant"]),
        "user": st.booleans(),
        "active": st.booleans(),
    },
    optional={
        "unread_count": st.integers(-1, 3),
        "is_window_open": st.booleans(),
        "last_message_preview": st.sampled_from(["hola", ""]),
        "last_message_direction": st.sampled_from(["inbound", "outbound"]),
        "chatbot_active": st.booleans(),
        "tags": st.sampled_from(["{}", "{vip}", "{vip,nuevo}"]),
    },
)


@given(talks=st.lists(TALKS, max_size=8))
@examples(40)
@example(
    [{"status": s, "age": None, "contact": None, "user": False, "active": True} for s in STATUSES]
)
def test_inbox(world: World, talks: list[dict[str, Any]]) -> None:
    with world.sandbox():
        expected = {}
        for talk in talks:
            row = converse(world, talk)
            if talk["status"] not in HIDDEN:
                expected[row["id"]] = row
        found = world.rows(INBOX)
        assert {row["id"]: row for row in found} == expected
        assert len(found) == len(expected)
        moments = [row["last_message_at"] for row in found]
        assert moments == newest_first(moments)


def converse(world: World, talk: dict[str, Any]) -> dict[str, Any]:
    """Make a conversation with all it names; what the inbox has to show of it."""
    account = world.put(ACCOUNTS, is_active=talk["active"])
    tenant = account["tenant_id"]
    contact: dict[str, Any] = {}
    if talk["contact"] is not None:
        whose = {} if talk["contact"] == "of another tenant" else {"tenant_id": tenant}
        deleted = world.now if talk["contact"] == "deleted" else None
        contact = world.put(
            "core_catalogs.contacts", whatsapp_number="+525511112222", deleted_at=deleted, **whose
        )
    user: dict[str, Any] = world.put("core_users.users", tenant_id=tenant) if talk["user"] else {}
    fields = set(talk) - {"status", "age", "contact", "user", "active"}
    row = world.put(
        CONVERSATIONS,
        account_id=account["id"],
        contact_id=contact.get("id"),
        assigned_user_id=user.get("id"),
        status=talk["status"],
        last_message_at=None if talk["age"] is None else world.now - talk["age"],
        **{name: talk[name] for name in fields},
    )
    shown = (
        "id account_id contact_id assigned_user_id status unread_count is_window_open"
        " window_expires_at last_message_at last_message_preview last_message_direction"
        " chatbot_active tags created_at"
    )
    return {name: row[name] for name in shown.split()} | {
        "account_phone": account["phone_number"],
        "contact_name": contact.get("name"),
        "contact_phone": contact.get("whatsapp_number"),
        "assigned_user_name": user.get("full_name"),
    }


# Metrics

DISTANCES = (
    timedelta(days=-5),
    timedelta(hours=-14),
    timedelta(microseconds=-1),
    timedelta(0),
    timedelta(microseconds=1),
    timedelta(hours=14),
    timedelta(days=29),
    timedelta(days=40),
)
"""From the beginning of the 30 days to a moment."""

ZONES = st.integers(-12, 14).map(lambda hours: timezone(timedelta(hours=hours)))

distances = st.sampled_from(DISTANCES)

ACTIVITY = st.lists(
    st.fixed_dictionaries(
        {
            "active": st.sampled_from([True, True, False]),
            "conversations": st.lists(
                st.fixed_dictionaries(
                    {
                        "status": st.sampled_from(["open", "open", "closed", "pending"]),
                        "created": distances,
                        "messages": st.lists(
                            st.tuples(st.sampled_from(["inbound", "outbound"]), distances),
                            max_size=4,
                        ),
                    }
                ),
                max_size=3,
            ),
        }
    ),
    max_size=3,
)


ALL_MOMENTS: list[dict[str, Any]] = [
    {
        "active": True,
        "conversations": [
            {
                "status": "open",
                "created": created,
                "messages": [(way, sent) for way in ("inbound", "outbound") for sent in DISTANCES],
            }
            for created in DISTANCES
        ],
    }
]


@given(activity=ACTIVITY, zone=ZONES)
@examples(40)
@example(activity=ALL_MOMENTS, zone=UTC)
def test_metrics(world: World, activity: list[dict[str, Any]], zone: timezone) -> None:
    """The 30 days begin after the first moment of a day in the *reader's* time zone."""
    border = month_began(world.now.astimezone(zone))
    with world.sandbox():
        expected = {}
        for account in activity:
            row = world.put(ACCOUNTS, is_active=account["active"])
            counts = dict.fromkeys(
                ("conversations_30d", "messages_sent_30d", "messages_received_30d"), 0
            )
            counts["open_conversations"] = 0
            for talk in account["conversations"]:
                conversation = world.put(
                    CONVERSATIONS,
                    account_id=row["id"],
                    status=talk["status"],
                    created_at=border + talk["created"],
                )
                counts["conversations_30d"] += talk["created"] > timedelta(0)
                counts["open_conversations"] += talk["status"] == "open"
                for direction, created in talk["messages"]:
                    world.put(
                        MESSAGES,
                        conversation_id=conversation["id"],
                        direction=direction,
                        created_at=border + created,
                    )
                    sent = "sent" if direction == "outbound" else "received"
                    counts[f"messages_{sent}_30d"] += created > timedelta(0)
            if account["active"]:
                same = ("tenant_id", "phone_number", "display_name", "quality_rating")
                expected[row["id"]] = {"account_id": row["id"]} | counts
                expected[row["id"]] |= {name: row[name] for name in same}
        reads_in(world, zone)
        found = world.rows(METRICS)
        assert {row["account_id"]: row for row in found} == expected
        assert len(found) == len(expected)


def reads_in(world: World, zone: timezone) -> None:
    """Let the session live in a time zone."""
    hours = zone.utcoffset(None) // timedelta(hours=1)
    world.connection.execute(f"SET LOCAL TIME ZONE INTERVAL '{hours}:00' HOUR TO MINUTE".encode())


def test_known_gap_two_readers_see_two_numbers(world: World) -> None:
    """The same conversation is of the last 30 days in Kiribati or not, by who reads."""
    east, west = timezone(timedelta(hours=14)), timezone(timedelta(hours=-12))
    borders = sorted(month_began(world.now.astimezone(zone)) for zone in (east, west))
    assert borders[0] < borders[1]
    with world.sandbox():
        conversation = world.put(CONVERSATIONS, created_at=borders[0] + timedelta(minutes=1))
        counted = set()
        for zone in (east, west):
            reads_in(world, zone)
            row = world.row(METRICS + " WHERE account_id = %s", conversation["account_id"])
            counted.add(row["conversations_30d"])
        assert counted == {0, 1}


def test_known_gap_deleted_contacts_are_in_the_inbox(world: World) -> None:
    with world.sandbox():
        contact = world.put("core_catalogs.contacts", deleted_at=world.now)
        world.put(CONVERSATIONS, contact_id=contact["id"])
        assert world.row(INBOX)["contact_name"] == contact["name"]


def test_known_gap_an_account_can_be_stolen_through_the_metrics(world: World) -> None:
    """The view is simple enough for PostgreSQL to write through it, with its owner's rights."""
    with world.sandbox():
        ours, theirs = (world.put(ACCOUNTS) for _ in range(2))
        with world.acting(ours["tenant_id"]):
            steal = "UPDATE messaging.vw_whatsapp_metrics SET tenant_id = %s WHERE account_id = %s"
            assert world.attempt(steal, ours["tenant_id"], theirs["id"], keep=True) == ACCEPTED
            mine = world.rows(f"SELECT id FROM {ACCOUNTS}")
            assert {row["id"] for row in mine} == {ours["id"], theirs["id"]}
