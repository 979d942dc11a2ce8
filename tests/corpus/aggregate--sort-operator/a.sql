CREATE AGGREGATE least_of(int) (SFUNC = int4smaller, STYPE = int);
