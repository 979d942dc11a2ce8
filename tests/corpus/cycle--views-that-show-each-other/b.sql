CREATE TYPE "Odd tone" AS ENUM ('low');
CREATE TABLE t (id int PRIMARY KEY);
CREATE VIEW v WITH (security_barrier) AS SELECT
    id, 'a'::varchar(5) COLLATE "C" AS "A b", '{a}'::text[] AS c, now() AS at, now()::timestamp(3) AS "at 3",
    '1 day'::interval day to second(3) AS i, 'low'::"Odd tone" AS tone, '{low}'::"Odd tone"[] AS tones,
    1::numeric(4, 1) AS n, 1::float8 AS f, 'a'::"char" AS ch, 'a'::bpchar AS b, b'1'::varbit(3) AS bits
FROM t;
GRANT SELECT ON v TO PUBLIC;
ALTER VIEW v ALTER id SET DEFAULT 3;
COMMENT ON COLUMN v.id IS 'which';
CREATE FUNCTION f(v) RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE VIEW w AS SELECT f(NULL::v) AS f, id FROM t;
CREATE OR REPLACE VIEW v WITH (security_barrier) AS SELECT
    id, 'b'::varchar(5) COLLATE "C" AS "A b", '{a}'::text[] AS c, now() AS at, now()::timestamp(3) AS "at 3",
    '1 day'::interval day to second(3) AS i, 'low'::"Odd tone" AS tone, '{low}'::"Odd tone"[] AS tones,
    1::numeric(4, 1) AS n, 1::float8 AS f, 'a'::"char" AS ch, 'a'::bpchar AS b, b'1'::varbit(3) AS bits
FROM w;
CREATE MATERIALIZED VIEW mv AS SELECT id FROM w;
CREATE UNIQUE INDEX ON mv (id);
CREATE VIEW over_mv AS SELECT * FROM mv;
CREATE FUNCTION g() RETURNS SETOF v LANGUAGE sql BEGIN ATOMIC SELECT * FROM v; END;
