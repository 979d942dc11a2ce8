CREATE TABLE t (a smallint, c integer GENERATED ALWAYS AS (a * 2) STORED);
