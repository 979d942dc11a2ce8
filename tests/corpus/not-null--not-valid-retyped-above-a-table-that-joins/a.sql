-- from PostgreSQL 18 on
CREATE DOMAIN short AS text CHECK (length(VALUE) < 90);
CREATE TABLE item (sku short CONSTRAINT has_sku NOT NULL, note text COLLATE "C");
CREATE TABLE there (n integer);
CREATE FOREIGN DATA WRAPPER nothing;
CREATE SERVER far FOREIGN DATA WRAPPER nothing;
CREATE FOREIGN TABLE far_there (n integer) SERVER far;
