-- from PostgreSQL 18 on
CREATE DOMAIN short AS varchar(40);
CREATE TABLE item (sku short, note text COLLATE "POSIX");
CREATE TABLE there (n integer) INHERITS (item);
CREATE FOREIGN DATA WRAPPER nothing;
CREATE SERVER far FOREIGN DATA WRAPPER nothing;
CREATE FOREIGN TABLE far_there (n integer) INHERITS (item) SERVER far;
CREATE TABLE beyond () INHERITS (there);
ALTER TABLE item ADD CONSTRAINT has_sku NOT NULL sku NOT VALID;
ALTER TABLE item ADD CONSTRAINT has_note NOT NULL note NOT VALID;
