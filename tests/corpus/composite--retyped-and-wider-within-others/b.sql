CREATE DOMAIN day AS date;
CREATE TYPE pair AS (x bigint, y text, z day);
CREATE DOMAIN sure AS pair CHECK ((VALUE).x > 0);
CREATE TYPE held AS (p pair, n integer);
CREATE TABLE t (id integer PRIMARY KEY, many pair[], one sure, deep held, plain pair);
