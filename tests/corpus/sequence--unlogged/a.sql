-- from PostgreSQL 15 on
CREATE SEQUENCE s;
