-- from PostgreSQL 18 on
CREATE TABLE t (id integer NOT NULL, v text CONSTRAINT has_v NOT NULL, w text NOT NULL, x text NOT NULL);
COMMENT ON CONSTRAINT t_id_not_null ON t IS 'id';
COMMENT ON CONSTRAINT has_v ON t IS 'v';
COMMENT ON CONSTRAINT t_w_not_null ON t IS 'w';
COMMENT ON COLUMN t.id IS 'the column';
CREATE TABLE m (id integer NOT NULL) PARTITION BY LIST (id);
CREATE TABLE m_1 PARTITION OF m FOR VALUES IN (1);
COMMENT ON CONSTRAINT m_id_not_null ON m_1 IS 'of the partition';
