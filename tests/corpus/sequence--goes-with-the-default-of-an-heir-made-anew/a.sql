CREATE FOREIGN DATA WRAPPER nothing;
CREATE SERVER far FOREIGN DATA WRAPPER nothing;
CREATE TYPE level AS ENUM ('low', 'high');
CREATE TABLE top (id serial, how level[]);
CREATE TABLE other (z text);
CREATE FOREIGN TABLE away (n integer) INHERITS (top) SERVER far;
CREATE TABLE low () INHERITS (other, away);
