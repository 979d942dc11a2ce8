-- from PostgreSQL 17 on
CREATE DOMAIN name AS text;
CREATE TABLE person (name public.name);
