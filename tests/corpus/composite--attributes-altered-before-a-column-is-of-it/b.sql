CREATE TYPE level AS ENUM ('low', 'high');
CREATE DOMAIN worded AS varchar(40) NOT NULL;
CREATE TYPE pack AS (n integer, note text COLLATE "C", how worded);
CREATE TABLE t (at pack, was text, more pack[]);
CREATE TABLE u (packed pack);
