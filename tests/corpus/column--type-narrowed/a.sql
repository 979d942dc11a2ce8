CREATE TABLE t (v text, n numeric(10, 2), at timestamp, many text[]);
