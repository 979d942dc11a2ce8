CREATE SCHEMA "We ird";
CREATE DOMAIN "We ird"."user" AS text;
CREATE TABLE "We ird"."table" ("select" "We ird"."user");
