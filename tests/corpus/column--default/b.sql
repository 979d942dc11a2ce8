CREATE TABLE t (id integer DEFAULT 2, a text, b text DEFAULT 'it''s \ "odd"');
