CREATE SCHEMA app;
CREATE COLLATION app.german (PROVIDER = icu, LOCALE = 'de-DE');
CREATE COLLATION app."no case" (PROVIDER = icu, LOCALE = 'und-u-ks-level2', DETERMINISTIC = false);
CREATE TABLE app.word (word text COLLATE app.german PRIMARY KEY, other text COLLATE app."no case");
