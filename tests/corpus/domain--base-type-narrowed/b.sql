CREATE DOMAIN code AS varchar(5);
CREATE TABLE thing (code code PRIMARY KEY);
