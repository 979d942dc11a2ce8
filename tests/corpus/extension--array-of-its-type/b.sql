CREATE EXTENSION citext;
CREATE TABLE t (mails citext[] DEFAULT '{}'::citext[]);
