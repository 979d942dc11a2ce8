"""Schemas made up for the laws: a pool of objects of every kind, each with a few definitions.

A world takes some of the pool's objects, each in one of its definitions, and what those need. Two
worlds of one pool share names, so the way from one to the other alters, replaces and drops under
dependents. Names are drawn too: `names` are what the objects are called.

In a definition `<x>` is the qualified name of object x, `<x.y>` the plain name of column y of x, and
`<~x>` the last part of x's name. What a definition names, it needs, but for the last.
"""

# ruff: noqa: ISC004 - a definition may go over lines
from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hypothesis import strategies as st

from ringfence.kinds._sql import ident

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

ROLES = ("law_one", 'law "two"')
"""The cluster's: they are called the same in every world."""

POOL: Mapping[str, Sequence[str]] = {
    "s1": ("CREATE SCHEMA <~s1>", "CREATE SCHEMA <~s1> AUTHORIZATION <~r1>"),
    "s2": ("CREATE SCHEMA <~s2>", "CREATE SCHEMA <~s2>; GRANT USAGE ON SCHEMA <~s2> TO <~r1>"),
    # types
    "e1": (
        "CREATE TYPE <e1> AS ENUM ('a', 'b')",
        "CREATE TYPE <e1> AS ENUM ('a', 'x y', 'b')",
        "CREATE TYPE <e1> AS ENUM ('b', 'a')",
        "CREATE TYPE <e1> AS ENUM ('a', 'c''d')",
    ),
    "d1": (
        "CREATE DOMAIN <d1> AS text",
        "CREATE DOMAIN <d1> AS text DEFAULT 'z' CONSTRAINT <~k1> CHECK (VALUE <> '')",
        "CREATE DOMAIN <d1> AS text CONSTRAINT <~k1> CHECK (length(VALUE) < 90)",
        "CREATE DOMAIN <d1> AS varchar(40) NOT NULL",
    ),
    "d2": (
        "CREATE DOMAIN <d2> AS <d1>",
        "CREATE DOMAIN <d2> AS <d1> CHECK (VALUE <> 'no')",
        "CREATE DOMAIN <d2> AS <e1>[]",
    ),
    "c1": (
        "CREATE TYPE <c1> AS (<~n1> integer, <~n2> text)",
        "CREATE TYPE <c1> AS (<~n1> bigint, <~n2> text, <~n3> <e1>)",
        "CREATE TYPE <c1> AS (<~n2> text)",
        'CREATE TYPE <c1> AS (<~n1> integer, <~n2> text COLLATE "C", <~n3> <d1>)',
    ),
    "g1": (
        "CREATE TYPE <g1> AS RANGE (SUBTYPE = integer)",
        "CREATE TYPE <g1> AS RANGE (SUBTYPE = float8, SUBTYPE_DIFF = float8mi)",
    ),
    "b1": ("CREATE COLLATION <b1> (LOCALE = 'C')", "CREATE COLLATION <b1> (LOCALE = 'POSIX')"),
    "g2": (
        'CREATE TYPE <g2> AS RANGE (SUBTYPE = text, COLLATION = "C", MULTIRANGE_TYPE_NAME = <g3>)',
        "CREATE TYPE <g2> AS RANGE (SUBTYPE = <c1>)",
        "CREATE TYPE <g2> AS RANGE (SUBTYPE = <d1>)",
    ),
    "bt": (
        "CREATE TYPE <bt>; CREATE FUNCTION <bti>(cstring) RETURNS <bt> LANGUAGE internal IMMUTABLE"
        " STRICT AS 'textin'; CREATE FUNCTION <bto>(<bt>) RETURNS cstring LANGUAGE internal"
        " IMMUTABLE STRICT AS 'textout'; CREATE TYPE <bt> (INPUT = <bti>, OUTPUT = <bto>, LIKE = text)",
        "CREATE TYPE <bt>; CREATE FUNCTION <bti>(cstring) RETURNS <bt> LANGUAGE internal IMMUTABLE"
        " STRICT AS 'textin'; CREATE FUNCTION <bto>(<bt>) RETURNS cstring LANGUAGE internal"
        " IMMUTABLE STRICT AS 'textout'; CREATE TYPE <bt> (INPUT = <bti>, OUTPUT = <bto>,"
        " STORAGE = extended, CATEGORY = 'S', DELIMITER = ';')",
        "CREATE TYPE <bt>",
    ),
    # sequences and routines that need no table
    "q1": (
        "CREATE SEQUENCE <q1>",
        "CREATE SEQUENCE <q1> AS integer INCREMENT 5 MINVALUE 5 CACHE 3 CYCLE",
        "CREATE UNLOGGED SEQUENCE <q1> MAXVALUE 900",
    ),
    "f1": (
        "CREATE FUNCTION <f1>(integer) RETURNS integer IMMUTABLE LANGUAGE sql AS 'SELECT $1'",
        "CREATE FUNCTION <f1>(integer) RETURNS integer IMMUTABLE STRICT LANGUAGE sql"
        " AS 'SELECT $1 + 1'",
        "CREATE FUNCTION <f1>(<~n1> integer) RETURNS integer IMMUTABLE PARALLEL SAFE COST 7"
        " LANGUAGE sql RETURN <~n1> * 2",
        "CREATE FUNCTION <f1>(integer, text DEFAULT 'x') RETURNS integer IMMUTABLE LANGUAGE sql"
        " AS 'SELECT $1'",
    ),
    "f2": (
        "CREATE FUNCTION <f2>() RETURNS text LANGUAGE sql AS $$SELECT 'a'::text$$",
        "CREATE FUNCTION <f2>() RETURNS text LANGUAGE plpgsql STABLE SECURITY DEFINER"
        " SET search_path = pg_catalog, public AS $$BEGIN RETURN 'b'; END$$",
        "CREATE FUNCTION <f2>() RETURNS varchar LANGUAGE sql AS $$SELECT 'c'::varchar$$",
    ),
    "f3": (
        "CREATE FUNCTION <f3>() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RETURN NEW; END$$",
        "CREATE FUNCTION <f3>() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RETURN NULL; END$$",
    ),
    "f4": (
        "CREATE FUNCTION <f4>(<e1>, VARIADIC <c1>[]) RETURNS <d1> LANGUAGE sql AS 'SELECT NULL'",
        "CREATE FUNCTION <f4>(<e1>, VARIADIC <c1>[]) RETURNS TABLE (<~n1> <e1>, <~n2> text)"
        " LANGUAGE sql AS 'SELECT NULL, NULL'",
        "CREATE PROCEDURE <f4>(<e1>, INOUT <~n1> integer) LANGUAGE sql AS 'SELECT $2'",
    ),
    "a1": (
        "CREATE AGGREGATE <a1>(integer) (SFUNC = int4larger, STYPE = integer)",
        "CREATE AGGREGATE <a1>(integer) (SFUNC = int4pl, STYPE = integer, INITCOND = '0')",
    ),
    "o1": (
        "CREATE OPERATOR <so>.@=@ (LEFTARG = integer, RIGHTARG = integer, FUNCTION = int4pl)",
        "CREATE OPERATOR <so>.@=@ (LEFTARG = integer, RIGHTARG = integer, FUNCTION = int4eq,"
        " COMMUTATOR = OPERATOR(<so>.@=@), RESTRICT = eqsel)",
    ),
    "x1": (
        "CREATE CAST (<c1> AS <g1>) WITH INOUT",
        "CREATE CAST (<c1> AS <g1>) WITH INOUT AS ASSIGNMENT",
    ),
    "ts": (
        "CREATE TEXT SEARCH CONFIGURATION <ts> (COPY = pg_catalog.simple)",
        "CREATE TEXT SEARCH CONFIGURATION <ts> (COPY = pg_catalog.english)",
    ),
    "td": (
        "CREATE TEXT SEARCH DICTIONARY <td> (TEMPLATE = pg_catalog.simple)",
        "CREATE TEXT SEARCH DICTIONARY <td> (TEMPLATE = pg_catalog.simple, ACCEPT = false)",
    ),
    "ts map": ("ALTER TEXT SEARCH CONFIGURATION <ts> ALTER MAPPING FOR asciiword WITH <td>",),
    "tt": ("CREATE TEXT SEARCH TEMPLATE <tt> (LEXIZE = dsimple_lexize)",),
    "tp": (
        "CREATE TEXT SEARCH PARSER <tp> (START = prsd_start, GETTOKEN = prsd_nexttoken,"
        " END = prsd_end, LEXTYPES = prsd_lextype)",
        "CREATE TEXT SEARCH PARSER <tp> (START = prsd_start, GETTOKEN = prsd_nexttoken,"
        " END = prsd_end, LEXTYPES = prsd_lextype, HEADLINE = prsd_headline)",
    ),
    "fw": (
        "CREATE FUNCTION <fw>() RETURNS bigint WINDOW LANGUAGE internal AS 'window_row_number'",
        "CREATE FUNCTION <fw>() RETURNS bigint LANGUAGE sql AS 'SELECT 1::bigint'",
    ),
    "of": ("CREATE OPERATOR FAMILY <of> USING btree", "CREATE OPERATOR FAMILY <of> USING hash"),
    "oc": (
        "CREATE OPERATOR CLASS <oc> FOR TYPE integer USING btree FAMILY <of> AS OPERATOR 3 =,"
        " FUNCTION 1 btint4cmp(integer, integer)",
        "CREATE OPERATOR CLASS <oc> FOR TYPE integer USING btree AS OPERATOR 3 =,"
        " FUNCTION 1 btint4cmp(integer, integer)",
    ),
    "of member": (
        "ALTER OPERATOR FAMILY <of> USING btree ADD OPERATOR 1 < (integer, bigint),"
        " FUNCTION 1 btint48cmp(integer, bigint)",
    ),
    "x2": (
        "CREATE CAST (<e1> AS <g1>) WITH INOUT",
        "CREATE CAST (<e1> AS <g1>) WITH INOUT AS IMPLICIT",
    ),
    "am": (
        "CREATE ACCESS METHOD <~am> TYPE TABLE HANDLER heap_tableam_handler",
        "CREATE ACCESS METHOD <~am> TYPE INDEX HANDLER bthandler",
    ),
    "cv": (
        "CREATE CONVERSION <cv> FOR 'LATIN1' TO 'UTF8' FROM iso8859_1_to_utf8",
        "CREATE DEFAULT CONVERSION <cv> FOR 'LATIN1' TO 'UTF8' FROM iso8859_1_to_utf8",
    ),
    "la": (
        "CREATE LANGUAGE <~la> HANDLER plpgsql_call_handler VALIDATOR plpgsql_validator",
        "CREATE TRUSTED LANGUAGE <~la> HANDLER plpgsql_call_handler INLINE plpgsql_inline_handler",
    ),
    "fl": (
        "CREATE FUNCTION <fl>() RETURNS integer LANGUAGE <~la> AS 'BEGIN RETURN 1; END'<?la>",
        "CREATE PROCEDURE <fl>() LANGUAGE <~la> AS 'BEGIN END'<?la>",
    ),
    "tf": (
        "CREATE TRANSFORM FOR <c1> LANGUAGE sql (FROM SQL WITH FUNCTION prsd_lextype(internal))",
        "CREATE TRANSFORM FOR <e1> LANGUAGE plpgsql"
        " (FROM SQL WITH FUNCTION prsd_lextype(internal))",
    ),
    "ef": (
        "CREATE FUNCTION <ef>() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END'",
        "CREATE FUNCTION <ef>() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN RETURN; END'",
    ),
    "et": (
        "CREATE EVENT TRIGGER <~et> ON ddl_command_end EXECUTE FUNCTION <ef>()",
        "CREATE EVENT TRIGGER <~et> ON sql_drop WHEN TAG IN ('DROP TABLE', 'DROP VIEW')"
        " EXECUTE FUNCTION <ef>()",
        "CREATE EVENT TRIGGER <~et> ON ddl_command_end EXECUTE FUNCTION <ef>();"
        " ALTER EVENT TRIGGER <~et> DISABLE",
    ),
    "fd": (
        "CREATE FOREIGN DATA WRAPPER <~fd>",
        "CREATE FOREIGN DATA WRAPPER <~fd> OPTIONS (a '1', \"B c\" 'it''s')",
    ),
    "sv": (
        "CREATE SERVER <~sv> FOREIGN DATA WRAPPER <~fd><?fd>",
        "CREATE SERVER <~sv> TYPE 't' VERSION '2' FOREIGN DATA WRAPPER <~fd> OPTIONS (h 'x')<?fd>",
    ),
    "um": (
        "CREATE USER MAPPING FOR <~r1> SERVER <~sv><?sv>",
        "CREATE USER MAPPING FOR PUBLIC SERVER <~sv> OPTIONS (u 'x')<?sv>",
    ),
    # tables, column by column
    "t1": (
        "CREATE TABLE <t1> ()",
        "CREATE UNLOGGED TABLE <t1> ()",
        "CREATE TABLE <t1> () WITH (fillfactor = 70, autovacuum_enabled = off)",
    ),
    "t1.a": (
        "ALTER TABLE <t1> ADD <t1.a> integer",
        "ALTER TABLE <t1> ADD <t1.a> bigint NOT NULL",
        "ALTER TABLE <t1> ADD <t1.a> integer GENERATED BY DEFAULT AS IDENTITY",
        "ALTER TABLE <t1> ADD <t1.a> bigint GENERATED ALWAYS AS IDENTITY (START 7 CACHE 2)",
        "ALTER TABLE <t1> ADD <t1.a> serial",
    ),
    "t1.b": (
        "ALTER TABLE <t1> ADD <t1.b> text",
        'ALTER TABLE <t1> ADD <t1.b> varchar(30) COLLATE "C" NOT NULL',
        "ALTER TABLE <t1> ADD <t1.b> <d1>",
        "ALTER TABLE <t1> ADD <t1.b> text COLLATE <b1>",
        "ALTER TABLE <t1> ADD <t1.b> text; ALTER TABLE <t1> ALTER <t1.b> SET STORAGE EXTERNAL,"
        " ALTER <t1.b> SET STATISTICS 77, ALTER <t1.b> SET COMPRESSION pglz",
    ),
    "t1.c": (
        "ALTER TABLE <t1> ADD <t1.c> <e1>",
        "ALTER TABLE <t1> ADD <t1.c> <e1> NOT NULL DEFAULT 'a'",
        "ALTER TABLE <t1> ADD <t1.c> <e1>[]",
    ),
    "t1.d": (
        "ALTER TABLE <t1> ADD <t1.d> timestamptz",
        "ALTER TABLE <t1> ADD <t1.d> timestamptz DEFAULT now() NOT NULL",
        "ALTER TABLE <t1> ADD <t1.d> date",
    ),
    "t1.e": (
        "ALTER TABLE <t1> ADD <t1.e> integer GENERATED ALWAYS AS (<t1.a> + 1) STORED",
        "ALTER TABLE <t1> ADD <t1.e> integer GENERATED ALWAYS AS (<f1>(<t1.a>::integer)) STORED",
        "ALTER TABLE <t1> ADD <t1.e> integer",
        "ALTER TABLE <t1> ADD <t1.e> integer GENERATED ALWAYS AS (<t1.a> + 2) VIRTUAL",
    ),
    "t1.f": ("ALTER TABLE <t1> ADD <t1.f> <c1>", "ALTER TABLE <t1> ADD <t1.f> <g1>[]"),
    "t2": ("CREATE TABLE <t2> ()", "CREATE TABLE <t2> (LIKE <t1>)"),
    "t2.a": (
        "ALTER TABLE <t2> ADD <t2.a> integer NOT NULL",
        "ALTER TABLE <t2> ADD <t2.a> bigint",
        "ALTER TABLE <t2> ADD <t2.a> integer DEFAULT nextval('<q1>')",
    ),
    "t2.b": (
        "ALTER TABLE <t2> ADD <t2.b> jsonb",
        "ALTER TABLE <t2> ADD <t2.b> text",
        "ALTER TABLE <t2> ADD <t2.b> <d2>",
        "ALTER TABLE <t2> ADD <t2.b> <bt>",
        "ALTER TABLE <t2> ADD <t2.b> <g2>",
    ),
    "t2.c": ("ALTER TABLE <t2> ADD <t2.c> numeric(9,2)", "ALTER TABLE <t2> ADD <t2.c> numeric"),
    "t3": (
        "CREATE TABLE <t3> () INHERITS (<t1>)",
        "CREATE TABLE <t3> ()",
        "CREATE TABLE <t3> () INHERITS (<t1>, <t2>)",
    ),
    "t3.z": ("ALTER TABLE <t3> ADD <t3.z> text", "ALTER TABLE <t3> ADD <t3.z> <e1>"),
    "p1": (
        "CREATE TABLE <p1> (<~n1> integer, <~n2> text) PARTITION BY RANGE (<~n1>)",
        "CREATE TABLE <p1> (<~n1> integer NOT NULL, <~n2> <e1>) PARTITION BY RANGE (<~n1>)",
        "CREATE TABLE <p1> (<~n1> integer, <~n2> text) PARTITION BY LIST (<~n1>)",
        "CREATE TABLE <p1> (<~n1> integer, <~n2> text) PARTITION BY HASH (<~n1>)",
    ),
    "pa": (
        "CREATE TABLE <pa> PARTITION OF <p1> DEFAULT",
        "CREATE TABLE <pa> (<~n1> integer, <~n2> text)",
        "CREATE TABLE <pa> PARTITION OF <p1> (<~n2> NOT NULL) DEFAULT",
        "CREATE TABLE <pa> PARTITION OF <p1> FOR VALUES WITH (MODULUS 4, REMAINDER 1)",
    ),
    "pb": (
        "CREATE TABLE <pb> PARTITION OF <p1> FOR VALUES FROM (1) TO (2)",
        "CREATE TABLE <pb> PARTITION OF <p1> FOR VALUES FROM (1) TO (9)",
        "CREATE TABLE <pb> PARTITION OF <p1> FOR VALUES IN (1, 3)",
        "CREATE TABLE <pb> PARTITION OF <p1> FOR VALUES FROM (0) TO (9) PARTITION BY HASH (<~n1>)",
        "CREATE TABLE <pb> PARTITION OF <p1> FOR VALUES WITH (MODULUS 2, REMAINDER 0)",
        "CREATE TABLE <pb> PARTITION OF <p1> FOR VALUES WITH (MODULUS 4, REMAINDER 0)",
    ),
    "pc": (
        "CREATE TABLE <pc> PARTITION OF <pb> FOR VALUES WITH (MODULUS 1, REMAINDER 0)",
        "CREATE TABLE <pc> (<~n1> integer, <~n2> text)",
    ),
    "t4": (
        "CREATE TABLE <t4> (<~n1> integer, <~n2> <bt>)",
        "CREATE TABLE <t4> (<~n1> integer, <~n2> <g2>) USING <~am><?am>",
        "CREATE TABLE <t4> (<~n1> numeric, <~n2> <g2>[])",
    ),
    "ft": (
        "CREATE FOREIGN TABLE <ft> (<~n1> integer, <~n2> text OPTIONS (c 'd')) SERVER <~sv><?sv>",
        "CREATE FOREIGN TABLE <ft> (<~n1> bigint NOT NULL, <~n2> <e1>,"
        " CONSTRAINT <~kf> CHECK (<~n1> > 0)) SERVER <~sv> OPTIONS (t 'x')<?sv>",
        "CREATE FOREIGN TABLE <ft> (<~n1> integer) INHERITS (<t1>) SERVER <~sv><?sv>",
        "CREATE FOREIGN TABLE <ft> (<~n1> integer) INHERITS (<t1>, <t2>) SERVER <~sv><?sv>",
        "CREATE FOREIGN TABLE <ft> PARTITION OF <p1> FOR VALUES FROM (20) TO (30) SERVER <~sv><?sv>",
    ),
    "t5": (
        "CREATE TABLE <t5> () INHERITS (<ft>)",
        "CREATE TABLE <t5> () INHERITS (<t3>)",
        "CREATE TABLE <t5> () INHERITS (<t3>, <ft>)",
    ),
    "y1": ("CREATE TABLE <y1> OF <c1>", "CREATE TABLE <y1> OF <c1> (<~n2> NOT NULL)"),
    # what hangs on columns
    "t1.b default": (
        "ALTER TABLE <t1> ALTER <t1.b> SET DEFAULT 'dflt'",
        "ALTER TABLE <t1> ALTER <t1.b> SET DEFAULT <f2>()",
    ),
    "q1 owned": ("ALTER SEQUENCE <q1> OWNED BY <t2>.<t2.a>",),
    "k t1 pk": (
        "ALTER TABLE <t1> ADD CONSTRAINT <~k2> PRIMARY KEY (<t1.a>)",
        "ALTER TABLE <t1> ADD CONSTRAINT <~k2> PRIMARY KEY (<t1.a>) INCLUDE (<t1.b>)",
        "ALTER TABLE <t1> ADD CONSTRAINT <~k2> UNIQUE (<t1.a>)",
    ),
    "k t2 pk": (
        "ALTER TABLE <t2> ADD CONSTRAINT <~k3> PRIMARY KEY (<t2.a>)",
        "ALTER TABLE <t2> ADD CONSTRAINT <~k3> UNIQUE (<t2.a>) DEFERRABLE",
    ),
    "k p1 pk": ("ALTER TABLE <p1> ADD CONSTRAINT <~k6> PRIMARY KEY (<~n1>)",),
    "k t1 check": (
        "ALTER TABLE <t1> ADD CONSTRAINT <~k4> CHECK (<t1.a> > 0)",
        "ALTER TABLE <t1> ADD CONSTRAINT <~k4> CHECK (<f1>(<t1.a>::integer) > 0) NOT VALID",
        "ALTER TABLE <t1> ADD CONSTRAINT <~k4> CHECK (<t1.b> IN ('a', 'b')) NO INHERIT",
        "ALTER TABLE <t1> ADD CONSTRAINT <~k4> CHECK (<t1.c>::text <> 'q')",
    ),
    "k t1 t2": (
        "ALTER TABLE <t1> ADD CONSTRAINT <~k5> FOREIGN KEY (<t1.a>) REFERENCES <t2> (<t2.a>)<?k t2 pk>",
        "ALTER TABLE <t1> ADD CONSTRAINT <~k5> FOREIGN KEY (<t1.a>) REFERENCES <t2> (<t2.a>)"
        " ON DELETE CASCADE NOT VALID<?k t2 pk>",
    ),
    "k t2 t1": (
        "ALTER TABLE <t2> ADD FOREIGN KEY (<t2.a>) REFERENCES <t1> (<t1.a>)"
        " DEFERRABLE INITIALLY DEFERRED<?k t1 pk>",
        "ALTER TABLE <t2> ADD FOREIGN KEY (<t2.a>) REFERENCES <t1> (<t1.a>) ON UPDATE CASCADE"
        "<?k t1 pk>",
    ),
    "k p1 t1": ("ALTER TABLE <p1> ADD FOREIGN KEY (<~n1>) REFERENCES <t1> (<t1.a>)<?k t1 pk>",),
    "k t2 excl": ("ALTER TABLE <t2> ADD CONSTRAINT <~k7> EXCLUDE (<t2.a> WITH =)",),
    "k t2 p1": (
        "ALTER TABLE <t2> ADD CONSTRAINT <~k10> FOREIGN KEY (<t2.a>) REFERENCES <p1> (<~n1>)"
        "<?k p1 pk>",
        "ALTER TABLE <t2> ADD CONSTRAINT <~k10> FOREIGN KEY (<t2.a>) REFERENCES <p1> (<~n1>)"
        " ON DELETE SET NULL (<t2.a>) NOT VALID<?k p1 pk>",
    ),
    "k t2 nulls": (
        "ALTER TABLE <t2> ADD CONSTRAINT <~k8> UNIQUE NULLS NOT DISTINCT (<t2.a>, <t2.c>)",
        "ALTER TABLE <t2> ADD CONSTRAINT <~k8> UNIQUE (<t2.c>) WITH (fillfactor = 50)",
    ),
    "k t2 named": ("ALTER TABLE <t2> ADD CONSTRAINT <~k9> NOT NULL <t2.c> NO INHERIT",),
    "k t1 null": (
        "ALTER TABLE <t1> ADD CONSTRAINT <~k12> NOT NULL <t1.b> NOT VALID",
        "ALTER TABLE <t1> ADD CONSTRAINT <~k12> NOT NULL <t1.b>",
    ),
    "k p1 check": ("ALTER TABLE <p1> ADD CONSTRAINT <~k11> CHECK (<~n1> IS NOT NULL)",),
    # indexes
    "i1": (
        "CREATE INDEX <~i1> ON <t1> (<t1.a>)",
        "CREATE UNIQUE INDEX <~i1> ON <t1> (<t1.a> DESC NULLS LAST) INCLUDE (<t1.b>)",
        "CREATE INDEX <~i1> ON <t1> ((<f1>(<t1.a>::integer)), <t1.b> text_pattern_ops)",
        "CREATE INDEX <~i1> ON <t1> USING hash (<t1.b>) WITH (fillfactor = 60)",
    ),
    "i2": (
        "CREATE INDEX <~i2> ON <t1> (<t1.c>) WHERE <t1.c> = 'a'",
        "CREATE INDEX <~i2> ON <t1> (lower(<t1.b>)) WHERE <t1.a> > 0",
        "CREATE INDEX <~i2> ON <t1> USING brin (<t1.d>)",
    ),
    "i3": (
        "CREATE INDEX <~i3> ON <p1> (<~n2>)",
        "CREATE INDEX <~i3> ON <p1> (<~n2>, <~n1>) WHERE <~n1> > 3",
    ),
    "i5": (
        "CREATE INDEX <~i5> ON <t2> (<t2.a> <oc>)",
        "CREATE UNIQUE INDEX <~i5> ON <t2> (<t2.a>) NULLS NOT DISTINCT",
        "CREATE INDEX <~i5> ON <t2> USING gin (to_tsvector('<ts>', <t2.b>::text))",
    ),
    "i6": (
        "CREATE INDEX <~i6> ON ONLY <p1> (<~n1>)",
        "CREATE INDEX <~i6> ON ONLY <p1> (<~n1>); CREATE INDEX <~i7> ON <pb> (<~n1>);"
        " ALTER INDEX <i6> ATTACH PARTITION <i7>",
    ),
    "t1 clustered": ("ALTER TABLE <t1> CLUSTER ON <~i1><?i1>",),
    "t1 identity": (
        "ALTER TABLE <t1> REPLICA IDENTITY FULL",
        "ALTER TABLE <t1> REPLICA IDENTITY NOTHING",
        "ALTER TABLE <t1> REPLICA IDENTITY USING INDEX <~i1><?i1>",
    ),
    # routines over tables, views
    "f5": (
        "CREATE FUNCTION <f5>() RETURNS SETOF <t1> LANGUAGE sql AS 'SELECT NULL'",
        "CREATE FUNCTION <f5>() RETURNS bigint LANGUAGE sql"
        " BEGIN ATOMIC SELECT count(<t1.a>) FROM <t1>; END",
        "CREATE FUNCTION <f5>(<t1>) RETURNS text LANGUAGE sql AS 'SELECT NULL'",
    ),
    "v1": (
        "CREATE VIEW <v1> AS SELECT <t1.a>, <t1.b> FROM <t1>",
        "CREATE VIEW <v1> AS SELECT <t1.b>, <t1.a>, <t1.c> FROM <t1>",
        "CREATE VIEW <v1> WITH (security_barrier) AS SELECT <t1.a>, <t1.b> FROM <t1>"
        " WHERE <t1.a> > 0 WITH LOCAL CHECK OPTION",
        "CREATE VIEW <v1> AS SELECT t.<t1.a>, u.<t2.b> AS <t1.b> FROM <t1> AS t"
        " JOIN <t2> AS u ON t.<t1.a> = u.<t2.a>",
    ),
    "v2": (
        "CREATE VIEW <v2> AS SELECT * FROM <v1>",
        "CREATE VIEW <v2> AS SELECT count(*) AS <~n1> FROM <v1>",
        "CREATE VIEW <v2> AS SELECT <f1>(1) AS <~n1>, <f2>() AS <~n2> FROM <v1>",
    ),
    "m1": (
        "CREATE MATERIALIZED VIEW <m1> AS SELECT <t1.b>, 1 AS <~n1> FROM <v1>",
        "CREATE MATERIALIZED VIEW <m1> AS SELECT <t1.b>, 1 AS <~n1> FROM <v1> WITH NO DATA",
        "CREATE MATERIALIZED VIEW <m1> AS SELECT <t1.a> AS <~n1> FROM <t1>",
    ),
    "i4": ("CREATE INDEX <~i4> ON <m1> (<~n1>)", "CREATE UNIQUE INDEX <~i4> ON <m1> (<~n1>)"),
    "v1 default": ("ALTER VIEW <v1> ALTER <t1.b> SET DEFAULT 'v'",),
    # what acts
    "g t1": (
        "CREATE TRIGGER <~tg> BEFORE INSERT ON <t1> FOR EACH ROW EXECUTE FUNCTION <f3>()",
        "CREATE TRIGGER <~tg> AFTER UPDATE OF <t1.b> ON <t1> FOR EACH ROW"
        " WHEN (OLD.<t1.b> IS DISTINCT FROM NEW.<t1.b>) EXECUTE FUNCTION <f3>('x')",
        "CREATE CONSTRAINT TRIGGER <~tg> AFTER DELETE ON <t1> DEFERRABLE FOR EACH ROW"
        " EXECUTE FUNCTION <f3>()",
        "CREATE TRIGGER <~tg> BEFORE INSERT ON <t1> FOR EACH ROW EXECUTE FUNCTION <f3>();"
        " ALTER TABLE <t1> DISABLE TRIGGER <~tg>",
    ),
    "g v1": (
        "CREATE TRIGGER <~tv> INSTEAD OF INSERT ON <v1> FOR EACH ROW EXECUTE FUNCTION <f3>()",
    ),
    "g p1": ("CREATE TRIGGER <~tp> AFTER INSERT ON <p1> FOR EACH ROW EXECUTE FUNCTION <f3>()",),
    "g t2": (
        "CREATE TRIGGER <~t2g> AFTER INSERT ON <t2> REFERENCING NEW TABLE AS nt"
        " FOR EACH STATEMENT EXECUTE FUNCTION <f3>()",
        "CREATE TRIGGER <~t2g> BEFORE TRUNCATE ON <t2> FOR EACH STATEMENT EXECUTE FUNCTION <f3>();"
        " ALTER TABLE <t2> ENABLE ALWAYS TRIGGER <~t2g>",
    ),
    "rls": (
        "ALTER TABLE <t1> ENABLE ROW LEVEL SECURITY",
        "ALTER TABLE <t1> ENABLE ROW LEVEL SECURITY; ALTER TABLE <t1> FORCE ROW LEVEL SECURITY",
    ),
    "po": (
        "CREATE POLICY <~po> ON <t1> USING (<t1.a> = 1)",
        "CREATE POLICY <~po> ON <t1> FOR INSERT TO <~r1>, <~r2> WITH CHECK (<t1.b> = <f2>())",
        "CREATE POLICY <~po> ON <t1> AS RESTRICTIVE FOR SELECT TO <~r1>"
        " USING (EXISTS (SELECT FROM <t2> WHERE <t2.a> = <t1.a>))",
    ),
    "ru": (
        "CREATE RULE <~ru> AS ON INSERT TO <t2> DO ALSO NOTIFY x",
        "CREATE RULE <~ru> AS ON UPDATE TO <t2> WHERE OLD.<t2.a> > 3 DO INSTEAD NOTHING",
    ),
    "ru v": (
        "CREATE RULE <~rv> AS ON INSERT TO <v1> DO INSTEAD INSERT INTO <t2> (<t2.a>) VALUES (1)",
        "CREATE RULE <~rv> AS ON DELETE TO <v1> DO INSTEAD DELETE FROM <t2>"
        " WHERE <t2>.<t2.a> = OLD.<t1.a>",
    ),
    "st": (
        "CREATE STATISTICS <st> ON <t1.a>, <t1.b> FROM <t1>",
        "CREATE STATISTICS <st> (mcv) ON <t1.a>, (lower(<t1.b>)) FROM <t1>",
        "CREATE STATISTICS <st> ON <t1.a>, <t1.b> FROM <t1>; ALTER STATISTICS <st> SET STATISTICS 33",
    ),
    "pu": (
        "CREATE PUBLICATION <~pu> FOR TABLE <t1>",
        "CREATE PUBLICATION <~pu> FOR TABLE ONLY <t2> WITH (publish = 'insert')",
        "CREATE PUBLICATION <~pu>",
        "CREATE PUBLICATION <~pu> FOR TABLE <t2> (<t2.a>) WHERE (<t2.a> > 3)",
        "CREATE PUBLICATION <~pu> FOR TABLES IN SCHEMA <~s1><?s1>",
        "CREATE PUBLICATION <~pu> FOR TABLE <p1> WITH (publish_via_partition_root)",
    ),
    "dp": (
        "ALTER DEFAULT PRIVILEGES FOR ROLE <~r1> IN SCHEMA <~s1> GRANT SELECT ON TABLES TO <~r2><?s1>",
        "ALTER DEFAULT PRIVILEGES FOR ROLE <~r1> REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC",
        "ALTER DEFAULT PRIVILEGES FOR ROLE <~r2> GRANT ALL ON SCHEMAS TO PUBLIC",
        "ALTER DEFAULT PRIVILEGES GRANT USAGE ON SEQUENCES TO <~r1>",
    ),
    # what is said of them
    "own t1": ("ALTER TABLE <t1> OWNER TO <~r1>", "ALTER TABLE <t1> OWNER TO <~r2>"),
    "own v2": ("ALTER VIEW <v2> OWNER TO <~r1>",),
    "own e1": ("ALTER TYPE <e1> OWNER TO <~r1>",),
    "own f1": ("ALTER FUNCTION <f1>(integer) OWNER TO <~r1>",),
    "own q1": ("ALTER SEQUENCE <q1> OWNER TO <~r2>",),
    "own s2": ("ALTER SCHEMA <~s2> OWNER TO <~r2><?s2>",),
    "own p1": ("ALTER TABLE <p1> OWNER TO <~r1>",),
    "own ts": ("ALTER TEXT SEARCH CONFIGURATION <ts> OWNER TO <~r1>",),
    "own sv": ("ALTER SERVER <~sv> OWNER TO <~r1><?sv>",),
    "own st": ("ALTER STATISTICS <st> OWNER TO <~r1>",),
    "gr q1": ("GRANT USAGE ON SEQUENCE <q1> TO <~r1>", "GRANT ALL ON SEQUENCE <q1> TO PUBLIC"),
    "gr d1": ("GRANT USAGE ON DOMAIN <d1> TO <~r1>", "REVOKE ALL ON DOMAIN <d1> FROM PUBLIC"),
    "gr la": ("GRANT USAGE ON LANGUAGE <~la> TO <~r1><?la>",),
    "gr fd": ("GRANT USAGE ON FOREIGN DATA WRAPPER <~fd> TO <~r2><?fd>",),
    "gr sv": ("GRANT USAGE ON FOREIGN SERVER <~sv> TO <~r1> WITH GRANT OPTION<?sv>",),
    "gr ft": ("GRANT SELECT (<~n1>) ON <ft> TO <~r1>", "GRANT ALL ON <ft> TO <~r2>"),
    "gr a1": ("REVOKE ALL ON FUNCTION <a1>(integer) FROM PUBLIC",),
    "gr t1": (
        "GRANT SELECT ON <t1> TO <~r1>",
        "GRANT SELECT, INSERT ON <t1> TO <~r1> WITH GRANT OPTION; GRANT UPDATE ON <t1> TO PUBLIC",
        "GRANT SELECT (<t1.b>), UPDATE (<t1.a>) ON <t1> TO <~r2>",
    ),
    "gr v1": ("GRANT SELECT ON <v1> TO <~r1>", "GRANT ALL ON <v1> TO <~r2>"),
    "gr f2": (
        "REVOKE ALL ON FUNCTION <f2>() FROM PUBLIC",
        "GRANT EXECUTE ON FUNCTION <f2>() TO <~r1>",
    ),
    "gr e1": ("REVOKE USAGE ON TYPE <e1> FROM PUBLIC", "GRANT USAGE ON TYPE <e1> TO <~r2>"),
    "co t1": ("COMMENT ON TABLE <t1> IS 'it''s'", "COMMENT ON TABLE <t1> IS E'two\\nlines'"),
    "co t1.b": ("COMMENT ON COLUMN <t1>.<t1.b> IS 'b'",),
    "co v1": ("COMMENT ON COLUMN <v1>.<t1.b> IS 'of a view'", "COMMENT ON VIEW <v1> IS 'view'"),
    "co k": ("COMMENT ON CONSTRAINT <~k2> ON <t1> IS 'key'<?k t1 pk>",),
    "co i1": ("COMMENT ON INDEX <i1> IS 'index'",),
    "co e1": ("COMMENT ON TYPE <e1> IS 'enum'",),
    "co f2": ("COMMENT ON FUNCTION <f2>() IS 'f'",),
    "co tg": ("COMMENT ON TRIGGER <~tg> ON <t1> IS 'trigger'<?g t1>",),
    "co po": ("COMMENT ON POLICY <~po> ON <t1> IS 'policy'<?po>",),
    "co s1": ("COMMENT ON SCHEMA <~s1> IS 'schema'<?s1>",),
    "co ft": ("COMMENT ON COLUMN <ft>.<~n1> IS 'far'", "COMMENT ON FOREIGN TABLE <ft> IS 'far'"),
    "co st": ("COMMENT ON STATISTICS <st> IS 'st'",),
    "co o1": ("COMMENT ON OPERATOR <so>.@=@ (integer, integer) IS 'o'<?o1>",),
    "co x1": ("COMMENT ON CAST (<c1> AS <g1>) IS 'x'<?x1>",),
    "co ru": ("COMMENT ON RULE <~ru> ON <t2> IS 'r'<?ru>",),
    "co a1": ("COMMENT ON AGGREGATE <a1>(integer) IS 'a'",),
    "co td": ("COMMENT ON TEXT SEARCH DICTIONARY <td> IS 't'",),
    "co et": ("COMMENT ON EVENT TRIGGER <~et> IS 'e'<?et>",),
    "co oc": ("COMMENT ON OPERATOR CLASS <oc> USING btree IS 'oc'",),
    "co c1": ("COMMENT ON COLUMN <c1>.<~n2> IS 'attribute'",),
    "co m1": ("COMMENT ON MATERIALIZED VIEW <m1> IS 'm'",),
    "co pb": ("COMMENT ON TABLE <pb> IS 'part'",),
    "co d1": ("COMMENT ON DOMAIN <d1> IS 'd'",),
}

_NAME = re.compile(r"<([?~]?)([^<>?~]+)>")

_SCHEMAS = {"t2": "s2", "v2": "s2", "d2": "s2", "e1": "s2", "q1": "s2", "f5": "s2", "pa": "s2"}


KEYS = sorted({*POOL} | {m[2] for texts in POOL.values() for t in texts for m in _NAME.finditer(t)})


def needs(key: str, definition: str) -> Iterator[str]:
    """What of the pool a definition of `key` needs."""
    for how, name in _NAME.findall(definition):
        if how != "~" and name != key and name in POOL:
            yield name
        if how == "" and name not in ("s1", "s2") and "." not in name:
            yield _SCHEMAS.get(name, "s1")
        if name == "so":
            yield "s1"


@dataclass(frozen=True)
class World:
    """Which objects there are, each in which of its definitions, and what they are called."""

    chosen: tuple[tuple[str, int], ...]
    names: tuple[tuple[str, str], ...]

    def statements(self) -> list[str]:
        """The SQL that makes it; what needs something that was not chosen is left out."""
        names = dict(self.names)

        def written(match: re.Match[str]) -> str:
            how, key = match.groups()
            if how == "?":
                return ""
            if key == "so":
                return ident(names["s1"])
            plain = ident(names[key])
            if how == "~" or "." in key:
                return plain
            return f"{ident(names[_SCHEMAS.get(key, 's1')])}.{plain}"

        chosen = dict(self.chosen)
        there: set[str] = set()
        made = []
        for key, definitions in POOL.items():
            if key not in chosen:
                continue
            definition = definitions[chosen[key] % len(definitions)]
            if all(needed in there for needed in needs(key, definition)):
                there.add(key)
                made.append(_NAME.sub(written, definition))
        return made


_RESERVED = ["select", "user", "order", "table", "group", "default", "all", "column", "primary"]
_ODD = ['we"ird', "a b", "ünï", "日本", "x.y", "it's", "$1", "A", "%s", "{x}", "\\", "(f)", "a,b", "--", "ÄÖ" * 8, "n" * 63, "é" * 31, ";", "/*", "0", "NULL", " lead"]  # fmt: skip

_IDENTIFIERS = st.one_of(
    st.sampled_from(_ODD + _RESERVED),
    st.text(
        st.characters(codec="utf-8", exclude_characters="\0", exclude_categories=["Cs"]),
        min_size=1,
        max_size=20,
    ).filter(lambda s: len(s.encode()) <= 63),
)


def _names(drawn: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """Names for every key, all different; those that were drawn for some, plain ones for others."""
    found: dict[str, str] = {"r1": ROLES[0], "r2": ROLES[1]}
    taken = set(found.values())
    waiting = list(drawn)
    for key in KEYS:
        if key in found:
            continue
        name = waiting.pop() if waiting else key.replace(" ", "_").replace(".", "_")
        while name in taken or name.startswith("pg_"):
            name = f"{name[:20]}_"
        taken.add(name)
        found[key] = name
    return tuple(found.items())


_MOST = max(map(len, POOL.values()))


@st.composite
def pairs(draw: st.DrawFn) -> tuple[World, World]:
    """Two worlds of one pool: the second is the first with some of its objects changed."""
    odd = draw(st.lists(_IDENTIFIERS, max_size=40, unique=True))
    names = _names(odd)
    first, second = [], []
    for key in POOL:
        one = draw(st.integers(0, _MOST))
        two = draw(st.integers(0, _MOST)) if draw(st.booleans()) else one
        # Nothing is what an example shrinks to.
        if one:
            first.append((key, one - 1))
        if two:
            second.append((key, two - 1))
    return World(tuple(first), names), World(tuple(second), names)
