CREATE TABLE t (id int);
COMMENT ON TABLE t IS E'$$ ; -- not a comment\n/* nor this';
