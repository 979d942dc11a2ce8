CREATE TABLE m (id integer NOT NULL, k integer NOT NULL, v text) PARTITION BY LIST (k);
CREATE TABLE m_1 (id integer NOT NULL, k integer NOT NULL, v text);
CREATE TABLE m_2 PARTITION OF m FOR VALUES IN (2);
CREATE INDEX m_v ON m (v);
