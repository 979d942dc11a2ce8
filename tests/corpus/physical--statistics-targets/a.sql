CREATE TABLE t (id integer, d text, j jsonb);
