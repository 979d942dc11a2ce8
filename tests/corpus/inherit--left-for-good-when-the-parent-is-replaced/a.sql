CREATE FOREIGN DATA WRAPPER nothing;
CREATE SERVER far TYPE 'x' FOREIGN DATA WRAPPER nothing;
CREATE TYPE level AS ENUM ('low', 'high');
CREATE TABLE kept (z level);
CREATE FOREIGN TABLE away (n integer) SERVER far;
CREATE TABLE heir () INHERITS (kept, away);
