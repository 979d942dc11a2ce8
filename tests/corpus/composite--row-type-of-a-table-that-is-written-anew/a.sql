CREATE TABLE one (id int, n text);
CREATE TABLE two (id int, n text);
CREATE TABLE dep (k int PRIMARY KEY, one one, two two);
