CREATE TABLE one (f bigint, note text COLLATE "C");
CREATE TABLE two (f bigint, note text COLLATE "C");
CREATE TABLE zero (z bigint);
CREATE TABLE heir (own text) INHERITS (two);
CREATE TABLE below () INHERITS (heir);
CREATE TABLE mixed (own text) INHERITS (zero, two);
CREATE TABLE of_two (y date) INHERITS (zero, one);
CREATE VIEW seen AS SELECT f, note FROM heir;
