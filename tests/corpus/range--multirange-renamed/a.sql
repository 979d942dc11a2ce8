CREATE TYPE span AS RANGE (SUBTYPE = integer);
CREATE TABLE thing (id integer PRIMARY KEY, span span, many span_multirange);
