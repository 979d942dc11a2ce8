CREATE SCHEMA "sel ect"; CREATE SCHEMA "ünï ""q""";
CREATE TABLE "sel ect"."user" ("order" bigint PRIMARY KEY, "a b" varchar(20) DEFAULT 'y''z', "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx" int NOT NULL DEFAULT 0, "éééééééééééééééééééééééééééééééz" text CHECK ("éééééééééééééééééééééééééééééééz" <> $$a'c$$), "null" int GENERATED ALWAYS AS ("xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx" + 1) STORED);
CREATE UNIQUE INDEX "i;x" ON "sel ect"."user" (lower("a b")) INCLUDE ("order") WHERE "order" > 0;
CREATE FUNCTION "ünï ""q"""."f.n"("a,b" int DEFAULT 2, VARIADIC "c d" text[] DEFAULT '{}') RETURNS TABLE("x y" int, "(z" text, "new" int) LANGUAGE sql AS $f$ SELECT 1, 'a$g$', 3 $f$;
CREATE VIEW "ünï ""q"""."v.w" WITH (security_barrier) AS SELECT "order" AS "select", "a b" AS "-- c", "null" FROM "sel ect"."user";
COMMENT ON COLUMN "sel ect"."user"."a b" IS E'line\n''other'' x';
CREATE RULE "r;u" AS ON DELETE TO "sel ect"."user" WHERE OLD."order" = 1 DO INSTEAD NOTHING;
