INSERT INTO thing VALUES ('abc');
