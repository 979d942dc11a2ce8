CREATE SCHEMA shop;
CREATE SCHEMA stock;
CREATE TABLE shop.item (id bigint UNIQUE);
CREATE TABLE stock.move (at bigint);
CREATE TABLE shop.sale (id bigint NOT NULL, note text) PARTITION BY HASH (id);
CREATE TABLE stock.sale_one PARTITION OF shop.sale FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE stock.sale_two PARTITION OF shop.sale FOR VALUES WITH (MODULUS 2, REMAINDER 1);
CREATE INDEX by_note ON shop.sale (note);
ALTER TABLE shop.sale ADD PRIMARY KEY (id);
ALTER TABLE shop.sale ADD FOREIGN KEY (id) REFERENCES shop.item (id);
ALTER TABLE stock.move ADD CONSTRAINT to_sale FOREIGN KEY (at) REFERENCES shop.sale (id);
CREATE POLICY moved ON shop.item AS RESTRICTIVE FOR SELECT
USING (EXISTS (SELECT FROM stock.move AS m WHERE m.at = item.id));
