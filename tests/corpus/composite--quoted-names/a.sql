CREATE TYPE "sel""ect" AS ("we ""ird" integer, "table" text);
CREATE TABLE "user" ("or der" "sel""ect");
