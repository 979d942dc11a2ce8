CREATE TABLE top (gone integer UNIQUE, stays text, CONSTRAINT over CHECK (stays <> ''));
CREATE TABLE low (stays text, z integer);
CREATE TABLE pieces (n integer REFERENCES top (gone)) PARTITION BY HASH (n);
