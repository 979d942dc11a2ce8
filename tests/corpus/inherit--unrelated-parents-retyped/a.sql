CREATE TYPE e AS ENUM ('a','b','c');
CREATE TABLE "P" ("x y" varchar(10) COLLATE "C" NOT NULL, a e, k integer CHECK (k > 0));
CREATE TABLE q (z text DEFAULT 'q', "x y" varchar(10) COLLATE "C" DEFAULT 'd', a e, b text CHECK (b <> ''));
CREATE TABLE r ("x y" varchar(10) COLLATE "C", n integer) ;
CREATE TABLE m () INHERITS (q, r);
CREATE TABLE c ("x y" varchar(10) COLLATE "C", own integer) INHERITS ("P", m);
CREATE INDEX ON c ("x y");
CREATE VIEW v AS SELECT "x y" FROM r;
