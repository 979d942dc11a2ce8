CREATE SCHEMA "We ird";
CREATE DOMAIN "We ird"."user" AS text DEFAULT 'it''s' CONSTRAINT "check ""it" CHECK (VALUE <> '');
CREATE TABLE "We ird"."table" ("select" "We ird"."user");
COMMENT ON CONSTRAINT "check ""it" ON DOMAIN "We ird"."user" IS 'ü';
