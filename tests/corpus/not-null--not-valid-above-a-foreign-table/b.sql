-- from PostgreSQL 18 on
CREATE FOREIGN DATA WRAPPER nothing;
CREATE SERVER far FOREIGN DATA WRAPPER nothing;
CREATE SCHEMA shop;
CREATE TABLE shop.item (sku text);
CREATE FOREIGN TABLE shop.item_far () INHERITS (shop.item) SERVER far;
ALTER TABLE shop.item ADD CONSTRAINT has_sku NOT NULL sku NOT VALID;
CREATE TABLE shop.book (title text);
CREATE FOREIGN TABLE shop.book_far () INHERITS (shop.book) SERVER far;
CREATE FOREIGN TABLE shop.book_late () INHERITS (shop.book) SERVER far;
ALTER TABLE shop.book ADD CONSTRAINT has_title NOT NULL title NOT VALID;
