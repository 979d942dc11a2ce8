-- from PostgreSQL 15 on
CREATE TABLE p (id integer, k integer, PRIMARY KEY (id, k));
CREATE TABLE c (a integer, k integer, CONSTRAINT fk FOREIGN KEY (a, k) REFERENCES p ON DELETE SET NULL);
