INSERT INTO m VALUES (1, '2024-05-05', 'a'), (2, '2026-01-01', 'b');
