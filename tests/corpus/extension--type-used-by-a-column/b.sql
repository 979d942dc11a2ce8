CREATE TABLE t (id int);
CREATE EXTENSION citext;
ALTER TABLE t ADD mail citext;
CREATE INDEX i ON t (mail);
