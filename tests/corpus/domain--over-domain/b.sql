CREATE DOMAIN low AS bigint;
CREATE DOMAIN high AS low CHECK (VALUE > 10);
CREATE TABLE thing (id high PRIMARY KEY, list high[]);
