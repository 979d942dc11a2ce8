CREATE TABLE "T" ("user" integer);
