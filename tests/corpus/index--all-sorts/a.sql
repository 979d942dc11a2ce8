CREATE TABLE t (id integer, a text, b integer, j jsonb);
