CREATE TABLE t (n integer);
CREATE TABLE u (id integer);
CREATE SEQUENCE t_id_seq AS integer;
ALTER TABLE u ALTER COLUMN id SET DEFAULT nextval('t_id_seq');
