CREATE TABLE t (id integer, d text COMPRESSION pglz, j jsonb);
