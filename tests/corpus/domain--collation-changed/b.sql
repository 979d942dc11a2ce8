CREATE DOMAIN word AS text COLLATE "POSIX";
CREATE TABLE thing (word word PRIMARY KEY, other word);
