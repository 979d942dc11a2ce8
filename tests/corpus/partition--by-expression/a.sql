CREATE TABLE m (id integer, v text) PARTITION BY LIST (lower(v));
CREATE TABLE m_a PARTITION OF m FOR VALUES IN ('a');
