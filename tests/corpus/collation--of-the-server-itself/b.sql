CREATE COLLATION words (PROVIDER = builtin, LOCALE = 'C.UTF-8');
CREATE TABLE word (word text COLLATE words);
