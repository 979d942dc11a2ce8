-- with ICU
CREATE SCHEMA app;
