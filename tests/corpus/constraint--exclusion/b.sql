CREATE TABLE t (r int4range, n integer, CONSTRAINT x EXCLUDE USING gist (r WITH &&) WITH (fillfactor = 90) WHERE (n > 0) DEFERRABLE);
