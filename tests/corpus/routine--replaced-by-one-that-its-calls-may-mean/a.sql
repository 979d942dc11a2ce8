CREATE FUNCTION sl(text) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT lower($1) $$;
CREATE TABLE t (
    a text CHECK (sl(a) <> 'no'),
    b text GENERATED ALWAYS AS (sl(a)) STORED,
    c text DEFAULT sl('X')
);
CREATE VIEW v AS SELECT sl(a) AS s FROM t;
ALTER TABLE t ENABLE ROW LEVEL SECURITY;
CREATE POLICY p ON t USING (sl(c) = 'x');
