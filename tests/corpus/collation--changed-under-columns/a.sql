CREATE COLLATION words (PROVIDER = libc, LOCALE = 'POSIX');
COMMENT ON COLLATION words IS 'it';
ALTER COLLATION words OWNER TO corpus_alice;
CREATE TABLE word (word text COLLATE words PRIMARY KEY, other text COLLATE words DEFAULT 'x', CHECK (word <> other));
CREATE INDEX word_upper ON word (upper(other) COLLATE words);
CREATE VIEW first AS SELECT word FROM word WHERE word < 'b' ORDER BY word COLLATE words;
CREATE DOMAIN wording AS text COLLATE words;
CREATE TYPE pair AS (a text COLLATE words);
CREATE TABLE thing (wording wording, pair pair);
