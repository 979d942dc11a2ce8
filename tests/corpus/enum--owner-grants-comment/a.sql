CREATE TYPE state AS ENUM ('new');
COMMENT ON TYPE state IS 'it''s one';
ALTER TYPE state OWNER TO corpus_alice;
GRANT USAGE ON TYPE state TO corpus_bob;
