CREATE SCHEMA app;
CREATE DOMAIN app.email AS text COLLATE "C" DEFAULT 'a@b' NOT NULL CHECK (VALUE LIKE '%@%') CONSTRAINT "at""most" CHECK (length(VALUE) < 100);
CREATE DOMAIN app.code AS varchar(3);
CREATE TABLE app.person (id integer PRIMARY KEY, email app.email, codes app.code[]);
COMMENT ON CONSTRAINT "at""most" ON DOMAIN app.email IS 'not too long';
COMMENT ON DOMAIN app.code IS 'it''s short';
