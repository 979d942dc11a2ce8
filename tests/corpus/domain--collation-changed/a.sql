CREATE DOMAIN word AS text COLLATE "C";
CREATE TABLE thing (word word PRIMARY KEY, other word);
