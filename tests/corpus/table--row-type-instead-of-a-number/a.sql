CREATE TABLE ord (id int, at date);
CREATE TABLE holder (k int PRIMARY KEY, o int);
