-- SET NULL of one column
CREATE TABLE p (id integer, k integer, PRIMARY KEY (id, k));
CREATE TABLE c (a integer, k integer, CONSTRAINT fk FOREIGN KEY (a, k) REFERENCES p MATCH SIMPLE ON DELETE SET NULL (a));
