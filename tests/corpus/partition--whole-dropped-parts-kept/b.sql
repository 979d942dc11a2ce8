CREATE TABLE m_2024 (id integer NOT NULL, ts date NOT NULL, v text);
CREATE INDEX m_2024_v_idx ON m_2024 (v);
