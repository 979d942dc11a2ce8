"""One hole at a time in a schema that has no other: it is found, and nothing else is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from isolation.support import APP, count
from ringfence.isolation.judge import State

if TYPE_CHECKING:
    from isolation.support import Sound

HOLES = {
    "row security off": (
        "ALTER TABLE trade.customer DISABLE ROW LEVEL SECURITY",
        "row-security-off table:trade.customer",
    ),
    "a policy that is true": (
        "ALTER POLICY own ON trade.invoice USING (true) WITH CHECK (true)",
        "policy table:trade.invoice",
    ),
    "a weaker WITH CHECK": (
        "ALTER POLICY own ON trade.invoice WITH CHECK (true)",
        "policy table:trade.invoice",
    ),
    "another policy, for some rows": (
        "CREATE POLICY more ON trade.customer FOR SELECT USING (state = 'known')",
        "policy table:trade.customer",
    ),
    "another policy, for rows that are paid": (
        "CREATE POLICY more ON trade.invoice FOR DELETE USING (paid)",
        "policy table:trade.invoice",
    ),
    "a subquery that is not about the row": (
        "ALTER POLICY own ON trade.line USING (EXISTS (SELECT FROM trade.invoice))",
        "policy table:trade.line",
    ),
    "not forced, under a view": (
        "ALTER TABLE trade.invoice NO FORCE ROW LEVEL SECURITY",
        "view-owner-rights view:trade.unpaid",
    ),
    "a partition": (
        f"GRANT SELECT ON trade.event_new TO {APP}",
        "partition table:trade.event_new",
    ),
    "a materialized view": (
        f"GRANT SELECT ON trade.turnover TO {APP}",
        "materialized-view materialized_view:trade.turnover",
    ),
    "a helper with a cache": (
        "ALTER FUNCTION trade.firm() IMMUTABLE",
        "helper function:trade.firm()",
    ),
    "a helper with a tenant of its own": (
        ("CREATE OR REPLACE FUNCTION trade.firm() RETURNS UUID LANGUAGE plpgsql STABLE AS $$ BEGIN"
        " RETURN coalesce(nullif(current_setting('trade.firm', true), ''),"
        " (SELECT min(firm) FROM trade.known_firms)::text)::uuid; END $$;"
        "CREATE TABLE trade.known_firms AS SELECT \"Firm Id\"::text AS firm FROM trade.\"Firm\";"
        "ALTER FUNCTION trade.firm() SECURITY DEFINER; ALTER FUNCTION trade.firm() OWNER TO CURRENT_USER"),
        "helper function:trade.firm()",
    ),
    "a foreign key without the tenant": (
        ("ALTER TABLE trade.invoice DROP CONSTRAINT invoice_firm_customer_fkey,"
        " ADD FOREIGN KEY (customer) REFERENCES trade.customer (id)"),
        "foreign-key constraint:trade.invoice.invoice_customer_fkey",
    ),
    "a function that reads as a superuser": (
        "ALTER FUNCTION trade.mail_of SECURITY DEFINER; ALTER FUNCTION trade.mail_of OWNER TO CURRENT_USER",
        "definer function:trade.mail_of(uuid)",
    ),
    "a function that forgets whose row it is": (
        ("CREATE OR REPLACE FUNCTION trade.pay(p_number INT) RETURNS VOID LANGUAGE plpgsql"
        " SECURITY DEFINER SET search_path = trade, pg_temp"
        " AS $$ BEGIN UPDATE invoice SET paid = true WHERE number = p_number; END $$;"
        "ALTER FUNCTION trade.pay OWNER TO CURRENT_USER"),
        "definer function:trade.pay(integer)",
    ),
    "a function that reads and raises": (
        ("CREATE FUNCTION trade.ask(p_customer UUID) RETURNS VOID LANGUAGE plpgsql SECURITY DEFINER"
        " AS $$ BEGIN RAISE EXCEPTION 'it is %', (SELECT mail FROM trade.customer WHERE id ="
        " p_customer); END $$"),
        "definer function:trade.ask(uuid)",
    ),
    "a view of a superuser's": (
        "ALTER VIEW trade.unpaid OWNER TO CURRENT_USER",
        "view-owner-rights view:trade.unpaid",
    ),
    "TRUNCATE": (
        f"GRANT TRUNCATE ON trade.line TO {APP}",
        "truncate table:trade.line",
    ),
    "a key of everybody's": (
        "ALTER TABLE trade.customer ADD CONSTRAINT mail_once UNIQUE (mail)",
        "key-oracle constraint:trade.customer.mail_once",
    ),
    "copies": (
        ("CREATE TABLE trade.audit (said JSONB);"
        "INSERT INTO trade.audit SELECT to_jsonb(c) FROM trade.customer AS c;"
        f"GRANT SELECT ON trade.audit TO {APP}"),
        "copy table:trade.audit",
    ),
    "a reference by name": (
        "ALTER TABLE trade.invoice ADD customer_ids UUID[]",
        "soft-reference column:trade.invoice.customer_ids",
    ),
}  # fmt: skip


@pytest.mark.parametrize("hole", HOLES)
def test_a_hole_is_found_and_nothing_else(sound: Sound, hole: str) -> None:
    change, expected = HOLES[hole]
    cells, causes = sound.with_(change)
    assert sound.said(causes) == [expected]
    assert count(cells, State.INCONCLUSIVE) <= 2, [
        (c.ref.path, c.probe.name, c.because) for c in cells if c.state is State.INCONCLUSIVE
    ]


def test_a_role_that_can_become_the_owner(sound: Sound) -> None:
    _, causes = sound.with_(
        f"GRANT ringfence_test_owner TO {APP};"
        "ALTER TABLE trade.customer NO FORCE ROW LEVEL SECURITY"
    )
    assert {f"role role:{APP}", "owner table:trade.customer"} <= set(sound.said(causes))


MENDED = (
    "row security off", "a policy that is true", "a weaker WITH CHECK", "a partition",
    "TRUNCATE", "a materialized view", "a foreign key without the tenant",
)  # fmt: skip


@pytest.mark.parametrize("hole", MENDED)
def test_the_fix_that_is_shown_closes_it(sound: Sound, hole: str) -> None:
    change, expected = HOLES[hole]
    causes = [c for c in sound.mended(change) if c.fix]
    assert sound.said(causes) == [expected]
    assert [(c.fixed, c.why_not) for c in causes] == [(True, "")]


def test_a_fix_that_does_not_help_is_not_called_one(sound: Sound) -> None:
    """Restrictive or not, a policy does not bind who may go past policies."""
    _, causes = sound.with_("ALTER TABLE trade.customer DISABLE ROW LEVEL SECURITY")
    (cause,) = [c for c in causes if c.fix]
    cause.fix = "COMMENT ON TABLE trade.customer IS 'mended'"
    mended = sound.mended("ALTER TABLE trade.customer DISABLE ROW LEVEL SECURITY", [cause])
    assert [(c.fixed, c.why_not) for c in mended] == [(False, "select leaks still")]
