CREATE TYPE span AS RANGE (SUBTYPE = integer);
ALTER TYPE span OWNER TO corpus_alice;
