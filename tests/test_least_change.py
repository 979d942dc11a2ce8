"""What can be altered is altered, and no more: the whole plan of a few cases of the corpus."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from engine import CORPUS, assert_turns, catalog, psql
from ringfence.planner import plan

if TYPE_CHECKING:
    from collections.abc import Callable

ROUTINE = "CREATE OR REPLACE FUNCTION public.f(a integer)"
TRIGGER = "CREATE OR REPLACE TRIGGER g"

STEPS = {
    # No index is built anew, no function made anew, because of an extension they depend on.
    ("extension--what-depends-on-it-goes-too", "back"): [
        "ALTER INDEX public.i NO DEPENDS ON EXTENSION citext",
        "ALTER MATERIALIZED VIEW public.m NO DEPENDS ON EXTENSION citext",
        "ALTER TRIGGER g ON public.t NO DEPENDS ON EXTENSION citext",
        "DROP PROCEDURE public.p(integer)",
        "DROP EXTENSION citext",
    ],
    ("extension--moved", "there"): ["ALTER EXTENSION citext SET SCHEMA two"],
    ("rule--condition-changed", "there"): ["CREATE OR REPLACE RULE r"],
    ("rule--disabled", "there"): ["ALTER TABLE public.t DISABLE RULE r"],
    ("routine--body-changed", "there"): [ROUTINE],
    ("routine--default-added", "there"): [
        "CREATE OR REPLACE FUNCTION public.f(a integer, b integer DEFAULT 5)"
    ],
    ("aggregate--initial-value-changed", "back"): ["CREATE OR REPLACE AGGREGATE public.total"],
    ("trigger--event-changed", "there"): [TRIGGER, "ALTER TABLE public.t DISABLE TRIGGER g"],
    # The partition goes with the state of its trigger.
    ("trigger--partition-with-a-state-dropped", "there"): [
        "DROP TABLE public.t1",
    ],
    # Written anew once, its columns in the order of the file.
    ("column--added-where-the-table-is-written-anew", "there"): [
        "CREATE FUNCTION public.f()",
        (
            "ALTER TABLE public.t ALTER COLUMN id TYPE bigint,\n    ADD COLUMN n integer,\n"
            "    ADD COLUMN at timestamp without time zone DEFAULT clock_timestamp() NOT NULL,\n"
            "    ADD COLUMN twice bigint GENERATED ALWAYS AS ((id * 2)) STORED"
        ),
        (
            "ALTER TABLE public.u ALTER COLUMN id TYPE bigint,\n"
            "    ADD COLUMN n integer DEFAULT public.f() NOT NULL"
        ),
        "CREATE TYPE public.e",
        "ALTER TABLE public.t ADD COLUMN said",
        "CREATE VIEW public.w",
    ],
    ("event-trigger--disabled", "there"): ['ALTER EVENT TRIGGER "e ""v" DISABLE'],
    ("policy--using-changed", "there"): ["ALTER POLICY p ON public.t"],
    ("operator--estimators-changed", "back"): [
        "ALTER OPERATOR public.<< (integer, text) SET (RESTRICT = NONE, JOIN = NONE)"
    ],
    ("operator--one-of-a-pair", "there"): ["CREATE OPERATOR public.>>"],
    ("operator--one-of-a-pair", "back"): ["DROP OPERATOR public.>> (text, integer)"],
    ("opclass--family-with-loose-members", "back"): [
        "ALTER OPERATOR FAMILY public.loose USING btree DROP FUNCTION 1 (bigint, integer)",
        "ALTER OPERATOR FAMILY public.loose USING btree DROP OPERATOR 5 (integer, bigint)",
        "ALTER OPERATOR FAMILY public.loose USING btree ADD FUNCTION 1 (integer, bigint)",
        "ALTER OPERATOR FAMILY public.loose USING btree ADD OPERATOR 3 pg_catalog.=",
    ],
    ("language--redefined", "there"): ["CREATE OR REPLACE TRUSTED LANGUAGE plx"],
    ("text-search--mappings-changed", "there"): [
        'ALTER TEXT SEARCH CONFIGURATION public.c DROP MAPPING FOR "int"',
        "ALTER TEXT SEARCH CONFIGURATION public.c ALTER MAPPING FOR asciiword",
        "ALTER TEXT SEARCH CONFIGURATION public.c ALTER MAPPING FOR word",
        "ALTER TEXT SEARCH CONFIGURATION public.c ADD MAPPING FOR email",
        "ALTER TEXT SEARCH CONFIGURATION public.c ADD MAPPING FOR url",
    ],
    ("comment--odd-text", "back"): ["COMMENT ON TABLE public.t IS "],
    ("comment--on-a-view-column-default", "back"): [
        "COMMENT ON COLUMN public.w.v IS NULL",
        "ALTER VIEW public.w ALTER COLUMN v DROP DEFAULT",
        "ALTER VIEW public.w ALTER COLUMN id SET DEFAULT 5",
    ],
}


@pytest.mark.parametrize(("case", "way"), STEPS, ids=[f"{case}-{way}" for case, way in STEPS])
def test_the_steps_of_a_plan(case: str, way: str, make_database: Callable[..., str]) -> None:
    names = ("a.sql", "b.sql") if way == "there" else ("b.sql", "a.sql")
    catalogs = []
    for name in names:
        database = make_database()
        psql(database, (CORPUS / case / name).read_text(encoding="utf-8"))
        catalogs.append(catalog(database))
    steps = sorted(step.sql for step in plan(*catalogs, executor="postgres").steps)
    expected = sorted(STEPS[case, way])
    assert len(steps) == len(expected), "\n".join(steps)
    for step, beginning in zip(steps, expected, strict=True):
        assert step.startswith(beginning)


RENAMED = {
    "constraints and indexes": (
        (
            "CREATE TABLE p (id int CONSTRAINT p_old PRIMARY KEY);"
            "CREATE TABLE t (id int, p int CONSTRAINT f_old REFERENCES p, u int CONSTRAINT u_old UNIQUE,"
            ' CONSTRAINT c_old CHECK (u > 0)); CREATE INDEX "i Old" ON t (id) WITH (fillfactor = 70);'
            'COMMENT ON INDEX "i Old" IS \'kept\'; ALTER TABLE t CLUSTER ON "i Old";'
            "ALTER TABLE p REPLICA IDENTITY USING INDEX p_old;"
        ),
        (
            "CREATE TABLE p (id int CONSTRAINT p_new PRIMARY KEY);"
            "CREATE TABLE t (id int, p int CONSTRAINT f_new REFERENCES p, u int CONSTRAINT u_new UNIQUE,"
            ' CONSTRAINT c_new CHECK (u > 0)); CREATE INDEX "i New" ON t (id) WITH (fillfactor = 70);'
            'COMMENT ON INDEX "i New" IS \'kept\'; ALTER TABLE t CLUSTER ON "i New";'
            "ALTER TABLE p REPLICA IDENTITY USING INDEX p_new;"
        ),
        [
            'ALTER INDEX public."i Old" RENAME TO "i New"',
            "ALTER TABLE public.p RENAME CONSTRAINT p_old TO p_new",
            "ALTER TABLE public.t RENAME CONSTRAINT c_old TO c_new",
            "ALTER TABLE public.t RENAME CONSTRAINT f_old TO f_new",
            "ALTER TABLE public.t RENAME CONSTRAINT u_old TO u_new",
        ],
    ),
    "names that change places": (
        (
            "CREATE TABLE t (a int, b int); CREATE INDEX x ON t (a); CREATE INDEX y ON t (b);"
            "CREATE INDEX z ON t (a, b); CREATE INDEX v ON t (b, a)"
        ),
        (
            "CREATE TABLE t (a int, b int); CREATE INDEX y ON t (a); CREATE INDEX x ON t (b);"
            "CREATE INDEX v ON t (a, b); CREATE INDEX w ON t (b, a)"
        ),
        [
            "ALTER INDEX public.ringfence_089c40cb0373ccc1 RENAME TO y",
            "ALTER INDEX public.v RENAME TO w",
            "ALTER INDEX public.x RENAME TO ringfence_089c40cb0373ccc1",
            "ALTER INDEX public.y RENAME TO x",
            "ALTER INDEX public.z RENAME TO v",
        ],
    ),
    # A column's own sequence keeps its position.
    "the sequence of a serial column": (
        "CREATE TABLE t (id serial, n int); ALTER SEQUENCE t_id_seq RENAME TO q",
        "CREATE TABLE t (id serial, n int)",
        ["ALTER SEQUENCE public.q RENAME TO t_id_seq"],
    ),
    "a tree of indexes and what is inherited": (
        (
            "CREATE TABLE w (a int, CONSTRAINT c1 CHECK (a > 0)) PARTITION BY LIST (a);"
            "CREATE TABLE w1 PARTITION OF w FOR VALUES IN (1); CREATE INDEX i1 ON w (a);"
            "CREATE TABLE m (a int, CONSTRAINT k1 CHECK (a > 0)); CREATE TABLE n () INHERITS (m);"
            "ALTER TABLE w ADD CONSTRAINT u1 UNIQUE (a);"
        ),
        (
            "CREATE TABLE w (a int, CONSTRAINT c2 CHECK (a > 0)) PARTITION BY LIST (a);"
            "CREATE TABLE w1 PARTITION OF w FOR VALUES IN (1);"
            "CREATE INDEX i2 ON w (a); ALTER INDEX w1_a_idx RENAME TO w1_i2;"
            "CREATE TABLE m (a int, CONSTRAINT k2 CHECK (a > 0)); CREATE TABLE n () INHERITS (m);"
            "ALTER TABLE w ADD CONSTRAINT u2 UNIQUE (a); ALTER TABLE w1 RENAME CONSTRAINT w1_a_key TO q"
        ),
        [
            "ALTER INDEX public.i1 RENAME TO i2",
            "ALTER INDEX public.w1_a_idx RENAME TO w1_i2",
            "ALTER TABLE public.m RENAME CONSTRAINT k1 TO k2",
            "ALTER TABLE public.w RENAME CONSTRAINT c1 TO c2",
            "ALTER TABLE public.w RENAME CONSTRAINT u1 TO u2",
            "ALTER TABLE public.w1 RENAME CONSTRAINT w1_a_key TO q",
        ],
    ),
    "a domain's constraint": (
        "CREATE DOMAIN d AS int CONSTRAINT one CHECK (VALUE > 0)",
        "CREATE DOMAIN d AS int CONSTRAINT two CHECK (VALUE > 0)",
        ["ALTER DOMAIN public.d RENAME CONSTRAINT one TO two"],
    ),
    # Which of the two is which nobody can tell, and the new one's name is somebody else's still.
    "not where there is doubt": (
        (
            "CREATE TABLE t (a int, b int); CREATE INDEX x ON t (a); CREATE INDEX y ON t (a);"
            "CREATE INDEX z ON t (b); CREATE VIEW s AS SELECT 1 AS one"
        ),
        (
            "CREATE TABLE t (a int, b int); CREATE INDEX v ON t (a); CREATE INDEX w ON t (a);"
            "CREATE INDEX s ON t (b)"
        ),
        [
            "CREATE INDEX s ON public.t",
            "CREATE INDEX v ON public.t",
            "CREATE INDEX w ON public.t",
            "DROP INDEX public.x",
            "DROP INDEX public.y",
            "DROP INDEX public.z",
            "DROP VIEW public.s",
        ],
    ),
}


@pytest.mark.parametrize("case", RENAMED)
def test_what_only_has_another_name_is_renamed(
    case: str, make_database: Callable[..., str]
) -> None:
    one, two, expected = RENAMED[case]
    databases = make_database(), make_database()
    for database, text in zip(databases, (one, two), strict=True):
        psql(database, text)
    steps = sorted(assert_turns(*databases).plan.steps, key=lambda s: s.sql)
    assert len(steps) == len(expected), "\n".join(s.sql for s in steps)
    for step, beginning in zip(steps, expected, strict=True):
        assert step.sql.startswith(beginning)
