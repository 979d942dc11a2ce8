-- from PostgreSQL 18 on
CREATE SCHEMA shop;
CREATE TABLE shop.item (sku text);
CREATE TABLE shop.item_small () INHERITS (shop.item);
CREATE TABLE shop.item_blue () INHERITS (shop.item);
CREATE TABLE shop.item_small_blue () INHERITS (shop.item_small, shop.item_blue);
ALTER TABLE shop.item ADD CONSTRAINT has_sku NOT NULL sku NOT VALID;
CREATE TABLE shop.thing (name text);
CREATE TABLE shop.thing_small () INHERITS (shop.thing);
CREATE TABLE shop.a_thing_tiny () INHERITS (shop.thing_small);
ALTER TABLE shop.thing ADD CONSTRAINT has_name NOT NULL name NOT VALID;
CREATE TABLE shop.note (body text);
CREATE TABLE shop.note_long () INHERITS (shop.note);
ALTER TABLE shop.note ADD CONSTRAINT has_body NOT NULL body NOT VALID;
