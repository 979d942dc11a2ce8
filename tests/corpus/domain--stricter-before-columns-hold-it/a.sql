CREATE DOMAIN d AS text;
CREATE DOMAIN e AS text;
CREATE TYPE c AS (a integer, b d);
CREATE TYPE f AS (a integer);
CREATE TABLE t (id integer, "A" text);
CREATE TABLE u (id integer, v f);
