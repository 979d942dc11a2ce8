CREATE DOMAIN code AS text;
CREATE TABLE thing (code code PRIMARY KEY);
