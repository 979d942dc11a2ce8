-- from PostgreSQL 17 on
CREATE ACCESS METHOD heap2 TYPE TABLE HANDLER heap_tableam_handler;
CREATE TABLE t (id integer) PARTITION BY LIST (id);
