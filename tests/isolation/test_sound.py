"""A schema in which nothing leaks: nothing is found, and that rests on something."""

from __future__ import annotations

from typing import TYPE_CHECKING

from isolation.support import count
from ringfence.isolation.judge import State

if TYPE_CHECKING:
    from isolation.support import Sound


def test_nothing_is_found(sound: Sound) -> None:
    cells, causes = sound.with_("SELECT 1")
    assert [
        (c.ref.path, c.probe.name, c.because) for c in cells if c.state is State.INCONCLUSIVE
    ] == []
    assert sound.said(causes) == []
    assert count(cells, State.PASS) > 150


def test_everything_that_is_granted_was_tried(sound: Sound) -> None:
    cells, _ = sound.with_("SELECT 1")
    tried = {(c.role, c.ref.name[1], c.probe.verb) for c in cells}
    app = "ringfence_test_app"
    for table in ("customer", "invoice", "line"):
        for verb in ("SELECT", "INSERT", "UPDATE", "DELETE"):
            assert (app, table, verb) in tried
    assert {(app, "Firm", "SELECT"), (app, "event", "INSERT"), (app, "unpaid", "SELECT")} <= tried
    assert ("ringfence_test_clerk", "customer", "SELECT") in tried
    assert {(app, "mail_of", "EXECUTE"), (app, "pay", "EXECUTE")} <= tried
    # Granted to nobody, nobody's, or nothing to do with rows.
    assert {name for _, name, _ in tried} & {"turnover", "currency", "twice", "event_old"} == set()


CAREFUL = """
CREATE FUNCTION trade.search(p_col TEXT, p_val TEXT) RETURNS SETOF trade.customer LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$ BEGIN
    IF p_col NOT IN ('mail', 'state') THEN RAISE 'no such column'; END IF;
    RETURN QUERY EXECUTE format(
        'SELECT * FROM trade.customer WHERE firm = trade.firm() AND %I = $1', p_col) USING p_val;
END $$;
CREATE FUNCTION trade.taken(p TEXT) RETURNS BOOLEAN LANGUAGE sql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$ SELECT EXISTS (
    SELECT FROM trade.customer
    WHERE left(md5(mail), 8) = left(md5(p), 8) AND firm = trade.firm()) $$;
CREATE FUNCTION trade.busy(p_from DATE, p_to DATE) RETURNS BIGINT LANGUAGE sql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT count(*) FROM trade.customer WHERE p_from <= p_to - 30 AND firm = trade.firm() $$;
CREATE PROCEDURE trade.move(p_from INT, p_to INT, p_much NUMERIC) LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$ BEGIN
    UPDATE trade.invoice SET total = total - p_much
    WHERE number = p_from AND total >= p_much AND firm = trade.firm();
    IF NOT FOUND THEN RAISE 'nothing there'; END IF;
    UPDATE trade.invoice SET total = total + p_much WHERE number = p_to AND firm = trade.firm();
    IF NOT FOUND THEN RAISE 'not yours'; END IF;
END $$;
CREATE PROCEDURE trade.sweep(n INT) LANGUAGE plpgsql AS $$ BEGIN
    UPDATE trade.invoice SET total = 0 WHERE number = n;
    COMMIT;
    UPDATE trade.line SET pos = pos WHERE invoice = n;
END $$;
CREATE FUNCTION trade.several(q JSONB) RETURNS JSONB LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$ BEGIN
    RETURN (SELECT jsonb_agg(c.mail) FROM trade.customer AS c WHERE c.firm = trade.firm()
        AND c.mail IN (SELECT jsonb_array_elements_text(q -> 'only' -> 'mails')));
END $$;
CREATE FUNCTION trade.tell() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$ DECLARE x TEXT; BEGIN
    SELECT "na""me" INTO x FROM trade.customer
    WHERE mail = NEW.mail AND firm = NEW.firm AND id <> NEW.id;
    IF FOUND THEN RAISE NOTICE 'known as %', x; END IF;
    UPDATE trade.invoice SET paid = paid WHERE firm = NEW.firm AND customer = NEW.id;
    RETURN NEW;
END $$;
CREATE TRIGGER tell BEFORE INSERT OR UPDATE ON trade.customer
FOR EACH ROW EXECUTE FUNCTION trade.tell();
"""


def test_what_asks_for_the_tenant_itself_is_let_be(sound: Sound) -> None:
    """Functions, procedures that commit and triggers with their owner's rights, each conclusive."""
    cells, causes = sound.with_(CAREFUL)
    assert [
        (c.ref.path, c.probe.name, c.because) for c in cells if c.state is State.INCONCLUSIVE
    ] == []
    assert sound.said(causes) == []
    app = [c for c in cells if c.role == "ringfence_test_app" and c.probe.verb == "EXECUTE"]
    called = {c.ref.name[1]: c.state for c in app}
    for name in ("search", "taken", "busy", "move", "sweep", "several"):
        assert called[name] is State.PASS
