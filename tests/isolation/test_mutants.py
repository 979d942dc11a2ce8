"""The probes' own test: what is broken on purpose is noticed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ringfence.isolation import mutants

if TYPE_CHECKING:
    from isolation.support import Sound

EXPLAINED = {
    # The invoices that the subquery sees are the firm's own already, and numbers never meet again.
    "policy:trade.line.own: USING without (i.firm = line.firm)",
    "policy:trade.line.own: USING without (i.number = line.invoice)",
}


def named(mutant: mutants.Mutant) -> str:
    return f"{mutant.ref}: {mutant.what}"


def test_there_is_one_for_each_thing_that_keeps_tenants_apart(sound: Sound) -> None:
    made = {named(m) for m in mutants.mutants(sound.ground)}
    assert made >= {
        "table:trade.customer: row security off",
        "table:trade.customer: not forced",
        "table:trade.event_new: SELECT granted to ringfence_test_app",
        "table:trade.line: TRUNCATE granted to ringfence_test_app",
        "policy:trade.customer.own: USING (true)",
        "policy:trade.customer.own: WITH CHECK (true)",
        "policy:trade.line.own: USING without ((i.firm = line.firm) AND (i.number = line.invoice))",
        "view:trade.unpaid: owned by a superuser",
        "materialized_view:trade.turnover: SELECT granted to ringfence_test_app",
        "constraint:trade.invoice.invoice_firm_customer_fkey: without firm",
        "function:trade.firm(): IMMUTABLE",
        "function:trade.firm(): a tenant where none is named",
        "function:trade.mail_of(uuid): SECURITY DEFINER, a superuser's",
        "role:ringfence_test_app: BYPASSRLS",
    }
    # Nobody may write there, so there is nothing to weaken.
    assert 'policy:trade."Firm".own: WITH CHECK (true)' not in made


@pytest.mark.parametrize(
    "what", ["table:trade.customer: not forced", "role:ringfence_test_app: BYPASSRLS"]
)
def test_one_is_noticed_and_undone(sound: Sound, what: str) -> None:
    everything = mutants.mutants

    def one(ground: object) -> object:
        return (m for m in everything(sound.ground) if named(m) == what)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mutants, "mutants", one)
        patch.setattr(mutants, "behaviours", lambda _: ())
        (fate,) = mutants.run(sound.ground)
    assert fate.noticed
    assert named(fate.mutant) == what
    _, causes = sound.with_("SELECT 1")
    assert sound.said(causes) == []


def test_constraints_and_triggers_are_broken_too(sound: Sound) -> None:
    """Each that can be: what is dropped is not seen at work any more."""
    conn = sound.ground.conn
    conn.execute("SAVEPOINT test")
    try:
        conn.execute(
            b"CREATE FUNCTION trade.loud() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
            b" NEW.mail := lower(NEW.mail); NEW.notes := '{}'; RETURN NEW; END $$;"
            b"CREATE TRIGGER loud BEFORE INSERT OR UPDATE ON trade.customer"
            b" FOR EACH ROW EXECUTE FUNCTION trade.loud();"
            b"CREATE FUNCTION trade.idle() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
            b" RETURN NEW; END $$;"
            b"CREATE TRIGGER idle BEFORE UPDATE ON trade.customer"
            b" FOR EACH ROW EXECUTE FUNCTION trade.idle();"
        )
        made = list(mutants.behaviours(sound.ground))
        fates = [mutants._try(sound.ground, m, frozenset(), frozenset()) for m in made]
    finally:
        conn.execute("ROLLBACK TO SAVEPOINT test; RELEASE SAVEPOINT test")
    assert [(named(f.mutant), f.failed) for f in fates if f.failed or not f.noticed] == []
    names = {named(m) for m in made}
    assert names >= {
        "constraint:trade.customer.customer_mail_check: dropped",
        "constraint:trade.customer.customer_firm_mail_key: dropped",
        "constraint:trade.invoice.invoice_firm_customer_fkey: dropped",
        "column:trade.line.text: may be NULL",
        "trigger:trade.customer.loud: out of work",
    }
    # It does nothing, which the claim about triggers says.
    assert "trigger:trade.customer.idle: out of work" not in names


@pytest.mark.slow
def test_every_one_is_noticed_but_those_that_are_explained(sound: Sound) -> None:
    fates = list(mutants.run(sound.ground))
    assert {f.because for f in fates if not f.noticed} == {
        "the policies of trade.invoice keep the same apart"
    }
    assert [(named(f.mutant), f.failed) for f in fates if f.failed] == []
    assert {named(f.mutant) for f in fates if not f.noticed} == EXPLAINED
    assert len(fates) > 30
