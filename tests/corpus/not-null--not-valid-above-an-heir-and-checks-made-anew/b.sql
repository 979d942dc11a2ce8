-- from PostgreSQL 18 on
CREATE FOREIGN DATA WRAPPER nothing;
CREATE SERVER far FOREIGN DATA WRAPPER nothing;
CREATE SCHEMA shop;
CREATE TABLE shop.item (
    sku bpchar,
    CONSTRAINT kind CHECK (sku IN ('a', 'b')) NO INHERIT,
    CONSTRAINT wide CHECK (sku <> 'no')
);
CREATE TABLE shop.item_old () INHERITS (shop.item);
CREATE TABLE shop.item_blue () INHERITS (shop.item);
CREATE FOREIGN TABLE shop.item_far () INHERITS (shop.item) SERVER far;
CREATE TABLE shop.item_far_blue () INHERITS (shop.item_blue, shop.item_far);
ALTER TABLE shop.item ADD CONSTRAINT has_sku NOT NULL sku NOT VALID;
