CREATE TABLE m (id integer NOT NULL, k integer NOT NULL, v text, PRIMARY KEY (id, k)) PARTITION BY LIST (k);
CREATE TABLE m_1 (id integer NOT NULL, k integer NOT NULL, v text, PRIMARY KEY (id, k));
CREATE INDEX m_1_v_idx ON m_1 (v);
CREATE TABLE m_2 PARTITION OF m FOR VALUES IN (2);
CREATE INDEX m_v ON m (v);
