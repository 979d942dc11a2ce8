CREATE TABLE c (t integer);
