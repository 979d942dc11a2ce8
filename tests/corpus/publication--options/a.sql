CREATE PUBLICATION "we ""ird" WITH (publish = 'insert, update');
