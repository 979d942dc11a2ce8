CREATE TABLE "we""ird" ("or" int);
CREATE POLICY "by ""tenant"" é" ON "we""ird" USING ("or" = 1);
COMMENT ON POLICY "by ""tenant"" é" ON "we""ird" IS 'odd';
ALTER TABLE "we""ird" FORCE ROW LEVEL SECURITY;
