CREATE TABLE o (id integer);
CREATE RECURSIVE VIEW "r r" (n) AS VALUES (1) UNION ALL SELECT n + 1 FROM "r r" WHERE n < 5;
CREATE VIEW "we ""ird" ("select", "Ä") AS SELECT 1, 'it''s'::text;
