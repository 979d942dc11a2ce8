CREATE FUNCTION lt(int, text) RETURNS bool LANGUAGE sql IMMUTABLE AS 'SELECT true';
CREATE TABLE t (a int, b text);
CREATE OPERATOR << (LEFTARG = int, RIGHTARG = text, FUNCTION = lt, RESTRICT = scalarltsel, JOIN = scalarltjoinsel);
CREATE VIEW v AS SELECT a << b AS x FROM t;
