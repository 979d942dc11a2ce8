CREATE FOREIGN DATA WRAPPER "w ""1";
CREATE SERVER "select" FOREIGN DATA WRAPPER "w ""1";
CREATE SCHEMA "Ünï";
CREATE FOREIGN TABLE "Ünï"."we ""ird" ("Co l" int OPTIONS ("Op t" 'v')) SERVER "select" OPTIONS ("user" 'x');
GRANT INSERT ON "Ünï"."we ""ird" TO corpus_alice;
ALTER FOREIGN TABLE "Ünï"."we ""ird" OWNER TO corpus_carol;
