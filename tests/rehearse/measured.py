"""What statements do, as measured elsewhere and by hand: locks, rewrites, index builds, scans.

A row: the statement, its locks on relations that were there, then what it works on. `t` has three
indexes (t_pkey, t_a_idx, t_c_idx), `p` is what t.pid refers to, `part` is partitioned.
"""

from __future__ import annotations

from dataclasses import dataclass

SCHEMA = """
CREATE TYPE en AS ENUM ('a', 'b');
CREATE DOMAIN dpos AS integer CHECK (VALUE > 0);
CREATE DOMAIN dd AS integer;
CREATE TABLE p (id bigint PRIMARY KEY);
INSERT INTO p SELECT g FROM generate_series(1, 50) AS g;
CREATE TABLE t (
    id bigint PRIMARY KEY, a integer, b text, c varchar(20), d varchar(20), e integer,
    n numeric(10, 2), ts timestamp, j json, nn integer NOT NULL, pid bigint
);
INSERT INTO t SELECT g, g, 'b' || g, 'c' || g, 'd', g, g, now(), '{}', g, 1 + g % 50
FROM generate_series(1, 2000) AS g;
CREATE INDEX t_a_idx ON t (a);
CREATE INDEX t_c_idx ON t (c);
CREATE TABLE r (id integer CONSTRAINT r_pkey PRIMARY KEY, v integer);
INSERT INTO r SELECT g, g FROM generate_series(1, 500) AS g;
CREATE TABLE r2 (id integer NOT NULL, v integer, w integer);
INSERT INTO r2 SELECT g, g, g FROM generate_series(1, 500) AS g;
CREATE TABLE r_parent (id integer);
CREATE TABLE part (id integer NOT NULL) PARTITION BY RANGE (id);
CREATE TABLE part1 PARTITION OF part FOR VALUES FROM (0) TO (100);
INSERT INTO part SELECT g % 100 FROM generate_series(1, 500) AS g;
CREATE TABLE part2 (id integer NOT NULL);
INSERT INTO part2 SELECT 100 + g % 100 FROM generate_series(1, 500) AS g;
CREATE TABLE et (id integer CONSTRAINT et_pkey PRIMARY KEY, x en);
INSERT INTO et SELECT g, 'a' FROM generate_series(1, 100) AS g;
CREATE TABLE dt (id integer, x dd);
INSERT INTO dt SELECT g, g FROM generate_series(1, 500) AS g;
CREATE TABLE g (id integer, x integer, y integer GENERATED ALWAYS AS (x + 1) STORED);
INSERT INTO g (id, x) SELECT i, i FROM generate_series(1, 500) AS i;
CREATE SEQUENCE sq;
CREATE SCHEMA s2;
CREATE VIEW v AS SELECT id, b FROM t;
CREATE MATERIALIZED VIEW mv AS SELECT id, nn FROM t;
CREATE UNIQUE INDEX mv_id_idx ON mv (id);
CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'begin return new; end';
CREATE TRIGGER tg BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION f();
"""
DEFAULT_PARTITION = "CREATE TABLE pdef PARTITION OF part DEFAULT"
CHECK = "ALTER TABLE t ADD CONSTRAINT ck CHECK (a > 0)"
CHECKED = f"{CHECK} NOT VALID"
KEY = "ALTER TABLE t ADD CONSTRAINT fk FOREIGN KEY (pid) REFERENCES p (id)"
T = "t:AE"
ALL = "t:AE t_a_idx:AE t_c_idx:AE t_pkey:AE"
ROWS = "t:RE t_a_idx:RE t_c_idx:RE t_pkey:RE"


@dataclass(frozen=True)
class Row:
    """A statement, what has to be there before, and what is to be seen."""

    sql: str
    locks: str = ""
    rewrite: str = ""
    build: int = 0
    scan: str = ""
    setup: str = ""
    since: int = 14
    until: int = 99
    proven: bool = False
    waits: bool = False
    emptied: str = ""
    transient: bool = False
    """Whether locks come and go, so that more of them may be seen than are told here."""
    id: str = ""


def _rewrites(sql: str, **more: object) -> Row:
    return Row(sql, ALL, "t", 3, "t", **more)  # type: ignore[arg-type]


ROWS_ = [
    Row("alter table t add column z int", T),
    Row("alter table t add column z int default 5", T),
    Row("alter table t add column z int not null default 5", T),
    Row("alter table t add column z timestamptz default now()", T),
    Row("alter table t add column z timestamptz not null default now()", T),
    _rewrites("alter table t add column z timestamptz default clock_timestamp()"),
    _rewrites("alter table t add column z uuid default gen_random_uuid()"),
    _rewrites("alter table t add column z serial"),
    _rewrites("alter table t add column z bigserial"),
    _rewrites("alter table t add column z bigint generated always as identity"),
    _rewrites("alter table t add column z int generated always as (a+1) stored"),
    Row("alter table t add column z int check (z>0)", T, scan="t"),
    Row("alter table t add column z int default 1 check (z>0)", T, scan="t"),
    Row("alter table t add column z bigint references p(id)", "p:SRE t:AE"),
    Row("alter table t add column z bigint default 1 references p(id)", "p:SRE t:AE", scan="p t"),
    Row("alter table t add column z int unique", T, build=1, scan="t"),
    _rewrites("alter table t add column z dpos"),
    Row("alter table t add column if not exists a int", T),
    Row("alter table t drop column e", T),
    Row("alter table t drop column a", "t:AE t_a_idx:AE"),
    Row("alter table t rename column nn to nn2", T),
    Row("alter table r rename to r3", "r:AE"),
    Row("alter index t_a_idx rename to t_a_idx2", "t_a_idx:SUE"),
    Row("alter table t rename constraint t_pkey to t_pk2", "t:AE t_pkey:SUE"),
    Row("alter schema s2 rename to s3"),
    Row("alter table r set schema s2", "r:AE"),
    Row("alter table t alter a set default 3", T),
    Row("alter table t alter a drop default", T),
    Row("alter table t alter a set not null", T, scan="t"),
    Row(
        "alter table t alter a set not null",
        T,
        setup="ALTER TABLE t ADD CONSTRAINT c CHECK (a IS NOT NULL)",
        proven=True,
        id="proven",
    ),
    Row(
        "alter table t alter a set not null",
        T,
        scan="t",
        setup="ALTER TABLE t ADD CONSTRAINT c CHECK (a IS NOT NULL) NOT VALID",
        id="not-valid-proves-nothing",
    ),
    Row("alter table t alter nn drop not null", T),
    _rewrites("alter table t alter e type bigint"),
    # An index on the column is rebuilt because its type changes, the others because the heap does.
    _rewrites("alter table t alter a type bigint"),
    Row("alter table t alter d type varchar(50)", T),
    Row("alter table t alter c type varchar(50)", "t:AE t_c_idx:AE"),
    _rewrites("alter table t alter d type varchar(5)"),
    Row("alter table t alter d type text", T),
    Row("alter table t alter c type text", "t:AE t_c_idx:AE"),
    _rewrites("alter table t alter b type varchar(100)", setup="DROP VIEW v"),
    Row("alter table t alter n type numeric(20,2)", T),
    _rewrites("alter table t alter n type numeric(20,4)"),
    Row("alter table t alter n type numeric", T),
    Row("alter table t alter ts type timestamptz", T, setup="SET timezone = 'UTC'", id="utc"),
    _rewrites(
        "alter table t alter ts type timestamptz",
        setup="SET timezone = 'Europe/Berlin'",
        id="berlin",
    ),
    _rewrites("alter table t alter b type jsonb using to_jsonb(b)", setup="DROP VIEW v"),
    _rewrites("alter table t alter j type jsonb"),
    Row('alter table t alter d type varchar(20) collate "POSIX"', T),
    Row("alter table t alter a set statistics 500", "t:SUE"),
    Row("alter table t alter b set storage external", T),
    Row("alter table t alter b set compression pglz", T),
    Row("alter table t set (fillfactor=80)", "t:SUE"),
    Row("alter table t set (autovacuum_enabled=false)", "t:SUE"),
    Row("alter table t alter a set (n_distinct=100)", "t:SUE"),
    Row("alter table t set access method heap", T, since=15),
    Row("alter table r set unlogged", "r:AE r_pkey:AE", "r", 1, "r"),
    Row(
        "alter table r set logged",
        "r:AE r_pkey:AE",
        "r",
        1,
        "r",
        setup="ALTER TABLE r SET UNLOGGED",
    ),
    Row("alter table r set tablespace pg_default", "r:AE"),
    Row("alter table t cluster on t_a_idx", "t:SUE t_a_idx:SUE"),
    Row("alter table t replica identity full", T),
    Row("alter table t owner to current_user", T),
    Row("alter table t owner to pg_monitor", ALL, id="another"),
    Row("alter table t enable row level security", T),
    Row("alter table t force row level security", T),
    Row("alter table t disable row level security", T),
    Row("create policy po on t using (a>0)", T),
    Row("alter policy po on t using (a>1)", T, setup="CREATE POLICY po ON t USING (a > 0)"),
    Row("drop policy po on t", T, setup="CREATE POLICY po ON t USING (a > 0)"),
    # From 18 on these lock what they name as a reader does, which stops nobody and is not told.
    Row("grant select on t to public"),
    Row("revoke select on t from public"),
    Row("comment on table t is 'x'", "t:SUE"),
    Row("comment on column t.a is 'x'", "t:SUE"),
    Row(CHECK, T, scan="t"),
    Row(CHECKED, T),
    Row("alter table t validate constraint ck", "t:SUE", scan="t", setup=CHECKED),
    Row("alter table t drop constraint ck", T, setup=CHECKED),
    Row(KEY, "p:SRE t:SRE", scan="p t"),
    Row(f"{KEY} NOT VALID", "p:SRE t:SRE"),
    Row("alter table t validate constraint fk", "p:RS t:SUE", scan="p t", setup=f"{KEY} NOT VALID"),
    Row("alter table t drop constraint fk", "p:AE t:AE", setup=KEY),
    Row("alter table t alter constraint fk deferrable initially deferred", T, setup=KEY),
    Row("create table nt (id int primary key, pid bigint references p(id))", "p:SRE"),
    Row(
        "drop table nt",
        "nt:AE nt_pkey:AE p:AE",
        setup="CREATE TABLE nt (id int PRIMARY KEY, pid bigint REFERENCES p (id))",
    ),
    Row("alter table t add constraint uq unique (e)", T, build=1, scan="t"),
    Row(
        "alter table t add constraint uq unique using index uix",
        "t:AE uix:SUE",
        setup="CREATE UNIQUE INDEX uix ON t (e)",
    ),
    Row(
        "alter table t add constraint uq unique nulls not distinct (e)",
        T,
        build=1,
        scan="t",
        since=15,
    ),
    Row("alter table r2 add primary key (id)", "r2:AE", build=1, scan="r2"),
    Row(
        "alter table r2 add primary key using index r2i",
        "r2:AE",
        scan="r2",
        setup="CREATE UNIQUE INDEX r2i ON r2 (v)",
        id="nullable",
    ),
    Row(
        "alter table r2 add primary key using index r2i",
        "r2:AE",
        setup="CREATE UNIQUE INDEX r2i ON r2 (id)",
        id="not-null",
    ),
    Row("alter table t add constraint ex exclude using btree (e with =)", T, build=1, scan="t"),
    Row("alter table r drop constraint r_pkey", "r:AE r_pkey:AE"),
    Row("create index i1 on t(b)", "t:S", build=1, scan="t"),
    Row("create unique index i1 on t(e)", "t:S", build=1, scan="t"),
    Row("create index if not exists t_a_idx on t(a)", "t:S"),
    Row("drop index t_a_idx", "t:AE t_a_idx:AE"),
    Row("reindex index t_a_idx", "t:S t_a_idx:AE", build=1, scan="t"),
    Row("reindex table t", "t:S t_a_idx:AE t_c_idx:AE t_pkey:AE", build=3, scan="t"),
    Row("alter index t_a_idx set (fillfactor=70)", "t_a_idx:SUE"),
    Row("create index concurrently i1 on t(b)", "t:SUE", build=1, scan="t", waits=True),
    Row("drop index concurrently t_a_idx", "t:SUE t_a_idx:SUE", waits=True),
    Row(
        "reindex index concurrently t_a_idx",
        "t:SUE t_a_idx:SUE",
        build=1,
        scan="t",
        waits=True,
        transient=True,
    ),
    Row(
        "reindex table concurrently t",
        "t:SUE t_a_idx:SUE t_c_idx:SUE t_pkey:SUE",
        build=3,
        scan="t",
        waits=True,
        transient=True,
    ),
    Row(
        "alter table part detach partition part1 concurrently",
        "part:SUE part1:AE",
        waits=True,
    ),
    Row("refresh materialized view concurrently mv", "mv:E mv_id_idx:RE", scan="mv t"),
    Row("refresh materialized view mv", "mv:AE mv_id_idx:AE", "mv", 1, "mv t"),
    Row("create table part3 partition of part for values from (200) to (300)", "part:AE"),
    Row(
        "create table part3 partition of part for values from (200) to (300)",
        "part:AE pdef:AE",
        setup=DEFAULT_PARTITION,
        id="default",
    ),
    Row(
        "alter table part attach partition part2 for values from (100) to (200)",
        "part:SUE part2:AE",
        scan="part2",
    ),
    Row(
        "alter table part attach partition part2 for values from (100) to (200)",
        "part:SUE part2:AE",
        setup="ALTER TABLE part2 ADD CHECK (id >= 100 AND id < 200)",
        proven=True,
        id="proven",
    ),
    Row(
        "alter table part attach partition part2 for values from (100) to (200)",
        "part:SUE part2:AE pdef:AE",
        scan="part2",
        setup=DEFAULT_PARTITION,
        id="default",
    ),
    Row("alter table part detach partition part1", "part:AE part1:AE"),
    Row("create index pi on only part(id)", "part:S"),
    Row("create index pi on part(id)", "part:S part1:S", build=1, scan="part1"),
    Row("create trigger t2 before update on t for each row execute function f()", "t:SRE"),
    Row(
        "create or replace trigger tg before insert on t for each row execute function f()", "t:SRE"
    ),
    Row(
        "create constraint trigger t3 after update on t deferrable for each row execute function f()",
        "t:SRE",
    ),
    Row("drop trigger tg on t", T),
    Row("alter table t disable trigger tg", "t:SRE"),
    Row("alter table t disable trigger all", "t:SRE"),
    Row("create rule rr as on insert to r do also nothing", "r:AE"),
    Row("create view v2 as select * from t"),
    Row("create or replace view v as select id, b from t", "v:AE"),
    Row("drop view v", "v:AE"),
    Row("alter view v owner to current_user", "v:AE"),
    Row(
        "create or replace function f() returns trigger language plpgsql as 'begin return null; end'"
    ),
    Row("drop table r", "r:AE r_pkey:AE"),
    Row("truncate r", "r:AE r_pkey:AE", emptied="r"),
    Row(
        "truncate p cascade",
        "p:AE p_pkey:AE t:AE t_a_idx:AE t_c_idx:AE t_pkey:AE",
        emptied="p t",
        setup=KEY,
    ),
    Row("vacuum full t", "t:AE", "t", 3, "t", transient=True),
    Row("vacuum t", "t:SUE", transient=True),
    Row("analyze t", "t:SUE"),
    Row("cluster t using t_a_idx", ALL, "t", 3, "t"),
    Row("alter type en add value 'c'"),
    Row("alter type en add value 'c' before 'b'"),
    Row("alter type en rename value 'a' to 'z'"),
    Row("alter table et alter x type text", "et:AE et_pkey:AE", "et", 1, "et"),
    Row("alter domain dd add constraint k check (value>0)", "dt:S", scan="dt"),
    Row("alter domain dd add constraint k check (value>0) not valid"),
    Row(
        "alter domain dd validate constraint k",
        "dt:S",
        scan="dt",
        setup="ALTER DOMAIN dd ADD CONSTRAINT k CHECK (value > 0) NOT VALID",
    ),
    Row("create statistics st on a,b from t", "t:SUE"),
    Row("alter sequence sq restart with 100", "sq:SRE"),
    Row("create schema if not exists s2"),
    Row("create publication pub for table t", "t:SUE"),
    Row("lock table t in share row exclusive mode", "t:SRE"),
    Row("update t set e=e+1", ROWS, scan="t"),
    Row("update t set e=e+1 where id=1", ROWS),
    Row("insert into r select g,g from generate_series(10001,10100) g", "r:RE"),
    Row("create table t9 as select * from t", scan="t"),
    Row("alter table r inherit r_parent", "r_parent:SUE r:AE"),
    Row("alter table g alter y drop expression", "g:AE"),
    Row("alter table r alter id add generated by default as identity", "r:AE"),
    Row("alter default privileges grant select on tables to public"),
    Row("alter table g alter y set expression as (x*2)", "g:AE", "g", scan="g", since=17),
    Row("alter table t add column z int generated always as (a+1) virtual", T, since=18),
    Row("alter table t add constraint nn1 not null a not valid", T, since=18),
    Row(
        "alter table t validate constraint nn1",
        "t:SUE",
        scan="t",
        setup="ALTER TABLE t ADD CONSTRAINT nn1 NOT NULL a NOT VALID",
        since=18,
    ),
    Row("alter table t add constraint ck check (a>0) not enforced", T, since=18),
]
