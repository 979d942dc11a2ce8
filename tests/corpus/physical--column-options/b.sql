CREATE TABLE t (id integer, d text, j jsonb);
ALTER TABLE t ALTER COLUMN id SET (n_distinct = 5, n_distinct_inherited = 7), ALTER COLUMN d SET (n_distinct = 9);
