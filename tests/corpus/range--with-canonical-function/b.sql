CREATE SCHEMA app;
CREATE TYPE app.span;
CREATE FUNCTION app.canonical(app.span) RETURNS app.span LANGUAGE internal IMMUTABLE STRICT AS 'int4range_canonical';
CREATE TYPE app.span AS RANGE (SUBTYPE = integer, CANONICAL = app.canonical, SUBTYPE_DIFF = int4range_subdiff);
CREATE TABLE app.thing (span app.span);
