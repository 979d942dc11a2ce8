CREATE SCHEMA "s p";
CREATE TABLE "we ""ird" ("user" integer NOT NULL, "order" text) PARTITION BY LIST ("order");
CREATE TABLE "s p"."select" PARTITION OF "we ""ird" FOR VALUES IN ('it''s', 'é');
CREATE INDEX "Ünique" ON "we ""ird" ("user");
