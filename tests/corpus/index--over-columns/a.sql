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
