CREATE DOMAIN id AS bigint CHECK (VALUE > 0);
COMMENT ON DOMAIN id IS 'a number';
GRANT USAGE ON TYPE id TO corpus_bob;
ALTER DOMAIN id OWNER TO corpus_alice;
CREATE TABLE thing (id id PRIMARY KEY, below id REFERENCES thing, ids id[] DEFAULT '{}', CHECK (below <> id));
CREATE FUNCTION next(i id) RETURNS id LANGUAGE sql AS 'SELECT i + 1';
CREATE VIEW roots AS SELECT id FROM thing WHERE below IS NULL;
CREATE INDEX thing_below ON thing (below) WHERE below > 7;
