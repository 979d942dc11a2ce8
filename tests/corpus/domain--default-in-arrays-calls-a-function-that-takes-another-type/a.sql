CREATE SCHEMA s;
CREATE FUNCTION s.three(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 3';
CREATE DOMAIN s.small AS int DEFAULT s.three(1);
CREATE TYPE s.pair AS (l s.small, r s.small[]);
CREATE TABLE s.t (
    id int PRIMARY KEY,
    several s.small[],
    pair s.pair
);
