"""What can be altered is altered, and no more: the whole plan of a few cases of the corpus."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from engine import CORPUS, catalog, psql
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
