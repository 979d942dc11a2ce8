CREATE TABLE p (n integer, v text) PARTITION BY RANGE (n);
CREATE INDEX i ON ONLY p (n);
