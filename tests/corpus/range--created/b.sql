CREATE SCHEMA app;
CREATE TYPE app.hours AS RANGE (SUBTYPE = time);
CREATE TYPE app."float ""range" AS RANGE (SUBTYPE = float8, SUBTYPE_DIFF = float8mi, MULTIRANGE_TYPE_NAME = app."many floats");
CREATE TYPE app.words AS RANGE (SUBTYPE = text, COLLATION = "C");
CREATE TYPE app.patterns AS RANGE (SUBTYPE = text, SUBTYPE_OPCLASS = text_pattern_ops);
CREATE TABLE app.shop (id integer PRIMARY KEY, open app.hours, all_open app.hours_multirange, x app."float ""range"[]);
COMMENT ON TYPE app.hours IS 'when';
