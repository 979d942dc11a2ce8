CREATE FOREIGN DATA WRAPPER w OPTIONS (b '2', c 'it''s = "x" \ y', d '4');
CREATE FOREIGN DATA WRAPPER bare OPTIONS ("Odd name" '');
