"""Lock-safe plans, run on a server: they end where the plain plan would, rows and all."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from engine import catalog, psql, rows
from ringfence.change import diff
from ringfence.online import online
from ringfence.pg import dump
from ringfence.planner import plan

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import SomeServer

TREE = (
    "CREATE TABLE w (id int NOT NULL, a int, b text) PARTITION BY RANGE (id);"
    "CREATE TABLE w1 PARTITION OF w FOR VALUES FROM (0) TO (10);"
    'CREATE TABLE "W 2" PARTITION OF w FOR VALUES FROM (10) TO (100) PARTITION BY LIST (id);'
    'CREATE TABLE w3 PARTITION OF "W 2" DEFAULT;'
    "CREATE TABLE o (id int PRIMARY KEY);"
)
FILL = (
    "INSERT INTO o SELECT generate_series(1, 50);"
    "INSERT INTO w SELECT g, g, 'x' FROM generate_series(1, 50) AS g;"
)
PARTS = (
    "CREATE TABLE w (id int NOT NULL, a int NOT NULL, b text, {}) PARTITION BY RANGE (id);"
    "CREATE TABLE w1 PARTITION OF w FOR VALUES FROM (0) TO (10);"
    'CREATE TABLE "W 2" PARTITION OF w FOR VALUES FROM (10) TO (100) PARTITION BY RANGE (id);'
    'CREATE TABLE w3 PARTITION OF "W 2" DEFAULT;'
)
FILL_PARTS = "INSERT INTO w SELECT g, g + 1, 'x' FROM generate_series(1, 50) AS g;"
PLAIN = "CREATE TABLE o (id int PRIMARY KEY); CREATE TABLE w (id int, a int, b text);"

BEFORE_KEYS = (
    "CREATE TABLE o (id int PRIMARY KEY, a int, UNIQUE (a, id));"
    "CREATE TABLE w (id int PRIMARY KEY, a int, b text CONSTRAINT k CHECK (b IN ('x', 'y')), c text,"
    " CONSTRAINT f FOREIGN KEY (id) REFERENCES o, CONSTRAINT u UNIQUE (a),"
    " CONSTRAINT x EXCLUDE USING btree (c WITH =));"
)
FILL_KEYS = (
    "INSERT INTO o SELECT g, g FROM generate_series(1, 50) AS g;"
    "INSERT INTO w SELECT g, g, 'x' FROM generate_series(1, 50) AS g;"
)
AFTER_KEYS = (
    "CREATE TABLE o (id int PRIMARY KEY, a int, UNIQUE (a, id));"
    "CREATE TABLE w (id int PRIMARY KEY, a int, b text CONSTRAINT k CHECK (b IN ('x', 'y', 'z')), c text,"
    " CONSTRAINT f FOREIGN KEY (a, id) REFERENCES o (a, id), CONSTRAINT u UNIQUE (a, b),"
    " CONSTRAINT x EXCLUDE USING btree (c WITH =, a WITH =));"
)

# before, rows, after, patterns of statements that are there, patterns of ones that are not
CASES = {
    "an index on a partitioned table": (
        TREE, FILL, TREE + "CREATE INDEX w_a ON w (a) WITH (fillfactor = 70)",
        ["CREATE INDEX w_a ON public", "CREATE INDEX CONCURRENTLY w1_a_idx"], ["CONCURRENTLY w_a", "ATTACH"],
    ),
    "and its going": (
        TREE + "CREATE INDEX w_a ON w (a)", FILL, TREE, ["DROP INDEX public.w_a"], ["CONCURRENTLY"],
    ),
    "a unique constraint on a partitioned table": (
        TREE.replace("PARTITION BY LIST (id);", ";").replace('CREATE TABLE w3 PARTITION OF "W 2" DEFAULT;', ""),
        FILL,
        TREE.replace("PARTITION BY LIST (id);", ";").replace('CREATE TABLE w3 PARTITION OF "W 2" DEFAULT;', "")
        + "ALTER TABLE w ADD CONSTRAINT w_u UNIQUE (id, a)",
        ["ALTER TABLE public.w ADD CONSTRAINT w_u", "CREATE UNIQUE INDEX CONCURRENTLY w1_id_a_key"],
        [],
    ),
    "an index on a partitioned table in the place of another": (
        TREE + "CREATE INDEX i ON w (a)", FILL, TREE + "CREATE INDEX i ON w (a) WHERE id > 0",
        [
            "ALTER INDEX public.i RENAME TO ringfence_", "ALTER INDEX public.w1_a_idx RENAME TO ringfence_",
            r"(?s)CREATE INDEX CONCURRENTLY w1_a_idx .*CREATE INDEX i ON public.w .*DROP INDEX public.ringfence_\w+\Z",
        ],
        ["DROP INDEX public.i"],
    ),
    "an index on a partitioned table that goes for another": (
        TREE + "CREATE INDEX i ON w (a)", FILL, TREE + "CREATE INDEX j ON w (a, id)",
        [r"(?s)CONCURRENTLY .*CREATE INDEX j ON public.w .*DROP INDEX public.i\Z"], [],
    ),
    "an index on a partitioned table that takes in one that is there": (
        TREE + "CREATE INDEX mine ON w1 (a)", FILL, TREE + "CREATE INDEX mine ON w1 (a); CREATE INDEX i ON w (a)",
        [r"(?s)CONCURRENTLY w3_a_idx .*CREATE INDEX i ON public.w "], ["CONCURRENTLY w1_a_idx"],
    ),
    "an index on a partitioned table beside one like it": (
        TREE + "CREATE INDEX mine ON w1 (a)", FILL, TREE + "CREATE INDEX i ON w (a); CREATE INDEX mine ON w1 (a)",
        [r"(?s)CONCURRENTLY w1_a_idx.* i ON ONLY .*ATTACH PARTITION public.w1_a_idx"], [],
    ),
    "an index on a partitioned table and a new partition": (
        TREE, FILL,
        TREE + "CREATE INDEX i ON w (a); CREATE TABLE w9 PARTITION OF w FOR VALUES FROM (200) TO (300)",
        [r"(?s)CONCURRENTLY w1_a_idx.*CREATE INDEX i ON public.w "], ["ATTACH PARTITION public.w9_"],
    ),
    "a key on a partitioned table in the place of another": (
        PARTS.format("PRIMARY KEY (id)"), FILL_PARTS, PARTS.format("PRIMARY KEY (id, a)"),
        [
            (r"(?s)CREATE UNIQUE INDEX CONCURRENTLY ringfence_\w+ ON public.w1 .*DROP CONSTRAINT w_pkey.*"
            r"w1_pkey PRIMARY KEY USING INDEX ringfence_"),
        ],
        [],
    ),
    "a key over columns of a partitioned table that may be null": (
        PARTS.format("CHECK (id <> a)"), FILL_PARTS, PARTS.format("CHECK (id <> a), PRIMARY KEY (id, b)"),
        [r"(?s)NOT NULL b NOT VALID.*VALIDATE CONSTRAINT.*CONCURRENTLY w1_pkey.* PRIMARY KEY USING INDEX w1_pkey"],
        [],
    ),
    "a unique constraint on a partitioned table that goes for another": (
        PARTS.format("CONSTRAINT k UNIQUE (id, a)"), FILL_PARTS, PARTS.format("CONSTRAINT l UNIQUE (id, b)"),
        [r"(?s)CONCURRENTLY.*UNIQUE USING INDEX.*TABLE public.w ADD CONSTRAINT l .*DROP CONSTRAINT k\Z"], [],
    ),
    "a unique constraint on a partitioned table in the place of another": (
        PARTS.format("CONSTRAINT k UNIQUE (id, a)"), FILL_PARTS, PARTS.format("CONSTRAINT k UNIQUE (id, b)"),
        [r"(?s)CONCURRENTLY.*DROP CONSTRAINT k.*USING INDEX.*public.w ADD CONSTRAINT k UNIQUE"], [],
    ),
    "a key on a partitioned table that goes for a unique constraint": (
        PARTS.format("CONSTRAINT k PRIMARY KEY (id, a)"), FILL_PARTS, PARTS.format("CONSTRAINT l UNIQUE (id, b)"),
        [r"(?s)CONCURRENTLY.*UNIQUE USING INDEX.*public.w ADD CONSTRAINT l UNIQUE"], [],
    ),
    "checks and references of a partitioned table": (
        TREE, FILL,
        TREE + "ALTER TABLE w ADD CONSTRAINT c CHECK (a > 0); ALTER TABLE w ADD CONSTRAINT f"
        " FOREIGN KEY (a) REFERENCES o",
        ["ADD CONSTRAINT c .* NOT VALID", "VALIDATE CONSTRAINT c"], [],
    ),
    "a reference to a partitioned table": (
        TREE + "CREATE TABLE r (id int); ALTER TABLE w ADD CONSTRAINT w_p PRIMARY KEY (id)", FILL,
        TREE + "CREATE TABLE r (id int); ALTER TABLE w ADD CONSTRAINT w_p PRIMARY KEY (id);"
        "ALTER TABLE r ADD CONSTRAINT f FOREIGN KEY (id) REFERENCES w",
        ["ADD CONSTRAINT f .* NOT VALID", "VALIDATE CONSTRAINT f"], [],
    ),
    "not null on a partitioned table": (
        TREE, FILL, TREE + "ALTER TABLE w ALTER a SET NOT NULL", ["NOT VALID", "VALIDATE"], [],
    ),
    "not null with children": (
        PLAIN + "CREATE TABLE k () INHERITS (w)", FILL,
        PLAIN + "CREATE TABLE k () INHERITS (w); ALTER TABLE w ALTER a SET NOT NULL",
        ["NOT VALID", "VALIDATE"], [],
    ),
    "a name that is too long, and one that is taken": (
        PLAIN + f"CREATE TABLE q ({'ü' * 30} int, a int); CREATE TABLE z (a int)", FILL,
        PLAIN + f"CREATE TABLE q ({'ü' * 30} int NOT NULL, a int);"
        " CREATE TABLE z (a int NOT NULL, CONSTRAINT a_is_not_null CHECK (a > 1))",
        [], [],
    ),
    "a primary key over columns that may be null": (
        PLAIN, FILL, PLAIN + "ALTER TABLE w ADD CONSTRAINT w_p PRIMARY KEY (id)",
        ["CREATE UNIQUE INDEX CONCURRENTLY w_p", "USING INDEX w_p", "VALIDATE"], [],
    ),
    "an index and what hangs on it": (
        PLAIN, FILL,
        PLAIN + "CREATE INDEX i ON w ((a + 1)); COMMENT ON INDEX i IS 'x';"
        " ALTER INDEX i ALTER 1 SET STATISTICS 7; CREATE INDEX j ON w (a); ALTER TABLE w CLUSTER ON j",
        ["CREATE INDEX CONCURRENTLY i", "CREATE INDEX CONCURRENTLY j"], [],
    ),
    "an index in the place of another": (
        PLAIN + 'CREATE INDEX "I" ON w (a); CREATE UNIQUE INDEX n ON w (id);'
        "ALTER TABLE w ADD FOREIGN KEY (a) REFERENCES w (id)", FILL,
        PLAIN + 'CREATE INDEX "I" ON w (a, b); CREATE UNIQUE INDEX n ON w (id) INCLUDE (b);'
        "ALTER TABLE w ADD FOREIGN KEY (a) REFERENCES w (id)",
        ['ALTER INDEX public."I" RENAME TO ringfence_', "DROP INDEX CONCURRENTLY public.ringfence_"],
        ['DROP INDEX [A-Z ]*public."I"'],
    ),
    "constraints in the place of others": (
        BEFORE_KEYS, FILL_KEYS, AFTER_KEYS,
        [
            r"(?s)RENAME CONSTRAINT k TO ringfence_.*VALIDATE CONSTRAINT k\n.*DROP CONSTRAINT ringfence_",
            r"(?s)RENAME CONSTRAINT f TO ringfence_.*VALIDATE CONSTRAINT f\n.*DROP CONSTRAINT ringfence_",
            r"CONCURRENTLY ringfence_\w+ ON public.w \(a, b\)\n.*\n +DROP CONSTRAINT u,\n.* UNIQUE USING INDEX",
            r"DROP CONSTRAINT x\n.* ADD CONSTRAINT x EXCLUDE",
        ],
        ["DROP CONSTRAINT k", "DROP CONSTRAINT f"],
    ),
    "but for what stands in the way": (
        BEFORE_KEYS, FILL_KEYS, AFTER_KEYS.replace("b text", "b varchar"),
        ["DROP CONSTRAINT k", "RENAME CONSTRAINT f TO ringfence_"], [],
    ),
    "NOT NULL that a check proves": (
        PLAIN + "ALTER TABLE w ADD CONSTRAINT c CHECK (a IS NOT NULL)", FILL,
        PLAIN.replace("a int", "a int NOT NULL") + "ALTER TABLE w ADD CONSTRAINT c CHECK (a IS NOT NULL)",
        ["ALTER COLUMN a SET NOT NULL"], ["VALID"],
    ),
    "an index on one partition alone": (
        TREE, FILL, TREE + "CREATE INDEX one ON w1 (b)", ["CREATE INDEX CONCURRENTLY one"], [],
    ),
}  # fmt: skip
# Nothing but a lock makes an EXCLUDE constraint; text becomes varchar without a rewrite.
UNAVOIDABLE = {
    "constraints in the place of others": {"INDEX_BUILD"},
    "but for what stands in the way": {"INDEX_BUILD"},
}


@pytest.mark.parametrize("case", CASES)
def test_a_lock_safe_plan_ends_where_the_plain_one_does(
    case: str, make_database: Callable[..., str]
) -> None:
    before, fill, after, there, absent = CASES[case]
    one, two = make_database(), make_database()
    psql(one, before)
    psql(one, fill)
    psql(two, after)
    old, new = catalog(one), catalog(two)
    safe = online(plan(old, new, executor="postgres"), old, new)
    statements = "\n".join(s.sql for s in safe.steps)
    for pattern in there:
        assert re.search(pattern, statements), statements
    for pattern in absent:
        assert not re.search(pattern, statements), statements
    had = rows(one)
    psql(one, safe.script())
    assert diff(catalog(one), new) == (), statements
    assert dump.normalised(one) == dump.normalised(two)
    assert rows(one) == had
    heavy = {str(h.code) for h in safe.hazards} & {"INDEX_BUILD", "REWRITE"}
    assert heavy == UNAVOIDABLE.get(case, set())


def test_a_reference_of_a_partitioned_table_waits_for_the_release_that_can(
    server: SomeServer, make_database: Callable[..., str]
) -> None:
    before, _, after, *_ = CASES["checks and references of a partitioned table"]
    one, two = make_database(), make_database()
    psql(one, before)
    psql(two, after)
    old, new = catalog(one), catalog(two)
    safe = online(plan(old, new, executor="postgres"), old, new)
    open_ = any("ADD CONSTRAINT f " in s.sql and "NOT VALID" in s.sql for s in safe.steps)
    scans = any(h.code == "SCAN_UNDER_LOCK" for h in safe.hazards)
    assert (open_, scans) == ((True, False) if server.major >= 18 else (False, True))


def _steps(make_database: Callable[..., str], before: str, after: str) -> list[str]:
    one, two = make_database(), make_database()
    psql(one, before)
    psql(two, after)
    old, new = catalog(one), catalog(two)
    safe = online(plan(old, new, executor="postgres"), old, new)
    return [f"{step.sql}{' COMMIT' * (step.transactional != 'yes')}" for step in safe.steps]


def test_what_is_unique_goes_and_comes_with_the_type_of_its_columns(
    make_database: Callable[..., str],
) -> None:
    """Where a row stops the plan, nothing of it has happened; and no row comes in between."""
    table = (
        "CREATE TABLE t (id integer, s e, n integer,"
        " CONSTRAINT c CHECK (s <> 'b' OR n > 0)); CREATE UNIQUE INDEX u ON t (n) WHERE s = 'a';"
        " CREATE INDEX i ON t (id) WHERE s = 'a';"
    )
    made = _steps(
        make_database,
        f"CREATE TYPE e AS ENUM ('a', 'b', 'gone'); {table}",
        f"CREATE TYPE e AS ENUM ('a', 'b'); {table}",
    )
    end = next(at for at, sql in enumerate(made) if sql.endswith(" COMMIT"))
    first = "; ".join(made[: end + 1])
    for gone in ("DROP CONSTRAINT c", r"DROP INDEX public\.u", r"DROP INDEX public\.i"):
        assert len(re.findall(rf"{gone}\b", first)) == 1, gone
    for come in ("ADD CONSTRAINT c ", "CREATE UNIQUE INDEX u "):
        assert come in first


WAITING = {
    "a tenant comes into a unique constraint": (
        "CREATE TABLE t (n text, CONSTRAINT old UNIQUE (n))",
        "CREATE TABLE t (n text, tenant int NOT NULL DEFAULT 1, CONSTRAINT new UNIQUE (tenant, n))",
        ["CREATE UNIQUE INDEX CONCURRENTLY new", "ADD CONSTRAINT new", "DROP CONSTRAINT old"],
    ),
    "what was the key stays unique": (
        "CREATE TABLE t (id int, a int NOT NULL, CONSTRAINT k PRIMARY KEY (id))",
        "CREATE TABLE t (id int, a int NOT NULL, CONSTRAINT k PRIMARY KEY (id, a), CONSTRAINT u UNIQUE (id))",
        ["ADD CONSTRAINT u UNIQUE", "CONCURRENTLY ringfence_", "DROP CONSTRAINT k", "ADD CONSTRAINT k"],
    ),
    "and becomes the key again": (
        "CREATE TABLE t (id int, a int NOT NULL, CONSTRAINT k PRIMARY KEY (id, a), CONSTRAINT u UNIQUE (id))",
        "CREATE TABLE t (id int, a int NOT NULL, CONSTRAINT k PRIMARY KEY (id))",
        ["DROP CONSTRAINT k", "ADD CONSTRAINT k PRIMARY KEY", "DROP CONSTRAINT u"],
    ),
    "a key of another name": (
        "CREATE TABLE t (a int NOT NULL, b int NOT NULL, CONSTRAINT k PRIMARY KEY (a))",
        "CREATE TABLE t (a int NOT NULL, b int NOT NULL, CONSTRAINT l PRIMARY KEY (b))",
        ["CREATE UNIQUE INDEX CONCURRENTLY", "DROP CONSTRAINT k", "ADD CONSTRAINT l PRIMARY KEY USING INDEX"],
    ),
    "no key any more": (
        "CREATE TABLE t (a int, b int, CONSTRAINT k PRIMARY KEY (a))",
        "CREATE TABLE t (a int, b int, CONSTRAINT l UNIQUE (b))",
        ["ADD CONSTRAINT l UNIQUE", "DROP CONSTRAINT k", "a DROP NOT NULL"],
    ),
    "an index by the name of a constraint": (
        "CREATE TABLE t (a text, CONSTRAINT u UNIQUE (a))",
        "CREATE TABLE t (a text); CREATE UNIQUE INDEX u ON t (lower(a))",
        ["RENAME CONSTRAINT u", "CREATE UNIQUE INDEX CONCURRENTLY u", "DROP CONSTRAINT ringfence_"],
    ),
    "a check by the name of a unique constraint": (
        "CREATE TABLE t (a int, CONSTRAINT k UNIQUE (a))",
        "CREATE TABLE t (a int, CONSTRAINT k CHECK (a > 0))",
        ["RENAME CONSTRAINT k", "ADD CONSTRAINT k CHECK", "DROP CONSTRAINT ringfence_"],
    ),
    "an index in the place of another": (
        "CREATE TABLE t (a int, b int); CREATE INDEX i ON t (a)",
        "CREATE TABLE t (a int, b int); CREATE INDEX j ON t (a, b)",
        ["CREATE INDEX CONCURRENTLY j", "DROP INDEX CONCURRENTLY public.i"],
    ),
    "an index whose column is altered": (
        "CREATE TABLE t (a int, b int); CREATE INDEX i ON t (a)",
        "CREATE TABLE t (a int NOT NULL, b int); CREATE INDEX i ON t (a, b)",
        ["ALTER INDEX public.i RENAME", "CREATE INDEX CONCURRENTLY i", "DROP INDEX CONCURRENTLY public.ringfence_"],
    ),
    "an index that becomes a constraint": (
        "CREATE TABLE t (a int, b int); CREATE UNIQUE INDEX t_a ON t (a); CREATE UNIQUE INDEX t_b ON t (b)",
        "CREATE TABLE t (a int, b int, CONSTRAINT u UNIQUE (a)); CREATE UNIQUE INDEX t_c ON t (a, b)",
        ["ADD CONSTRAINT u UNIQUE USING INDEX t_a", "CREATE UNIQUE INDEX CONCURRENTLY t_c", "DROP INDEX CONCURRENTLY public.t_b"],
    ),
    "a key that is referred to": (
        "CREATE TABLE t (id int PRIMARY KEY, a int NOT NULL); CREATE TABLE r (id int CONSTRAINT f REFERENCES t)",
        ("CREATE TABLE t (id int, a int NOT NULL, CONSTRAINT t_pkey PRIMARY KEY (a, id), CONSTRAINT u UNIQUE (id));"
        " CREATE TABLE r (id int CONSTRAINT f REFERENCES t (id))"),
        ["CONCURRENTLY ringfence_", "DROP CONSTRAINT f", "ADD CONSTRAINT u UNIQUE USING INDEX u",
         "DROP CONSTRAINT t_pkey", "ADD CONSTRAINT t_pkey PRIMARY KEY USING INDEX", "VALIDATE CONSTRAINT f"],
    ),
    "what is unique and referred to": (
        ("CREATE TABLE t (a int, b int, CONSTRAINT u UNIQUE (a, b));"
        " CREATE TABLE r (a int, b int, CONSTRAINT f FOREIGN KEY (a, b) REFERENCES t (a, b))"),
        ("CREATE TABLE t (a int, b int, CONSTRAINT u UNIQUE (b, a));"
        " CREATE TABLE r (a int, b int, CONSTRAINT f FOREIGN KEY (a, b) REFERENCES t (a, b))"),
        ["CONCURRENTLY ringfence_", "DROP CONSTRAINT f", "DROP CONSTRAINT u", "ADD CONSTRAINT u UNIQUE USING INDEX"],
    ),
    "what tells rows apart for replicas becomes a constraint": (
        "CREATE TABLE t (a int NOT NULL); CREATE UNIQUE INDEX u ON t (a); ALTER TABLE t REPLICA IDENTITY USING INDEX u",
        "CREATE TABLE t (a int NOT NULL, CONSTRAINT u UNIQUE (a)); ALTER TABLE t REPLICA IDENTITY USING INDEX u",
        ["REPLICA IDENTITY", "ADD CONSTRAINT u UNIQUE USING INDEX u"],
    ),
    "nothing in its place": (
        "CREATE TABLE t (a int, b int, CONSTRAINT u UNIQUE (a))",
        "CREATE TABLE t (a int, b int); CREATE INDEX j ON t (b)",
        ["DROP CONSTRAINT u", "CREATE INDEX CONCURRENTLY j"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", WAITING)
def test_what_goes_waits_for_what_comes_in_its_place(
    name: str, make_database: Callable[..., str]
) -> None:
    before, after, wanted = WAITING[name]
    made = _steps(make_database, before, after)
    places = [next(at for at, sql in enumerate(made) if part in sql) for part in wanted]
    assert places == sorted(places), made
    gone = [at for at, sql in enumerate(made) if re.search(r"DROP CONSTRAINT (f|u)\b", sql)]
    come = [at for at, sql in enumerate(made) if re.search(r"ADD CONSTRAINT (f|u)\b", sql)]
    if gone and come:  # nothing of it is away where others see it
        assert not [sql for sql in made[min(gone) : max(come)] if sql.endswith(" COMMIT")], made
    database, other = make_database(), make_database()
    psql(database, before)
    psql(other, after)
    for sql in made:
        psql(database, sql.removesuffix(" COMMIT"))
    assert not diff(catalog(database), catalog(other))
