CREATE TABLE one (f integer, note text);
CREATE TABLE two (f integer, note text);
CREATE TABLE zero (z integer);
CREATE TABLE heir (own text) INHERITS (one);
CREATE TABLE below () INHERITS (heir);
CREATE TABLE mixed (own text) INHERITS (zero, one);
CREATE TABLE of_two (y date) INHERITS (two, zero);
CREATE VIEW seen AS SELECT f, note FROM heir;
