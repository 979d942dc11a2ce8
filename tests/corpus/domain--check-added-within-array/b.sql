CREATE DOMAIN size AS integer CHECK (VALUE > 0);
CREATE TABLE box (id integer PRIMARY KEY, size size, sizes size[]);
CREATE VIEW big AS SELECT id FROM box WHERE sizes[1] > 10;
