CREATE TYPE span AS RANGE (SUBTYPE = numeric);
COMMENT ON TYPE span IS 'from to';
GRANT USAGE ON TYPE span TO corpus_bob;
ALTER TYPE span OWNER TO corpus_alice;
CREATE TABLE thing (id integer PRIMARY KEY, span span DEFAULT '[1,2)', spans span_multirange, list span[], CHECK (NOT isempty(span)), EXCLUDE USING gist (span WITH &&));
CREATE VIEW empty AS SELECT id FROM thing WHERE span = span(1, 1);
