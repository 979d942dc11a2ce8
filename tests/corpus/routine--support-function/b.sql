CREATE FUNCTION f(text, text) RETURNS bool LANGUAGE internal IMMUTABLE SUPPORT text_starts_with_support AS 'texteq';
