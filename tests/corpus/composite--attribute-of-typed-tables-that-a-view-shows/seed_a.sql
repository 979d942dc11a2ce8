INSERT INTO typed VALUES ('x', 1);
INSERT INTO holds VALUES (ROW('x', 1));
