CREATE TABLE "we""ird" ("or" int, "é ü" text);
CREATE RULE "select me" AS ON DELETE TO "we""ird" WHERE OLD."or" = 1 DO INSTEAD NOTHING;
CREATE RULE "we""ird" AS ON INSERT TO "we""ird" DO ALSO NOTIFY "x y";
ALTER TABLE "we""ird" DISABLE RULE "select me";
COMMENT ON RULE "we""ird" ON "we""ird" IS 'it''s "odd"';
