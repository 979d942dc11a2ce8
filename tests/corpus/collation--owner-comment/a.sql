CREATE COLLATION "sel""ect" (PROVIDER = libc, LOCALE = 'C');
ALTER COLLATION "sel""ect" OWNER TO corpus_alice;
COMMENT ON COLLATION "sel""ect" IS 'one';
