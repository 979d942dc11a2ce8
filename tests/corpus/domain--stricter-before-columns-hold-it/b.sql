CREATE DOMAIN d AS text CONSTRAINT k CHECK (length(VALUE) < 90);
CREATE DOMAIN e AS text NOT NULL CONSTRAINT k CHECK (length(VALUE) < 90);
CREATE TYPE c AS (a integer, b d);
CREATE TYPE f AS (a integer, e e);
CREATE TABLE t (id integer, "A" c, "B" e[]);
CREATE TABLE u (id integer, v f);
CREATE DOMAIN ds AS d[];
CREATE TABLE "A" (id ds);
