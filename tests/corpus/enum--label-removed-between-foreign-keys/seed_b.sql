INSERT INTO codes VALUES ('x'), ('z');
INSERT INTO uses VALUES (1, 'x');
