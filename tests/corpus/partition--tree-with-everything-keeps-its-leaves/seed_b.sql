INSERT INTO ref VALUES (1);
INSERT INTO m (d, n, t, r) SELECT '2024-01-01', g, 'x' || g, 1 FROM generate_series(1, 120) AS g;
INSERT INTO child SELECT id, d FROM m;
