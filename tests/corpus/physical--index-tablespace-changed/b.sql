CREATE TABLE t (id integer PRIMARY KEY USING INDEX TABLESPACE corpus_space, v text);
CREATE INDEX t_v ON t (v) TABLESPACE corpus_space;
