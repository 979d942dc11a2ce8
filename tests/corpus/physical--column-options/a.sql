CREATE TABLE t (id integer, d text, j jsonb);
ALTER TABLE t ALTER COLUMN id SET (n_distinct = -0.5);
