CREATE TABLE base (x numeric);
CREATE TABLE heir (CONSTRAINT k CHECK (x::text <> 'q')) INHERITS (base);
