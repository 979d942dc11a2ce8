CREATE TABLE "we ""ird" ("user" integer);
CREATE TABLE "Group" (z integer, "user" integer) INHERITS ("we ""ird");
