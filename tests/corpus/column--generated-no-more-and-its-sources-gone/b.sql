CREATE TABLE t (id integer, confirmed timestamptz);
