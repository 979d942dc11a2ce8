CREATE FOREIGN DATA WRAPPER nothing;
CREATE SERVER far FOREIGN DATA WRAPPER nothing;
CREATE TYPE level AS ENUM ('low', 'high');
CREATE FOREIGN TABLE away (n bigint, level level) SERVER far;
CREATE TABLE near () INHERITS (away);
CREATE FOREIGN TABLE away_too () INHERITS (away) SERVER far;
CREATE TABLE near_too (z integer) INHERITS (away_too);
