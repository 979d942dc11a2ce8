CREATE TABLE a (z integer, x integer CONSTRAINT k CHECK (x > 0), y text);
CREATE TABLE b (w integer);
CREATE TABLE c () INHERITS (a, b);
CREATE TABLE comes (x integer CONSTRAINT k CHECK (x > 0), y text);
CREATE TABLE d () INHERITS (a);
CREATE TABLE t (z integer, x integer, y text);
CREATE TABLE n (x integer, y text);
CREATE TABLE h () INHERITS (t);
