CREATE FUNCTION sl(text, integer DEFAULT 1) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT lower($1) $$;
CREATE TABLE t (
    a text CHECK (sl(a) <> 'never'),
    b text GENERATED ALWAYS AS (sl(a) || 'x') STORED,
    c text DEFAULT sl('Y')
);
CREATE VIEW v AS SELECT sl(a) AS s FROM t;
ALTER TABLE t ENABLE ROW LEVEL SECURITY;
CREATE POLICY p ON t USING (sl(c) = 'y');
