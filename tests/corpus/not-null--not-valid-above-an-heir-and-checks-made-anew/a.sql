-- from PostgreSQL 18 on
CREATE SCHEMA shop;
CREATE TABLE shop.item (
    sku varchar(20) CONSTRAINT has_sku NOT NULL,
    CONSTRAINT kind CHECK (sku IN ('a', 'b')) NO INHERIT,
    CONSTRAINT wide CHECK (sku <> 'no')
);
CREATE TABLE shop.item_old () INHERITS (shop.item);
