-- from PostgreSQL 18 on
CREATE SCHEMA shop;
CREATE TABLE shop.item (sku text);
CREATE TABLE shop.thing (name text);
CREATE TABLE shop.thing_small () INHERITS (shop.thing);
CREATE TABLE shop.note (body text);
ALTER TABLE shop.note ALTER body SET STORAGE EXTERNAL;
