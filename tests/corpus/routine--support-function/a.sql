-- from PostgreSQL 15 on
CREATE FUNCTION f(text, text) RETURNS bool LANGUAGE internal IMMUTABLE AS 'texteq';
