CREATE DOMAIN size AS integer CONSTRAINT ok CHECK (VALUE > 0);
CREATE TYPE dims AS (h size, w size);
CREATE TABLE box (id integer PRIMARY KEY, dims dims);
