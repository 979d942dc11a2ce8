CREATE SCHEMA "sel ect"; CREATE SCHEMA "ünï ""q""";
CREATE TABLE "sel ect"."user" ("order" int PRIMARY KEY, "a b" text DEFAULT 'x;--', "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx" int, "éééééééééééééééééééééééééééééééz" text CHECK ("éééééééééééééééééééééééééééééééz" <> $$a'b$$));
CREATE INDEX "i;x" ON "sel ect"."user" ("a b" text_pattern_ops DESC NULLS LAST) WHERE "order" > 0;
CREATE FUNCTION "ünï ""q"""."f.n"("a,b" int DEFAULT 1, VARIADIC "c d" text[] DEFAULT '{}') RETURNS TABLE("x y" int, "(z" text) LANGUAGE sql AS $f$ SELECT 1, 'a$g$' $f$;
CREATE VIEW "ünï ""q"""."v.w" AS SELECT "order" AS "select", "a b" AS "-- c" FROM "sel ect"."user";
COMMENT ON COLUMN "sel ect"."user"."a b" IS E'line\n''quoted'' $$ \\ back';
