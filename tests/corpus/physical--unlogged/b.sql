CREATE UNLOGGED TABLE t (id integer, d text, j jsonb);
