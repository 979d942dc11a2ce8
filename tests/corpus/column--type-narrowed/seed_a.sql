INSERT INTO t VALUES ('abc', 1, '2024-01-01', '{abc,d}');
