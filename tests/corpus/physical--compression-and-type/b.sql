CREATE TABLE t (id integer, d varchar(20) COMPRESSION pglz, j jsonb);
