"""Partitions made ahead: as wide, as named and as guarded as those that are there."""

from __future__ import annotations

import json
import threading
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import psycopg
import pytest

from projects import Project, lines
from ringfence import partitions
from ringfence.errors import Misuse

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def project(tmp_path: Path, database: str) -> Project:
    """An empty project and database."""
    return Project(tmp_path / "project", database)


def bounds(project: Project, table: str) -> list[tuple[str, str]]:
    """The partitions of a table and their bounds, in order."""
    found = project.query(
        "SELECT inhrelid::regclass::text, pg_get_expr(c.relpartbound, c.oid) FROM pg_inherits"
        " JOIN pg_class AS c ON c.oid = inhrelid WHERE inhparent = %s::regclass ORDER BY 2",
        table,
    )
    return [(name, bound.removeprefix("FOR VALUES FROM ")) for name, bound in found]


def test_what_is_there_says_how_wide_and_how_named(project: Project) -> None:
    """The bounds are laid around the server's own clock, so that no date is written here."""
    for name, kind, unit, form in (
        ("by_year", "date", "1 year", "YYYY"),
        ("by_quarter", "timestamp", "3 months", 'YYYY"q"Q'),
        ("by_month", "timestamptz", "1 month", 'YYYY_MM'),
        ("by_month_y", "date", "1 month", '"y"YYYY"m"MM'),
        ("by_week", "date", "7 days", 'IYYY"_w"IW'),
        ("by_day", "timestamptz", "1 day", "YYYYMMDD"),
        ("by_hour", "timestamp", "1 hour", "YYYY_MM_DD_HH24"),
    ):  # fmt: skip
        step = {"3 months": "quarter", "7 days": "week"}.get(unit, unit.partition(" ")[2])
        project.query(
            f"CREATE TABLE {name} (at {kind}) PARTITION BY RANGE (at);"
            " DO $$ DECLARE here TIMESTAMP; BEGIN SET LOCAL timezone = 'UTC';"
            f" FOR n IN -1..0 LOOP here := date_trunc('{step}', now()::timestamp) + n * interval '{unit}';"
            f" EXECUTE format('CREATE TABLE %I PARTITION OF {name} FOR VALUES FROM (%L) TO (%L)',"
            f" '{name}_' || to_char(here, '{form}'), here::{kind}, (here + interval '{unit}')::{kind});"
            " END LOOP; END $$"
        )
        done = project.run("partitions", name, "--ahead", "2")
        assert (done.status, len(done.out.splitlines())) == (0, 2), done.err
        wanted = project.query(
            "SELECT %s || to_char(at, %s) FROM (SELECT date_trunc(%s, now() AT TIME ZONE 'UTC')"
            " + n * %s::interval AS at FROM generate_series(-1, 2) AS n) AS s ORDER BY 1",
            f"{name}_", form, step, unit,
        )  # fmt: skip
        assert sorted(n.strip('"') for n, _ in bounds(project, name)) == [w for (w,) in wanted]
        # Every moment up to the end has its partition.
        project.query(
            f"INSERT INTO {name} SELECT date_trunc('{step}', now() AT TIME ZONE 'UTC')"
            f" + n * interval '{unit}' FROM generate_series(-1, 2) AS n"
        )
    again = project.run("partitions", "--ahead", "2")
    assert (again.status, again.out) == (0, "")
    assert again.err.count("nothing to make, it reaches to ") == 7


def test_the_new_one_is_guarded_as_the_last(project: Project) -> None:
    role = 'o"w ner%'
    project.query(
        'DROP ROLE IF EXISTS "o""w ner%%"; CREATE ROLE "o""w ner%%"; CREATE SCHEMA "s p";'
        ' GRANT ALL ON SCHEMA "s p" TO "o""w ner%%"'.replace("%%", "%")
    )
    try:
        project.query(
            'CREATE TABLE "s p"."T %" (at DATE NOT NULL, t UUID, n INT GENERATED ALWAYS AS (1) STORED,'
            " x TEXT DEFAULT 'd' CHECK (x <> ''), PRIMARY KEY (t, at)) PARTITION BY RANGE (at);"
            ' CREATE TABLE "s p"."T %_2020" PARTITION OF "s p"."T %"'
            "  FOR VALUES FROM ('2020-01-01') TO ('2021-01-01') WITH (fillfactor = 70);"
            ' CREATE INDEX ON "s p"."T %" (x);'
            " CREATE FUNCTION \"s p\".f() RETURNS TRIGGER LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';"
            ' CREATE TRIGGER tr BEFORE INSERT ON "s p"."T %" FOR EACH ROW EXECUTE FUNCTION "s p".f();'
            ' ALTER TABLE "s p"."T %_2020" ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY,'
            "  REPLICA IDENTITY FULL;"
            ' CREATE POLICY "p 1" ON "s p"."T %_2020" USING (EXISTS (SELECT FROM pg_class AS c'
            '  WHERE c.relname = "T %_2020".x));'
            ' CREATE POLICY p2 ON "s p"."T %_2020" AS RESTRICTIVE FOR INSERT TO "o""w ner%"'
            "  WITH CHECK (x <> 'no');"
            ' GRANT SELECT, UPDATE (x) ON "s p"."T %_2020" TO "o""w ner%" WITH GRANT OPTION;'
            ' GRANT INSERT ON "s p"."T %_2020" TO PUBLIC;'
            " ALTER DEFAULT PRIVILEGES GRANT DELETE ON TABLES TO PUBLIC"
        )
        done = project.run("partitions", '"s p"."T %"')
        assert done.status == 0, done.err
        (last,) = done.out.splitlines()[-1:]
        assert last.startswith('"s p"."T %"  T %_20')
        same = (
            "SELECT c.relrowsecurity, c.relforcerowsecurity, c.relreplident, c.reloptions::text,"
            " c.relowner, c.relacl::text, (SELECT array_agg(attacl::text ORDER BY attnum) FROM pg_attribute"
            "  WHERE attrelid = c.oid AND attnum > 0)::text,"
            " (SELECT array_agg((polname, polcmd, polpermissive, polroles,"
            "   replace(pg_get_expr(polqual, polrelid), c.relname, ''), pg_get_expr(polwithcheck, polrelid))::text"
            "   ORDER BY polname)::text FROM pg_policy WHERE polrelid = c.oid),"
            " (SELECT count(*) FROM pg_index WHERE indrelid = c.oid),"
            " (SELECT array_agg(tgname)::text FROM pg_trigger WHERE tgrelid = c.oid AND NOT tgisinternal),"
            " (SELECT array_agg(pg_get_constraintdef(oid) ORDER BY pg_get_constraintdef(oid))::text FROM pg_constraint WHERE conrelid = c.oid)"
            " FROM pg_class AS c JOIN pg_inherits ON inhrelid = c.oid WHERE relkind = 'r' ORDER BY c.oid"
        )
        first, *others = project.query(same)
        assert len(others) > 3
        assert set(others) == {first}
    finally:
        project.query(
            'DROP SCHEMA "s p" CASCADE; DROP OWNED BY "o""w ner%"; DROP ROLE "o""w ner%";'
            " ALTER DEFAULT PRIVILEGES REVOKE DELETE ON TABLES FROM PUBLIC"
        )
    assert role


def test_numbers_go_on_from_the_greatest(project: Project) -> None:
    project.query(
        "CREATE TABLE t (id BIGINT) PARTITION BY RANGE (id);"
        " CREATE TABLE t_0 PARTITION OF t FOR VALUES FROM (MINVALUE) TO (1000);"
        " CREATE TABLE t_1000 PARTITION OF t FOR VALUES FROM (1000) TO (2000)"
    )
    assert project.run("partitions", "t", "--ahead", "0").out == ""
    project.query("INSERT INTO t VALUES (1500)")
    done = project.run("partitions", "t", "--ahead", "2")
    assert done.out == lines("public.t  t_2000  2000 to 3000", "public.t  t_3000  3000 to 4000")
    assert project.run("partitions", "t", "--ahead", "0").out == ""


def test_a_dry_run_is_sql_that_psql_may_run(project: Project) -> None:
    project.query(
        "CREATE TABLE t (id INT) PARTITION BY RANGE (id);"
        " CREATE TABLE t_0 PARTITION OF t FOR VALUES FROM (0) TO (10)"
    )
    done = project.run("partitions", "--ahead", "1", "--dry-run")
    assert done.out == lines(
        "BEGIN;",
        "CREATE TABLE public.t_10 (LIKE public.t INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING"
        " GENERATED INCLUDING STORAGE INCLUDING COMPRESSION);",
        "ALTER TABLE public.t ATTACH PARTITION public.t_10 FOR VALUES FROM ('10') TO ('20');",
        "COMMIT;",
    )
    assert len(bounds(project, "t")) == 1
    project.query(done.out)
    assert project.run("partitions", "--ahead", "1", "--dry-run").out == ""
    document = json.loads(project.run("partitions", "--ahead", "2", "--format", "json").out)
    assert document["tables"] == [
        {
            "table": "public.t", "every": "10", "until": "30", "passed_over": "", "error": "",
            "new": [{"name": "t_20", "from": "20", "to": "30",
                     "sql": document["tables"][0]["new"][0]["sql"]}],
        }
    ]  # fmt: skip


_NINE = "CREATE TABLE t_0 PARTITION OF t FOR VALUES FROM (0) TO (9)"


@pytest.mark.parametrize(
    ("sql", "why", "hint"),
    [
        ("PARTITION BY LIST (id)", "it is partitioned by LIST: nothing comes after the last one",
         "its partitions are made by hand"),
        ("PARTITION BY RANGE (id, b)", "it is partitioned by more than one column",
         "its partitions are made by hand"),
        ("PARTITION BY RANGE (b)", "it is partitioned by b, which is text: no time and no number",
         "its partitions are made by hand"),
        ("PARTITION BY RANGE ((id + 1))", "it is partitioned by an expression",
         "its partitions are made by hand"),
        ("PARTITION BY RANGE (id)", "it has no partition to go on from",
         "say how wide they are to be: --every month"),
        ("PARTITION BY RANGE (id); CREATE TABLE d PARTITION OF t DEFAULT",
         "it has no partition to go on from", "say how wide they are to be: --every month"),
        ("PARTITION BY RANGE (id); CREATE TABLE e PARTITION OF t FOR VALUES FROM (0) TO (MAXVALUE)",
         "e has no end", "say how wide they are to be: --every month"),
        ("PARTITION BY RANGE (id); CREATE TABLE e PARTITION OF t FOR VALUES FROM (MINVALUE) TO (0)",
         "nobody can tell how wide its partitions are",
         "say how wide they are to be: --every month"),
        (f"PARTITION BY RANGE (id); {_NINE} PARTITION BY LIST (b)", "t_0 is no plain table",
         "make it by hand, or name a free one"),
        ("PARTITION BY RANGE (id); CREATE TABLE e PARTITION OF t FOR VALUES FROM (0) TO (2147483600)",
         "what comes 2147483600 after 2147483600 is no integer",
         "make it by hand, or name a free one"),
        (f"PARTITION BY RANGE (id); {_NINE}; CREATE TABLE t_9 ()", "the name t_9 is taken",
         "make it by hand, or name a free one"),
    ],
)  # fmt: skip
def test_what_cannot_be_gone_on_with_is_said(
    project: Project, sql: str, why: str, hint: str
) -> None:
    project.query(f"CREATE TABLE t (id INT, b TEXT) {sql}")
    done = project.run("partitions", "t")
    assert (done.status, done.err) == (1, f"error: public.t: {why}\nhint: {hint}\n")
    passed = project.run("partitions")
    assert (passed.status, passed.out) == (0, "")
    assert passed.err == f"public.t was passed over: {why}\n"


def test_wrong_words(project: Project) -> None:
    assert project.run("partitions").err == "there is no partitioned table\n"
    done = project.run("partitions", "nothing")
    assert (done.status, done.err) == (
        2, lines("error: there is no partitioned table nothing", "hint: there is none at all"),
    )  # fmt: skip
    project.query(
        "CREATE TABLE t (id INT) PARTITION BY RANGE (id);"
        " CREATE TABLE t0 PARTITION OF t FOR VALUES FROM (MINVALUE) TO (10)"
    )
    for argv, said in (
        (["t", "--every", "fortnight"], "error: --every fortnight is no width\n"),
        (["t", "--every", "month"], "error: public.t is partitioned by id, which is integer\n"),
        (["--every", "10"], "error: --every is for one table\n"),
        (["t", "--ahead", "-1"], "error: --ahead is less than nothing\n"),
    ):
        done = project.run("partitions", *argv)
        assert (done.status, said in done.err) == (2, True), done.err
    done = project.run("partitions", "t", "--every", "5", "--ahead", "1")
    assert done.out == "public.t  t_10  10 to 15\n"


def test_rows_in_the_default_partition_stand_in_the_way(project: Project) -> None:
    project.query(
        "CREATE TABLE t (id INT) PARTITION BY RANGE (id);"
        " CREATE TABLE t_0 PARTITION OF t FOR VALUES FROM (0) TO (10);"
        " CREATE TABLE d PARTITION OF t DEFAULT; INSERT INTO t VALUES (15)"
    )
    done = project.run("partitions", "t", "--ahead", "1")
    assert done.status == 3
    assert 'updated partition constraint for default partition "d" would be violated' in done.err
    assert len(bounds(project, "t")) == 2


def test_two_at_once_make_each_partition_once(project: Project) -> None:
    project.query(
        "CREATE TABLE t (id INT) PARTITION BY RANGE (id);"
        " CREATE TABLE t_0 PARTITION OF t FOR VALUES FROM (0) TO (10)"
    )
    from ringfence.pg.connect import named

    found: list[Any] = []
    with psycopg.connect(project.dsn) as first:
        first.execute("LOCK TABLE t IN SHARE UPDATE EXCLUSIVE MODE")
        target = named(project.dsn, "the test")
        thread = threading.Thread(
            target=lambda: found.append(partitions.ahead(target, "t", 2, lock_timeout="60s")[0].new)
        )
        thread.start()
        while not project.query(
            "SELECT 1 FROM pg_locks WHERE NOT granted AND relation = 't'::regclass"
        ):
            assert thread.is_alive()
        first.execute("CREATE TABLE t_10 PARTITION OF t FOR VALUES FROM (10) TO (20)")
        first.commit()
        thread.join()
    assert [new.name for new in found[0]] == ["t_20"]
    with psycopg.connect(project.dsn) as first:
        first.execute("LOCK TABLE t IN SHARE UPDATE EXCLUSIVE MODE")
        done = project.run("partitions", "t", "--ahead", "5")
    assert done.status == 75, done.err


@pytest.mark.parametrize(
    ("said", "step"),
    [
        ("month", "1 month"), ("2 weeks", "2 weeks"), ("day", "1 day"), ("quarter", "3 months"),
        ("12 months", "1 year"), ("36 hours", "36 hours"), ("1000", "1000"), ("48hours", "2 days"),
    ],
)  # fmt: skip
def test_widths(said: str, step: str) -> None:
    assert str(partitions.every(said)) == step


@pytest.mark.parametrize("said", ["999999999999 days", "", "x", "0", "-1", "0 days", "1.5 days"])
def test_no_widths(said: str) -> None:
    with pytest.raises(Misuse):
        partitions.every(said)


def test_midnight_elsewhere_is_midnight(project: Project) -> None:
    """Months that begin where the database is at home go on beginning there, summer or winter."""
    name = project.query("SELECT current_database()")[0][0]
    project.query(f"ALTER DATABASE \"{name}\" SET timezone = 'America/New_York'")
    project.query(
        "CREATE TABLE t (at TIMESTAMPTZ) PARTITION BY RANGE (at);"
        " CREATE TABLE t_2025_01 PARTITION OF t FOR VALUES FROM ('2025-01-01') TO ('2025-02-01');"
    )
    assert project.run("partitions", "t").status == 0
    (wrong,) = project.query(
        "SELECT count(*) FROM pg_inherits JOIN pg_class AS c ON c.oid = inhrelid"
        " WHERE inhparent = 't'::regclass AND pg_get_expr(relpartbound, c.oid)"
        " !~ 'FROM \\(''\\d{4}-\\d\\d-01 00:00:00-0[45]''\\)'"
    )
    assert wrong == (0,)


def test_february_is_a_month_and_four_weeks_are_four_weeks() -> None:
    from datetime import datetime

    def part(a: str, b: str) -> partitions.Part:
        return partitions.Part(
            0, "s", "n", "r", datetime.fromisoformat(a), datetime.fromisoformat(b)
        )

    february = part("2027-02-01", "2027-03-01")
    steps = partitions._steps
    assert str(steps([february])) == "1 month"
    assert str(steps([part("2027-01-01", "2027-02-01"), february])) == "1 month"
    assert str(steps([part("2027-01-04", "2027-02-01"), february])) == "4 weeks"


def test_no_day_without_a_midnight_moves_the_others(project: Project) -> None:
    """In Santiago summer begins at midnight: that day has none, and the next ones have theirs."""
    zone = ZoneInfo("America/Santiago")
    today = datetime.combine(datetime.now(UTC).date(), datetime.min.time(), zone)
    days = (today - timedelta(days=n) for n in range(2, 999))
    odd = next(d for d in days if d.astimezone(UTC).astimezone(zone).hour == 1)
    before, after, later = (f"{odd + timedelta(days=n):%Y-%m-%d}" for n in (-1, 1, 2))
    name = project.query("SELECT current_database()")[0][0]
    project.query(f"ALTER DATABASE \"{name}\" SET timezone = 'America/Santiago'")
    project.query(
        "CREATE TABLE t (at TIMESTAMPTZ) PARTITION BY RANGE (at); CREATE TABLE t_a PARTITION OF t"
        f" FOR VALUES FROM ('{before}') TO ('{odd:%Y-%m-%d}')"
    )
    done = project.run("partitions", "t", "--dry-run")
    first = f"FROM ('{odd:%Y-%m-%d} 00:00:00-04:00') TO ('{after} 00:00:00-03:00')"
    second = f"FROM ('{after} 00:00:00-03:00') TO ('{later} 00:00:00-03:00')"
    assert first in done.out
    assert second in done.out
    project.query(
        f"CREATE TABLE t_b PARTITION OF t FOR VALUES FROM ('{odd:%Y-%m-%d}') TO ('{after}')"
    )
    assert second in project.run("partitions", "t", "--dry-run").out


def test_months_of_another_zone_are_not_guessed(project: Project) -> None:
    project.query(
        "SET timezone = 'Asia/Tokyo'; CREATE TABLE t (at TIMESTAMPTZ) PARTITION BY RANGE (at);"
        " CREATE TABLE t_2025_01 PARTITION OF t FOR VALUES FROM ('2025-01-01') TO ('2025-02-01');"
    )
    done = project.run("partitions", "t")
    assert done.status == 1
    assert "begin at midnight neither in UTC nor in the database's time zone" in done.err


@pytest.mark.parametrize(
    ("begins", "every", "why"),
    [
        (
            "'2026-01-30') TO ('2026-01-31'",
            "month",
            "what comes 1 month after 2026-01-31 is no date",
        ),
        ("'2026-01-01') TO ('9999-12-31'", "", " is no date"),
    ],
)
def test_what_no_calendar_has(project: Project, begins: str, every: str, why: str) -> None:
    project.query(
        "CREATE TABLE t (at DATE) PARTITION BY RANGE (at);"
        f" CREATE TABLE t_a PARTITION OF t FOR VALUES FROM ({begins})"
    )
    done = project.run("partitions", "t", *(["--every", every] if every else []))
    assert (done.status, why in done.err) == (1, True), done.err


def test_january_is_no_week(project: Project) -> None:
    """`2026_01` is a month and the first week; what follows is February, and not the fifth week."""
    project.query(
        "CREATE TABLE t (at DATE) PARTITION BY RANGE (at);"
        " CREATE TABLE t_2026_01 PARTITION OF t FOR VALUES FROM ('2026-01-01') TO ('2026-02-01')"
    )
    done = project.run("partitions", "t", "--dry-run")
    assert "t_2026_02 FOR VALUES FROM ('2026-02-01') TO ('2026-03-01')" in done.out


def test_one_that_fails_does_not_keep_the_others(project: Project) -> None:
    project.query(
        "CREATE TABLE a (id INT) PARTITION BY RANGE (id);"
        " CREATE TABLE a_0 PARTITION OF a FOR VALUES FROM (0) TO (10);"
        " CREATE TABLE d PARTITION OF a DEFAULT; INSERT INTO a VALUES (25);"
        " CREATE TABLE b (id INT) PARTITION BY RANGE (id);"
        " CREATE TABLE b_0 PARTITION OF b FOR VALUES FROM (0) TO (10);"
    )
    done = project.run("partitions", "--ahead", "1")
    assert done.status == 3
    assert done.out == lines("public.a  a_10  10 to 20", "public.b  b_10  10 to 20")
    assert "public.a has not all of its partitions\n" in done.err
    assert 'default partition "d" would be violated' in done.err
    document = json.loads(project.run("partitions", "--ahead", "1", "--format", "json").out)
    assert [bool(t["error"]) for t in document["tables"]] == [True, False]


def test_partitions_in_a_schema_of_their_own_kept_in_their_own_way(project: Project) -> None:
    project.query(
        'CREATE SCHEMA "p\'s"; CREATE ACCESS METHOD heap2 TYPE TABLE HANDLER heap_tableam_handler;'
        " CREATE TABLE t (id INT NOT NULL, b TEXT) PARTITION BY RANGE (id);"
        ' CREATE UNIQUE INDEX "k""y" ON t (id);'
        ' CREATE TABLE "p\'s"."t\'0" (LIKE t) USING heap2 WITH (toast.autovacuum_enabled = false);'
        ' ALTER TABLE t ATTACH PARTITION "p\'s"."t\'0" FOR VALUES FROM (0) TO (10);'
    )
    ((index,),) = project.query(
        "SELECT c.relname FROM pg_index JOIN pg_class AS c ON c.oid = indexrelid"
        " WHERE indrelid = '\"p''s\".\"t''0\"'::regclass"
    )
    project.query(f'ALTER TABLE "p\'s"."t\'0" REPLICA IDENTITY USING INDEX "{index}"')
    done = project.run("partitions", "t", "--ahead", "1")
    assert done.out == lines('public.t  "p\'s"."t\'10"  10 to 20'), done.err
    assert project.query(
        "SELECT n.nspname, a.amname, c.relreplident::text, x.reloptions FROM pg_class AS c"
        " JOIN pg_namespace AS n ON n.oid = c.relnamespace JOIN pg_am AS a ON a.oid = c.relam"
        " JOIN pg_class AS x ON x.oid = c.reltoastrelid WHERE c.relname = 't''10'"
    ) == [("p's", "heap2", "i", ["autovacuum_enabled=false"])]


# What was made ahead, and ddl/

PARTED = (
    "CREATE TABLE public.e (id BIGINT, a INT) PARTITION BY RANGE (id);\n"
    "CREATE TABLE public.e_0 PARTITION OF public.e FOR VALUES FROM (0) TO (10);\n"
)


@pytest.fixture
def parted(tmp_path: Path, database: str) -> Project:
    """A database as ddl/ says, and two partitions made ahead, with a row in the first."""
    made = Project(tmp_path / "parted", database)
    (made.root / "ddl").mkdir()
    (made.root / "ddl" / "e.sql").write_text(PARTED, encoding="utf-8")
    made.revision("0001", PARTED)
    assert made.run("migrate").out == "now at 0001\n"
    assert made.run("partitions", "e", "--ahead", "2").status == 0
    made.query("INSERT INTO public.e VALUES (12, 1)")
    return made


LEFT = [
    f"note: partition public.e_{n} is in no file and is left: partitions come and go with the rows"
    for n in (10, 20)
]


def test_partitions_made_ahead_are_no_difference_from_the_files(parted: Project) -> None:
    done = parted.run("diff", "live", "ddl")
    assert (done.status, done.out) == (0, ""), done.out
    assert done.err == lines(*LEFT, "live and ddl are the same")
    again = parted.run("diff", "live", "ddl")
    assert (again.status, again.err) == (0, done.err)
    back = parted.run("diff", "ddl", "live")
    assert back.out.count("CREATE TABLE") == 2


def test_a_plan_beside_partitions_made_ahead_is_proved_and_runs(parted: Project) -> None:
    file = parted.root / "ddl" / "e.sql"
    file.write_text(
        PARTED.replace("a INT", "a BIGINT NOT NULL, b TEXT")
        + "CREATE INDEX e_a ON public.e (a);\nCREATE TABLE public.other ();\n"
        "ALTER TABLE public.e ADD CONSTRAINT e_key PRIMARY KEY (id);\n",
        encoding="utf-8",
    )
    done = parted.run("diff", "live", "ddl")
    assert done.status == 1
    assert "DROP" not in done.out
    assert "not proved" not in done.err
    assert [line for line in done.err.splitlines() if "is left" in line] == LEFT
    parted.query(done.out)
    assert parted.query("SELECT id, a, b FROM public.e_10") == [(12, 1, None)]
    same = parted.run("diff", "live", "ddl")
    assert (same.status, same.out) == (0, "")
    with pytest.raises(psycopg.errors.UniqueViolation):
        parted.query("INSERT INTO public.e VALUES (12, 2)")
    assert parted.query("SELECT count(*) FROM pg_index WHERE NOT indisvalid") == [(0,)]


def test_a_table_made_anew_takes_the_partitions_made_ahead_with_it(parted: Project) -> None:
    file = parted.root / "ddl" / "e.sql"
    file.write_text(PARTED.replace("RANGE (id)", "RANGE (a)"), encoding="utf-8")
    done = parted.run("diff", "live", "ddl")
    assert done.status == 1
    assert "is left" not in done.err
    assert "- table public.e_10\n" in done.err
    parted.query("UPDATE public.e SET a = 1; " + done.out)
    assert parted.query("SELECT id, a FROM public.e_0") == [(12, 1)]


def test_the_partitions_of_a_partition_made_ahead_are_left_too(parted: Project) -> None:
    parted.query(
        "CREATE TABLE public.e_30 PARTITION OF public.e FOR VALUES FROM (30) TO (40)"
        " PARTITION BY LIST (a); CREATE TABLE public.e_30_1 PARTITION OF public.e_30 FOR VALUES IN (1)"
    )
    done = parted.run("diff", "live", "ddl")
    assert (done.status, done.out) == (0, ""), done.out
    assert "partition public.e_30_1 is in no file and is left" in done.err


def test_pull_leaves_out_the_partitions_made_ahead(parted: Project) -> None:
    done = parted.run("pull")
    assert (done.status, done.out) == (0, "")
    assert done.err == lines(
        *(
            f"left out: partition public.e_{n}: partitions come and go with the rows"
            for n in (10, 20)
        ),
        "ddl says already what the database is",
    )
    file = parted.root / "ddl" / "e.sql"
    assert file.read_text(encoding="utf-8") == PARTED
    # And what pull writes beside them is a revision that has nothing to do there.
    parted.query("CREATE TABLE public.other (id INT)")
    assert parted.run("pull").out == "wrote ddl/public/tables/other.sql\n"
    assert parted.run("plan", "-m", "other").status == 0
    assert parted.run("migrate", "--baseline", "head").out == "recorded as applied: 0002\n"
    assert "wrote ddl/public/tables/e_10.sql\n" in parted.run("pull", "--force").out
