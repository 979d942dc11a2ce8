CREATE SCHEMA "(s)";
CREATE TYPE "(s)"."(e)" AS ENUM ('a', 'b');
CREATE TABLE "(s)"."(t)" ("(a)" bigint, "(c)" text);
CREATE VIEW "(s)"."(v)" AS SELECT "(a)", "(c)" FROM "(s)"."(t)";
CREATE FUNCTION "(s)"."(f)"(integer) RETURNS integer LANGUAGE sql AS 'SELECT $1 + 1';
COMMENT ON COLUMN "(s)"."(t)"."(c)" IS 'c';
GRANT SELECT ON "(s)"."(v)" TO corpus_alice;
GRANT EXECUTE ON FUNCTION "(s)"."(f)"(integer) TO corpus_alice;
