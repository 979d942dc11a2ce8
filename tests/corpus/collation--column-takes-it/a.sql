CREATE COLLATION words (PROVIDER = libc, LOCALE = 'POSIX');
CREATE TABLE word (word text);
CREATE VIEW all_words AS SELECT word FROM word;
