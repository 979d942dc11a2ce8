CREATE SCHEMA elsewhere;
CREATE TABLE p (n integer, v text) PARTITION BY RANGE (n);
CREATE TABLE elsewhere.part PARTITION OF p DEFAULT;
