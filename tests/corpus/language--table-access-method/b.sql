CREATE TABLE t (id int);
CREATE ACCESS METHOD "heap 2" TYPE TABLE HANDLER heap_tableam_handler;
CREATE TABLE u (id int) USING "heap 2";
