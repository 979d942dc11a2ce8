CREATE DOMAIN size AS integer;
ALTER DOMAIN size ADD CONSTRAINT ok CHECK (VALUE > 0) NOT VALID;
CREATE TYPE dims AS (h size, w size);
CREATE TABLE box (id integer PRIMARY KEY, dims dims);
