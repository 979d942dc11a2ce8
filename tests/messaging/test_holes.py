"""What one tenant can do to another in messaging 1.0, as `ringfence verify` finds it."""

from __future__ import annotations

import json
from contextlib import chdir
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from messaging.support import ROOT
from ringfence import claims, project
from ringfence.pg.connect import connect, named
from ringfence.report import render

if TYPE_CHECKING:
    from collections.abc import Callable

    from messaging.support import Migration

RECEIVES = (
    "messaging.process_incoming_message"
    "(uuid, character varying, character varying, character varying, jsonb)"
)

HOLES = {
    # Five tables without row security, and the three they build on.
    "row-security-off table:core_catalogs.contacts",
    "row-security-off table:core_tenants.tenants",
    "row-security-off table:core_users.users",
    "row-security-off table:messaging.chatbot_nodes",
    "row-security-off table:messaging.chatbot_sessions",
    "row-security-off table:messaging.whatsapp_conversations",
    "row-security-off table:messaging.whatsapp_messages",
    "row-security-off table:messaging.whatsapp_templates",
    # Two views that work as their owner, whom nothing binds.
    "view-owner-rights view:messaging.vw_inbox",
    "view-owner-rights view:messaging.vw_whatsapp_metrics",
    "not-forced table:messaging.chatbot_flows",
    "not-forced table:messaging.whatsapp_accounts",
    "not-forced table:messaging.whatsapp_campaigns",
    # References that leave the tenant: by foreign key, and by name alone.
    "foreign-key constraint:messaging.chatbot_sessions.chatbot_sessions_conversation_id_fkey",
    "foreign-key constraint:messaging.chatbot_sessions.chatbot_sessions_current_node_id_fkey",
    "foreign-key constraint:messaging.whatsapp_campaigns.whatsapp_campaigns_account_id_fkey",
    "foreign-key constraint:messaging.whatsapp_campaigns.whatsapp_campaigns_template_id_fkey",
    (
        "foreign-key constraint:messaging.whatsapp_conversations"
        ".whatsapp_conversations_assigned_user_id_fkey"
    ),
    (
        "foreign-key constraint:messaging.whatsapp_conversations"
        ".whatsapp_conversations_contact_id_fkey"
    ),
    "soft-reference column:messaging.chatbot_flows.account_ids",
    "soft-reference column:messaging.chatbot_flows.created_by",
    "soft-reference column:messaging.whatsapp_accounts.created_by",
    "soft-reference column:messaging.whatsapp_campaigns.created_by",
    "soft-reference column:messaging.whatsapp_conversations.chatbot_session_id",
    "soft-reference column:messaging.whatsapp_templates.created_by",
    # What errors tell, and EXPLAIN.
    "unguessable-keys schema:messaging",
    "explain-tells schema:messaging",
    # Two ways to one row that need not agree: an account and its template, a flow and its node.
    "disagreement constraint:messaging.whatsapp_campaigns.whatsapp_campaigns_template_id_fkey",
    "disagreement constraint:messaging.chatbot_sessions.chatbot_sessions_current_node_id_fkey",
}


@pytest.fixture(scope="module")
def found(at_1_0: str) -> dict[str, Any]:
    """The report on revision 0002."""
    # Read only it is kept for others; what is tried is tried elsewhere.
    target = named(make_conninfo(at_1_0, options=""), "the test")
    with chdir(ROOT), connect(target) as connection:
        case = claims.Case(connection, project.need(ROOT), "messaging 1.0", target)
        report = claims.verify(case, ["isolation"])
    document: dict[str, Any] = json.loads(render(report, "json"))
    return document


FAULTS = {
    "triggers/updated-at:column:messaging.whatsapp_campaigns.updated_at",
    "constraints/cascade:table:core_tenants.tenants",
    "constraints/check:constraint:messaging.whatsapp_accounts.chk_whatsapp_accounts_quality",
    # Two deliveries of a message, two first messages at once, a window that closes when it opens.
    f"functions/not-twice:function:{RECEIVES}",
    f"functions/race:function:{RECEIVES}",
    "functions/reader-writes:function:messaging.is_window_open(uuid)",
    "functions/lost-update:function:messaging.is_window_open(uuid)",
}


def test_what_does_not_do_what_it_says(at_1_0: str) -> None:
    """Constraints, triggers and functions: the faults, and nothing that is none."""
    target = named(make_conninfo(at_1_0, options=""), "the test")
    with chdir(ROOT), connect(target) as connection:
        case = claims.Case(connection, project.need(ROOT), "messaging 1.0", target)
        report = claims.verify(case, ["constraints", "triggers", "functions"])
    assert {f.fingerprint for f in report.findings} == FAULTS
    counts = {c.subject: c.count for c in report.coverage if not c.skipped}
    assert counts == {"constraints": 226, "triggers": 17, "functions": 2}


def by_name(found: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {
        f["fingerprint"].removeprefix("isolation/").replace(":", " ", 1): f
        for f in found["findings"]
    }


def test_every_hole_is_reported_once_and_nothing_else(found: dict[str, Any]) -> None:
    assert set(by_name(found)) == HOLES
    assert len(found["findings"]) == len(HOLES)
    assert found["status"] == 1


def test_every_probe_has_shown_something(found: dict[str, Any]) -> None:
    (row,) = [c for c in found["coverage"] if c["subject"] == "isolation"]
    assert "100 % of" in row["title"]
    assert row["count"] > 400
    assert "app.tenant_id" in row["title"]
    assert "app_user" in row["title"]


def test_what_can_be_done_is_said(found: dict[str, Any]) -> None:
    named = by_name(found)
    messages = named["row-security-off table:messaging.whatsapp_messages"]
    assert messages["message"].startswith(
        "a tenant reads, makes, changes and deletes other tenants'"
    )
    assert "so does a session that names no tenant" in messages["help"]
    metrics = named["view-owner-rights view:messaging.vw_whatsapp_metrics"]
    assert "reads, changes and deletes" in metrics["message"]
    assert "a row moved to oneself" in metrics["help"]
    inbox = named["view-owner-rights view:messaging.vw_inbox"]
    assert inbox["message"].startswith(
        "a tenant reads other tenants' rows through messaging.vw_inbox"
    )
    also = named["row-security-off table:messaging.whatsapp_conversations"]["evidence"][
        "also through"
    ]
    assert "messaging.is_window_open(uuid)" in also
    assert "messaging.process_incoming_message" in also


def test_every_fix_was_tried_and_closes_its_hole(found: dict[str, Any]) -> None:
    errors = [f for f in found["findings"] if f["severity"] == "error"]
    assert len(errors) == 16
    for finding in errors:
        assert finding["fix"], finding["message"]
        assert finding["evidence"]["fix"].endswith("it closes this"), finding["message"]


def test_every_reproduction_runs(
    found: dict[str, Any],
    make_empty: Callable[[], str],
    core: Migration,
    messaging: Migration,
) -> None:
    """As psql would run it, on a database that has the schema and no rows."""
    dsn = make_empty()
    with psycopg.connect(dsn, autocommit=True) as connection:
        for revision in (core, messaging):
            connection.execute(revision.up.encode())
        shown = [f for f in found["findings"] if f["reproduction"]]
        assert len(shown) >= 22
        for finding in shown:
            try:
                connection.execute(finding["reproduction"].encode())
            except psycopg.errors.UniqueViolation:
                assert "-- 23505" in finding["reproduction"]
                connection.execute("ROLLBACK")
        counts = connection.execute("SELECT count(*) FROM core_tenants.tenants").fetchone()
        assert counts == (0,)
