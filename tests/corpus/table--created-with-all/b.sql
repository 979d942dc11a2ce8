CREATE TABLE o (id integer);
CREATE TABLE "we ""ird" ("user" integer PRIMARY KEY, "Größe" text DEFAULT 'x');
COMMENT ON TABLE "we ""ird" IS 'it''s \ odd';
ALTER TABLE "we ""ird" OWNER TO corpus_alice;
GRANT SELECT, INSERT ON "we ""ird" TO corpus_bob WITH GRANT OPTION;
REVOKE DELETE ON "we ""ird" FROM corpus_alice;
