CREATE SCHEMA shop;
CREATE SCHEMA stock;
CREATE TABLE shop.sale (id bigint NOT NULL, note text) PARTITION BY RANGE (id);
CREATE TABLE shop.sale_all PARTITION OF shop.sale DEFAULT;
CREATE TABLE stock.sale_two (id bigint NOT NULL, note text);
CREATE INDEX by_note ON shop.sale (note);
