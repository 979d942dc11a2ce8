CREATE TABLE base (x text);
CREATE TABLE heir (CONSTRAINT k CHECK (x::text <> 'q')) INHERITS (base);
