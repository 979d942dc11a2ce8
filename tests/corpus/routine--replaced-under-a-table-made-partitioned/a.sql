CREATE FUNCTION norm(text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT lower($1)';
CREATE TABLE p (id int PRIMARY KEY, k text DEFAULT norm('K') CHECK (norm(k) <> ''), g text GENERATED ALWAYS AS (norm(k)) STORED);
CREATE INDEX pi ON p (norm(k)) WHERE norm(k) <> '';
CREATE POLICY pp ON p USING (norm(k) = current_user);
