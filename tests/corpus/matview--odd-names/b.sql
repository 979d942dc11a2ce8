CREATE TABLE "T" ("user" integer);
CREATE MATERIALIZED VIEW "we ""ird" ("order") AS SELECT "user" FROM "T";
CREATE INDEX "i i" ON "we ""ird" ("order");
