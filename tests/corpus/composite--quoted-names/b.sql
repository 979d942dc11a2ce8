CREATE TYPE "sel""ect" AS ("we ""ird" bigint, "ü" date, "table" text);
CREATE TABLE "user" ("or der" "sel""ect");
COMMENT ON COLUMN "sel""ect"."ü" IS 'it''s';
