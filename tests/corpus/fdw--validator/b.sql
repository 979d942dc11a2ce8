CREATE SCHEMA "odd ""s";
CREATE FUNCTION "odd ""s"."va l"(text[], oid) RETURNS bool LANGUAGE sql AS 'SELECT true';
CREATE FOREIGN DATA WRAPPER w VALIDATOR "odd ""s"."va l" OPTIONS (a 'b');
CREATE FOREIGN DATA WRAPPER v VALIDATOR postgresql_fdw_validator;
