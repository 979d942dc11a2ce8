INSERT INTO heir VALUES ('kept', 1, 'too');
