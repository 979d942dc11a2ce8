CREATE TABLE "we ""ird" ("user" integer);
CREATE TABLE "Group" (z integer);
