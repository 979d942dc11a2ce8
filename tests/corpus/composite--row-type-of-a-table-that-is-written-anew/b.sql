CREATE TABLE one (id int, n text, k int GENERATED ALWAYS AS IDENTITY);
CREATE UNLOGGED TABLE two (id int, n text);
CREATE TABLE dep (k int PRIMARY KEY, one one, two two);
