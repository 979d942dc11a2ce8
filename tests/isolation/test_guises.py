"""Holes in guises that no probe was made for, each beside its sound twin: all of one sort in one schema."""

from __future__ import annotations

import re

import psycopg
import pytest

from isolation.support import APP, Sound
from isolation.test_schemas import examined
from ringfence.config import Tenancy
from ringfence.isolation import not_understood, who
from ringfence.isolation.judge import State

ME = "nullif(current_setting('a.firm', true), '')::uuid"
SAFE = "LANGUAGE sql STABLE SECURITY DEFINER SET search_path = g, pg_temp"
LONG = "LANGUAGE plpgsql SECURITY DEFINER SET search_path = g, pg_temp"


def table(name: str, columns: str, using: str = f"firm = {ME}", grants: str = "SELECT") -> str:
    return f"""CREATE TABLE {name} (id UUID DEFAULT gen_random_uuid(), firm UUID NOT NULL REFERENCES firm,
        {columns}, PRIMARY KEY (firm, id));
    ALTER TABLE {name} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
    CREATE POLICY own ON {name} USING ({using});
    GRANT {grants} ON {name} TO {APP};"""


FIRMS = f"""CREATE SCHEMA g; GRANT USAGE ON SCHEMA g TO {APP}; SET search_path = g;
CREATE TABLE firm (id UUID PRIMARY KEY, name TEXT NOT NULL);
ALTER TABLE firm ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON firm USING (id = {ME});
GRANT SELECT ON firm TO {APP};
CREATE TYPE g.state AS ENUM ('draft', 'live'); CREATE DOMAIN g.code AS TEXT CHECK (VALUE <> '');
"""

ASKED = FIRMS + table(
    "sale",
    "code code NOT NULL, said TEXT NOT NULL, state state NOT NULL, at TIMESTAMPTZ NOT NULL, n INT NOT NULL",
)

# What is asked of one table through functions: (what there is, the hole, what is sound, what is found).
FUNCTIONS = {
    "a guard that NULL gets past": (
        f"""CREATE FUNCTION of_firm(p_firm UUID) RETURNS SETOF sale {LONG} AS $$ BEGIN
            IF p_firm @@ {ME} THEN RAISE 'not yours'; END IF;
            RETURN QUERY SELECT * FROM sale WHERE firm = p_firm; END $$;""",
        "<>", "IS DISTINCT FROM", "of_firm(uuid)",
    ),
    "a cursor": (
        f"""CREATE FUNCTION opened(c REFCURSOR) RETURNS REFCURSOR {LONG} AS $$ BEGIN
            OPEN c FOR SELECT * FROM sale @@; RETURN c; END $$;""",
        "", f"WHERE firm = {ME}", "opened(refcursor)",
    ),
    "any number of arguments": (
        f"""CREATE FUNCTION codes_of(VARIADIC ids UUID[]) RETURNS SETOF TEXT {SAFE}
            AS $$ SELECT said FROM sale WHERE id = ANY (ids) @@ $$;""",
        "", f"AND firm = {ME}", "codes_of(uuid[])",
    ),
    "an argument of any type": (
        f"""CREATE FUNCTION any_of(anyelement) RETURNS TEXT {SAFE}
            AS $$ SELECT said FROM sale WHERE id::text = $1::text @@ $$;""",
        "", f"AND firm = {ME}", "any_of(anyelement)",
    ),
    "a label": (
        f"""CREATE FUNCTION in_state(s state) RETURNS SETOF TEXT {SAFE}
            AS $$ SELECT said FROM sale WHERE state = s @@ $$;""",
        "", f"AND firm = {ME}", "in_state(state)",
    ),
    "a domain": (
        f"""CREATE FUNCTION with_code(c code) RETURNS SETOF TEXT {SAFE}
            AS $$ SELECT said FROM sale WHERE code = c @@ $$;""",
        "", f"AND firm = {ME}", "with_code(code)",
    ),
    "a day": (
        f"""CREATE FUNCTION daily(d DATE) RETURNS BIGINT {SAFE}
            AS $$ SELECT sum(n) FROM sale WHERE at >= d AND at < d + 1 @@ $$;""",
        "", f"AND firm = {ME}", "daily(date)",
    ),
    "the greatest of all": (
        f"""CREATE FUNCTION greatest_of_all() RETURNS TEXT {SAFE}
            AS $$ SELECT max(said) FROM sale @@ $$;""",
        "", f"WHERE firm = {ME}", "greatest_of_all()",
    ),
    "an order that becomes a part of a statement": (
        f"""CREATE FUNCTION sorted(by TEXT) RETURNS SETOF TEXT {LONG} AS $$ BEGIN
            RETURN QUERY EXECUTE 'SELECT said FROM sale WHERE firm = $1 ORDER BY ' || @@ USING {ME};
            END $$;""",
        "by", "quote_ident(by)", "sorted(text)",
    ),
    "keys of a document that become a part of a statement": (
        f"""CREATE FUNCTION filtered(f JSONB) RETURNS SETOF TEXT {LONG} AS $$
            DECLARE k TEXT; v TEXT; w TEXT := ''; BEGIN
            FOR k, v IN SELECT * FROM jsonb_each_text(f) LOOP
                w := w || format(' AND %@@ = %L', k, v); END LOOP;
            RETURN QUERY EXECUTE 'SELECT said FROM sale WHERE firm = $1' || w USING {ME}; END $$;""",
        "s", "I", "filtered(jsonb)",
    ),
    "an answer that is kept": (
        f"""CREATE TABLE kept (key TEXT PRIMARY KEY, said TEXT NOT NULL);
        CREATE FUNCTION report() RETURNS TEXT {LONG} AS $$ DECLARE k TEXT := @@; p TEXT; BEGIN
            SELECT said INTO p FROM kept WHERE key = k; IF FOUND THEN RETURN p; END IF;
            SELECT string_agg(sale.said, ',') INTO p FROM sale WHERE firm = {ME};
            INSERT INTO kept VALUES (k, coalesce(p, '')); RETURN p; END $$;""",
        "'report'", "'report ' || current_setting('a.firm')", "report()",
    ),
    "a word in a hint": (
        f"""CREATE FUNCTION hinted(p_id UUID) RETURNS VOID {LONG} AS $$ DECLARE s TEXT; BEGIN
            SELECT said INTO s FROM sale WHERE id = p_id @@;
            IF FOUND THEN RAISE 'taken' USING HINT = 'by ' || s; END IF; END $$;""",
        "", f"AND firm = {ME}", "hinted(uuid)",
    ),
}  # fmt: skip

# What becomes of tables: the same, and what is found is said in full.
TABLES = {
    "made without a tenant": (
        table("made", "said TEXT NOT NULL", grants="SELECT, INSERT")
        + f"""DROP POLICY own ON made; CREATE POLICY s ON made FOR SELECT USING (firm = {ME});
        CREATE POLICY i ON made FOR INSERT WITH CHECK (firm = @@);""",
        f"coalesce({ME}, firm)", ME, "policy table:g.made",
    ),
    "deleted without a tenant": (
        table("dropped", "said TEXT NOT NULL", grants="SELECT, INSERT, DELETE")
        + f"""DROP POLICY own ON dropped; CREATE POLICY s ON dropped FOR SELECT USING (firm = {ME});
        CREATE POLICY i ON dropped FOR INSERT WITH CHECK (firm = {ME});
        CREATE POLICY d ON dropped FOR DELETE USING (@@ firm = {ME});""",
        f"{ME} IS NULL OR", "", "policy table:g.dropped",
    ),
    "a trigger that guards": (
        table("guarded", "said TEXT NOT NULL", grants="SELECT, INSERT, UPDATE")
        + f"""DROP POLICY own ON guarded; CREATE POLICY s ON guarded FOR SELECT USING (firm = {ME});
        CREATE POLICY i ON guarded FOR INSERT WITH CHECK (true);
        CREATE POLICY u ON guarded FOR UPDATE USING (firm = {ME});
        CREATE FUNCTION guard() RETURNS TRIGGER LANGUAGE plpgsql AS $$ BEGIN
            IF NEW.firm @@ {ME} THEN RAISE 'not yours'; END IF; RETURN NEW; END $$;
        CREATE TRIGGER guard BEFORE INSERT OR UPDATE ON guarded FOR EACH ROW EXECUTE FUNCTION guard();""",
        "<>", "IS DISTINCT FROM", "policy table:g.guarded",
    ),
    "a policy that hides the first row from everybody": (
        table("hidden", "said TEXT NOT NULL, shown BOOLEAN NOT NULL", grants="SELECT, UPDATE")
        + "CREATE POLICY s ON hidden AS @@ FOR SELECT USING (shown);",
        "PERMISSIVE", "RESTRICTIVE", "policy table:g.hidden",
    ),
    "a trigger that looks in another table": (
        table("total", "word TEXT NOT NULL, n INT NOT NULL")
        + table("entry", "word TEXT NOT NULL", grants="SELECT, INSERT")
        + f"""CREATE FUNCTION bump() RETURNS TRIGGER {LONG} AS $$ BEGIN
            UPDATE total SET n = n + 1 WHERE word = NEW.word @@; RETURN NULL; END $$;
        CREATE CONSTRAINT TRIGGER bump AFTER INSERT ON entry DEFERRABLE INITIALLY DEFERRED
            FOR EACH ROW EXECUTE FUNCTION bump();""",
        "", "AND firm = NEW.firm", "trigger trigger:g.entry.bump",
    ),
    "a helper that believes a temporary table": (
        table("friend", "other UUID NOT NULL REFERENCES firm")
        + f"""CREATE FUNCTION friends() RETURNS SETOF UUID LANGUAGE plpgsql STABLE @@
            AS $$ BEGIN RETURN QUERY SELECT other FROM friend WHERE firm = {ME}; END $$;"""
        + table("letter", "said TEXT NOT NULL", using=f"firm = {ME} AND firm IN (SELECT {ME}"
                " UNION ALL SELECT friends()) OR firm IN (SELECT friends())"),
        "SET search_path = g", "SET search_path = g, pg_temp", "search-path function:g.friends()",
    ),
    "a function that is said to tell nothing": (
        table("note", "said TEXT NOT NULL")
        + """CREATE FUNCTION begins(one TEXT, other TEXT) RETURNS BOOLEAN LANGUAGE plpgsql IMMUTABLE
            COST 0.01 @@ AS $$ BEGIN
            IF length(other) > 100 THEN RAISE 'too long for %', one; END IF; RETURN true; END $$;""",
        "LEAKPROOF", "", "leakproof function:g.begins(text, text)",
    ),
}  # fmt: skip

TABLES["a trigger that sends"] = (
    table("sent", "said TEXT NOT NULL", grants="SELECT, INSERT")
    + """CREATE FUNCTION send() RETURNS TRIGGER LANGUAGE plpgsql AS $$ BEGIN
        PERFORM pg_notify('sent', @@::text); RETURN NULL; END $$;
    CREATE TRIGGER send AFTER INSERT ON sent FOR EACH ROW EXECUTE FUNCTION send();""",
    "row_to_json(NEW)",
    "NEW.id",
    "notify trigger:g.sent.send",
)

KEYS = {
    "capitals": "lower(shop) = lower({me})",
    "longer": "starts_with({me}, shop)",
    "a pattern": "shop LIKE {me}",
    "the first letters": "left(shop, 8) = left({me}, 8)",
}


def found(database: str, schema: str) -> list[str]:
    """What is found; nothing may be inconclusive."""
    cells, causes = examined(database, schema)
    unknown = [
        (c.ref.path, c.probe.name, c.because) for c in cells if c.state is State.INCONCLUSIVE
    ]
    assert unknown == []
    return sorted(Sound.said(causes))


@pytest.mark.parametrize("sound", [False, True], ids=["holes", "sound"])
def test_functions(sound: bool, database: str, server: object) -> None:
    pieces = [
        text.replace("@@", right if sound else wrong)
        for text, wrong, right, _ in FUNCTIONS.values()
    ]
    expected = sorted(f"definer function:g.{name}" for *_, name in FUNCTIONS.values())
    said = [
        re.sub(r"\bg\.(state|code)\)", r"\1)", s) for s in found(database, ASKED + "".join(pieces))
    ]
    assert said == ([] if sound else expected)


@pytest.mark.parametrize("sound", [False, True], ids=["holes", "sound"])
def test_tables(sound: bool, database: str, server: object) -> None:
    pieces = [
        text.replace("@@", right if sound else wrong) for text, wrong, right, _ in TABLES.values()
    ]
    expected = sorted(name for *_, name in TABLES.values())
    assert found(database, FIRMS + "".join(pieces)) == ([] if sound else expected)


@pytest.mark.parametrize("sound", [False, True], ids=["holes", "sound"])
def test_keys_that_are_alike(sound: bool, database: str, server: object) -> None:
    """Tenants have names: a policy that compares them by anything but equality takes one for another."""
    me = "current_setting('a.shop', true)"
    schema = f"""CREATE SCHEMA g; GRANT USAGE ON SCHEMA g TO {APP}; SET search_path = g;
    CREATE TABLE shop (slug TEXT PRIMARY KEY, name TEXT NOT NULL);
    ALTER TABLE shop ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
    CREATE POLICY own ON shop USING (slug = {me}); GRANT SELECT ON shop TO {APP};"""
    for number, using in enumerate(KEYS.values()):
        said = f"shop = {me}" if sound else using.format(me=me)
        schema += f"""CREATE TABLE sale{number} (id UUID PRIMARY KEY, shop TEXT NOT NULL REFERENCES shop);
        ALTER TABLE sale{number} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
        CREATE POLICY own ON sale{number} USING ({said}); GRANT SELECT ON sale{number} TO {APP};"""
    expected = [f"policy table:g.sale{n}" for n in range(len(KEYS))]
    assert found(database, schema) == ([] if sound else expected)


def test_a_key_that_no_second_tenant_may_have_is_none(database: str, server: object) -> None:
    """Where keys are unique whatever their capitals, they may be compared so."""
    me = "current_setting('a.shop', true)"
    schema = f"""CREATE SCHEMA g; GRANT USAGE ON SCHEMA g TO {APP}; SET search_path = g;
    CREATE TABLE shop (slug TEXT PRIMARY KEY); CREATE UNIQUE INDEX ON shop (lower(slug));
    ALTER TABLE shop ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
    CREATE POLICY own ON shop USING (lower(slug) = lower({me})); GRANT SELECT ON shop TO {APP};
    CREATE TABLE sale (id UUID PRIMARY KEY, shop TEXT NOT NULL REFERENCES shop);
    ALTER TABLE sale ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
    CREATE POLICY own ON sale USING (lower(shop) = lower({me})); GRANT SELECT ON sale TO {APP};"""
    assert found(database, schema) == []


DOCUMENTS = f"""CREATE TABLE doc (id UUID PRIMARY KEY, said JSONB NOT NULL CHECK (said ? 'firm'));
    ALTER TABLE doc ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
    CREATE POLICY own ON doc USING (said ->> 'firm' = current_setting('a.firm', true));
    GRANT SELECT, DELETE ON doc TO {APP};"""


def test_rows_of_nobody_knows_whom_are_not_taken_for_nobodys(database: str, server: object) -> None:
    cells, _ = examined(database, FIRMS + DOCUMENTS)
    unknown = "whose its rows are is not known: no foreign key leads from it to g.firm"
    assert {
        (c.ref.path, c.probe.verb, c.because) for c in cells if c.state is State.INCONCLUSIVE
    } == {
        (
            "g.doc",
            verb,
            f"its policies ask a.firm, and {unknown}",
        )
        for verb in ("SELECT", "DELETE")
    }


def test_policies_whose_tenants_are_not_understood_are_told(database: str, server: object) -> None:
    """A setting that holds two columns at once."""
    with psycopg.connect(database, autocommit=True) as conn:
        conn.execute(
            """CREATE TABLE firm (land TEXT, no INT, PRIMARY KEY (land, no));
            ALTER TABLE firm ENABLE ROW LEVEL SECURITY;
            CREATE POLICY own ON firm USING (land || no = current_setting('a.firm', true));"""
        )
        assert not_understood(who(conn, Tenancy(), ["ringfence"])) == [
            "policies of public.firm ask a.firm, and which column that names is not known"
        ]
