INSERT INTO m VALUES (1, '2024-05-05', 'a'), (2, '2025-06-06', 'b');
