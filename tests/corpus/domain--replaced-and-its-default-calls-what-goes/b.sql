CREATE FUNCTION said(bigint) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT ''low''';
CREATE FUNCTION same() RETURNS bigint LANGUAGE sql IMMUTABLE AS 'SELECT 1';
CREATE DOMAIN word AS text DEFAULT said(1) CHECK (same() = 1);
CREATE DOMAIN name AS text DEFAULT 'low';
CREATE DOMAIN count AS bigint DEFAULT same();
CREATE TABLE t (id int PRIMARY KEY, word public.word, name public.name, count public.count);
