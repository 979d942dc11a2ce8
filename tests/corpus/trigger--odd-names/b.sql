CREATE TABLE "we""ird" (id int, "or" text);
CREATE FUNCTION "f g"() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER "select" BEFORE UPDATE OF "or" ON "we""ird" FOR EACH ROW WHEN (NEW."or" = 'it''s') EXECUTE FUNCTION "f g"('a\b', '', 'é');
ALTER TABLE "we""ird" DISABLE TRIGGER "select";
COMMENT ON TRIGGER "select" ON "we""ird" IS 'odd';
