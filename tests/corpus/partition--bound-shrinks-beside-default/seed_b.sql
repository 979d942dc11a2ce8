INSERT INTO m VALUES ('a', 1), ('b', 2), ('d', 3);
