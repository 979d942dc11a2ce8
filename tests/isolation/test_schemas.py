"""Whole schemas, each with a tenancy of its own: one hole is found alone, none is not found."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
import pytest

from isolation.support import APP, Sound, count, roles
from ringfence.config import Tenancy
from ringfence.isolation import everything, prepare, who
from ringfence.isolation.causes import Sorter, deletes
from ringfence.isolation.judge import State

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ringfence.isolation import Cell
    from ringfence.isolation.causes import Cause

FIRM = "nullif(current_setting('a.firm', true), '')::int"

BASE = f"""
CREATE SCHEMA "Odd ""Shop";
GRANT USAGE ON SCHEMA "Odd ""Shop" TO {APP};
SET search_path = "Odd ""Shop";
CREATE TABLE firm (id INT PRIMARY KEY, name TEXT NOT NULL);
CREATE TABLE "no""te" (
    id UUID PRIMARY KEY DEFAULT gen_random_uuid(), "fi rm" INT NOT NULL REFERENCES firm,
    said TEXT NOT NULL
);
ALTER TABLE firm ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE "no""te" ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON firm USING (id = {FIRM});
CREATE POLICY own ON "no""te" FOR ALL USING ("fi rm" = {FIRM});
GRANT SELECT ON firm TO {APP};
GRANT SELECT, INSERT, UPDATE, DELETE ON "no""te" TO {APP};
"""

CLAIMS = """CREATE FUNCTION claims() RETURNS JSONB LANGUAGE sql STABLE
AS $$ SELECT coalesce(nullif(current_setting('a.claims', true), ''), '{}')::jsonb $$;"""

UNLISTED = f"""DROP TABLE "no""te", firm;
CREATE TABLE item (id UUID PRIMARY KEY, firm TEXT NOT NULL, said TEXT NOT NULL, UNIQUE (firm, id));
CREATE TABLE part (
    id UUID PRIMARY KEY, firm TEXT NOT NULL, item UUID NOT NULL CONSTRAINT part_item_fkey REFERENCES item
);
ALTER TABLE item ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE part ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON item USING (firm = current_setting('a.firm', true));
CREATE POLICY own ON part USING (firm = current_setting('a.firm', true));
GRANT SELECT, INSERT, UPDATE, DELETE ON item, part TO {APP};"""

SCHEMAS = {
    "nothing to find": ("", []),
    "a child that inherits, asked itself": (
        f"""CREATE TABLE special (worth INT) INHERITS ("no""te");
        GRANT SELECT ON special TO {APP};""",
        ['row-security-off table:"Odd ""Shop".special'],
    ),
    "a child that inherits, bound itself": (
        f"""CREATE TABLE special (worth INT, PRIMARY KEY (id)) INHERITS ("no""te");
        GRANT SELECT, UPDATE ON special TO {APP};
        ALTER TABLE special ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
        CREATE POLICY own ON special USING ("fi rm" = {FIRM});""",
        [],
    ),
    "tenants that no table lists": (
        f"""{UNLISTED}
        ALTER TABLE part ADD UNIQUE (firm, id),
            ADD FOREIGN KEY (firm, item) REFERENCES item (firm, id),
            DROP CONSTRAINT part_item_fkey;""",
        [],
    ),
    "tenants that no table lists, a way across and a table left open": (
        f"""{UNLISTED}
        ALTER TABLE item DISABLE ROW LEVEL SECURITY;""",
        [
            'row-security-off table:"Odd ""Shop".item',
            'foreign-key constraint:"Odd ""Shop".part.part_item_fkey',
        ],
    ),
    "tenants that no table lists, seen through a view": (
        f"""{UNLISTED}
        DROP TABLE part;
        CREATE VIEW items AS SELECT id, firm AS of, said FROM item WHERE firm = current_setting('a.firm');
        GRANT SELECT, UPDATE ON items TO {APP};""",
        ['view-owner-rights view:"Odd ""Shop".items'],
    ),
    "tenants that no table lists, and a row that may be given away": (
        f"""{UNLISTED}
        ALTER POLICY own ON item USING (firm = current_setting('a.firm', true)) WITH CHECK (true);
        DROP TABLE part;""",
        ['policy table:"Odd ""Shop".item'],
    ),
    "a token's claims": (
        f"""{CLAIMS}
        ALTER POLICY own ON firm USING (id = (claims() -> 'app' ->> 'the firm')::int);
        ALTER POLICY own ON "no""te"
            USING ("fi rm" = ((SELECT claims()) -> 'app' ->> 'the firm')::int);""",
        [],
    ),
    "a token's claims, and a row that may be given away": (
        f"""{CLAIMS}
        ALTER POLICY own ON firm USING (id = (claims() #>> '{{app,the firm}}')::int);
        ALTER POLICY own ON "no""te" USING ("fi rm" = (claims() -> 'app' ->> 'the firm')::int)
            WITH CHECK (true);""",
        ['policy table:"Odd ""Shop"."no""te"'],
    ),
    "a session that remembers": (
        f"""CREATE FUNCTION firm_of() RETURNS INT LANGUAGE plpgsql AS $$
        DECLARE said TEXT := nullif(current_setting('a.firm', true), '');
        BEGIN
            IF said IS NULL THEN
                RETURN nullif(current_setting('a.last', true), '')::int;
            END IF;
            PERFORM set_config('a.last', said, false);
            RETURN said::int;
        END $$;
        ALTER POLICY own ON "no""te" USING ("fi rm" = firm_of());
        CREATE TABLE draft (id UUID PRIMARY KEY, firm INT REFERENCES firm NOT NULL, said TEXT);
        ALTER TABLE draft ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
        CREATE POLICY own ON draft USING (firm = firm_of());
        GRANT SELECT ON draft TO {APP};""",
        ['helper function:"Odd ""Shop".firm_of()'],
    ),
    "a counter that is set": (
        f"""CREATE SEQUENCE counted; GRANT USAGE, UPDATE ON SEQUENCE counted TO {APP};""",
        ['sequence sequence:"Odd ""Shop".counted', 'sequence-tells schema:"Odd ""Shop"'],
    ),
    "a table that is nobody's and everybody changes": (
        f"""CREATE TABLE colour (code TEXT PRIMARY KEY);
        ALTER TABLE "no""te" ADD colour TEXT REFERENCES colour;
        GRANT SELECT, UPDATE, INSERT ON colour TO {APP};""",
        ['unscoped table:"Odd ""Shop".colour'],
    ),
    "a table that is nobody's and only read": (
        f"""CREATE TABLE colour (code TEXT PRIMARY KEY);
        ALTER TABLE "no""te" ADD colour TEXT REFERENCES colour;
        GRANT SELECT ON colour TO {APP};""",
        [],
    ),
    "large objects": (
        """ALTER TABLE "no""te" ADD scan OID;""",
        ['large-object column:"Odd ""Shop"."no""te".scan'],
    ),
    "a view of a superuser's with a rule": (
        f"""CREATE VIEW notes AS SELECT * FROM "no""te" WHERE "fi rm" = {FIRM};
        CREATE RULE gone AS ON DELETE TO notes DO INSTEAD DELETE FROM "no""te";
        GRANT SELECT, DELETE ON notes TO {APP};""",
        ['view-owner-rights view:"Odd ""Shop".notes'],
    ),
    "a trigger that writes what B has": (
        """CREATE FUNCTION same() RETURNS TRIGGER LANGUAGE plpgsql SECURITY DEFINER AS $$
        BEGIN
            IF pg_trigger_depth() = 1 THEN
                UPDATE "Odd ""Shop"."no""te" SET said = 'twice' WHERE said = NEW.said AND id <> NEW.id;
            END IF;
            RETURN NULL;
        END $$;
        CREATE TRIGGER same AFTER INSERT ON "no""te" FOR EACH ROW EXECUTE FUNCTION same();""",
        ['policy table:"Odd ""Shop"."no""te"'],
    ),
    "one partition of many that can be asked itself": (
        f"""CREATE TABLE visit (
            "fi rm" INT REFERENCES firm, region TEXT, at DATE, PRIMARY KEY ("fi rm", region, at)
        ) PARTITION BY LIST (region);
        CREATE TABLE visit_eu PARTITION OF visit FOR VALUES IN ('eu', 'uk');
        CREATE TABLE visit_us PARTITION OF visit FOR VALUES IN ('us') PARTITION BY RANGE (at);
        CREATE TABLE visit_us_1 PARTITION OF visit_us FOR VALUES FROM ('1990-01-01') TO ('1991-01-01');
        CREATE TABLE "visit us 2" PARTITION OF visit_us FOR VALUES FROM ('1995-01-01') TO ('1996-01-01');
        ALTER TABLE visit ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
        CREATE POLICY own ON visit USING ("fi rm" = {FIRM});
        GRANT SELECT, INSERT ON visit TO {APP};
        GRANT SELECT ON "visit us 2" TO {APP};""",
        ['partition table:"Odd ""Shop"."visit us 2"'],
    ),
    "a view with a column twice": (
        f"""CREATE VIEW notes AS SELECT id, id AS key, said FROM "no""te";
        ALTER VIEW notes OWNER TO ringfence_test_owner;
        GRANT USAGE ON SCHEMA "Odd ""Shop" TO ringfence_test_owner;
        GRANT SELECT, UPDATE, DELETE ON "no""te" TO ringfence_test_owner;
        GRANT SELECT, UPDATE, DELETE ON notes TO {APP};""",
        [],
    ),
    "a log that nobody minds": (
        f"""CREATE TABLE log (id BIGINT GENERATED ALWAYS AS IDENTITY, what TEXT);
        GRANT SELECT ON log TO {APP};
        CREATE FUNCTION note() RETURNS TRIGGER LANGUAGE plpgsql SECURITY DEFINER AS $$
        BEGIN INSERT INTO "Odd ""Shop".log (what) VALUES (NEW.said); RETURN NULL; END $$;
        CREATE TRIGGER note AFTER INSERT ON "no""te" FOR EACH ROW EXECUTE FUNCTION note();""",
        ['copy table:"Odd ""Shop".log'],
    ),
    "a log of what was changed, read through a view": (
        f"""CREATE TABLE log (id BIGINT GENERATED ALWAYS AS IDENTITY, what TEXT);
        CREATE VIEW logged AS SELECT what FROM log;
        GRANT SELECT ON logged TO {APP};
        CREATE FUNCTION note() RETURNS TRIGGER LANGUAGE plpgsql SECURITY DEFINER AS $$
        BEGIN INSERT INTO "Odd ""Shop".log (what) VALUES ('was ' || OLD.said); RETURN NULL; END $$;
        CREATE TRIGGER note AFTER UPDATE OR DELETE ON "no""te" FOR EACH ROW EXECUTE FUNCTION note();""",
        ['copy view:"Odd ""Shop".logged'],
    ),
    "a log that only counts": (
        f"""CREATE TABLE counted (day DATE PRIMARY KEY, n INT);
        GRANT SELECT ON counted TO {APP};
        CREATE FUNCTION note() RETURNS TRIGGER LANGUAGE plpgsql SECURITY DEFINER AS $$
        BEGIN
            INSERT INTO "Odd ""Shop".counted VALUES (current_date, 1)
            ON CONFLICT (day) DO UPDATE SET n = counted.n + 1;
            RETURN NULL;
        END $$;
        CREATE TRIGGER note AFTER INSERT ON "no""te" FOR EACH ROW EXECUTE FUNCTION note();""",
        [],
    ),
    "a trigger in a view's place that looks for the row by a key it was given": (
        f"""CREATE VIEW notes AS SELECT * FROM "no""te" WHERE "fi rm" = {FIRM};
        GRANT SELECT, UPDATE ON notes TO {APP};
        ALTER VIEW notes OWNER TO ringfence_test_owner;
        GRANT USAGE ON SCHEMA "Odd ""Shop" TO ringfence_test_owner;
        GRANT SELECT, INSERT, UPDATE, DELETE ON "no""te" TO ringfence_test_owner;
        CREATE FUNCTION put() RETURNS TRIGGER LANGUAGE plpgsql SECURITY DEFINER AS $$
        BEGIN UPDATE "Odd ""Shop"."no""te" SET said = NEW.said WHERE id = NEW.id; RETURN NEW; END $$;
        CREATE TRIGGER put INSTEAD OF UPDATE ON notes FOR EACH ROW EXECUTE FUNCTION put();""",
        ['view view:"Odd ""Shop".notes'],
    ),
    "a trigger in a view's place that looks for the row that was there": (
        f"""CREATE VIEW notes AS SELECT * FROM "no""te" WHERE "fi rm" = {FIRM};
        GRANT SELECT, UPDATE ON notes TO {APP};
        ALTER VIEW notes OWNER TO ringfence_test_owner;
        GRANT USAGE ON SCHEMA "Odd ""Shop" TO ringfence_test_owner;
        GRANT SELECT, INSERT, UPDATE, DELETE ON "no""te" TO ringfence_test_owner;
        CREATE FUNCTION put() RETURNS TRIGGER LANGUAGE plpgsql SECURITY DEFINER AS $$
        BEGIN UPDATE "Odd ""Shop"."no""te" SET said = NEW.said WHERE id = OLD.id; RETURN NEW; END $$;
        CREATE TRIGGER put INSTEAD OF UPDATE ON notes FOR EACH ROW EXECUTE FUNCTION put();""",
        [],
    ),
    "a setting that opens everything": (
        f"""ALTER POLICY own ON "no""te" USING (
            "fi rm" = {FIRM} OR current_setting('a.role', true) = 'the boss');""",
        ['second-setting table:"Odd ""Shop"."no""te"'],
    ),
    "a setting that a function asks": (
        f"""CREATE FUNCTION boss() RETURNS BOOLEAN LANGUAGE sql STABLE
        AS $$ SELECT coalesce(current_setting('a.boss', true), '')::text = 'on' $$;
        ALTER POLICY own ON "no""te" USING ("fi rm" = {FIRM} OR boss());""",
        ['second-setting table:"Odd ""Shop"."no""te"'],
    ),
    "a setting that closes more": (
        f"""ALTER POLICY own ON "no""te" USING (
            "fi rm" = {FIRM} AND coalesce(current_setting('a.locked', true), '') <> 'on');""",
        [],
    ),
    "rows that may be given away by who reads nothing": (
        f"""DROP POLICY own ON "no""te";
        CREATE POLICY s ON "no""te" FOR SELECT USING ("fi rm" = {FIRM});
        CREATE POLICY i ON "no""te" FOR INSERT WITH CHECK ("fi rm" = {FIRM});
        CREATE POLICY d ON "no""te" FOR DELETE USING ("fi rm" = {FIRM});
        CREATE POLICY u ON "no""te" FOR UPDATE USING ("fi rm" = {FIRM}) WITH CHECK (said <> '');""",
        ['policy table:"Odd ""Shop"."no""te"'],
    ),
    "rows that may be changed by who reads nothing": (
        f"""DROP POLICY own ON "no""te";
        CREATE POLICY s ON "no""te" FOR SELECT USING ("fi rm" = {FIRM});
        CREATE POLICY i ON "no""te" FOR INSERT WITH CHECK ("fi rm" = {FIRM});
        CREATE POLICY d ON "no""te" FOR DELETE USING ("fi rm" = {FIRM});
        CREATE POLICY u ON "no""te" FOR UPDATE USING (true) WITH CHECK ("fi rm" = {FIRM});""",
        ['policy table:"Odd ""Shop"."no""te"'],
    ),
    "a policy for each verb, all of them sound": (
        f"""DROP POLICY own ON "no""te";
        CREATE POLICY s ON "no""te" FOR SELECT USING ("fi rm" = {FIRM});
        CREATE POLICY i ON "no""te" FOR INSERT WITH CHECK ("fi rm" = {FIRM});
        CREATE POLICY d ON "no""te" FOR DELETE USING ("fi rm" = {FIRM});
        CREATE POLICY u ON "no""te" FOR UPDATE USING ("fi rm" = {FIRM});""",
        [],
    ),
    "two ways to one row that need not agree": (
        f"""CREATE TABLE box (id INT, "fi rm" INT REFERENCES firm, PRIMARY KEY ("fi rm", id));
        CREATE TABLE shelf (id INT, "fi rm" INT, box INT NOT NULL, PRIMARY KEY ("fi rm", id),
            FOREIGN KEY ("fi rm", box) REFERENCES box);
        CREATE TABLE thing (id INT, "fi rm" INT REFERENCES firm, box INT NOT NULL,
            shelf INT NOT NULL, PRIMARY KEY ("fi rm", id),
            FOREIGN KEY ("fi rm", box) REFERENCES box,
            FOREIGN KEY ("fi rm", shelf) REFERENCES shelf);
        ALTER TABLE box ENABLE ROW LEVEL SECURITY;
        CREATE POLICY own ON box USING ("fi rm" = {FIRM});
        ALTER TABLE shelf ENABLE ROW LEVEL SECURITY;
        CREATE POLICY own ON shelf USING ("fi rm" = {FIRM});
        ALTER TABLE thing ENABLE ROW LEVEL SECURITY;
        CREATE POLICY own ON thing USING ("fi rm" = {FIRM});
        GRANT SELECT, INSERT, UPDATE ON box, shelf, thing TO {APP};""",
        ['disagreement constraint:"Odd ""Shop".thing."thing_fi rm_shelf_fkey"'],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", SCHEMAS)
def test_what_there_is_is_found_and_nothing_else(name: str, database: str, server: object) -> None:
    more, expected = SCHEMAS[name]
    cells, causes = examined(database, BASE + more)
    assert Sound.said(causes) == expected
    assert [
        (c.ref.path, c.probe.name, c.because) for c in cells if c.state is State.INCONCLUSIVE
    ] == []
    assert count(cells, State.PASS) > 30


def examined(dsn: str, text: str) -> tuple[Sequence[Cell], list[Cause]]:
    """A database made so, and what is found in it."""
    with (
        psycopg.connect(dsn, autocommit=True) as connection,
        psycopg.connect(dsn, autocommit=True) as fresh,
    ):
        roles(connection)
        connection.execute(text.encode())
        connection.execute("RESET search_path")
        ground = prepare(
            connection, Tenancy(), who(connection, Tenancy(), ["ringfence"]), ["ringfence"]
        )
        ground.begin()
        cells = everything(ground.examiner(), fresh)
        causes = Sorter(ground, cells, deletes(ground)).sort()
        connection.rollback()
        return cells, causes
