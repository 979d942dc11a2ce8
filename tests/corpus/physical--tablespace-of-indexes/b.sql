CREATE TABLE t (id integer PRIMARY KEY USING INDEX TABLESPACE corpus_space, v text);
CREATE INDEX t_v ON t (v) TABLESPACE corpus_space WHERE id > 0;
CREATE UNIQUE INDEX t_u ON t (id) INCLUDE (v) WITH (fillfactor = 60) TABLESPACE corpus_space WHERE v <> '';
