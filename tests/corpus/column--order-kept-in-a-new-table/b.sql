CREATE TABLE o (id integer);
CREATE TABLE t (z integer, y text, x date, w bigint DEFAULT 4);
