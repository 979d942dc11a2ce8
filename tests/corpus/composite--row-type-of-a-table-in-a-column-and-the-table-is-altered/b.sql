CREATE TABLE big (id bigint, n text);
CREATE TABLE dep (k int PRIMARY KEY, b big, bs big[]);
