CREATE TABLE big (id int, n text);
CREATE TABLE dep (k int PRIMARY KEY, b big, bs big[]);
