CREATE TABLE base (n integer, x text);
CREATE TABLE heir () INHERITS (base);
ALTER TABLE heir ADD CONSTRAINT k CHECK (x <> 'q') NOT VALID;
