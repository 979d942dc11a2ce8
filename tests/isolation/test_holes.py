"""One hole at a time in a schema that has no other: it is found, and nothing else is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from isolation.support import APP, count
from ringfence.isolation.judge import State

if TYPE_CHECKING:
    from isolation.support import Sound

# Owned by a superuser, as what a test makes is.
DEFINER = "SECURITY DEFINER SET search_path = pg_catalog, pg_temp"

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
    "a function that finds tables by bare names": (
        ("SET LOCAL search_path = trade, public;"
        "CREATE FUNCTION trade.mine(p_number INT) RETURNS SETOF trade.invoice LANGUAGE plpgsql"
        " SECURITY DEFINER AS $$ BEGIN RETURN QUERY SELECT i.* FROM invoice AS i"
        " WHERE i.firm = trade.firm() AND i.number = p_number; END $$;"
        "ALTER FUNCTION trade.mine OWNER TO CURRENT_USER; RESET search_path"),
        "search-path function:trade.mine(integer)",
    ),
    "a function that writes to tables by bare names": (
        ("CREATE FUNCTION trade.add(p_invoice INT) RETURNS VOID LANGUAGE plpgsql"
        " SECURITY DEFINER SET search_path = trade"
        " AS $$ BEGIN INSERT INTO line (firm, invoice, pos, text)"
        " SELECT i.firm, i.number, 900, '' FROM trade.invoice AS i"
        " WHERE i.firm = trade.firm() AND i.number = p_invoice; END $$;"
        "ALTER FUNCTION trade.add OWNER TO CURRENT_USER"),
        "search-path function:trade.add(integer)",
    ),
    "a function that runs what it is given": (
        ("CREATE FUNCTION trade.run(q TEXT) RETURNS TEXT LANGUAGE plpgsql SECURITY DEFINER"
        " AS $$ DECLARE r TEXT; BEGIN EXECUTE q INTO r; RETURN r; END $$;"
        "ALTER FUNCTION trade.run OWNER TO CURRENT_USER"),
        "definer function:trade.run(text)",
    ),
    "a function that puts a text into a statement": (
        ("CREATE FUNCTION trade.found(p_mail TEXT) RETURNS SETOF TEXT LANGUAGE plpgsql"
        " SECURITY DEFINER AS $$ BEGIN RETURN QUERY EXECUTE 'SELECT mail FROM trade.customer"
        " WHERE firm = trade.firm() AND mail = ''' || p_mail || ''''; END $$;"
        "ALTER FUNCTION trade.found OWNER TO CURRENT_USER"),
        "definer function:trade.found(text)",
    ),
    "a function that takes a document": (
        ("CREATE FUNCTION trade.told(q JSONB) RETURNS TEXT LANGUAGE sql SECURITY DEFINER AS $$"
        " SELECT mail FROM trade.customer WHERE id = (q ->> 'id')::uuid $$;"
        "ALTER FUNCTION trade.told OWNER TO CURRENT_USER"),
        "definer function:trade.told(jsonb)",
    ),
    "a function that takes a document of lists": (
        ("CREATE FUNCTION trade.several(q JSONB) RETURNS JSONB LANGUAGE plpgsql SECURITY DEFINER"
        " AS $$ BEGIN RETURN (SELECT jsonb_agg(c.mail) FROM trade.customer AS c WHERE c.mail IN"
        " (SELECT jsonb_array_elements_text(q -> 'only' -> 'mails'))); END $$;"
        "ALTER FUNCTION trade.several OWNER TO CURRENT_USER"),
        "definer function:trade.several(jsonb)",
    ),
    "a function that takes a row": (
        ("CREATE FUNCTION trade.others(c trade.customer) RETURNS TEXT LANGUAGE sql"
        " SECURITY DEFINER AS $$"
        " SELECT string_agg(mail, ' ') FROM trade.customer WHERE firm = c.firm $$;"
        "ALTER FUNCTION trade.others OWNER TO CURRENT_USER"),
        "definer function:trade.others(trade.customer)",
    ),
    "an aggregate": (
        ("CREATE FUNCTION trade.step(said TEXT, one UUID) RETURNS TEXT LANGUAGE sql"
        " SECURITY DEFINER AS $$ SELECT mail FROM trade.customer WHERE id = one $$;"
        "ALTER FUNCTION trade.step OWNER TO CURRENT_USER;"
        "REVOKE EXECUTE ON FUNCTION trade.step FROM PUBLIC;"
        "CREATE AGGREGATE trade.mails(UUID) (SFUNC = trade.step, STYPE = TEXT)"),
        "definer aggregate:trade.mails(uuid)",
    ),
    "a function that puts a value into a statement": (
        ("CREATE FUNCTION trade.search(p_col TEXT, p_val TEXT) RETURNS SETOF trade.customer"
        f" LANGUAGE plpgsql {DEFINER} AS $$ BEGIN"
        " IF p_col NOT IN ('mail', 'state') THEN RAISE 'no such column'; END IF;"
        " RETURN QUERY EXECUTE format('SELECT * FROM trade.customer WHERE firm = trade.firm()"
        " AND %I = ''%s''', p_col, p_val); END $$"),
        "definer function:trade.search(text, text)",
    ),
    "a function that compares what becomes of its argument": (
        ("CREATE FUNCTION trade.taken(p TEXT) RETURNS BOOLEAN LANGUAGE sql"
        f" {DEFINER} AS $$ SELECT EXISTS (SELECT FROM trade.customer"
        " WHERE left(md5(mail), 8) = left(md5(p), 8)) $$"),
        "definer function:trade.taken(text)",
    ),
    "a function of two days that are far apart": (
        ("CREATE FUNCTION trade.busy(p_from DATE, p_to DATE) RETURNS BIGINT LANGUAGE sql"
        f" {DEFINER} AS $$ SELECT count(*) FROM trade.customer WHERE p_from <= p_to - 30 $$"),
        "definer function:trade.busy(date, date)",
    ),
    "a procedure that takes from whom it is told": (
        ("CREATE PROCEDURE trade.move(p_from INT, p_to INT, p_much NUMERIC) LANGUAGE plpgsql"
        f" {DEFINER} AS $$ BEGIN"
        " UPDATE trade.invoice SET total = total - p_much WHERE number = p_from AND total >= p_much;"
        " IF NOT FOUND THEN RAISE 'nothing there'; END IF;"
        " UPDATE trade.invoice SET total = total + p_much WHERE number = p_to AND firm = trade.firm();"
        " IF NOT FOUND THEN RAISE 'not yours'; END IF; END $$"),
        "definer procedure:trade.move(integer, integer, numeric)",
    ),
    "a procedure that commits": (
        (f"CREATE FUNCTION trade.clear(n INT) RETURNS VOID LANGUAGE sql {DEFINER}"
        " AS 'UPDATE trade.invoice SET total = 0 WHERE number = n';"
        "CREATE PROCEDURE trade.sweep(n INT) LANGUAGE plpgsql AS $$ BEGIN"
        " PERFORM trade.clear(n); COMMIT AND NO CHAIN; PERFORM trade.clear(n); commit; END $$"),
        "definer function:trade.clear(integer)",
    ),
    "a function that makes a session another firm's": (
        ("CREATE FUNCTION trade.as_firm(p_name TEXT) RETURNS BIGINT LANGUAGE plpgsql"
        f" {DEFINER} AS $$ BEGIN PERFORM set_config('trade.firm',"
        " (SELECT \"Firm Id\"::text FROM trade.\"Firm\" WHERE name = p_name), true);"
        " RETURN 0; END $$"),
        "definer function:trade.as_firm(text)",
    ),
    "a trigger that tells": (
        (f"CREATE FUNCTION trade.tell() RETURNS trigger LANGUAGE plpgsql {DEFINER} AS $$"
        " DECLARE x TEXT; BEGIN"
        ' SELECT "na""me" INTO x FROM trade.customer WHERE mail = NEW.mail AND firm <> NEW.firm;'
        " IF FOUND THEN RAISE NOTICE 'known as %', x; END IF; RETURN NEW; END $$;"
        "CREATE TRIGGER tell BEFORE INSERT ON trade.customer"
        " FOR EACH ROW EXECUTE FUNCTION trade.tell()"),
        "trigger trigger:trade.customer.tell",
    ),
    "a trigger that refuses, and says why": (
        (f"CREATE FUNCTION trade.tell() RETURNS trigger LANGUAGE plpgsql {DEFINER} AS $$"
        " DECLARE x TEXT; BEGIN"
        ' SELECT "na""me" INTO x FROM trade.customer WHERE mail = NEW.mail AND firm <> NEW.firm;'
        " IF FOUND THEN RAISE 'known as %', x; END IF; RETURN NEW; END $$;"
        "CREATE TRIGGER tell BEFORE UPDATE ON trade.customer"
        " FOR EACH ROW EXECUTE FUNCTION trade.tell()"),
        "trigger trigger:trade.customer.tell",
    ),
    "a trigger that changes what it is told": (
        (        f"CREATE FUNCTION trade.note() RETURNS trigger LANGUAGE plpgsql {DEFINER} AS $$ BEGIN"
        " UPDATE trade.customer SET notes = '{}' WHERE id = NEW.id; RETURN NULL; END $$;"
        "CREATE TRIGGER note AFTER INSERT ON trade.event"
        " FOR EACH ROW EXECUTE FUNCTION trade.note()"),
        "trigger trigger:trade.event.note",
    ),
    "a trigger on DDL": (
        ("CREATE FUNCTION trade.made() RETURNS event_trigger LANGUAGE plpgsql SECURITY DEFINER"
        " AS $$ BEGIN UPDATE trade.invoice SET total = total + 1; END $$;"
        "ALTER FUNCTION trade.made OWNER TO CURRENT_USER;"
        "CREATE EVENT TRIGGER ringfence_test ON ddl_command_end EXECUTE FUNCTION trade.made()"),
        "event-trigger event_trigger:ringfence_test",
    ),
    "a counter": (
        f"GRANT UPDATE ON SEQUENCE trade.invoice_number_seq TO {APP}",
        "sequence sequence:trade.invoice_number_seq",
    ),
    "a table that is nobody's": (
        f"GRANT UPDATE ON trade.currency TO {APP}",
        "unscoped table:trade.currency",
    ),
    "an exclusion of everybody's": (
        "ALTER TABLE trade.customer ADD CONSTRAINT once EXCLUDE (mail WITH =)",
        "key-oracle constraint:trade.customer.once",
    ),
    "a key of an expression": (
        "CREATE UNIQUE INDEX lower_once ON trade.customer (lower(mail))",
        "key-oracle constraint:trade.customer.lower_once",
    ),
    "a role to become that may only delete": (
        ("CREATE ROLE ringfence_test_sweeper BYPASSRLS;"
        "GRANT USAGE ON SCHEMA trade TO ringfence_test_sweeper;"
        "GRANT DELETE ON trade.line TO ringfence_test_sweeper;"
        f"GRANT ringfence_test_sweeper TO {APP}"),
        f"role role:{APP}",
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
