CREATE TABLE top (stays text, more text);
CREATE TABLE low (stays text, z integer) INHERITS (top);
CREATE TABLE pieces (n integer) PARTITION BY RANGE (n);
CREATE TABLE pieces_all PARTITION OF pieces DEFAULT;
