INSERT INTO thing VALUES (ROW('x', 1));
