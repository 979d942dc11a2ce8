CREATE SCHEMA "We ird";
CREATE TYPE "We ird"."sel""ect" AS ENUM ('a b', 'c''d', E'back\\slash');
CREATE TABLE "We ird"."user" ("or der" "We ird"."sel""ect" DEFAULT 'c''d', "list" "We ird"."sel""ect"[]);
