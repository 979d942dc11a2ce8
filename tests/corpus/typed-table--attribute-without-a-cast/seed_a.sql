INSERT INTO packs VALUES (1, 'x', 'low', 7);
