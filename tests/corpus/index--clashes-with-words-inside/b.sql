CREATE TABLE t (a text, b integer);
CREATE INDEX i ON t ((a || ' WHERE (x)')) WITH (fillfactor = 50) WHERE a <> ' WITH (y) WHERE z';
CREATE INDEX j ON t ((a || ' WITH (fillfactor=10)'));
