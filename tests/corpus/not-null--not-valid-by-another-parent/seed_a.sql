INSERT INTO heir VALUES ('x', 1);
