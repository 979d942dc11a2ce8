"""Messaging 1.1: what 1.0 left open is closed, and what 1.0 wrote and called goes on working."""

from __future__ import annotations

import re
import threading
from collections import Counter
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import psycopg
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from psycopg.conninfo import make_conninfo
from psycopg.types.json import Jsonb

from messaging.model import ACCEPTED, TABLES, Verdict, normalized
from messaging.support import Migration, run, violations
from messaging.world import World, examples, insert, opened, update

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

DENIED = "42501"
NOT_UPDATABLE = "55000"
FOREIGN_KEY = "23503"
CHILDREN = (
    "messaging.whatsapp_templates",
    "messaging.whatsapp_conversations",
    "messaging.whatsapp_messages",
    "messaging.chatbot_nodes",
    "messaging.chatbot_sessions",
)
ALL = (*TABLES, "core_users.users", "core_catalogs.contacts")
TYPES = (
    "text", "image", "document", "audio", "video", "sticker",
    "location", "contacts", "interactive", "template", "reaction",
)  # fmt: skip


@pytest.fixture(name="world", scope="module", params=["at_head", "in_months"])
def world_at_head(request: pytest.FixtureRequest) -> Iterator[World]:
    """The newest revision as the superuser sees it, with empty tables: and once with partitions."""
    with opened(request.getfixturevalue(request.param)) as found:
        yield found


@pytest.fixture(scope="module")
def main_line(at_head: str) -> Iterator[World]:
    """The newest revision without partitions, for what has nothing to do with them."""
    with opened(at_head) as found:
        yield found


def tenant_of(world: World, table: str, key: object) -> UUID:
    found = world.value(f"SELECT tenant_id FROM {table} WHERE id = %s", key)
    assert isinstance(found, UUID)
    return found


# Who sees what


@pytest.mark.parametrize("table", ALL)
def test_a_tenant_has_its_own_rows_and_a_session_without_one_has_none(
    world: World, table: str
) -> None:
    with world.sandbox():
        mine, theirs = (household(world)[table] for _ in range(2))
        ours = tenant_of(world, table, mine)
        for tenant, seen in ((ours, [mine]), ("", []), (uuid4(), [])):
            with world.acting(tenant):
                for query in ("SELECT id FROM {}", "UPDATE {} SET id = id RETURNING id"):
                    rows = world.rows(query.format(table))
                    assert [row["id"] for row in rows] == seen, (tenant, query)
        # The owner is bound as well.
        with world.acting(ours, role="app_owner"):
            assert [row["id"] for row in world.rows(f"SELECT id FROM {table}")] == [mine]
        assert theirs != mine


@pytest.mark.parametrize("table", CHILDREN)
def test_who_inserts_without_a_tenant_gets_the_parents(world: World, table: str) -> None:
    with world.sandbox():
        wanted = world.complete(table)
        assert "tenant_id" not in wanted
        (parent,) = {
            tenant_of(world, where, wanted[column])
            for column, where in (
                ("account_id", "messaging.whatsapp_accounts"),
                ("conversation_id", "messaging.whatsapp_conversations"),
                ("flow_id", "messaging.chatbot_flows"),
            )
            if column in wanted and not (table.endswith("sessions") and column == "flow_id")
        }
        if table.endswith("sessions"):
            wanted["flow_id"] = world.put("messaging.chatbot_flows", tenant_id=parent)["id"]
        with world.acting(parent):
            assert world.attempt(insert(table, tuple(wanted)), *wanted.values()) == ACCEPTED
        with world.acting(uuid4()):
            said = world.attempt(insert(table, tuple(wanted)), *wanted.values())
            assert said.sqlstate == FOREIGN_KEY


REFERENCES = [
    ("messaging.whatsapp_conversations", "contact_id", "core_catalogs.contacts"),
    ("messaging.whatsapp_conversations", "assigned_user_id", "core_users.users"),
    ("messaging.whatsapp_conversations", "chatbot_session_id", "messaging.chatbot_sessions"),
    ("messaging.chatbot_sessions", "flow_id", "messaging.chatbot_flows"),
    ("messaging.chatbot_sessions", "current_node_id", "messaging.chatbot_nodes"),
    ("messaging.whatsapp_campaigns", "account_id", "messaging.whatsapp_accounts"),
    ("messaging.whatsapp_campaigns", "template_id", "messaging.whatsapp_templates"),
    ("messaging.whatsapp_templates", "account_id", "messaging.whatsapp_accounts"),
    ("messaging.whatsapp_messages", "conversation_id", "messaging.whatsapp_conversations"),
    ("messaging.chatbot_nodes", "flow_id", "messaging.chatbot_flows"),
    ("messaging.whatsapp_accounts", "created_by", "core_users.users"),
    ("messaging.chatbot_flows", "created_by", "core_users.users"),
]


@pytest.mark.parametrize(("table", "column", "parent"), REFERENCES)
def test_no_reference_leaves_the_tenant(world: World, table: str, column: str, parent: str) -> None:
    """Not even by a superuser's hand."""
    with world.sandbox():
        family = household(world)
        stranger = household(world)[parent]
        said = world.attempt(update(table, column), stranger, family[table])
        assert said.sqlstate == FOREIGN_KEY


def household(world: World) -> dict[str, UUID]:
    """A row of each table, all of one tenant and pointing at each other."""
    tenant = world.put("core_tenants.tenants")["id"]
    rows: dict[str, UUID] = {"core_tenants.tenants": tenant}

    def put(table: str, **values: object) -> UUID:
        key: UUID = world.put(table, **values)["id"]
        rows[table] = key
        return key

    user = put("core_users.users", tenant_id=tenant)
    contact = put("core_catalogs.contacts", tenant_id=tenant)
    account = put("messaging.whatsapp_accounts", tenant_id=tenant, created_by=user)
    template = put("messaging.whatsapp_templates", account_id=account, created_by=user)
    talk = put(
        "messaging.whatsapp_conversations",
        account_id=account, contact_id=contact, assigned_user_id=user,
    )  # fmt: skip
    put("messaging.whatsapp_messages", conversation_id=talk)
    flow = put("messaging.chatbot_flows", tenant_id=tenant, account_ids=None, created_by=user)
    world.connection.execute(
        "UPDATE messaging.chatbot_flows SET account_ids = ARRAY[%s] WHERE id = %s", [account, flow]
    )
    node = put("messaging.chatbot_nodes", flow_id=flow)
    session = put(
        "messaging.chatbot_sessions", conversation_id=talk, flow_id=flow, current_node_id=node
    )
    world.connection.execute(
        update("messaging.whatsapp_conversations", "chatbot_session_id"), [session, talk]
    )
    put(
        "messaging.whatsapp_campaigns",
        tenant_id=tenant, account_id=account, template_id=template,
    )  # fmt: skip
    return rows


def test_a_tenant_goes_and_takes_its_rows_along(world: World) -> None:
    with world.sandbox():
        gone, stays = household(world), household(world)
        world.connection.execute(
            "DELETE FROM core_tenants.tenants WHERE id = %s", [gone["core_tenants.tenants"]]
        )
        for table, key in stays.items():
            assert [row["id"] for row in world.rows(f"SELECT id FROM {table}")] == [key], table


def test_what_goes_is_named_by_nobody_any_more(world: World) -> None:
    with world.sandbox():
        rows = household(world)
        talk, flow = rows["messaging.whatsapp_conversations"], rows["messaging.chatbot_flows"]
        for table in ("messaging.whatsapp_campaigns", "messaging.chatbot_sessions"):
            world.connection.execute(f"DELETE FROM {table} WHERE id = %s".encode(), [rows[table]])
        named = "SELECT chatbot_session_id FROM messaging.whatsapp_conversations WHERE id = %s"
        assert world.value(named, talk) is None
        world.connection.execute(
            "DELETE FROM messaging.whatsapp_accounts WHERE id = %s",
            [rows["messaging.whatsapp_accounts"]],
        )
        named = "SELECT account_ids FROM messaging.chatbot_flows WHERE id = %s"
        assert world.value(named, flow) == []  # of none, where NULL would be of all


def test_a_flow_names_no_account_of_another_tenant(world: World) -> None:
    with world.sandbox():
        family, stranger = household(world), household(world)
        for ids in (
            [stranger["messaging.whatsapp_accounts"]],
            [family["messaging.whatsapp_accounts"], uuid4()],
        ):
            with pytest.raises(psycopg.errors.ForeignKeyViolation), world.connection.transaction():
                world.connection.execute(
                    "UPDATE messaging.chatbot_flows SET account_ids = %s WHERE id = %s",
                    [ids, family["messaging.chatbot_flows"]],
                )


def test_nobody_writes_through_a_view_or_makes_tenants(world: World) -> None:
    with world.sandbox():
        tenant = household(world)["core_tenants.tenants"]
        with world.acting(tenant):
            for statement in (
                "UPDATE messaging.vw_whatsapp_metrics SET display_name = 'x'",
                "DELETE FROM messaging.vw_inbox",
                "INSERT INTO core_tenants.tenants (name, slug) VALUES ('x', 'x')",
                "UPDATE core_tenants.tenants SET name = 'x'",
            ):
                assert world.attempt(statement).sqlstate in (DENIED, NOT_UPDATABLE), statement
            assert len(world.rows("SELECT * FROM messaging.vw_whatsapp_metrics")) == 1
            assert len(world.rows("SELECT * FROM messaging.vw_inbox")) == 1
        for tenant_ in (uuid4(), ""):
            with world.acting(tenant_):
                assert world.rows("SELECT * FROM messaging.vw_whatsapp_metrics") == []
                assert world.rows("SELECT * FROM messaging.vw_inbox") == []


# Checks


@given(value=st.one_of(st.none(), st.booleans(), st.integers(), st.text("ab", max_size=2),
                       st.lists(st.integers(), max_size=2),
                       st.dictionaries(st.text("ab", max_size=2), st.integers(), max_size=2)))  # fmt: skip
@examples(20)
@pytest.mark.parametrize(
    ("table", "column", "shape", "name"),
    [
        ("whatsapp_templates", "components", list, "chk_whatsapp_templates_components"),
        ("chatbot_flows", "trigger_config", dict, "chk_chatbot_flows_config"),
        ("chatbot_nodes", "config", dict, "chk_chatbot_nodes_config"),
        ("chatbot_nodes", "connections", list, "chk_chatbot_nodes_connections"),
        ("chatbot_nodes", "position", dict, "chk_chatbot_nodes_position"),
        ("chatbot_sessions", "context", dict, "chk_chatbot_sessions_context"),
        ("whatsapp_campaigns", "template_params", dict, "chk_whatsapp_campaigns_params"),
        ("whatsapp_campaigns", "audience_config", dict, "chk_whatsapp_campaigns_config"),
    ],
)
def test_documents_have_their_shape(
    main_line: World, table: str, column: str, shape: type, name: str, value: object
) -> None:
    with main_line.sandbox():
        key = household(main_line)[f"messaging.{table}"]
        said = main_line.attempt(update(f"messaging.{table}", column), Jsonb(value), key)
        expected = ACCEPTED if isinstance(value, shape) else Verdict("23514", name)
        assert said == expected


@given(value=st.integers(-3, 3))
@examples(7)
@pytest.mark.parametrize(
    ("table", "column"),
    [
        ("whatsapp_conversations", "unread_count"),
        ("chatbot_flows", "total_sessions"),
        ("chatbot_flows", "completed_sessions"),
        ("chatbot_sessions", "messages_processed"),
        ("whatsapp_campaigns", "total_recipients"),
        ("whatsapp_campaigns", "sent_count"),
        ("whatsapp_campaigns", "delivered_count"),
        ("whatsapp_campaigns", "read_count"),
        ("whatsapp_campaigns", "failed_count"),
        ("whatsapp_campaigns", "opt_out_count"),
        ("whatsapp_campaigns", "estimated_cost"),
    ],
)
def test_nothing_counts_below_zero(main_line: World, table: str, column: str, value: int) -> None:
    with main_line.sandbox():
        key = household(main_line)[f"messaging.{table}"]
        said = main_line.attempt(update(f"messaging.{table}", column), value, key)
        assert (said == ACCEPTED) == (value >= 0)


@given(value=st.one_of(
    st.sampled_from(["tier_1", "unlimited", "inbound", "outbound", "es", "es_MX", "fil", "MXN", "mxn", "ES"]),
    st.text("abAB_1", min_size=1, max_size=6),
))  # fmt: skip
@examples(40)
@pytest.mark.parametrize(
    ("table", "column", "pattern"),
    [
        ("whatsapp_accounts", "messaging_limit", r"tier_[123]|unlimited"),
        ("whatsapp_conversations", "last_message_direction", r"(in|out)bound"),
        ("whatsapp_templates", "language", r"[a-z]{2,3}(_[A-Z]{2})?"),
        ("whatsapp_campaigns", "currency", r"[A-Z]{3}"),
    ],
)
def test_words_are_those_that_the_comments_promise(
    main_line: World, table: str, column: str, pattern: str, value: str
) -> None:
    with main_line.sandbox():
        key = household(main_line)[f"messaging.{table}"]
        said = main_line.attempt(update(f"messaging.{table}", column), value, key)
        if said.sqlstate != "22001":
            assert (said == ACCEPTED) == (re.fullmatch(pattern, value) is not None)


# Functions


@given(number=st.one_of(st.text("0123456789+ ()-.", max_size=20), st.text(max_size=20)))
@example("525512345678")
@example("0052 55 1234 5678")
@example("+52 (55) 1234-5678")
@example("business.user.1")
@examples(100)
def test_numbers_are_normalized(main_line: World, number: str) -> None:
    if "\x00" in number or any("\ud800" <= c <= "\udfff" for c in number):
        return
    said = main_line.value("SELECT messaging.normalize_number(%s)", number)
    assert said == normalized(number)
    assert main_line.value("SELECT messaging.normalize_number(%s)", said) == said


@pytest.mark.parametrize(
    ("kind", "content", "preview"),
    [
        ("text", {"body": "hola"}, "hola"),
        ("text", {"text": {"body": "hola"}}, "hola"),
        ("text", {"body": "x" * 300}, "x" * 200),
        ("text", {}, "[text]"),
        ("image", {"image": {"caption": "el recibo"}}, "el recibo"),
        ("image", {"id": "1"}, "[image]"),
        ("video", {"caption": "mira"}, "mira"),
        ("document", {"filename": "a.pdf"}, "a.pdf"),
        ("audio", {"id": "1"}, "[audio]"),
        ("sticker", {"id": "1"}, "[sticker]"),
        ("location", {"location": {"name": "Oficina", "latitude": 1}}, "Oficina"),
        ("contacts", [{"name": {"formatted_name": "Ana"}}], "Ana"),
        ("contacts", {"contacts": [{"name": {"formatted_name": "Ana"}}]}, "Ana"),
        ("interactive", {"button_reply": {"id": "1", "title": "Si"}}, "Si"),
        ("interactive", {"interactive": {"list_reply": {"title": "Dos"}}}, "Dos"),
        ("template", {"name": "bienvenida"}, "bienvenida"),
        ("reaction", {"emoji": "👍"}, "👍"),
        ("order", {"items": []}, "[unknown]"),
        ("text", None, "[text]"),
        ("text", "solo texto", "[text]"),
    ],
)
def test_every_message_has_a_preview(
    world: World, kind: str, content: object, preview: str
) -> None:
    with world.sandbox():
        account = world.put("messaging.whatsapp_accounts")
        with world.acting(account["tenant_id"]):
            key = receive(world, account["id"], kind=kind, content=content)
            (row,) = world.rows("SELECT last_message_preview AS said FROM messaging.vw_inbox")
            assert row["said"] == preview
            kept = world.row("SELECT * FROM messaging.whatsapp_messages")
            assert kept["id"] == key
            assert kept["message_type"] == (kind if kind in TYPES else "unknown")


def receive(
    world: World,
    account: UUID,
    wamid: str = "wamid.1",
    number: str = "525512345678",
    kind: str = "text",
    content: object = None,
) -> UUID:
    found = world.value(
        "SELECT messaging.process_incoming_message(%s, %s, %s, %s, %s)",
        account, wamid, number, kind, None if content is None else Jsonb(content),
    )  # fmt: skip
    assert isinstance(found, UUID)
    return found


def test_a_message_to_a_closed_conversation_opens_it(world: World) -> None:
    with world.sandbox():
        account = world.put("messaging.whatsapp_accounts")
        talk = world.put(
            "messaging.whatsapp_conversations",
            account_id=account["id"], contact_wa_id="525512345678",
            status="closed", closed_at=world.now,
        )["id"]  # fmt: skip
        with world.acting(account["tenant_id"]):
            receive(world, account["id"], number="+52 55 1234 5678")
            row = world.row("SELECT * FROM messaging.whatsapp_conversations")
        assert (row["id"], row["status"], row["closed_at"]) == (talk, "open", None)
        assert row["contact_wa_id"] == "525512345678"  # as 1.0 wrote it


def test_the_window_is_asked_and_not_written(world: World) -> None:
    with world.sandbox():
        account = world.put("messaging.whatsapp_accounts")
        cases = [
            (True, "1 hour", True), (True, "0", True), (True, "-1 second", False),
            (False, "1 hour", False), (True, None, False),
        ]  # fmt: skip
        for flag, ends, is_open in cases:
            talk = world.put("messaging.whatsapp_conversations", account_id=account["id"])["id"]
            world.connection.execute(
                "UPDATE messaging.whatsapp_conversations SET is_window_open = %s,"
                " window_expires_at = now() + %s::interval WHERE id = %s",
                [flag, ends, talk],
            )
            before = world.row(
                "SELECT ctid, * FROM messaging.whatsapp_conversations WHERE id = %s", talk
            )
            with world.acting(account["tenant_id"]):
                assert world.value("SELECT messaging.is_window_open(%s)", talk) is is_open
                shown = world.value(
                    "SELECT is_window_open FROM messaging.vw_inbox WHERE id = %s", talk
                )
                assert shown is is_open
            assert (
                world.row(
                    "SELECT ctid, * FROM messaging.whatsapp_conversations WHERE id = %s", talk
                )
                == before
            )
            with world.acting(uuid4()):
                assert world.value("SELECT messaging.is_window_open(%s)", talk) is False


# Deliveries: duplicates, reordering, tenants, against a model of what each of them sees


class Deliveries(RuleBasedStateMachine):
    """Webhooks of three tenants, each known by its own number of accounts."""

    dsn = ""

    def __init__(self) -> None:
        super().__init__()
        self.place = opened(self.dsn)
        self.world = self.place.__enter__()
        self.accounts = [self.world.put("messaging.whatsapp_accounts") for _ in range(3)]
        self.kept: dict[tuple[int, str, str], UUID] = {}
        self.unread: Counter[tuple[int, str]] = Counter()
        self.closed: set[tuple[int, str]] = set()

    def teardown(self) -> None:
        self.place.__exit__(None, None, None)

    @rule(
        tenant=st.integers(0, 2),
        wamid=st.sampled_from(["w1", "w2", "w3"]),
        number=st.sampled_from(["525511111111", "+525511111111", "0052 5522222222"]),
        kind=st.sampled_from([*TYPES, "order"]),
    )
    def deliver(self, tenant: int, wamid: str, number: str, kind: str) -> None:
        account = self.accounts[tenant]
        with self.acting(tenant):
            key = receive(self.world, account["id"], wamid, number, kind, {"body": "hola"})
        who = normalized(number)
        if (tenant, who, wamid) in self.kept:
            assert self.kept[tenant, who, wamid] == key
        else:
            self.kept[tenant, who, wamid] = key
            self.unread[tenant, who] += 1
            self.closed.discard((tenant, who))

    @rule(tenant=st.integers(0, 2), other=st.integers(0, 2))
    def forge(self, tenant: int, other: int) -> None:
        if tenant == other:
            return
        with self.acting(tenant):
            said = self.world.attempt(
                "SELECT messaging.process_incoming_message(%s, 'w', '525511111111', 'text', '{}')",
                self.accounts[other]["id"],
            )
        assert said.sqlstate == FOREIGN_KEY

    @rule(tenant=st.integers(0, 2), number=st.sampled_from(["+525511111111", "+525522222222"]))
    def close(self, tenant: int, number: str) -> None:
        with self.acting(tenant):
            self.world.connection.execute(
                "UPDATE messaging.whatsapp_conversations SET status = 'closed', closed_at = now()"
                " WHERE contact_wa_id = %s",
                [number],
            )
        if self.unread[tenant, number]:
            self.closed.add((tenant, number))

    @invariant()
    def each_sees_its_own(self) -> None:
        for tenant in range(3):
            with self.acting(tenant):
                seen = {
                    (tenant, row["contact_wa_id"], row["wa_message_id"]): row["id"]
                    for row in self.world.rows(
                        "SELECT c.contact_wa_id, m.wa_message_id, m.id FROM messaging.whatsapp_messages m"
                        " JOIN messaging.whatsapp_conversations c ON c.id = m.conversation_id"
                    )
                }
                inbox = {
                    (tenant, row["number"]): row["unread_count"]
                    for row in self.world.rows(
                        "SELECT c.contact_wa_id AS number, v.unread_count FROM messaging.vw_inbox v"
                        " JOIN messaging.whatsapp_conversations c USING (id)"
                    )
                }
            assert seen == {k: v for k, v in self.kept.items() if k[0] == tenant}
            assert inbox == {
                k: n
                for k, n in self.unread.items()
                if n and k[0] == tenant and k not in self.closed
            }
        with self.world.acting(""):
            assert self.world.rows("SELECT * FROM messaging.whatsapp_messages") == []

    def acting(self, tenant: int) -> Any:
        return Acting(self.world, str(self.accounts[tenant]["tenant_id"]))


class Acting:
    """The application in a tenant's name, whose changes stay in the transaction."""

    def __init__(self, world: World, tenant: str) -> None:
        self.world, self.tenant = world, tenant

    def __enter__(self) -> None:
        self.world.connection.execute("SET LOCAL ROLE app_user")
        self.world.value("SELECT set_config('app.tenant_id', %s, true)", self.tenant)

    def __exit__(self, *_: object) -> None:
        self.world.connection.execute("RESET ROLE")


@pytest.mark.parametrize(("where", "number"), [("at_head", 12), ("in_months", 4)])
def test_deliveries(where: str, number: int, request: pytest.FixtureRequest) -> None:
    from hypothesis.stateful import run_state_machine_as_test

    machine = type("At", (Deliveries,), {"dsn": request.getfixturevalue(where)})
    run_state_machine_as_test(machine, settings=examples(number, steps=15))


# At the same time: what is committed is somebody's own database


@pytest.fixture(params=["main line", "by month"])
def place(
    request: pytest.FixtureRequest,
    make_empty: Callable[[], str],
    head: list[Migration],
    by_month: list[Migration],
) -> tuple[str, UUID, UUID]:
    """A database at the newest revision with one account: its DSN, the tenant, the account."""
    dsn = make_empty()
    more = by_month if request.param == "by month" else []
    run(dsn, *(revision.up for revision in (*head, *more)))
    with psycopg.connect(dsn) as connection:
        row = connection.execute(
            "WITH t AS (INSERT INTO core_tenants.tenants (name, slug) VALUES ('A', 'a') RETURNING id)"
            " INSERT INTO messaging.whatsapp_accounts"
            " (tenant_id, waba_id, phone_number_id, phone_number, display_name)"
            " SELECT id, 'w', 'p', '+525500000000', 'A' FROM t RETURNING tenant_id, id"
        ).fetchone()
    assert row is not None
    return dsn, row[0], row[1]


@pytest.mark.parametrize("second", ["w1", "w2"])
def test_two_first_messages_at_once(place: tuple[str, UUID, UUID], second: str) -> None:
    """The one waits for the other; neither fails, and none counts twice."""
    dsn, tenant, account = place
    ours = make_conninfo(dsn, options=f"-c app.tenant_id={tenant}")
    call = "SELECT messaging.process_incoming_message(%s, %s, %s, 'text', '{}')"
    found: list[Any] = []
    with (
        psycopg.connect(ours) as one,
        psycopg.connect(ours) as two,
        psycopg.connect(dsn, autocommit=True) as watch,
    ):
        for session in (one, two):
            session.execute("SET ROLE app_user")
            session.commit()
        first = one.execute(call, [account, "w1", "525512345678"]).fetchone()
        pid = two.info.backend_pid
        thread = threading.Thread(
            target=lambda: found.append(
                two.execute(call, [account, second, "+525512345678"]).fetchone()
            )
        )
        thread.start()
        while watch.execute("SELECT pg_blocking_pids(%s)", [pid]).fetchone() == ([],):
            assert thread.is_alive()
        one.commit()
        thread.join()
        two.commit()
        counts = watch.execute(
            "SELECT (SELECT count(*) FROM messaging.whatsapp_conversations),"
            " (SELECT count(*) FROM messaging.whatsapp_messages),"
            " (SELECT unread_count FROM messaging.whatsapp_conversations)"
        ).fetchone()
    assert counts == ((1, 1, 1) if second == "w1" else (1, 2, 2))
    assert (found == [first]) == (second == "w1")


# There and back


def test_rows_that_1_1_does_not_take_are_listed_before_anything_changes(
    make_empty: Callable[[], str], head: list[Migration]
) -> None:
    dsn = make_empty()
    run(dsn, head[0].up, head[1].up)
    with opened(dsn) as world:
        one, two = (world.put("messaging.whatsapp_accounts") for _ in range(2))
        template = world.put("messaging.whatsapp_templates", account_id=two["id"])
        world.put(
            "messaging.whatsapp_campaigns",
            tenant_id=one["tenant_id"], account_id=one["id"], template_id=template["id"],
        )  # fmt: skip
        world.put("messaging.whatsapp_conversations", account_id=one["id"], unread_count=-5)
        with pytest.raises(psycopg.errors.CheckViolation) as refused, world.sandbox():
            world.connection.execute(head[2].up.encode())
    assert refused.value.diag.message_detail == (
        "1 campaigns with a template of another account\n"
        "1 conversations with a negative unread_count"
    )


def test_rows_of_1_0_get_their_tenant_and_stay(
    make_empty: Callable[[], str], head: list[Migration]
) -> None:
    dsn = make_empty()
    run(dsn, head[0].up, head[1].up)
    with psycopg.connect(dsn) as connection:
        world = World(connection)
        account = world.put("messaging.whatsapp_accounts")
        talk = world.put("messaging.whatsapp_conversations", account_id=account["id"])
        message = world.put("messaging.whatsapp_messages", conversation_id=talk["id"])
        flow = world.put("messaging.chatbot_flows", tenant_id=account["tenant_id"])
        session = world.put(
            "messaging.chatbot_sessions", conversation_id=talk["id"], flow_id=flow["id"]
        )
    run(dsn, *(revision.up for revision in head[2:]))
    with psycopg.connect(dsn) as connection:
        world = World(connection)
        for table, row in (
            ("messaging.whatsapp_messages", message), ("messaging.chatbot_sessions", session)
        ):  # fmt: skip
            now = world.row(f"SELECT * FROM {table} WHERE id = %s", row["id"])
            assert now == {**row, "tenant_id": account["tenant_id"]}
        for revision in head:
            superseded = "superuser" in revision.verify and revision is not head[-1]
            assert superseded or violations(connection, revision.verify) == []
    run(dsn, *(revision.down for revision in reversed(head[2:])))
    with psycopg.connect(dsn) as connection:
        world = World(connection)
        assert world.row("SELECT * FROM messaging.whatsapp_messages") == message
        assert violations(connection, head[1].verify) == []
