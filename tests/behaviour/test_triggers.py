"""Triggers that make a difference, each to another statement, and those that make none."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg

from ringfence.behaviour import triggers
from ringfence.behaviour.rows import make
from ringfence.config import Tenancy

if TYPE_CHECKING:
    from ringfence.behaviour.triggers import Shown

SCHEMA = """
CREATE SCHEMA "we""ird";
SET search_path = "we""ird";
CREATE TABLE firm (id UUID PRIMARY KEY, name TEXT NOT NULL);
CREATE TABLE box (
    id UUID PRIMARY KEY, firm UUID NOT NULL REFERENCES firm, "a b" TEXT NOT NULL, label TEXT
);
CREATE TABLE lid (id UUID PRIMARY KEY, firm UUID NOT NULL REFERENCES firm, box_id UUID, said TEXT);
CREATE TABLE gone (id UUID);

CREATE FUNCTION fill() RETURNS trigger LANGUAGE plpgsql
AS $$ BEGIN NEW.label := coalesce(NEW.label, 'none'); RETURN NEW; END $$;
CREATE TRIGGER "fi""lls" BEFORE INSERT ON box FOR EACH ROW EXECUTE FUNCTION fill();
CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql
AS $$ BEGIN INSERT INTO "we""ird".gone VALUES (OLD.id); RETURN OLD; END $$;
CREATE TRIGGER keeps AFTER DELETE ON box FOR EACH ROW EXECUTE FUNCTION keep();
CREATE FUNCTION forget() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    UPDATE "we""ird".lid SET box_id = NULL WHERE box_id = OLD.id; RETURN NULL;
END $$;
CREATE TRIGGER forgets AFTER DELETE ON box FOR EACH ROW EXECUTE FUNCTION forget();
CREATE TABLE tape (id UUID PRIMARY KEY, box UUID NOT NULL REFERENCES box);
CREATE FUNCTION look() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF NEW.firm <> (SELECT firm FROM "we""ird".box WHERE id = NEW.box_id) THEN
        RAISE 'somebody else''s box';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER looks BEFORE UPDATE ON lid FOR EACH ROW EXECUTE FUNCTION look();
CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
CREATE TRIGGER idles BEFORE INSERT OR UPDATE ON lid FOR EACH ROW EXECUTE FUNCTION nothing();
CREATE TRIGGER disabled BEFORE INSERT ON lid FOR EACH ROW EXECUTE FUNCTION fill();
ALTER TABLE lid DISABLE TRIGGER disabled;
"""


def test_each_is_seen_at_work_by_what_it_changes(server: object, make_module_database: str) -> None:
    with psycopg.connect(make_module_database, autocommit=True) as connection:
        connection.execute(SCHEMA.encode())
        connection.execute("RESET search_path")
        rows = make(connection, Tenancy(root='"we""ird".firm'), [])
        found: dict[str, Shown | None] = {
            one.name: triggers.at_work(rows, one) for one in triggers.triggers(rows)
        }
        seen = {str(s.ref): s.unknown for s in triggers.look(rows)}
        enabled = connection.execute(
            "SELECT count(*) FROM pg_trigger WHERE tgenabled = 'O' AND NOT tgisinternal"
        ).fetchone()
        connection.rollback()
    shown = {name: one.statement.partition(" ")[0] for name, one in found.items() if one}
    assert shown == {'fi"lls': "INSERT", "keeps": "DELETE", "forgets": "DELETE", "looks": "UPDATE"}
    assert seen == {
        'trigger:"we""ird".box."fi""lls"': "",
        'trigger:"we""ird".box.forgets': "",
        'trigger:"we""ird".box.keeps': "",
        'trigger:"we""ird".lid.idles': "every statement tried does the same without it",
        'trigger:"we""ird".lid.looks': "",
    }
    # They are all as they were.
    assert enabled == (5,)
