CREATE COLLATION words (PROVIDER = icu, LOCALE = 'de', DETERMINISTIC = false);
CREATE TABLE word (word text COLLATE words PRIMARY KEY, other text COLLATE words DEFAULT 'x');
