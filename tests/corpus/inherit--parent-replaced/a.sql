-- from PostgreSQL 15 on
CREATE FUNCTION h(internal) RETURNS table_am_handler LANGUAGE internal AS 'heap_tableam_handler';
CREATE ACCESS METHOD m TYPE TABLE HANDLER heap_tableam_handler;
CREATE TABLE t (a integer, b text NOT NULL) USING m;
CREATE TABLE u (c integer) INHERITS (t);
