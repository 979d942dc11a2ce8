CREATE TABLE t (id int);
COMMENT ON TABLE t IS E'it''s\\ "odd"\n\ttwo lines é 漢';
