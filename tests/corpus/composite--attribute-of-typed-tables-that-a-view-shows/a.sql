CREATE TYPE addr AS (street text, n int);
CREATE TABLE typed OF addr;
CREATE TABLE holds (at addr);
CREATE VIEW tv AS SELECT * FROM typed;
CREATE VIEW over AS SELECT n FROM tv;
