CREATE TYPE word AS (word text COLLATE "C", n integer);
CREATE TABLE thing (word word);
