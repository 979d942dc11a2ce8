CREATE TABLE big (id bigint PRIMARY KEY, n text, twice bigint GENERATED ALWAYS AS (id * 2) STORED);
CREATE DOMAIN checked AS big CHECK ((VALUE).id > 0);
CREATE TYPE wrap AS (b big, m int);
CREATE TABLE dep (k int PRIMARY KEY, b big, c checked, w wrap, f int REFERENCES big);
CREATE INDEX ON dep (((b).id));
CREATE VIEW v AS SELECT b, (w).b AS wb FROM dep;
