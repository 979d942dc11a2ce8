-- from PostgreSQL 15 on
CREATE TABLE t (id integer, "a ""b" text, n integer, w integer, note text);
CREATE UNIQUE INDEX t_ids ON t (id);
CREATE UNIQUE INDEX "Any ""one" ON t ("a ""b") INCLUDE (n, w);
CREATE UNIQUE INDEX by_n ON t (n) NULLS NOT DISTINCT WITH (fillfactor = 70);
CREATE UNIQUE INDEX a_few ON t (w) WHERE n > 0;
CREATE UNIQUE INDEX noted ON t (note);
COMMENT ON INDEX noted IS 'would stay with the index';
CREATE UNIQUE INDEX taken ON t (w, id);
CREATE TABLE o (id integer REFERENCES t (id));
CREATE UNIQUE INDEX o_id ON o (id);
