CREATE TABLE t (id integer, d varchar(20), j jsonb);
ALTER TABLE t ALTER COLUMN d SET STORAGE EXTERNAL;
