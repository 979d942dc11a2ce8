CREATE DOMAIN size AS integer;
ALTER DOMAIN size OWNER TO corpus_alice;
