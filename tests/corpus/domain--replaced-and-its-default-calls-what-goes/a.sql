CREATE TYPE tone AS ENUM ('low', 'high');
CREATE FUNCTION said(int) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT ''low''';
CREATE FUNCTION is_said(text) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT true';
CREATE FUNCTION same() RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 1';
CREATE DOMAIN word AS varchar(5) DEFAULT said(1) CHECK (is_said(VALUE)) CHECK (same() = 1);
CREATE DOMAIN name AS text DEFAULT 'low'::tone::text;
CREATE DOMAIN count AS int DEFAULT same();
CREATE TABLE t (id int PRIMARY KEY, word public.word, name public.name, count public.count);
