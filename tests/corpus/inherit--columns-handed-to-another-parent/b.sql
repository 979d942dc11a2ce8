CREATE TABLE a (z integer);
CREATE TABLE b (w integer, x integer CONSTRAINT k CHECK (x > 0), y text);
CREATE TABLE c () INHERITS (a, b);
CREATE TABLE comes (x integer CONSTRAINT k CHECK (x > 0), y text);
CREATE TABLE d () INHERITS (a, comes);
CREATE TABLE t (z integer);
CREATE TABLE n (x bigint, y text);
CREATE TABLE h () INHERITS (t, n);
