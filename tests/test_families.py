"""What a plan says of tables in families, beside the statements that the corpus runs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest

import ringfence.kinds
from engine import CORPUS, assert_turns, catalog, psql
from ringfence.errors import Refused
from ringfence.planner import plan

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import SomeServer
    from ringfence.step import Plan


def _planned(make_database: Callable[..., str], a: str, b: str) -> Plan:
    one, two = make_database(), make_database()
    psql(one, a)
    psql(two, b)
    return plan(catalog(one), catalog(two), executor="postgres")


@pytest.mark.parametrize("more", ["", " NOT NULL"])
def test_own_column_cannot_become_only_inherited(
    more: str, make_database: Callable[..., str]
) -> None:
    with pytest.raises(Refused) as refused:
        _planned(
            make_database,
            "CREATE TABLE a (id integer); CREATE TABLE c (id integer);",
            f"CREATE TABLE a (id integer{more}); CREATE TABLE c () INHERITS (a);",
        )
    assert str(refused.value) == (
        "column public.c.id is its table's own, and cannot become one that is only inherited"
    )
    assert refused.value.hint == "list it in the CREATE TABLE as well as in the parent's"


def test_what_was_only_inherited_becomes_the_tables_own(make_database: Callable[..., str]) -> None:
    one, two = make_database(), make_database()
    psql(
        one,
        "CREATE TABLE a (x integer, y text, CONSTRAINT pos CHECK (x > 0));"
        ' CREATE TABLE "B" (q text, CONSTRAINT "no t" CHECK (q <> \'t\'));'
        ' CREATE TABLE c (w integer) INHERITS (a, "B"); CREATE TABLE c2 (w integer) INHERITS (a, "B");'
        " INSERT INTO c (x, y, w) VALUES (1, 'a', 3); INSERT INTO c2 (x, q) VALUES (2, 'q');",
    )
    psql(
        two,
        "CREATE TABLE a (x bigint, y text, CONSTRAINT pos CHECK (x > 0));"
        ' CREATE TABLE "B" (q text, CONSTRAINT "no t" CHECK (q <> \'t\'));'
        " CREATE TABLE c (w integer, x bigint, q text, CONSTRAINT pos CHECK (x > 0))"
        ' INHERITS (a, "B"); CREATE TABLE c2 (w integer, x bigint) INHERITS ("B", a);',
    )
    outcome = assert_turns(one, two)
    assert not any("DROP TABLE public.c" in step.sql for step in outcome.plan.steps)


ONE_WAY = {
    "own, and NOT NULL by the parent alone": (
        """CREATE TABLE a (z integer, CONSTRAINT k CHECK (z > 0)); CREATE TABLE c () INHERITS (a);
        INSERT INTO c VALUES (1);""",
        """CREATE TABLE a (z integer NOT NULL, CONSTRAINT k CHECK (z > 0));
        CREATE TABLE c (z integer) INHERITS (a);""",
    ),
    "own, and what the parent gives is new": (
        "CREATE TABLE a (y integer); CREATE TABLE c () INHERITS (a); INSERT INTO c VALUES (1);",
        """CREATE TABLE a (y integer, z integer, CONSTRAINT k CHECK (z > y));
        CREATE TABLE c (y integer) INHERITS (a);""",
    ),
    "own, below one parent more": (
        "CREATE TABLE a (y text); CREATE TABLE c () INHERITS (a); INSERT INTO c VALUES ('y');",
        "CREATE TABLE a (y text); CREATE TABLE b (); CREATE TABLE c (y text) INHERITS (a, b);",
    ),
    "the heir's own, and no more the parent's, which had it NOT NULL": (
        "CREATE TABLE a (x text NOT NULL); CREATE TABLE c () INHERITS (a); INSERT INTO c VALUES ('x');",
        "CREATE TABLE a (); CREATE TABLE c (x text) INHERITS (a);",
    ),
    "neither the parent nor the check that was its own too": (
        """CREATE TABLE a (z integer, CONSTRAINT k CHECK (z > 0));
        CREATE TABLE c (CONSTRAINT k CHECK (z > 0)) INHERITS (a); INSERT INTO c VALUES (1);""",
        "CREATE TABLE a (); CREATE TABLE c (z integer);",
    ),
    "of an heir that gives it to another": (
        """CREATE TABLE a (x integer); CREATE TABLE b () INHERITS (a); CREATE TABLE c () INHERITS (a);
        INSERT INTO c VALUES (1);""",
        """CREATE TABLE a (); CREATE TABLE b (x integer) INHERITS (a);
        CREATE TABLE c () INHERITS (a, b);""",
    ),
    "own, and what is computed from it is not": (
        """CREATE TABLE a (y integer, x integer GENERATED ALWAYS AS (y + 1) STORED);
        CREATE TABLE c () INHERITS (a); INSERT INTO c VALUES (1);
        CREATE TABLE d (x integer GENERATED ALWAYS AS (y + 2) STORED, y integer) INHERITS (c);
        INSERT INTO d VALUES (1);""",
        """CREATE TABLE a (y integer, x integer GENERATED ALWAYS AS (y + 1) STORED);
        CREATE TABLE c (y integer) INHERITS (a);
        CREATE TABLE d (x integer GENERATED ALWAYS AS (y + 2) STORED, y integer) INHERITS (c);""",
    ),
    "own, and what is computed from it is not, once it is NOT NULL above": (
        """CREATE TABLE a (y integer, x integer GENERATED ALWAYS AS (y + 1) STORED);
        CREATE TABLE c () INHERITS (a); INSERT INTO c VALUES (1);
        CREATE TABLE d (y integer NOT NULL) INHERITS (c); INSERT INTO d VALUES (1);""",
        """CREATE TABLE a (y integer NOT NULL, x integer GENERATED ALWAYS AS (y + 1) STORED);
        CREATE TABLE c (y integer) INHERITS (a);
        CREATE TABLE d (y integer NOT NULL) INHERITS (c);""",
    ),
}
"""What cannot be undone: no column is ever again only inherited."""


@pytest.mark.parametrize("case", ONE_WAY)
def test_heirs_follow(case: str, make_database: Callable[..., str]) -> None:
    a, b = ONE_WAY[case]
    one, two = make_database(), make_database()
    psql(one, a)
    psql(two, b)
    assert_turns(one, two)


def test_a_partition_cannot_leave_a_replaced_access_method_before_15(
    make_database: Callable[..., str],
) -> None:
    one, two = make_database(), make_database()
    head = "CREATE ACCESS METHOD kept TYPE {} HANDLER {};"
    tables = "CREATE TABLE w (a integer) PARTITION BY {} (a);"
    psql(
        one,
        head.format("TABLE", "heap_tableam_handler")
        + tables.format("LIST")
        + "CREATE TABLE w1 PARTITION OF w FOR VALUES IN (1) USING kept;",
    )
    psql(two, head.format("INDEX", "bthandler") + tables.format("RANGE"))
    before, after = (replace(catalog(at), server_version=140000) for at in (one, two))
    with pytest.raises(Refused) as refused:
        plan(before, after, executor="postgres")
    assert str(refused.value) == "access method kept is replaced, and public.w1 is stored by it"
    assert refused.value.hint == (
        "make another access method; from PostgreSQL 15 on a table can leave its own"
    )


UNTOLD = (
    "rows of public.{} go to other partitions, and publication pu cannot tell of it: columns that a"
    " row is known by are not published"
)


@pytest.mark.parametrize(
    ("loser", "there", "then"),
    [
        pytest.param("rest", "", "CREATE TABLE one PARTITION OF p FOR VALUES FROM (1) TO (9);"),
        pytest.param(
            "one",
            "CREATE TABLE one PARTITION OF p FOR VALUES FROM (1) TO (9);",
            "CREATE TABLE one PARTITION OF p FOR VALUES FROM (1) TO (5);",
        ),
    ],
)
def test_rows_leave_no_partition_that_is_published_without_what_they_are_known_by(
    server: SomeServer, make_database: Callable[..., str], loser: str, there: str, then: str
) -> None:
    if server.major < 15:
        pytest.skip("PostgreSQL 14 lists no columns")
    head = (
        "CREATE TABLE p (n integer, v text) PARTITION BY RANGE (n);"
        "CREATE TABLE rest PARTITION OF p DEFAULT;"
    )
    published = f"CREATE PUBLICATION pu FOR TABLE {loser} (v);"
    with pytest.raises(Refused) as refused:
        _planned(make_database, head + there + published, head + then + published)
    assert str(refused.value) == UNTOLD.format(loser)
    assert refused.value.hint == (
        f"give public.{loser} a primary key whose columns are, or take it out of the publication"
        " first"
    )
    # Where it is taken out by the plan itself, nobody has to.
    freed = "CREATE PUBLICATION pu;"
    assert _planned(make_database, head + there + published, head + then + freed).steps


def test_rows_leave_no_partition_whose_generated_columns_are_not_published(
    server: SomeServer, make_database: Callable[..., str]
) -> None:
    if server.major < 18:
        pytest.skip("before PostgreSQL 18 nobody asks for generated columns")
    text = (
        "CREATE TABLE p (n integer, v integer GENERATED ALWAYS AS (n + 1) STORED)"
        " PARTITION BY RANGE (n); CREATE TABLE rest PARTITION OF p DEFAULT;"
        " CREATE PUBLICATION pu FOR ALL TABLES{};"
    )
    more = "CREATE TABLE one PARTITION OF p FOR VALUES FROM (1) TO (9);"
    with pytest.raises(Refused) as refused:
        _planned(make_database, text.format(""), text.format("") + more)
    assert str(refused.value) == UNTOLD.format("rest")
    published = text.format(" WITH (publish_generated_columns = stored)")
    one, two = make_database(), make_database()
    psql(one, f"{published} INSERT INTO p VALUES (1), (20);")
    psql(two, published + more)
    assert_turns(one, two)


def test_leaves_stay_when_a_partition_key_is_retyped(make_database: Callable[..., str]) -> None:
    tree = (
        "CREATE TABLE m (id {0}, n integer, PRIMARY KEY (id, n)) PARTITION BY RANGE (id);"
        " CREATE TABLE m1 PARTITION OF m FOR VALUES FROM (0) TO (9) PARTITION BY HASH (id);"
        " CREATE TABLE m1h PARTITION OF m1 FOR VALUES WITH (MODULUS 1, REMAINDER 0);"
        " CREATE TABLE m2 PARTITION OF m FOR VALUES FROM (9) TO (20); CREATE INDEX ON m (n);"
    )
    one, two = make_database(), make_database()
    psql(one, tree.format("integer") + "INSERT INTO m SELECT g, g FROM generate_series(1, 15) AS g")
    psql(two, tree.format("bigint"))
    ask = (
        "SELECT c.oid, c.relname FROM pg_class AS c WHERE c.relkind IN ('r', 'i')"
        " AND c.relname ~ '^m' AND c.relname !~ 'pkey' ORDER BY 2"
    )
    with psycopg.connect(one, autocommit=True) as connection:
        before = connection.execute(ask).fetchall()
        outcome = assert_turns(one, two)
        assert connection.execute(ask).fetchall() == before
    assert len(before) == 4
    assert not any("INSERT" in step.sql for step in outcome.plan.steps)


@pytest.mark.parametrize(
    ("case", "heirs"),
    [
        ("foreign-table--heirs-of-one-on-another-server", ("heir", "below")),
        ("inherit--a-parent-dropped-for-another-with-other-types", ("heir",)),
        ("inherit--another-parent-and-other-checks", ("heir", "below")),
        ("inherit--type-made-anew-below-another-parent", ("heir",)),
    ],
)
def test_no_table_is_copied_since_its_parents_are_others(
    case: str, heirs: tuple[str, ...], make_database: Callable[..., str]
) -> None:
    one, two = make_database(), make_database()
    for database, name in ((one, "a"), (one, "seed_a"), (two, "b")):
        psql(database, (CORPUS / case / f"{name}.sql").read_text(encoding="utf-8"))
    ask = "SELECT oid FROM pg_class WHERE relname = ANY (%s) ORDER BY relname"
    with psycopg.connect(one, autocommit=True) as connection:
        before = connection.execute(ask, [[*heirs]]).fetchall()
        outcome = assert_turns(one, two)
        assert connection.execute(ask, [[*heirs]]).fetchall() == before
    assert len(before) == len(heirs)
    assert not any("INSERT" in step.sql for step in outcome.plan.steps)


@pytest.mark.parametrize(
    ("check", "proves"),
    [
        ("x IS NOT NULL", True),
        ("y > 0 AND x IS NOT NULL AND y < 9", True),
        ("x IS NOT NULL OR y > 0", False),
        ("y = 1 OR (y > 0 AND x IS NOT NULL AND y < 9)", False),
        ("y IS NOT NULL", False),
        ("x IS NOT NULL) NOT VALID --", False),
        ("x IS NOT NULL) NO INHERIT --", False),
    ],
)
def test_not_null_that_a_check_proves_is_no_scan(
    check: str, proves: bool, make_database: Callable[..., str]
) -> None:
    table = "CREATE TABLE t (x integer{}, y integer);"
    check = f" ALTER TABLE t ADD CONSTRAINT c CHECK ({check}\n);"
    one, two = make_database(), make_database()
    psql(one, table.format("") + check.replace("--\n)", ""))
    psql(two, table.format(" NOT NULL") + check.replace("--\n)", ""))
    made = plan(catalog(one), catalog(two), executor="postgres")
    assert [h.code for h in made.hazards] == ([] if proves else ["SCAN_UNDER_LOCK"])
    said: list[str] = []
    with psycopg.connect(one, autocommit=True) as connection:
        connection.add_notice_handler(lambda notice: said.append(notice.message_primary or ""))
        connection.execute("SET client_min_messages = debug1")
        connection.execute(made.script().encode())
    # Of what is not inherited PostgreSQL may know it too, and we do not say so.
    if "INHERIT" not in check:
        assert any("are sufficient to prove" in text for text in said) == proves


def test_a_check_that_goes_proves_no_not_null(make_database: Callable[..., str]) -> None:
    table = "CREATE TABLE t (x integer{});"
    check = " ALTER TABLE t ADD CONSTRAINT c CHECK (x IS NOT NULL);"
    made = _planned(make_database, table.format("") + check, table.format(" NOT NULL"))
    assert [h.code for h in made.hazards] == ["SCAN_UNDER_LOCK"]


def test_an_index_is_built_with_the_view_that_is_made_anew(
    make_database: Callable[..., str],
) -> None:
    text = "CREATE TABLE t (a {}); CREATE MATERIALIZED VIEW m AS SELECT a FROM t; CREATE INDEX ON m (a);"
    made = _planned(make_database, text.format("integer"), text.format("bigint"))
    assert "CREATE INDEX m_a_idx ON public.m USING btree (a)" in [s.sql for s in made.steps]
    assert "INDEX_BUILD" not in {h.code for h in made.hazards}
    later = text.format("integer")
    alone = _planned(make_database, later.partition(" CREATE INDEX")[0], later)
    assert [h.code for h in alone.hazards] == ["INDEX_BUILD"]


def test_rows_that_leave_a_whole_are_a_note(make_database: Callable[..., str]) -> None:
    whole = "CREATE TABLE m (id int) PARTITION BY LIST (id); CREATE TABLE h (id int);"
    one = (
        f"{whole} CREATE TABLE m1 PARTITION OF m FOR VALUES IN (1);"
        " CREATE TABLE m2 PARTITION OF m FOR VALUES IN (2); CREATE TABLE h1 () INHERITS (h);"
        " CREATE TABLE m3 PARTITION OF m FOR VALUES IN (3);"
    )
    made = _planned(
        make_database,
        one,
        f"{whole} CREATE TABLE m1 (id int); CREATE TABLE h1 (id int);"
        " CREATE TABLE m2 PARTITION OF m FOR VALUES IN (4);",
    )
    assert made.notes == (
        "the rows of public.h1 are read by the name of public.h no more",
        "the rows of public.m1 are read by the name of public.m no more",
    )
    assert {str(hazard.code) for hazard in made.hazards} == {"DATA_LOSS", "SCAN_UNDER_LOCK"}


def test_order_of_columns_is_a_note(make_database: Callable[..., str]) -> None:
    made = _planned(
        make_database,
        'CREATE TABLE t (a integer, "B b" integer);',
        'CREATE TABLE t ("B b" integer, c integer, a integer);',
    )
    assert [step.sql for step in made.steps] == ["ALTER TABLE public.t ADD COLUMN c integer"]
    assert made.notes == ('the columns of public.t stay in their order: a, "B b", c',)


def test_order_of_columns_that_are_there_is_no_note(make_database: Callable[..., str]) -> None:
    table = "CREATE TABLE t ({});"
    one, other = table.format("a integer, b integer"), table.format("b integer, a integer")
    assert _planned(make_database, one, other).notes == ()
    more = table.format("b integer, a integer, c integer")
    assert _planned(make_database, one, more).notes == ()


def test_a_column_that_is_made_anew_comes_last(make_database: Callable[..., str]) -> None:
    made = _planned(
        make_database,
        "CREATE TABLE t (a integer, b integer, c integer);",
        "CREATE TABLE t (a integer, b integer GENERATED ALWAYS AS (a * 2) STORED, c integer);",
    )
    assert made.notes == ("the columns of public.t that are made anew come last: a, c, b",)


def test_a_table_that_becomes_partitioned_names_what_it_costs(
    make_database: Callable[..., str],
) -> None:
    made = _planned(
        make_database,
        "CREATE TABLE t (a integer, gone text, twice integer GENERATED ALWAYS AS (a * 2) STORED);",
        "CREATE TABLE t (a integer) PARTITION BY LIST (a); CREATE TABLE t_d PARTITION OF t DEFAULT;",
    )
    assert [(hazard.name, hazard.message) for hazard in made.hazards] == [
        ("REWRITE:public.t", "every row of public.t is copied under lock"),
        ("DATA_LOSS:public.t.gone", "every value of public.t.gone is lost"),
    ]
    verbs = [" ".join(step.sql.split()[:2]) for step in made.steps if "OWNER" not in step.sql]
    assert verbs == [
        "ALTER TABLE",  # put aside
        "CREATE TABLE",
        "CREATE TABLE",
        "ALTER TABLE",  # ATTACH PARTITION
        "INSERT INTO",
        "DROP TABLE",  # what was put aside
    ]


@pytest.mark.parametrize("number", ["integer", "bigint"])
def test_what_columns_hold_of_an_attribute_that_goes_is_told(
    number: str, make_database: Callable[..., str]
) -> None:
    held = (
        "CREATE TYPE person AS (name text, home address);"
        " CREATE TABLE a (one address, more address[], who person, n integer);"
        " CREATE TABLE whole (row town);"
    )
    made = _planned(
        make_database,
        "CREATE TYPE address AS (street text, country text, n integer);"
        f" CREATE TABLE town (id integer, country text, size integer); {held}",
        f"CREATE TYPE address AS (street text, n {number});"
        f" CREATE TABLE town (id integer, size {number}); {held}",
    )
    assert {hazard.message for hazard in made.hazards if hazard.code == "DATA_LOSS"} == {
        "every value of public.address.country in public.a.one is lost",
        "every value of public.address.country in public.a.more is lost",
        "every value of public.address.country in public.a.who is lost",
        "every value of public.town.country is lost",
        "every value of public.town.country in public.whole.row is lost",
    }


def test_a_bound_that_moves_scans_and_loses_nothing(make_database: Callable[..., str]) -> None:
    made = _planned(
        make_database,
        "CREATE TABLE m (k integer) PARTITION BY LIST (k);"
        " CREATE TABLE m_1 PARTITION OF m FOR VALUES IN (1);",
        "CREATE TABLE m (k integer) PARTITION BY LIST (k);"
        " CREATE TABLE m_1 PARTITION OF m FOR VALUES IN (1, 2);",
    )
    assert [step.sql for step in made.steps] == [
        "ALTER TABLE public.m DETACH PARTITION public.m_1",
        "ALTER TABLE ONLY public.m ATTACH PARTITION public.m_1 FOR VALUES IN (1, 2)",
    ]
    assert [hazard.name for hazard in made.hazards] == ["SCAN_UNDER_LOCK:public.m_1"]


@pytest.mark.parametrize(
    ("its", "whole", "expected"),
    [
        ("", "CONSTRAINT w_o REFERENCES o", True),
        (", CONSTRAINT w_o FOREIGN KEY (o) REFERENCES o", "CONSTRAINT w_o REFERENCES o", False),
        ("", "", False),
    ],
    ids=["comes-with-attach", "is-there", "none"],
)
def test_a_foreign_key_that_comes_with_attach_is_proved(
    make_database: Callable[..., str], its: str, whole: str, expected: bool
) -> None:
    tables = (
        "CREATE TABLE o (id integer PRIMARY KEY);"
        f"CREATE TABLE w (k integer, o integer {whole}) PARTITION BY LIST (k);"
    )
    made = _planned(
        make_database,
        f"{tables} CREATE TABLE n (k integer, o integer{its});",
        f"{tables} CREATE TABLE n PARTITION OF w FOR VALUES IN (1);",
    )
    told = {hazard.name: hazard.message for hazard in made.hazards}
    read = "every row of public.n is read"
    assert told == {
        "SCAN_UNDER_LOCK:public.n": f"{read}, to see that it belongs there",
    } | (
        {
            "SCAN_UNDER_LOCK:public.n.w_o": f"{read}, for what public.n.w_o refers to,"
            " while nobody may write to public.o"
        }
        if expected
        else {}
    )


def test_a_partition_goes_alone(make_database: Callable[..., str]) -> None:
    whole = (
        "CREATE TABLE m (id integer, k integer, PRIMARY KEY (id, k)) PARTITION BY LIST (k);"
        " CREATE INDEX m_k ON m (k); CREATE TABLE c (id integer, k integer,"
        " FOREIGN KEY (id, k) REFERENCES m);"
        " CREATE TABLE m_1 PARTITION OF m FOR VALUES IN (1);"
    )
    made = _planned(
        make_database, f"{whole} CREATE TABLE m_2 PARTITION OF m FOR VALUES IN (2);", whole
    )
    # While it is a partition, the foreign key needs it.
    assert [step.sql for step in made.steps] == [
        "ALTER TABLE public.m DETACH PARTITION public.m_2",
        "DROP TABLE public.m_2",
    ]
    assert [hazard.name for hazard in made.hazards] == ["DATA_LOSS:public.m_2"]


def test_a_partition_comes_with_its_indexes(make_database: Callable[..., str]) -> None:
    whole = (
        "CREATE TABLE m (id integer, k integer, PRIMARY KEY (id, k)) PARTITION BY LIST (k);"
        " CREATE INDEX m_k ON m (k);"
    )
    made = _planned(
        make_database, whole, f"{whole} CREATE TABLE m_2 PARTITION OF m FOR VALUES IN (2);"
    )
    verbs = [" ".join(step.sql.split()[:2]) for step in made.steps if "OWNER" not in step.sql]
    assert verbs == ["CREATE TABLE", "CREATE INDEX", "ALTER TABLE"]
    assert made.hazards == ()


def test_columns_are_read_alike_on_every_server() -> None:
    kinds = Path(ringfence.kinds.__file__).parent
    plain, newer = (
        [
            line
            for line in (kinds / name).read_text(encoding="utf-8").splitlines()
            if line[:2] != "--"
        ]
        for name in ("column.sql", "column.pg18.sql")
    )
    added = [line for line in newer if line not in plain]
    assert [line for line in newer if line not in added] == plain
    assert all("nn." in line or " AS nn" in line for line in added)


def test_new_columns_that_are_computed_row_by_row_are_a_rewrite(
    make_database: Callable[..., str],
) -> None:
    before = (
        "CREATE FUNCTION dice() RETURNS integer LANGUAGE sql AS 'SELECT 1';"
        " CREATE FUNCTION \"st eady\"() RETURNS integer LANGUAGE sql STABLE AS 'SELECT 1 -- IMMUTABLE';"
        " CREATE DOMAIN bare AS integer; CREATE DOMAIN checked AS integer CHECK (VALUE > 0);"
        " CREATE DOMAIN over AS checked; CREATE DOMAIN drawn AS uuid DEFAULT gen_random_uuid();"
        " CREATE TABLE t (a integer{});"
    )
    columns = {
        "c01 integer DEFAULT 1": "",
        "c02 timestamptz DEFAULT now()": "",
        "c03 uuid DEFAULT gen_random_uuid()": "the default differs from row to row",
        "c04 integer DEFAULT dice()": "the default differs from row to row",
        'c05 integer DEFAULT "st eady"()': "",
        "c06 integer GENERATED ALWAYS AS IDENTITY": "each row gets a number",
        "c07 integer GENERATED ALWAYS AS (a + 1) STORED": "the column is computed for each row",
        "c08 bare DEFAULT 1": "",
        "c09 over": "each row is checked by domain public.checked",
        "c10 drawn": "the default differs from row to row",
        "c11 drawn DEFAULT '00000000-0000-0000-0000-000000000001'": "",
        "c12 text DEFAULT 'random()'": "",
        "c13 serial": "the default differs from row to row",
    }
    after = before.format("".join(f", {column}" for column in columns))
    made = _planned(make_database, before.format(""), after)
    said = {h.ref.name[-1]: h.message for h in made.hazards if h.code == "REWRITE"}
    assert said == {
        column.split()[0]: f"public.t is written anew under lock: {why}"
        for column, why in columns.items()
        if why
    }


@pytest.mark.parametrize(
    "then",
    [
        pytest.param("CREATE TABLE c PARTITION OF l FOR VALUES IN ('c');", id="beside-default"),
        pytest.param("", id="narrowed"),
    ],
)
def test_rows_that_others_refer_to_are_not_taken_out_of_their_partition(
    make_database: Callable[..., str], then: str
) -> None:
    head = "CREATE TABLE l (id integer, k text, PRIMARY KEY (id, k)) PARTITION BY LIST (k);"
    part = "CREATE TABLE p PARTITION OF l {};"
    tail = (
        "CREATE TABLE kid (id integer, k text, FOREIGN KEY (id, k) REFERENCES p ON DELETE CASCADE);"
    )
    was, now = ("DEFAULT",) * 2 if then else ("FOR VALUES IN ('a', 'c')", "FOR VALUES IN ('a')")
    one, two = make_database(), make_database()
    psql(one, head + part.format(was) + tail + "INSERT INTO l VALUES (3, 'c');")
    psql(one, "INSERT INTO kid VALUES (3, 'c');")
    psql(two, head + part.format(now) + then + tail)
    made = plan(catalog(one), catalog(two), executor="postgres")
    read = [h.name for h in made.hazards if h.code == "SCAN_UNDER_LOCK"]
    assert read[:1] == ["SCAN_UNDER_LOCK:public.p"]
    with pytest.raises(AssertionError, match="partition constraint"):
        psql(one, made.script())
    with psycopg.connect(one) as connection:
        assert connection.execute("SELECT id, k FROM kid").fetchall() == [(3, "c")]
