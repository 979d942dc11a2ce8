CREATE DOMAIN size AS integer;
CREATE TABLE box (id integer PRIMARY KEY, size size);
