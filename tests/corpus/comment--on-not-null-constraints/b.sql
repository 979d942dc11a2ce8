-- from PostgreSQL 18 on
CREATE TABLE t (id integer NOT NULL, v text CONSTRAINT has_a_v NOT NULL, w text, x text NOT NULL);
COMMENT ON CONSTRAINT t_id_not_null ON t IS 'the id';
COMMENT ON CONSTRAINT has_a_v ON t IS 'v';
COMMENT ON CONSTRAINT t_x_not_null ON t IS 'x';
CREATE TABLE m (id integer NOT NULL) PARTITION BY LIST (id);
CREATE TABLE m_1 PARTITION OF m FOR VALUES IN (1);
COMMENT ON CONSTRAINT m_id_not_null ON m IS 'of the whole';
