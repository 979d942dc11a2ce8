INSERT INTO p VALUES (3, 'a'), (20, 'b');
