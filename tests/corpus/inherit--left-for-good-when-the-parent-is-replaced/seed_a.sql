INSERT INTO heir (z) VALUES ('low');
