CREATE SCHEMA "S""x";
CREATE TYPE mood AS ENUM ('sad', 'ok');
CREATE DOMAIN short AS varchar(5);
CREATE COLLATION nice (provider = libc, locale = 'C');
CREATE TABLE "S""x"."T t" (
    id integer, name varchar(9), "select" text, letters char(3), feeling mood, feelings mood[], tags text[],
    d short, c text COLLATE "C", n text COLLATE nice, span int4range, spans int4multirange, moment timestamptz,
    amount numeric(9, 2), flag boolean, words tsvector, doc jsonb, place inet, bits varbit, gone integer, "Été ""x""" uuid
);
ALTER TABLE "S""x"."T t" DROP COLUMN gone;
CREATE TABLE whole (id integer, day date) PARTITION BY RANGE (day);
CREATE TABLE part PARTITION OF whole FOR VALUES FROM ('2020-01-01') TO ('2021-01-01');
CREATE MATERIALIZED VIEW seen AS SELECT id, day FROM whole;
CREATE INDEX i01 ON "S""x"."T t" (id, name DESC, "select" NULLS FIRST, letters DESC NULLS LAST);
CREATE UNIQUE INDEX "I ""2" ON "S""x"."T t" ("Été ""x""") INCLUDE ("select", doc, amount);
CREATE INDEX i03 ON "S""x"."T t" (feeling);
CREATE INDEX i04 ON "S""x"."T t" (feelings);
CREATE INDEX i05 ON "S""x"."T t" USING gin (tags, feelings);
CREATE INDEX i06 ON "S""x"."T t" (d);
CREATE INDEX i07 ON "S""x"."T t" (c);
CREATE INDEX i08 ON "S""x"."T t" (c COLLATE "default");
CREATE INDEX i09 ON "S""x"."T t" (n, name COLLATE nice);
CREATE INDEX i10 ON "S""x"."T t" (span, spans);
CREATE INDEX i11 ON "S""x"."T t" USING gist (span);
CREATE INDEX i12 ON "S""x"."T t" USING gin (words) WHERE flag AND "select" <> ' WHERE ';
CREATE INDEX i13 ON "S""x"."T t" USING gin (doc);
CREATE INDEX i14 ON "S""x"."T t" USING gin (doc jsonb_path_ops);
CREATE INDEX i15 ON "S""x"."T t" (name varchar_pattern_ops);
CREATE INDEX i16 ON "S""x"."T t" (name varchar_ops, letters bpchar_pattern_ops);
CREATE INDEX i17 ON "S""x"."T t" USING hash (name) WITH (fillfactor = 50) WHERE id > 0;
CREATE INDEX i18 ON "S""x"."T t" USING gist (place inet_ops);
CREATE INDEX i19 ON "S""x"."T t" USING brin (moment) WITH (pages_per_range = 8);
CREATE INDEX i20 ON "S""x"."T t" (bits, moment, flag);
CREATE INDEX i21 ON "S""x"."T t" ((id + 1), name);
CREATE INDEX i22 ON "S""x"."T t" USING gist (words tsvector_ops (siglen = 100));
CREATE INDEX i23 ON "S""x"."T t" USING spgist (place);
CREATE INDEX w1 ON ONLY whole (day DESC);
CREATE INDEX w2 ON whole (id);
CREATE UNIQUE INDEX s1 ON seen (id);
