CREATE DOMAIN price AS numeric CHECK (VALUE >= 0);
CREATE TYPE prices AS RANGE (SUBTYPE = price);
CREATE TABLE thing (prices prices, one price);
