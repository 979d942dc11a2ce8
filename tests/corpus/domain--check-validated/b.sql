CREATE DOMAIN size AS integer CONSTRAINT ok CHECK (VALUE > 0);
CREATE TABLE box (id integer PRIMARY KEY, size size);
