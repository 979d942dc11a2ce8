CREATE TYPE region AS ENUM ('eu', 'us', 'as');
CREATE TABLE orders (id integer, region region NOT NULL, note text) PARTITION BY LIST (region);
CREATE TABLE orders_eu PARTITION OF orders FOR VALUES IN ('eu');
CREATE TABLE orders_rest PARTITION OF orders DEFAULT;
