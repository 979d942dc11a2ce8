CREATE DOMAIN size AS integer CHECK (VALUE > 0);
CREATE TABLE box (id integer PRIMARY KEY, size size);
