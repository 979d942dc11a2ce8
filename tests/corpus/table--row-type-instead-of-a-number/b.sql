CREATE TABLE ord (id int, at date) PARTITION BY RANGE (at);
CREATE TABLE holder (k int PRIMARY KEY, o ord);
