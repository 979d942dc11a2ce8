CREATE SCHEMA app;
CREATE COLLATION app.plain (PROVIDER = libc, LOCALE = 'C');
CREATE COLLATION app."sort ""it" (PROVIDER = libc, LC_COLLATE = 'POSIX', LC_CTYPE = 'C');
CREATE TABLE app.word (word text COLLATE app.plain PRIMARY KEY, other text COLLATE app."sort ""it");
CREATE INDEX word_plain ON app.word (word COLLATE app."sort ""it");
COMMENT ON COLLATION app.plain IS 'it''s';
ALTER COLLATION app.plain OWNER TO corpus_alice;
