INSERT INTO task VALUES (1, 'b'), (2, 'e');
