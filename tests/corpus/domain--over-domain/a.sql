CREATE DOMAIN low AS integer;
CREATE DOMAIN high AS low CHECK (VALUE > 10);
CREATE TABLE thing (id high PRIMARY KEY, list high[]);
