CREATE TYPE word AS (word text COLLATE "POSIX", n integer);
CREATE TABLE thing (word word);
