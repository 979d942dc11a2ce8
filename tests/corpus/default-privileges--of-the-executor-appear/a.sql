CREATE SCHEMA s;
CREATE TABLE s.old (id int);
