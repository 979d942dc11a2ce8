CREATE TABLE a (id integer, x integer DEFAULT 5, CONSTRAINT ax CHECK (x > 0));
CREATE TABLE c (z text NOT NULL) INHERITS (a);
CREATE INDEX cx ON c (x);
COMMENT ON COLUMN c.x IS 'inherited';
