CREATE TYPE addr AS (street text);
CREATE TABLE typed OF addr;
CREATE TABLE holds (at addr);
CREATE VIEW tv AS SELECT * FROM typed;
