CREATE TABLE t (id int, body text);
CREATE TEXT SEARCH CONFIGURATION zc (COPY = english);
CREATE INDEX i ON t USING gin (to_tsvector('public.zc'::regconfig, body));
ALTER TABLE t ADD tsv tsvector GENERATED ALWAYS AS (to_tsvector('public.zc'::regconfig, body)) STORED;
