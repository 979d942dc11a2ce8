CREATE TABLE t (id integer DEFAULT 1, a text DEFAULT 'x', b text);
