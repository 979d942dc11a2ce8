CREATE TYPE pair AS (x integer, y text, gone text);
CREATE DOMAIN sure AS pair CHECK ((VALUE).x > 0);
CREATE TYPE held AS (p pair, n integer);
CREATE TABLE t (id integer PRIMARY KEY, many pair[], one sure, deep held, plain pair);
