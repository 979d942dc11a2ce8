CREATE FUNCTION h(internal) RETURNS table_am_handler LANGUAGE internal AS 'heap_tableam_handler';
CREATE ACCESS METHOD m TYPE TABLE HANDLER h;
CREATE TABLE t (a integer, b text NOT NULL) USING m;
CREATE TABLE u (c integer) INHERITS (t);
