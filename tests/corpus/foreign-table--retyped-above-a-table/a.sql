CREATE FOREIGN DATA WRAPPER nothing;
CREATE SERVER far FOREIGN DATA WRAPPER nothing;
CREATE FOREIGN TABLE away (n integer, level text) SERVER far;
CREATE TABLE near () INHERITS (away);
CREATE FOREIGN TABLE away_too () INHERITS (away) SERVER far;
CREATE TABLE near_too (z integer) INHERITS (away_too);
