INSERT INTO typed VALUES (1, 'b'); INSERT INTO holds VALUES (ROW(1, 'b'), ARRAY[ROW(2, 'c')]::c[]);
