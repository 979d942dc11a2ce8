CREATE TABLE base (n integer);
