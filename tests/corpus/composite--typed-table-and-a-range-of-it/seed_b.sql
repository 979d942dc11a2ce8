INSERT INTO typed VALUES (1, 'b', 'x'); INSERT INTO holds VALUES (ROW(1, 'b', 'x'), ARRAY[ROW(2, 'c', NULL)]::c[]);
