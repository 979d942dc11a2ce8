CREATE TABLE t (id integer, a text, b integer, j jsonb);
CREATE INDEX i ON t (a) WITH (fillfactor = 60) WHERE b > 0;
