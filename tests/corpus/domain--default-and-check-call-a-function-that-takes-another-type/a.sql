CREATE SCHEMA s;
CREATE FUNCTION s.three(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 3';
CREATE FUNCTION s.fits(int) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT true';
CREATE DOMAIN s.small AS int DEFAULT s.three(1) CHECK (s.fits(VALUE));
CREATE DOMAIN s.smaller AS s.small DEFAULT s.three(2);
CREATE TABLE s.t (
    id int PRIMARY KEY,
    one s.small,
    two s.smaller,
    three int DEFAULT s.three(3)
);
