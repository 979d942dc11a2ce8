INSERT INTO low (c, d) VALUES ('x', '2020-02-02');
