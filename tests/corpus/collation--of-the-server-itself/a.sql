-- from PostgreSQL 17 on
CREATE TABLE word (word text COLLATE "C");
