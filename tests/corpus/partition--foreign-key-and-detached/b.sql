CREATE TABLE o (id integer PRIMARY KEY);
CREATE TABLE m (o integer, k integer, CONSTRAINT m_o FOREIGN KEY (o) REFERENCES o) PARTITION BY LIST (k);
CREATE TABLE m_1 (o integer, k integer);
