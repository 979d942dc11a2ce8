CREATE DOMAIN price AS numeric;
CREATE TYPE prices AS RANGE (SUBTYPE = price);
CREATE TABLE thing (prices prices, one price);
