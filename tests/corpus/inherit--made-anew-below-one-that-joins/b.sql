CREATE TABLE top (c text, d date, CONSTRAINT k CHECK (c <> 'q'));
CREATE TABLE mid (z text) INHERITS (top);
CREATE TABLE low () INHERITS (mid);
