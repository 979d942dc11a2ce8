CREATE FOREIGN DATA WRAPPER nothing;
CREATE SERVER far FOREIGN DATA WRAPPER nothing;
CREATE TABLE top (c text, d timestamptz);
CREATE TABLE mid (z text);
CREATE FOREIGN TABLE other () INHERITS (top) SERVER far;
CREATE TABLE low () INHERITS (mid, other);
