CREATE DOMAIN name AS text NOT NULL;
CREATE TABLE person (id integer PRIMARY KEY, name public.name);
