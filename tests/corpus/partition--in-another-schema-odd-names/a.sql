CREATE SCHEMA "s p";
CREATE TABLE "we ""ird" ("user" integer NOT NULL, "order" text) PARTITION BY LIST ("order");
