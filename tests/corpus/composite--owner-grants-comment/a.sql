CREATE TYPE pair AS (a integer);
COMMENT ON COLUMN pair.a IS 'one';
COMMENT ON TYPE pair IS 'two';
ALTER TYPE pair OWNER TO corpus_alice;
