CREATE DOMAIN name AS text;
CREATE TABLE person (id integer PRIMARY KEY, name public.name);
