CREATE TABLE t (id int, body text);
CREATE EXTENSION fuzzystrmatch;
ALTER TABLE t ADD CONSTRAINT c CHECK (levenshtein(body, 'x') > 0);
ALTER TABLE t ALTER body SET DEFAULT soundex('x');
CREATE VIEW v AS SELECT soundex(body) AS s FROM t;
