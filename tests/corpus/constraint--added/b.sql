CREATE TABLE t (id integer NOT NULL, a integer, b text, CONSTRAINT t_pk PRIMARY KEY (id), CONSTRAINT "u u" UNIQUE (a, b), CONSTRAINT c CHECK (a > 0 AND b <> 'it''s'));
COMMENT ON CONSTRAINT c ON t IS 'positive';
