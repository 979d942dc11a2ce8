CREATE FUNCTION f(text, text) RETURNS bool LANGUAGE internal IMMUTABLE AS 'texteq';
