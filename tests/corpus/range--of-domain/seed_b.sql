INSERT INTO thing VALUES ('[1,2)', 3);
