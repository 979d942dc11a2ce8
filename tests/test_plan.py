"""`ringfence plan`, `pull` and `init`: revisions that lead to ddl and back, and projects adopted."""

from __future__ import annotations

import os
import re
import shutil
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from engine import catalog, psql, rows
from projects import Project, Result
from ringfence.change import diff
from ringfence.errors import Refused
from ringfence.model import Ref
from ringfence.online import online
from ringfence.pg.connect import named
from ringfence.script import read

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from pathlib import Path

    from ringfence.model import Catalog
    from ringfence.pg.connect import Target
    from ringfence.step import Plan


@pytest.fixture
def project(tmp_path: Path, database: str) -> Project:
    made = Project(tmp_path / "project", database)
    made.revision("0001", "CREATE TABLE t (id int PRIMARY KEY, a text, b int);", "DROP TABLE t;")
    _ddl(made, "CREATE TABLE t (id int PRIMARY KEY, a text, b int);")
    return made


def _plan(project: Project, *argv: str) -> Result:
    return project.run("plan", *argv, dsn="", env={"RINGFENCE_DSN": project.dsn})


def _ddl(project: Project, text: str) -> None:
    folder = project.root / "ddl" / "public" / "tables"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "t.sql").write_text(text, encoding="utf-8")


def test_nothing_to_do(project: Project) -> None:
    result = _plan(project, "-m", "nothing")
    assert (result.status, result.out) == (1, "")
    assert result.err == "nothing to do: the newest revision has all of ddl\n"


def test_a_revision_leads_to_ddl_and_back(project: Project, database: str) -> None:
    project.run("migrate")
    psql(database, "INSERT INTO t SELECT g, 'x', g FROM generate_series(1, 10) AS g")
    before = catalog(database)
    _ddl(project, "CREATE TABLE t (id int PRIMARY KEY, a text, b int, c text DEFAULT 'y');")
    result = _plan(project, "-m", "Add c")
    assert result.status == 0, result.err
    assert result.out.splitlines() == [
        "migrations/versions/0002_add_c.py",
        "migrations/versions/0002_add_c.up.sql",
        "migrations/versions/0002_add_c.down.sql",
    ]
    text = (project.versions / "0002_add_c.up.sql").read_text()
    said, _, text = text.partition("\n")
    assert re.fullmatch(r"-- ringfence: planned-on: \d+ table:public\.t [0-9a-f]{16}", said)
    assert text == (
        "-- Add c\n-- noqa: disable=all\n\nALTER TABLE public.t ADD COLUMN c text DEFAULT 'y'::text;\n"
    )
    assert project.run("migrate").status == 0
    assert project.run("diff", "live", "ddl").status == 0
    assert rows(database) == {"public.t": 10}
    assert project.run("migrate", "--to", "0001", "--yes", "--allow", "DATA_LOSS").status == 0
    assert diff(catalog(database), before) == ()


def test_rows_that_came_to_a_new_partition_go_back(project: Project, database: str) -> None:
    whole = "CREATE TABLE t (id int PRIMARY KEY, a text, b int) PARTITION BY RANGE (id);"
    default = " CREATE TABLE t_d PARTITION OF t DEFAULT;"
    project.revision("0001", whole + default, "DROP TABLE t;", after=None)
    assert project.run("migrate").status == 0
    psql(database, "INSERT INTO t SELECT g, 'x', g FROM generate_series(1, 10) AS g")
    some = " CREATE TABLE t_5 PARTITION OF t FOR VALUES FROM (5) TO (8);"
    _ddl(project, whole + default + some)
    assert _plan(project, "-m", "From 5 to 7", "--allow", "SCAN_UNDER_LOCK").status == 0
    assert project.run("migrate").status == 0
    assert rows(database) == {"public.t_d": 7, "public.t_5": 3}
    back = (project.versions / "0002_from_5_to_7.down.sql").read_text()
    assert "hazard" not in back
    assert "-- its rows belong in the default partition again\n" in back
    assert project.run("migrate", "--to", "0001", "--yes").status == 0
    assert rows(database) == {"public.t_d": 10}
    # Forwards, a partition that goes takes its rows with it, and says so.
    _ddl(project, whole + default)
    assert "DATA_LOSS: every row of public.t_5 is lost" in _plan(project, "-m", "Gone").err


def test_a_loss_of_data_must_be_agreed_to(project: Project) -> None:
    _ddl(project, "CREATE TABLE t (id int PRIMARY KEY, a text);")
    refused = _plan(project, "-m", "Drop b")
    assert refused.status == 1
    assert refused.err == (
        "error: 1 hazard that nobody agreed to\n"
        "detail: DATA_LOSS: every value of public.t.b is lost\n"
        "hint: to agree: --allow 'DATA_LOSS:public.t.b'\n"
    )
    assert len(list(project.versions.glob("*.py"))) == 1
    assert _plan(project, "-m", "x", "--allow", "DATA_LOSS:public.t.a").status == 1
    agreed = _plan(project, "-m", "Drop b", "--allow", "DATA_LOSS:public.t.b")
    assert agreed.status == 0, agreed.err
    down = (project.versions / "0002_drop_b.down.sql").read_text()
    assert "-- cannot bring back: every value of public.t.b is lost\n" in down
    wrong = _plan(project, "-m", "x", "--allow", "SORROW")
    assert wrong.status == 2
    assert wrong.err.startswith("error: --allow SORROW: no such hazard\nhint: one of DATA_LOSS,")


def test_online_steps_stand_in_transactions_of_their_own(project: Project, database: str) -> None:
    project.run("migrate")
    psql(database, "INSERT INTO t SELECT g, 'x', g FROM generate_series(1, 10) AS g")
    _ddl(
        project,
        "CREATE TABLE t (id int PRIMARY KEY, a text NOT NULL, b int CHECK (b > 0) UNIQUE);\n"
        "CREATE INDEX t_a ON t (a);",
    )
    result = _plan(project, "-m", "Tighten t")
    assert result.status == 0, result.err
    texts = [p.read_text() for p in sorted(project.versions.glob("*.up.sql"))][1:]
    whole = "\n".join(texts)
    assert "CREATE INDEX CONCURRENTLY t_a" in whole
    assert "CREATE UNIQUE INDEX CONCURRENTLY" in whole
    assert "NOT VALID" in whole
    for text in texts:
        assert ("CONCURRENTLY" in text) == text.startswith("-- ringfence: transaction: none\n")
        assert not ("NOT VALID" in text and "VALIDATE" in text)
        assert ("USING INDEX" in text) == ("CREATE UNIQUE INDEX CONCURRENTLY" in text)
    for path in project.versions.glob("*.down.sql"):
        assert "CREATE UNIQUE INDEX" not in path.read_text()
    assert project.run("migrate").status == 0
    same = project.run("diff", "live", "ddl")
    assert same.status == 0, same.out
    assert project.run("migrate", "--to", "0001", "--yes", "--allow", "DATA_LOSS").status == 0
    assert project.run("diff", "live", "0001").status == 0


def test_the_way_back_is_lock_safe_too(project: Project, database: str) -> None:
    _ddl(
        project,
        "CREATE TABLE t (id int PRIMARY KEY, a text, b int CONSTRAINT large CHECK (b > 9));\n"
        "CREATE INDEX t_a ON t (a);",
    )
    assert _plan(project, "-m", "Tighten t").status == 0
    _ddl(project, "CREATE TABLE t (id int PRIMARY KEY, a text, b int);")
    assert _plan(project, "-m", "Loosen t").status == 0
    files = sorted(project.versions.glob("*.down.sql"))[1:]
    texts = [p.read_text() for p in files]
    assert [t.count("DROP INDEX CONCURRENTLY public.t_a;") for t in texts] == [0, 0, 1, 0, 0]
    assert [t.count("CREATE INDEX CONCURRENTLY t_a") for t in texts] == [0, 0, 0, 0, 1]
    back = texts[3]
    assert back.startswith("-- ringfence: transaction: none\n")
    assert "CHECK ((b > 9)) NOT VALID;" in back
    assert "VALIDATE CONSTRAINT large;" in back
    project.run("migrate")
    psql(database, "INSERT INTO t SELECT g, 'x', g + 10 FROM generate_series(1, 10) AS g")
    for revision in ("0004", "0001"):
        done = project.run("migrate", "--to", revision, "--yes")
        assert done.status == 0, done.err
        assert project.run("diff", "live", revision).status == 0


def test_a_key_that_waits_for_its_successor_is_not_in_its_way_on_the_way_back(
    project: Project, database: str
) -> None:
    held = "CREATE TABLE o (id int PRIMARY KEY, a int);\n"
    holder = (
        "CREATE TABLE t (id int PRIMARY KEY, a text, b int, c int,"
        " CONSTRAINT f FOREIGN KEY ({}) REFERENCES o ({}));"
    )
    _ddl(project, held + holder.format("id", "id"))
    assert _plan(project, "-m", "Keys").status == 0
    _ddl(project, f"{held}ALTER TABLE o ADD UNIQUE (a, id);\n{holder.format('c, id', 'a, id')}")
    done = _plan(project, "-m", "Wider keys")
    assert done.status == 0, done.err
    project.run("migrate")
    psql(database, "INSERT INTO o VALUES (1, 2); INSERT INTO t (id, c) VALUES (1, 2)")
    for revision in ("0006", "0005", "0004", "0003"):
        done = project.run("migrate", "--to", revision, "--yes")
        assert done.status == 0, done.err
        assert project.run("diff", "live", revision).status == 0


SWAPPED = (
    "CREATE TYPE mood AS ENUM ({}'ok', 'happy');\n"
    "CREATE TABLE pt (m mood, x int) PARTITION BY LIST (m);\n"
    "CREATE TABLE pt1 PARTITION OF pt FOR VALUES IN ('ok');\n"
    "CREATE TABLE t (id int PRIMARY KEY, a text, b int, m mood, UNIQUE (b, a){});\n"
    "CREATE INDEX t_m ON t (m) WHERE m = 'ok';\n"
    "CREATE VIEW v AS SELECT m FROM pt;\n"
    "GRANT SELECT ON v TO PUBLIC;\n"
)


def test_nothing_that_is_to_come_again_is_committed_away(project: Project, database: str) -> None:
    _ddl(project, SWAPPED.format("'sad', ", ""))
    assert _plan(project, "-m", "Moods").status == 0
    project.run("migrate")
    psql(database, "INSERT INTO pt VALUES ('ok', 1); INSERT INTO t (id, b, m) VALUES (1, 2, 'ok')")
    _ddl(project, SWAPPED.format("", ", UNIQUE (b, id)"))
    agreed = ("DATA_LOSS", "SCAN_UNDER_LOCK", "REWRITE", "INDEX_BUILD")
    allow = [word for code in agreed for word in ("--allow", code)]
    done = _plan(project, "-m", "Less moody", *allow)
    assert done.status == 0, done.err
    texts = [p.read_text() for p in sorted(project.versions.glob("*_less_moody*.up.sql"))]
    for name in ("VIEW public.v ", "TABLE public.pt "):
        (there,) = (text for text in texts if f"CREATE {name}" in text)
        assert f"DROP {name.strip()}" in there or f"ALTER {name.strip()} RENAME" in there
    assert "GRANT SELECT ON TABLE public.v" in next(text for text in texts if "CREATE VIEW" in text)
    whole = "\n".join(texts)
    assert "CREATE UNIQUE INDEX CONCURRENTLY t_b_id_key" in whole
    assert "ringfence_" not in "".join(w for w in whole.splitlines(True) if "planned-on" in w)
    migrated = project.run("migrate", *allow)
    assert migrated.status == 0, migrated.err
    assert project.run("diff", "live", "ddl").status == 0
    assert rows(database) == {"public.pt1": 1, "public.t": 1}


def test_what_nobody_may_see_the_middle_of_is_a_transaction_on_the_way_back(
    project: Project,
) -> None:
    _ddl(
        project,
        "CREATE TABLE t (id int PRIMARY KEY, a text, b int CONSTRAINT large CHECK (b > 9));\n"
        "CREATE VIEW v AS SELECT id, b FROM t;",
    )
    assert _plan(project, "-m", "Tighten t").status == 0
    _ddl(
        project,
        "CREATE TABLE t (id int PRIMARY KEY, a text, b int);\nCREATE VIEW v AS SELECT id FROM t;",
    )
    assert _plan(project, "-m", "Loosen t").status == 0
    back = max(project.versions.glob("*.down.sql")).read_text()
    assert back.startswith("-- ringfence: transaction: none\n")
    together = back.partition("BEGIN;\n")[2].partition("COMMIT;\n")[0]
    assert "CREATE OR REPLACE VIEW" in together
    assert "CHECK ((b > 9)) NOT VALID;" in together
    assert "VALIDATE CONSTRAINT large;" not in together
    assert project.run("migrate").status == 0
    assert project.run("migrate", "--to", "-1", "--yes").status == 0
    assert (
        project.run("diff", "live", f"{len(list(project.versions.glob('*.py'))) - 1:04d}").status
        == 0
    )


def test_an_index_of_a_partitioned_table_keeps_nobody_waiting_on_the_way_back(
    project: Project,
) -> None:
    table = (
        "CREATE TABLE t (id int PRIMARY KEY, a text, b int);"
        " CREATE TABLE p (id int NOT NULL, a text, UNIQUE (id)) PARTITION BY RANGE (id);"
        " CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (9);"
        " CREATE TABLE p2 PARTITION OF p FOR VALUES FROM (9) TO (20);"
    )
    _ddl(project, table.replace(", UNIQUE (id)", ""))
    assert _plan(project, "-m", "Partitions").status == 0
    _ddl(project, table + " CREATE INDEX p_a ON p (a);")
    assert _plan(project, "-m", "Indexes").status == 0
    assert project.run("migrate").status == 0
    for file in sorted(project.versions.glob("*.down.sql"))[1:]:
        statements = [s.text for s in read(file, file.name).statements]
        assert not [
            text
            for text in statements
            if text.startswith(("CREATE INDEX", "CREATE UNIQUE INDEX", "ALTER TABLE"))
            and not any(w in text for w in (" ONLY ", "CONCURRENTLY", "USING INDEX", "DROP"))
        ]
    for revision in range(len(list(project.versions.glob("*.py"))) - 1, 1, -1):
        done = project.run("migrate", "--to", f"{revision:04d}", "--yes")
        assert done.status == 0, done.err
        assert project.run("diff", "live", f"{revision:04d}").status == 0


@pytest.mark.parametrize("referred", [False, True])
def test_a_key_becomes_another_and_comes_back_in_lock_safe_steps(
    project: Project, referred: bool
) -> None:
    there = "CREATE TABLE t (id int PRIMARY KEY, a text, b int);"
    refers = (
        f"CREATE TABLE i (o int CONSTRAINT i_o REFERENCES o (id));{there}" if referred else there
    )
    also = ", UNIQUE (id)" if referred else ""
    _ddl(project, f"CREATE TABLE o (id int PRIMARY KEY, t int NOT NULL);{refers}")
    assert _plan(project, "-m", "Before").status == 0
    _ddl(
        project,
        f"CREATE TABLE o (id int NOT NULL, t int NOT NULL, PRIMARY KEY (t, id){also});{refers}",
    )
    made = _plan(project, "-m", "Another key")
    assert made.status == 0, made.err
    assert "lock-safe" not in made.err
    assert project.run("migrate").status == 0
    assert project.run("diff", "live", "ddl").status == 0
    for revision in range(len(list(project.versions.glob("*.py"))) - 1, 1, -1):
        done = project.run("migrate", "--to", f"{revision:04d}", "--yes")
        assert done.status == 0, done.err
        assert project.run("diff", "live", f"{revision:04d}").status == 0
    done = project.run("migrate", "--to", "0002", "--yes")
    assert done.status == 0, done.err


def test_the_named_server_tells_for_which_version_to_plan(
    project: Project, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ringfence.pg import shadow

    near: list[str | None] = []
    host = shadow.host

    def noted(
        project: object, target: Target | None, given: str | None = None, **more: Any
    ) -> shadow.Host:
        near.append(target.conninfo if target else None)
        return host(None, named(database, "the test's server"), given, **more)

    monkeypatch.setattr(shadow, "host", noted)
    _ddl(project, "CREATE TABLE t (id int PRIMARY KEY, a text, b int, c int);")
    assert project.run("plan", "-m", "x", dsn=database).status == 0
    assert near == [database]
    major = catalog(database).server_version // 10000
    config = project.root / "pyproject.toml"
    said = f"[tool.ringfence]\nserver_version = {major}\n"
    config.write_text(config.read_text().replace("[tool.ringfence]\n", said, 1))
    _ddl(project, "CREATE TABLE t (id int PRIMARY KEY, a text, b int, c int, d int);")
    # What the configuration says needs no server that answers.
    assert _plan(project, "-m", "y").status == 0
    assert near == [database, None]


def test_a_named_server_that_does_not_answer_is_told_of(
    project: Project, database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ringfence.pg import shadow

    host = shadow.host
    monkeypatch.setattr(
        shadow,
        "host",
        lambda _project, _target, given, **more: host(None, named(database, "x"), given, **more),
    )
    nowhere = f"host={tmp_path} dbname=shop user=me"
    _ddl(project, "CREATE TABLE t (id int PRIMARY KEY, a text, b int, c int);")
    refused = project.run("plan", "-m", "x", dsn=nowhere)
    assert refused.status == 3
    assert refused.err.startswith(f"error: cannot connect to me@shop at {tmp_path}: ")
    major = catalog(database).server_version // 10000
    planned = project.run("plan", "-m", "x", dsn="", env={"RINGFENCE_DSN": nowhere})
    assert planned.status == 0, planned.err
    assert planned.err.startswith(f"note: cannot connect to me@shop at {tmp_path}: ")
    assert planned.err.splitlines()[0].endswith(f"; planned for PostgreSQL {major}")


def test_offline_steps_are_one_revision(project: Project) -> None:
    _ddl(project, "CREATE TABLE t (id int PRIMARY KEY, a text NOT NULL, b int);")
    result = _plan(project, "-m", "Tighten", "--no-online", "--allow", "SCAN_UNDER_LOCK")
    assert result.status == 0, result.err
    text = (project.versions / "0002_tighten.up.sql").read_text()
    assert text.endswith("ALTER TABLE public.t ALTER COLUMN a SET NOT NULL;\n")


def test_verify_names_what_drifted(project: Project, database: str) -> None:
    project.run("migrate")
    assert project.run("verify").status == 0
    psql(database, "ALTER TABLE t ADD COLUMN by_hand int; ALTER TABLE t ALTER b SET NOT NULL")
    result = project.run("verify", "--claim", "drift")
    assert result.status == 1
    assert (
        "error: column public.t.by_hand is in the live schema and not in revision 0001 [drift]"
        in result.out
    )
    assert (
        "error: column public.t.b differs: not null is set in the live schema and not set in"
        " revision 0001 [drift]" in result.out
    )
    _ddl(project, "CREATE TABLE t (id int PRIMARY KEY, a text);")
    result = project.run("verify", "--claim", "ddl")
    assert "error: column public.t.b is in the newest revision and not in ddl/ [ddl]" in result.out
    assert "help: where it should be, write it into ddl/, as ringfence pull does" in result.out


RICH = """
CREATE SCHEMA app; CREATE TYPE app.mood AS ENUM ('sad', 'ok');
CREATE TABLE app.people (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, "First" text NOT NULL DEFAULT 'x', m app.mood,
    g int GENERATED ALWAYS AS (length("First") * 2) STORED, CHECK ("First" <> '' AND m IN ('sad', 'ok'))
);
CREATE TABLE app.log (at date NOT NULL) PARTITION BY RANGE (at);
CREATE TABLE app.log1 PARTITION OF app.log FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
CREATE VIEW app.v AS SELECT p.id, CASE WHEN p.m = 'sad' THEN 1 ELSE 2 END AS k FROM app.people p
WHERE EXISTS (SELECT 1 FROM app.log) GROUP BY p.id;
CREATE FUNCTION app.f(a int) RETURNS TABLE (id bigint) LANGUAGE plpgsql AS $$
BEGIN RETURN QUERY SELECT p.id FROM app.people p WHERE p.id = a; END $$;
ALTER TABLE app.people ENABLE ROW LEVEL SECURITY;
CREATE POLICY mine ON app.people USING ("First" = current_setting('app.tenant', true));
COMMENT ON TABLE app.people IS 'a comment that goes on for so long that a linter would find the line too long';
"""


def test_what_is_written_is_clean_in_style(project: Project) -> None:
    _ddl(project, "CREATE TABLE t (id int PRIMARY KEY, a text, b int);" + RICH)
    assert _plan(project, "-m", "Rich").status == 0
    written = sorted(str(p) for p in project.versions.glob("0002*.sql"))
    assert len(written) == 2
    result = project.run("lint", *written, dsn="")
    assert "[style" not in result.out, result.out
    assert "as pull and plan wrote them" in result.out  # and sqlfluff does not mind


def test_what_looks_like_a_rename_is_told_where_its_loss_is_refused(project: Project) -> None:
    _ddl(project, "CREATE TABLE t (id int PRIMARY KEY, whole text, b int);")
    refused = _plan(project, "-m", "rename")
    assert refused.status == 1
    assert refused.err.splitlines() == [
        "error: 1 hazard that nobody agreed to",
        "detail: DATA_LOSS: every value of public.t.a is lost",
        (
            "  column public.t.whole looks like public.t.a renamed: to say so,"
            " --rename 'column:public.t.a=public.t.whole' or -- ringfence: renamed-from a"
        ),
        "hint: to agree: --allow 'DATA_LOSS:public.t.a'",
    ]
    asked = ("--rename", "column:public.t.a=public.t.whole")
    assert _plan(project, "-m", "rename", *asked).status == 0


def test_the_name_of_a_file_says_which_part_it_is(project: Project) -> None:
    _ddl(
        project,
        "CREATE TABLE t (id int PRIMARY KEY, a text, b int CHECK (b > 0)); CREATE INDEX i ON t (a);",
    )
    done = _plan(
        project, "-m", "Indexes for what is asked, of the first 2 of 3\nand why: it is slow"
    )
    names = [p.stem for p in sorted(project.versions.glob("*.py"))][1:]
    assert len(names) > 1
    for number, name in enumerate(names, 1):
        assert name.endswith(f"_{number}_of_{len(names)}"), done.out
        assert name.startswith(f"{number + 1:04d}_indexes_for_what_is_asked_of")
        assert len(name) <= 45


# pull


def test_pull_after_migrate_changes_nothing(project: Project) -> None:
    project.run("migrate")
    before = {p: p.read_text() for p in (project.root / "ddl").rglob("*.sql")}
    result = project.run("pull")
    assert (result.status, result.out) == (0, "")
    assert result.err == "ddl says already what the database is\n"
    assert {p: p.read_text() for p in (project.root / "ddl").rglob("*.sql")} == before


def test_pull_writes_the_files_of_what_differs_and_no_other(
    project: Project, database: str
) -> None:
    other = project.root / "ddl" / "public" / "tables" / "other.sql"
    other.write_text("-- kept as it is written\ncreate   table other(id int);\n")
    project.run("migrate")
    psql(
        database,
        'CREATE TABLE other (id int); ALTER TABLE t DROP COLUMN b; CREATE TABLE "We/ird" (x int);'
        "CREATE VIEW v AS SELECT a FROM t; CREATE SEQUENCE s",
    )
    result = project.run("pull")
    assert result.out.splitlines() == [
        "wrote ddl/public/sequences/s.sql",
        "wrote ddl/public/tables/We%2Fird.sql",
        "wrote ddl/public/tables/t.sql",
        "wrote ddl/public/views/v.sql",
    ]
    assert other.read_text().startswith("-- kept")
    assert project.run("diff", "live", "ddl").status == 0
    psql(database, "DROP VIEW v")
    assert project.run("pull").out == "removed ddl/public/views/v.sql\n"


def test_pull_from_a_database_without_any_of_it_removes_nothing(
    project: Project, database: str
) -> None:
    there = sorted((project.root / "ddl").rglob("*.sql"))
    done = project.run("pull")
    assert (done.status, done.out) == (1, "")
    said, hint = done.err.splitlines()
    assert said.endswith(" has nothing of what ddl holds: 1 file would go, and none be written")
    assert hint.startswith("hint: name the database with --dsn, or in RINGFENCE_DSN;")
    assert sorted((project.root / "ddl").rglob("*.sql")) == there
    assert project.run("pull", "--force").out == "removed ddl/public/tables/t.sql\n"


def test_pull_will_not_guess_where_an_object_is_defined(project: Project, database: str) -> None:
    project.run("migrate")
    folder = project.root / "ddl"
    (folder / "public" / "tables" / "t.sql").rename(folder / "all.sql")
    psql(database, "ALTER TABLE t ADD COLUMN c int")
    psql(database, "ALTER TABLE t DROP COLUMN b")
    result = project.run("pull")
    assert result.status == 1
    assert "differs and is not defined in ddl/public/tables/t.sql" in result.err
    assert (folder / "all.sql").exists()


@pytest.mark.parametrize(
    ("there", "then"),
    [
        (
            "CREATE SEQUENCE n; CREATE TABLE i (id int DEFAULT nextval('n'))",
            "ALTER SEQUENCE n OWNED BY i.id",
        ),
        (
            "CREATE SEQUENCE n; CREATE TABLE i (id int); ALTER SEQUENCE n OWNED BY i.id",
            "ALTER SEQUENCE n OWNED BY NONE",
        ),
        (
            (
                "CREATE SEQUENCE n; CREATE TABLE i (id int); CREATE TABLE j (id int);"
                "ALTER SEQUENCE n OWNED BY i.id"
            ),
            "ALTER SEQUENCE n OWNED BY j.id",
        ),
        ("CREATE VIEW v AS SELECT 1 AS x", "DROP VIEW v; CREATE MATERIALIZED VIEW v AS SELECT 1 x"),
        ("CREATE TABLE v (x int)", "DROP TABLE v; CREATE VIEW v AS SELECT 1 AS x"),
        ("CREATE DOMAIN d AS int", "DROP DOMAIN d; CREATE TYPE d AS (x int)"),
        ("CREATE SCHEMA a; CREATE TABLE i (id serial)", "ALTER TABLE i SET SCHEMA a"),
        ("CREATE SCHEMA a; CREATE TABLE a.i (id serial)", "ALTER SCHEMA a RENAME TO b"),
        (
            (
                "CREATE TABLE i (id int PRIMARY KEY, p int); CREATE INDEX ip ON i (p);"
                "CREATE POLICY own ON i USING (p = 1)"
            ),
            (
                "ALTER TABLE i RENAME TO j; ALTER INDEX ip RENAME TO jp;"
                "ALTER POLICY own ON j RENAME TO one"
            ),
        ),
        (
            (
                "CREATE TABLE i (p int) PARTITION BY LIST (p);"
                "CREATE TABLE i1 PARTITION OF i FOR VALUES IN (1)"
            ),
            "ALTER TABLE i DETACH PARTITION i1; DROP TABLE i",
        ),
        ('CREATE TABLE "I" (x int); CREATE TABLE i (x int)', 'DROP TABLE "I"'),
        (
            "CREATE FUNCTION f() RETURNS int RETURN 1; CREATE FUNCTION f(int) RETURNS int RETURN 1",
            "DROP FUNCTION f()",
        ),
    ],
)
@pytest.mark.parametrize("how", [(), ("--force",)], ids=["", "--force"])
def test_what_lies_in_another_file_now_is_in_that_one_alone(
    project: Project, database: str, there: str, then: str, how: tuple[str, ...]
) -> None:
    psql(database, there)
    assert project.run("pull", "--force").status == 0
    psql(database, then)
    assert project.run("pull", *how).status == 0
    done = project.run("diff", "ddl", "live", "--no-proof")
    assert done.status == 0, done.err
    folder = project.root / "ddl"
    left = {p.relative_to(folder): p.read_text() for p in folder.rglob("*.sql")}
    shutil.rmtree(folder)
    folder.mkdir()
    project.run("pull")
    assert left == {p.relative_to(folder): p.read_text() for p in folder.rglob("*.sql")}


def test_pull_writes_what_was_changed_of_the_public_schema(project: Project, database: str) -> None:
    project.run("migrate")
    with psycopg.connect(database, autocommit=True) as connection:
        name = f"{connection.info.dbname}_r1"
        for change in (
            "COMMENT ON SCHEMA public IS 'ours'",
            f'ALTER SCHEMA public OWNER TO "{name}"',
            "COMMENT ON SCHEMA public IS NULL",
            "COMMENT ON SCHEMA public IS 'ours again'",
            "COMMENT ON SCHEMA public IS 'standard public schema'",
        ):
            if "OWNER" in change:
                connection.execute(f'CREATE ROLE "{name}"'.encode())
            try:
                connection.execute(change.encode())
                result = project.run("pull")
                assert (result.status, result.out) == (0, "wrote ddl/public/schema.sql\n")
                assert project.run("diff", "live", "ddl").status == 0
            finally:
                if "OWNER" in change:
                    connection.execute(f'REASSIGN OWNED BY "{name}" TO CURRENT_USER'.encode())
                    connection.execute(f'DROP ROLE "{name}"'.encode())


def test_pull_follows_a_folder_as_it_was_called_before(project: Project, database: str) -> None:
    project.run("migrate")
    made = "CREATE OPERATOR FAMILY public.f USING btree;\n"
    old = project.root / "ddl" / "public" / "operator_familys" / "f.sql"
    old.parent.mkdir()
    old.write_text(made)
    psql(database, made + "COMMENT ON OPERATOR FAMILY f USING btree IS 'x';")
    psql(database, "CREATE OPERATOR FAMILY g USING btree")
    result = project.run("pull")
    assert result.out.splitlines() == [
        "wrote ddl/public/operator_families/g.sql",
        "wrote ddl/public/operator_familys/f.sql",
    ]
    psql(database, "DROP OPERATOR FAMILY f USING btree")
    assert project.run("pull").out == "removed ddl/public/operator_familys/f.sql\n"


# init


def test_a_new_project_works_at_once(tmp_path: Path, database: str) -> None:
    made = Project(tmp_path / "elsewhere", database)  # for its way of running commands
    shop = tmp_path / "shop"
    result = made.run("init", str(shop), dsn="")
    assert result.status == 0, result.err
    assert result.err == (
        "next: write ddl/, then ringfence plan -m 'why', then ringfence migrate\n"
    )
    assert (shop / "migrations" / "env.py").is_file()
    (shop / "ddl" / "t.sql").write_text("CREATE TABLE t (id int PRIMARY KEY);")
    for argv in (["plan", "-m", "first"], ["migrate"], ["verify"], ["diff", "live", "ddl"]):
        done = made.run("-C", str(shop), *argv, dsn="" if argv[0] == "lint" else None)
        assert done.status == 0, (argv, done.out, done.err)
    twice = made.run("init", str(shop), dsn="")
    assert twice.status == 1
    assert "this is a project already" in twice.err


def test_a_configuration_that_is_there_is_added_to(tmp_path: Path, database: str) -> None:
    made = Project(tmp_path / "elsewhere", database)
    shop = tmp_path / "shop"
    shop.mkdir()
    (shop / "pyproject.toml").write_text('[project]\nname = "shop"\n')
    (shop / ".gitignore").write_text("*.pyc\n")
    assert made.run("init", str(shop), dsn="").status == 0
    text = (shop / "pyproject.toml").read_text()
    assert text.startswith('[project]\nname = "shop"\n')
    assert "[tool.ringfence]" in text
    assert (shop / ".gitignore").read_text() == "*.pyc\n.ringfence/\n__pycache__/\n"


@pytest.mark.parametrize("there", [True, False])
def test_what_cannot_be_adopted_leaves_nothing_behind(
    tmp_path: Path, database: str, there: bool
) -> None:
    made = Project(tmp_path / "elsewhere", database)
    shop = tmp_path / "shop"
    if there:
        shop.mkdir()
        (shop / "pyproject.toml").write_text('[project]\nname = "shop"\n')
        (shop / ".gitignore").write_text("*.pyc\n")
    before = {p: p.read_text() for p in tmp_path.rglob("*") if p.is_file()}
    psql(database, "DROP SCHEMA public")
    for dsn, why in (
        ("", "--from is empty"),
        ("host=/nowhere", "is the server running"),
        (database, "the database is empty: there is nothing to adopt"),
    ):
        result = made.run("init", str(shop), "--from", dsn, dsn="")
        assert result.status in (2, 3), result
        assert why in result.err, result
        assert {p: p.read_text() for p in tmp_path.rglob("*") if p.is_file()} == before
        assert shop.exists() == there
        assert not there or {p.name for p in shop.iterdir()} == {"pyproject.toml", ".gitignore"}


def test_a_database_is_adopted(
    tmp_path: Path, database: str, make_database: Callable[..., str]
) -> None:
    psql(
        database,
        "CREATE SCHEMA s; CREATE TYPE s.e AS ENUM ('a', 'b');"
        "CREATE TABLE s.t (id serial PRIMARY KEY, e s.e DEFAULT 'b', CHECK (id > 0));"
        "CREATE VIEW s.v AS SELECT * FROM s.t; INSERT INTO s.t SELECT FROM generate_series(1, 5);"
        "CREATE FUNCTION s.f() RETURNS int LANGUAGE sql AS 'SELECT 1';"
        "REVOKE EXECUTE ON FUNCTION s.f() FROM PUBLIC",
    )
    made = Project(tmp_path / "elsewhere", database)
    shop = tmp_path / "shop"
    result = made.run("init", str(shop), "--from", database, dsn="")
    assert result.status == 0, result.err
    with psycopg.connect(database) as connection:
        events = connection.execute("SELECT event, revision FROM ringfence.history").fetchall()
    assert events == [("baseline", "0001")]
    assert rows(database) == {"s.t": 5}
    style = ["lint", "--select", "style", "--fail-on", "warning"]
    for argv in (["diff", "live", "ddl"], ["diff", "head", "ddl"], ["verify"], ["migrate"], style):
        done = made.run("-C", str(shop), *argv, dsn="" if argv[0] == "lint" else None)
        assert done.status == 0, (argv, done.out, done.err)
        if argv is style:
            assert "not checked\n  style  " in done.out
            assert "5 files in ddl: as pull and plan wrote them: noqa: disable=all" in done.out
    fresh = make_database()
    assert made.run("-C", str(shop), "migrate", dsn=fresh).status == 0
    assert diff(catalog(fresh), catalog(database)) == ()


@pytest.mark.parametrize("there", [True, False])
def test_a_database_that_a_project_has_is_not_adopted_by_another(
    tmp_path: Path, database: str, there: bool
) -> None:
    psql(database, "CREATE TABLE t (id int PRIMARY KEY)")
    made = Project(tmp_path / "elsewhere", database)
    assert made.run("init", str(tmp_path / "first"), "--from", database, dsn="").status == 0
    shop = tmp_path / "shop"
    if there:
        (shop / "ddl" / "own").mkdir(parents=True)
        (shop / "ddl" / "own" / "t.sql").write_text("CREATE TABLE u ();\n")
    before = {p: p.is_file() and p.read_bytes() for p in tmp_path.rglob("*")}
    result = made.run("init", str(shop), "--from", database, dsn="")
    assert result.status == 1, result
    assert result.out == ""
    assert " stands at revision 0001 already: a project has its files" in result.err
    assert "hint: work in that one; where its files are lost, DROP SCHEMA ringfence" in result.err
    assert {p: p.is_file() and p.read_bytes() for p in tmp_path.rglob("*")} == before


def test_what_fails_behind_the_first_revision_leaves_nothing_behind(
    tmp_path: Path, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise Refused("no baseline today")

    psql(database, "CREATE TABLE t (id int PRIMARY KEY)")
    made = Project(tmp_path / "elsewhere", database)
    shop = tmp_path / "shop"
    (shop / "ddl").mkdir(parents=True)
    monkeypatch.setattr("ringfence.migrate.baseline", broken)
    result = made.run("init", str(shop), "--from", database, dsn="")
    assert (result.status, result.out) == (1, ""), result
    assert [*shop.rglob("*")] == [shop / "ddl"]


def test_who_may_not_record_a_baseline_is_told_before_anything_is_written(
    tmp_path: Path, database: str
) -> None:
    role = f"looker_{os.getpid()}"
    psql(database, f"CREATE TABLE t (id int PRIMARY KEY); CREATE ROLE {role} LOGIN")
    made = Project(tmp_path / "elsewhere", database)
    shop = tmp_path / "shop"
    try:
        result = made.run("init", str(shop), "--from", make_conninfo(database, user=role), dsn="")
    finally:
        psql(database, f"DROP OWNED BY {role}; DROP ROLE {role}")
    assert result.status == 1, result
    assert f"{role} may not make schema ringfence in " in result.err
    assert f"TO {role}; or connect as its owner" in result.err
    assert not shop.exists()


def test_where_commands_work_is_said_behind_an_adoption(tmp_path: Path, database: str) -> None:
    psql(database, "CREATE TABLE t (id int PRIMARY KEY)")
    made = Project(tmp_path / "elsewhere", database)
    shop = tmp_path / "shop"
    result = made.run(
        "init", str(shop), "--from", make_conninfo(database, password="geheim"), dsn=""
    )
    assert result.status == 0, result
    line = result.err.splitlines()[-1]
    assert "RINGFENCE_DSN" in line
    assert "geheim" not in result.out + result.err
    said = shop / "pyproject.toml"
    config = line.partition("[tool.ringfence]: ")[2]
    said.write_text(said.read_text().replace("[tool.ringfence]", f"[tool.ringfence]\n{config}"))
    done = made.run("-C", str(shop), "status", dsn="")
    assert done.status == 0, done
    assert str(conninfo_to_dict(database)["dbname"]) in done.out


@pytest.mark.parametrize("where", ["IN SCHEMA s", ""])
def test_default_privileges_younger_than_what_is_there_give_nothing_when_adopted(
    tmp_path: Path, database: str, where: str
) -> None:
    role = f"reader {os.getpid()}"
    made = Project(tmp_path / "elsewhere", database)
    shop = tmp_path / "shop"
    made.query(
        "CREATE SCHEMA s; CREATE TABLE s.t (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY);"
        "CREATE TYPE s.e AS ENUM ('a'); CREATE SEQUENCE s.q; CREATE TABLE s.some (id serial);"
        "CREATE FUNCTION s.f() RETURNS int LANGUAGE sql AS 'SELECT 1';"
        f'CREATE ROLE "{role}"; GRANT UPDATE (id) ON s.some TO "{role}";'
        f'GRANT SELECT, DELETE ON s.some TO "{role}"'
    )
    for what, privileges in (
        ("TABLES", "SELECT, INSERT"),
        ("SEQUENCES", "USAGE"),
        ("FUNCTIONS", "EXECUTE"),
        ("TYPES", "USAGE"),
    ):
        made.query(f'ALTER DEFAULT PRIVILEGES {where} GRANT {privileges} ON {what} TO "{role}"')
    if not where:
        made.query("ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC")
    made.query("CREATE TABLE s.young (id serial)")
    try:
        assert made.run("init", str(shop), "--from", database, dsn="").status == 0
        for side in ("live", "head"):
            done = made.run("-C", str(shop), "diff", side, "ddl")
            assert done.status == 0, done
        made.query(f'ALTER DEFAULT PRIVILEGES IN SCHEMA s GRANT TRIGGER ON TABLES TO "{role}"')
        assert made.run("-C", str(shop), "pull").status == 0
        done = made.run("-C", str(shop), "diff", "live", "ddl")
        assert done.status == 0, done
    finally:
        made.query(f'DROP OWNED BY "{role}"; DROP ROLE "{role}"')


def test_roles_of_an_adopted_database_are_left_on_purpose(tmp_path: Path, database: str) -> None:
    role = f"adopted {os.getpid()}"
    made = Project(tmp_path / "elsewhere", database)
    shop = tmp_path / "shop"
    made.query(
        f'CREATE TABLE t (id int PRIMARY KEY); CREATE ROLE "{role}"; GRANT SELECT ON t TO "{role}"'
    )
    try:
        assert made.run("init", str(shop), "--from", database, dsn="").status == 0
    finally:
        made.query(f'DROP OWNED BY "{role}"; DROP ROLE "{role}"')
    text = next((shop / "migrations" / "versions").glob("*.up.sql")).read_text()
    head, _, rest = text.partition("-- noqa: disable=all\n\nDO $$\n")
    assert f'-- ringfence: allowed: NOT_REVERSIBLE:"{role}"\n' in head
    assert f'CREATE ROLE "{role}"' in rest
    done = made.run("-C", str(shop), "rehearse", "0001", dsn="")
    assert done.status == 0, done.out
    assert f'info: 0001 undone, role:"{role}" is left [NOT_REVERSIBLE, measured]' in done.out


def test_rows_that_go_without_a_hazard_are_one(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    def silent(plan: Plan, *_: object) -> Plan:
        return replace(plan, steps=tuple(replace(s, hazards=()) for s in plan.steps))

    monkeypatch.setattr("ringfence.revise.lock_safe", silent)
    _ddl(project, "CREATE TABLE t (id int PRIMARY KEY, a text);")
    before = sorted(project.versions.glob("*.*"))
    result = _plan(project, "-m", "Fewer")
    assert result.status == 1
    assert result.err == (
        "error: 1 hazard that nobody agreed to\n"
        "detail: DATA_LOSS: public.t.b is gone, with its values\n"
        "hint: to agree: --allow 'DATA_LOSS:public.t.b'\n"
    )
    assert sorted(project.versions.glob("*.*")) == before
    assert _plan(project, "-m", "Fewer", "--allow", "DATA_LOSS:public.t.b").status == 0


def test_rows_that_could_not_be_looked_at_are_told_in_the_file(project: Project) -> None:
    _ddl(
        project,
        "CREATE TABLE t (id int PRIMARY KEY, a text, b int, CONSTRAINT odd CHECK (id = 77777));",
    )
    result = _plan(project, "-m", "Odd")
    assert result.status == 0, result
    told = "not checked: rows: the made-up rows are refused, as real ones may be: "
    assert f"note: {told}" in result.err
    for path in project.versions.glob("*odd*.up.sql"):
        assert f"-- noqa: disable=all\n-- {told}" in path.read_text()


def test_lock_safe_steps_that_do_not_run_give_way_to_plain_ones(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(plan: Plan, *_: object) -> Plan:
        return replace(plan, steps=tuple(replace(s, sql=f"{s.sql} oh no") for s in plan.steps))

    monkeypatch.setattr("ringfence.revise.lock_safe", broken)
    _ddl(project, "CREATE TABLE t (id int PRIMARY KEY, a text, b bigint);")
    arguments = ("-m", "Wider", "--allow", "REWRITE", "--allow", "LONG_LOCK")
    result = _plan(project, *arguments, "--allow", "NOT_REVERSIBLE")
    assert result.status == 0, result.err
    assert (
        'note: lock-safe steps do not lead to ddl (syntax error at or near "oh"): these are the plain'
        " ones\n" in result.err
    )
    assert "oh no" not in (project.versions / "0002_wider.up.sql").read_text()


def test_only_the_table_whose_lock_safe_steps_go_astray_has_plain_ones(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(plan: Plan, old: Catalog, new: Catalog, apart: Collection[Ref] = ()) -> Plan:
        made = online(plan, old, new, apart)
        bad = Ref("index", ("public", "t_a"))
        wrong = (replace(s, sql=f"{s.sql} oh no") if s.ref == bad else s for s in made.steps)
        return made if Ref("table", ("public", "t")) in apart else replace(made, steps=tuple(wrong))

    before = "CREATE TABLE t (id int PRIMARY KEY, a text, b int);\nCREATE TABLE u (a int);\n"
    _ddl(project, before)
    assert _plan(project, "-m", "More").status == 0
    monkeypatch.setattr("ringfence.revise.lock_safe", broken)
    _ddl(project, f"{before}CREATE INDEX t_a ON t (a);\nCREATE INDEX u_a ON u (a);")
    refused = _plan(project, "-m", "Found by a")
    told = (
        'lock-safe steps of public.t do not lead to ddl (syntax error at or near "oh"): these are the'
        " plain ones\n"
    )
    assert refused.err == (
        "error: 1 hazard that nobody agreed to\n"
        "detail: INDEX_BUILD: public.t_a is built while nobody may write to public.t\n"
        f"  {told}"
        "hint: to agree: --allow 'INDEX_BUILD:public.t_a'\n"
    )
    result = _plan(project, "-m", "Found by a", "--allow", "INDEX_BUILD:public.t_a")
    assert result.status == 0, result.err
    assert f"note: {told}" in result.err
    written = "".join(p.read_text() for p in sorted(project.versions.glob("*found*.up.sql")))
    assert "CREATE INDEX t_a" in written
    assert "CREATE INDEX CONCURRENTLY u_a" in written


@pytest.mark.parametrize("more", ["kind text NOT NULL", "kind text, CONSTRAINT c CHECK (id > 0)"])
def test_a_partition_comes_with_what_all_are_to_have_in_lock_safe_steps(
    project: Project, more: str
) -> None:
    ddl = """CREATE TABLE t (id bigint, at date, {more}) PARTITION BY RANGE (at);
CREATE TABLE t1 PARTITION OF t FOR VALUES FROM ('2026-01-01') TO ('2026-02-01');
"""
    _ddl(project, ddl.format(more="kind text"))
    allowed = ("--allow", "REWRITE", "--allow", "DATA_LOSS")
    assert _plan(project, "-m", "Parts", *allowed).status == 0
    third = "CREATE TABLE t3 PARTITION OF t FOR VALUES FROM ('2026-03-01') TO ('2026-04-01');"
    _ddl(project, ddl.format(more=more) + third)
    result = _plan(project, "-m", "Third")
    assert result.status == 0, result.err
    assert "plain" not in result.err


def test_a_partition_that_was_a_table_comes_where_all_become_not_null(project: Project) -> None:
    columns = "id int NOT NULL, at date NOT NULL, n int"
    ddl = f"""CREATE TABLE w ({columns}) PARTITION BY RANGE (at);
CREATE TABLE w1 ({columns});
ALTER TABLE w ATTACH PARTITION w1 FOR VALUES FROM ('2026-01-01') TO ('2026-02-01');
"""
    _ddl(project, ddl)
    assert _plan(project, "-m", "Parts", "--allow", "DATA_LOSS").status == 0
    second = ddl.splitlines()[1].replace("w1", "w2") + (
        "\nALTER TABLE w ATTACH PARTITION w2 FOR VALUES FROM ('2026-02-01') TO ('2026-03-01');"
    )
    _ddl(project, f"{ddl}{second}".replace("n int", "n int NOT NULL"))
    made = _plan(project, "-m", "Second")
    assert (made.status, "plain" in made.err) == (0, False), made.err
    assert project.run("migrate").status == 0
    assert project.run("migrate", "--to", "0002", "--yes", "--allow", "DATA_LOSS").status == 0
    assert project.run("migrate").status == 0
    assert project.run("diff", "live", "ddl").out == ""


def test_a_column_that_is_not_null_comes_to_partitions_that_stand_in_files_of_their_own(
    project: Project, database: str
) -> None:
    """They name their own NOT NULL, as the files that `pull` writes do, and PostgreSQL the whole's."""
    columns = "id int NOT NULL, k int NOT NULL, n int{}"
    ddl = f"""CREATE TABLE w ({columns}) PARTITION BY LIST (k);
CREATE TABLE a ({columns}) PARTITION BY LIST (k);
CREATE TABLE a1 ({columns});
ALTER TABLE a ATTACH PARTITION a1 FOR VALUES IN (1);
ALTER TABLE w ATTACH PARTITION a FOR VALUES IN (1);
"""
    _ddl(project, ddl.replace("{}", ""))
    assert _plan(project, "-m", "Parts", "--allow", "DATA_LOSS").status == 0
    _ddl(project, ddl.replace("{}", " NOT NULL, sev int NOT NULL DEFAULT 3"))
    made = _plan(project, "-m", "Found")
    assert made.status == 0, made.err
    written = "".join(p.read_text() for p in project.versions.glob("*found*.up.sql"))
    assert written.count(" sev ") == 1
    assert project.run("migrate").status == 0
    assert project.run("migrate", "--to", "0001", "--yes", "--allow", "DATA_LOSS").status == 0
    again = project.run("migrate")
    assert again.status == 0, again.err
    assert project.run("diff", "live", "ddl").out == ""
    assert project.run("diff", "head", "ddl").out == ""
    assert project.run("diff", "ddl", "live").out == ""
    # One that PostgreSQL made as a partition bears the whole's names.
    psql(database, "CREATE TABLE w2 PARTITION OF w FOR VALUES IN (2)")
    beside = columns.replace("{}", " NOT NULL, sev int NOT NULL DEFAULT 3")
    second = f"CREATE TABLE w2 ({beside});\nALTER TABLE w ATTACH PARTITION w2 FOR VALUES IN (2);\n"
    _ddl(project, ddl.replace("{}", " NOT NULL, sev int NOT NULL DEFAULT 3") + second)
    assert project.run("diff", "live", "ddl").out == ""
    assert project.run("diff", "ddl", "live").out == ""
    pulled = project.run("pull")
    assert pulled.err == "ddl says already what the database is\n"


def test_a_partition_takes_another_name_of_its_not_null_where_files_say_so(
    project: Project, database: str
) -> None:
    psql(
        database,
        "CREATE TABLE w (k int NOT NULL) PARTITION BY LIST (k);"
        " CREATE TABLE a PARTITION OF w FOR VALUES IN (1);",
    )
    _ddl(
        project,
        "CREATE TABLE w (k int NOT NULL) PARTITION BY LIST (k);\n"
        "CREATE TABLE a (k int CONSTRAINT given NOT NULL);\n"
        "ALTER TABLE w ATTACH PARTITION a FOR VALUES IN (1);\n",
    )
    if catalog(database).server_version < 180000:
        pytest.skip("NOT NULL has no name before PostgreSQL 18")
    done = project.run("diff", "live", "ddl")
    assert "RENAME CONSTRAINT w_k_not_null TO given" in done.out
    assert "not proved" not in done.err


def test_an_index_of_a_partitioned_table_is_one_revision_and_covers_partitions_in_no_file(
    project: Project, database: str
) -> None:
    ddl = """CREATE TABLE t (id bigint NOT NULL, at date NOT NULL) PARTITION BY RANGE (at);
CREATE TABLE t1 PARTITION OF t FOR VALUES FROM ('2026-01-01') TO ('2026-02-01');
CREATE TABLE t2 PARTITION OF t FOR VALUES FROM ('2026-02-01') TO ('2026-03-01');
"""
    _ddl(project, ddl)
    allowed = ("--allow", "DATA_LOSS", "--allow", "REWRITE")
    assert _plan(project, "-m", "Parts", *allowed).status == 0
    _ddl(
        project, f"{ddl}CREATE INDEX i ON t (id);\nALTER TABLE t ADD CONSTRAINT k UNIQUE (id, at);"
    )
    assert _plan(project, "-m", "Found").status == 0
    (up,) = project.versions.glob("*found*.up.sql")
    (down,) = project.versions.glob("*found*.down.sql")
    assert up.read_text().count("CONCURRENTLY") == 4
    assert "CREATE" not in down.read_text()
    assert project.run("migrate", "--to", "0002", *allowed).status == 0
    psql(
        database, "CREATE TABLE t9 PARTITION OF t FOR VALUES FROM ('2027-01-01') TO ('2027-02-01')"
    )
    assert project.run("migrate").status == 0
    with psycopg.connect(database) as connection:
        found = connection.execute(
            "SELECT indisvalid, count(*) FROM pg_index JOIN pg_class c ON c.oid = indrelid"
            " WHERE c.relname LIKE 't%' AND c.relnamespace = 'public'::regnamespace GROUP BY 1"
        ).fetchall()
    assert found == [(True, 8)]
    assert project.run("migrate", "--to", "0002", "--yes").status == 0


def test_who_is_to_agree_to_plain_steps_is_told_why_they_are(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "ringfence.revise.lock_safe",
        lambda plan, *_: replace(
            plan, steps=tuple(replace(s, sql=f"{s.sql} oh no", hazards=()) for s in plan.steps)
        ),
    )
    _ddl(project, "CREATE TABLE t (id int PRIMARY KEY, a text, b int);\nCREATE INDEX t_a ON t (a);")
    result = _plan(project, "-m", "Found by a")
    assert (result.status, result.out) == (1, "")
    assert result.err == (
        "error: 1 hazard that nobody agreed to\n"
        "detail: INDEX_BUILD: public.t_a is built while nobody may write to public.t\n"
        '  lock-safe steps do not lead to ddl (syntax error at or near "oh"): these are the plain ones\n'
        "hint: to agree: --allow 'INDEX_BUILD:public.t_a'\n"
    )


@pytest.mark.parametrize(
    ("column", "told"),
    [
        ("c int NOT NULL", True),
        ("c int", False),
        ("c int NOT NULL DEFAULT 1", False),
        ("c int GENERATED ALWAYS AS IDENTITY", False),
        ("c int NOT NULL GENERATED ALWAYS AS (b) STORED", False),
        ("c serial", False),
    ],
)
def test_a_column_that_rows_have_no_value_for_is_told(
    project: Project, column: str, told: bool
) -> None:
    _ddl(project, f"CREATE TABLE t (id int PRIMARY KEY, a text, b int, {column});")
    result = _plan(project, "-m", "Add c", "--allow", "REWRITE", "--allow", "NOT_REVERSIBLE")
    assert result.status == 0, result.err
    note = (
        "note: public.t.c has no value for rows that are there, so public.t must be empty: give it a"
        " DEFAULT, or say beside it what they get: -- ringfence: filled-with …\n"
    )
    assert (note in result.err) is told
    (file,) = project.versions.glob("*add_c*.up.sql")
    text = file.read_text(encoding="utf-8")
    assert (f"-- {note.removeprefix('note: ')}" in text) is told
    assert project.run("migrate", "--dry-run").status == 0
