CREATE TABLE a (id integer, n integer DEFAULT 1, m integer DEFAULT 2);
