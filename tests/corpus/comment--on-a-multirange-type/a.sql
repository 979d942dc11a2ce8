CREATE TYPE span AS RANGE (SUBTYPE = integer);
COMMENT ON TYPE span IS 'one';
