CREATE EXTENSION btree_gist;
CREATE TABLE t (id int, during tsrange, EXCLUDE USING gist (id WITH =, during WITH &&));
