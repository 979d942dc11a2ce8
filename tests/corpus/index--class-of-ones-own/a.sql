CREATE TYPE mood AS ENUM ('sad', 'ok');
CREATE FUNCTION compare(mood, mood) RETURNS int LANGUAGE sql IMMUTABLE STRICT AS 'SELECT enum_cmp($2, $1)';
CREATE OPERATOR CLASS backwards FOR TYPE mood USING btree AS FUNCTION 1 compare(mood, mood);
CREATE TABLE t (id integer, m mood, n varchar);
CREATE INDEX i ON t (m, n);
CREATE INDEX k ON t (id, n);
