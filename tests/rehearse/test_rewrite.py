"""`rehearse --rewrite`: what stands in others' way is written so that it does not."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import psycopg
import pytest

from projects import Project, lines
from ringfence.errors import Refused
from ringfence.rehearse import effects, rewrite
from ringfence.rehearse.loop import loop
from ringfence.rehearse.moves import Move, written
from ringfence.rules import lint
from ringfence.script import Script

if TYPE_CHECKING:
    from pathlib import Path

BASE = """
CREATE TABLE parents (id bigint PRIMARY KEY, name text NOT NULL);
CREATE TABLE things ("Key" bigint PRIMARY KEY, parent_id bigint, label varchar(20), size integer);
"""
UNDO = "DROP TABLE things;\nDROP TABLE parents;"


@pytest.fixture
def project(tmp_path: Path, database: str) -> Project:
    made = Project(tmp_path / "project", database)
    made.revision("0001", BASE, UNDO)
    assert made.run("migrate").status == 0
    return made


def codes(project: Project, *argv: str) -> list[str]:
    """The codes of the errors and warnings of a rehearsal."""
    done = project.run("rehearse", "--format", "json", *argv)
    assert done.out, done.err
    document = json.loads(done.out)
    return [f["code"] for f in document["findings"] if f["severity"] != "info"]


def test_a_revision_becomes_several_and_keeps_nobody_waiting(project: Project) -> None:
    project.revision(
        "0002",
        "SET LOCAL lock_timeout = '1s';\n"
        "-- one for each\nALTER TABLE things ADD token uuid NOT NULL DEFAULT gen_random_uuid();\n"
        "CREATE INDEX things_label ON things (label);\n"
        "ALTER TABLE things ADD CONSTRAINT f FOREIGN KEY (parent_id) REFERENCES parents (id);\n"
        "UPDATE things SET size = 1;\n"
        "COMMENT ON TABLE things IS 'What there is';\n",
        "ALTER TABLE things DROP CONSTRAINT f;\nDROP INDEX things_label;\n"
        "ALTER TABLE things DROP token;\nCOMMENT ON TABLE things IS NULL;\n",
        title="tokens",
    )
    project.revision("0003", "SELECT 1;", "SELECT 1;")
    assert {"REWRITE", "LONG_LOCK", "BACKFILL"} <= set(codes(project))
    before = sorted(p.name for p in project.versions.iterdir())
    done = project.run("rehearse", "--rewrite")
    assert done.err.endswith("0002 as it is written now leads to the same schema, with no hazard\n")
    assert sorted(p.name for p in project.versions.iterdir()) != before
    # Before PostgreSQL 18 a column that is to be NOT NULL wants a CHECK, which is dropped at last.
    count = sum(p.name.endswith(".up.sql") for p in project.versions.glob("0002*"))
    assert count in (9, 10)
    assert (project.versions / "0002_2.up.sql").read_text() == lines(
        "-- ringfence: backfill key=Key batch=200ms",
        f"-- tokens (2 of {count})",
        "-- noqa: disable=all",
        "",
        "SET lock_timeout = '1s';",
        "",
        "UPDATE public.things SET token = DEFAULT WHERE token IS NULL;",
    )
    first = (project.versions / "0002_1.up.sql").read_text()
    assert "-- one for each\nALTER TABLE public.things ADD COLUMN token uuid;\n" in first
    assert f'down_revision = "0002_{count - 1}"' in (project.versions / "0002.py").read_text()
    assert "COMMENT ON TABLE things" in (project.versions / "0002.up.sql").read_text()
    # It is what it says: nothing stands in the way, and it does what the one file did.
    assert codes(project) == []
    project.query("INSERT INTO things VALUES (1, NULL, 'a', NULL)")
    assert project.run("migrate").status == 0
    assert project.query("SELECT label, size, token IS NOT NULL FROM things") == [("a", 1, True)]
    assert project.run("migrate", "--to", "0001").status == 1  # the values of token would be lost


def test_a_file_gets_files_beside_it(project: Project) -> None:
    path = project.root / "fix.sql"
    path.write_text(
        "BEGIN;\nALTER TABLE things ADD z int;\n"
        "ALTER TABLE things ADD CONSTRAINT c CHECK (size > 0);\nCOMMIT;\n",
        encoding="utf-8",
    )
    done = project.run("rehearse", "--sql", str(path), "--rewrite")
    assert done.status == 1
    assert [p.name for p in sorted(project.root.glob("fix*"))] == [
        "fix.1.sql", "fix.2.sql", "fix.3.sql", "fix.sql",
    ]  # fmt: skip
    # They are what psql runs as well: a transaction only where it has to be one.
    assert (project.root / "fix.2.sql").read_text() == lines(
        "-- fix.sql (2 of 3)",
        "-- noqa: disable=all",
        "",
        "ALTER TABLE public.things ADD CONSTRAINT c CHECK ((size > 0)) NOT VALID;",
    )
    for number in (1, 2, 3):
        made = project.root / f"fix.{number}.sql"
        codes = {f.code for f in lint(None, [made], select=["M"]).findings}
        assert not codes & {"M019", "M053", "M050"}
    again = project.run("rehearse", "--sql", str(path), "--rewrite")
    assert again.err.endswith(
        f"error: {project.root}/fix.1.sql is there already\nhint: remove it, or put it aside\n"
    )


def test_a_retype_written_anew_loses_nothing(project: Project) -> None:
    made = "CREATE TABLE doc (id bigint PRIMARY KEY, n int NOT NULL DEFAULT 3, t int);"
    project.revision("0002", made, "DROP TABLE doc;", after="0001")
    assert project.run("migrate").status == 0
    path = project.root / "fix.sql"
    path.write_text("ALTER TABLE doc ALTER n TYPE bigint;\n", encoding="utf-8")
    project.run("rehearse", "--sql", str(path), "--rewrite")
    files = sorted(project.root.glob("fix.*.sql"))
    assert len(files) > 1
    assert {f.suffix for f in files} == {".sql"}
    argv = [word for file in files for word in ("--sql", str(file))]
    assert not {"DATA_LOSS", "DATA_CHANGED"} & set(codes(project, *argv))


def test_what_has_no_other_form_is_left_as_it_is(project: Project) -> None:
    project.revision("0002", "ALTER TABLE things ADD n int GENERATED ALWAYS AS IDENTITY;", "")
    before = (project.versions / "0002.up.sql").read_text()
    done = project.run("rehearse", "--rewrite")
    assert done.err.endswith(
        "0002 is not rewritten: there is no other form of what keeps others waiting\n"
    )
    assert (project.versions / "0002.up.sql").read_text() == before


# Another type

ORDERS = """
CREATE TABLE customers (id int PRIMARY KEY);
CREATE TABLE "or ders" (
    id serial PRIMARY KEY, "Num" int NOT NULL DEFAULT 3, customer int REFERENCES customers (id),
    price text, touched int NOT NULL DEFAULT 0, CONSTRAINT positive CHECK ("Num" > 0), UNIQUE ("Num", id)
);
CREATE INDEX part_of ON "or ders" ("Num") WHERE "Num" > 2;
CREATE INDEX both_ ON "or ders" (customer, "Num");
COMMENT ON COLUMN "or ders"."Num" IS 'how many';
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN NEW.touched := NEW.touched + 1; RETURN NEW; END';
CREATE TRIGGER zzz BEFORE UPDATE ON "or ders" FOR EACH ROW EXECUTE FUNCTION touch();
"""
RETYPE = """ALTER TABLE "or ders"
    ALTER id TYPE bigint, ALTER "Num" TYPE bigint,
    ALTER price TYPE numeric(10, 2) USING nullif(price, '')::numeric;"""
BACK = """ALTER TABLE "or ders"
    ALTER id TYPE int, ALTER "Num" TYPE int, ALTER price TYPE text;"""


def test_a_column_of_another_type_takes_the_place_of_one(project: Project) -> None:
    project.revision(
        "0002", ORDERS, 'DROP TABLE "or ders"; DROP TABLE customers; DROP FUNCTION touch();'
    )
    project.revision("0003", RETYPE, BACK, title="types")
    assert project.run("migrate", "--to", "0002").status == 0
    assert "REWRITE" in codes(project)
    done = project.run("rehearse", "--rewrite")
    assert done.err.endswith(
        "left: each row is written, and may be changed by zzz\n"
        'left: id, "Num", price: last among the table\'s columns, for those who name none\n'
        "0003 as it is written now leads to the same schema, with 3 hazards\n"
    )
    told = re.findall(
        r'left: after 0003 public."or ders".(.*) is read as .* \[OLD_READER\]', done.err
    )
    assert sorted(told) == ['"Num"', "id", "price"]
    # Each file can be undone and done again, and none keeps anybody waiting.
    assert set(codes(project)) <= {"OLD_READER", "OLD_WRITER"}
    project.query(
        'INSERT INTO "or ders" ("Num", price) SELECT 5, g FROM generate_series(1, 3) AS g'
    )
    assert project.run("migrate", "--to", "0003_1").status == 0
    # Old writers go on, and what they write is in step.
    project.query('INSERT INTO "or ders" ("Num", price) VALUES (7, \'\')')
    project.query("UPDATE \"or ders\" SET price = '9.5' WHERE id = 1")
    assert project.query(
        'SELECT id_new, "Num_new", price_new::text FROM "or ders" WHERE id IN (1, 2, 4) ORDER BY id'
    ) == [(1, 5, "9.50"), (None, None, None), (4, 7, None)]
    assert project.run("migrate").status == 0
    assert project.query('SELECT id, "Num", price::text FROM "or ders" ORDER BY id') == [
        (1, 5, "9.50"), (2, 5, "2.00"), (3, 5, "3.00"), (4, 7, None),
    ]  # fmt: skip
    project.query('INSERT INTO "or ders" (price) VALUES (1)')
    assert project.query('SELECT id, "Num" FROM "or ders" ORDER BY id DESC LIMIT 1') == [(5, 3)]
    # The way back holds rows too.
    down = project.run("migrate", "--to", "0002", "--yes", "--allow", "DATA_LOSS")
    assert down.status == 0, down.err
    assert project.query('SELECT id, "Num", price FROM "or ders" WHERE id = 1') == [(1, 5, "9.50")]


def test_what_a_form_makes_for_itself_is_nobodys(project: Project) -> None:
    project.revision(
        "0002",
        'CREATE TABLE doc (id bigint PRIMARY KEY, "N" int NOT NULL DEFAULT 3 UNIQUE);',
        "DROP TABLE doc;",
    )
    project.revision(
        "0003", 'ALTER TABLE doc ALTER "N" TYPE bigint;', 'ALTER TABLE doc ALTER "N" TYPE int;'
    )
    assert project.run("migrate", "--to", "0002").status == 0
    done = project.run("rehearse", "--rewrite")
    assert done.err.endswith(
        'left: after 0003 public.doc."N" is read as bigint, before as integer [OLD_READER]\n'
        "0003 as it is written now leads to the same schema, with 1 hazard\n"
    )
    pieces = sorted(p.name for p in project.versions.glob("0003*.up.sql"))
    own = '-- ringfence: interim: column:public.doc."N_new"\n'
    assert [own in (project.versions / p).read_text() for p in pieces] == [
        p != "0003_1.up.sql" for p in pieces
    ]
    for half in (pieces[1], pieces[-1]):  # 0003 itself, which sorts first, is the last
        assert project.run("migrate", "--to", half.partition(".")[0]).status == 0
        told = json.loads(project.run("rehearse", "--format", "json").out)["findings"]
        assert [(f["code"], f["ref"]) for f in told] == [("OLD_READER", 'column:public.doc."N"')], (
            half
        )
    told = json.loads(project.run("check", "--format", "json").out)["findings"]
    assert not [f for f in told if "N_new" in f["message"] and f["basis"] == "measured"]
    # What somebody else made and takes away is somebody's.
    last = project.versions / "0003.up.sql"
    last.write_text(last.read_text().replace(own, ""))
    assert "OLD_READER" in {
        f["code"]
        for f in json.loads(project.run("rehearse", "--format", "json").out)["findings"]
        if "N_new" in f["message"]
    }
    last.write_text(f"-- ringfence: interim: doc.n\n{last.read_text()}")
    done = project.run("rehearse")
    assert "error: interim says 'doc.n', which is no column\n" in done.err


@pytest.mark.parametrize(
    ("made", "change", "why"),
    [
        (
            "CREATE TABLE o (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY);",
            "id TYPE bigint",
            "public.o.id numbers itself, and no other column can go on with its numbers",
        ),
        (
            "CREATE TABLE o (id int PRIMARY KEY, a int, b int GENERATED ALWAYS AS (a + 1) STORED);",
            "b TYPE bigint",
            "public.o.b is generated",
        ),
        (
            "CREATE TABLE o (id int PRIMARY KEY); CREATE TABLE u (o_id int REFERENCES o (id));",
            "id TYPE bigint",
            "foreign key u_o_id_fkey of u refers to it",
        ),
        (
            "CREATE TABLE o (a int);",
            "a TYPE bigint",
            "public.o has no primary key to go through its rows by",
        ),
        (
            "CREATE TABLE o (id int PRIMARY KEY, a int, CONSTRAINT x EXCLUDE USING btree (a WITH =));",
            "a TYPE bigint",
            "exclusion constraint x is on it, which only a lock can add",
        ),
        (
            (
                "CREATE TABLE o (id int PRIMARY KEY, a int) PARTITION BY RANGE (id);"
                " CREATE TABLE o1 PARTITION OF o FOR VALUES FROM (0) TO (99999999);"
            ),
            "a TYPE bigint",
            "public.o has partitions or heirs, or is one",
        ),
    ],
)
def test_what_stands_in_the_way_of_such_a_column_is_named(
    project: Project, made: str, change: str, why: str
) -> None:
    project.revision("0002", made, "SELECT 1;")
    project.revision("0003", f"ALTER TABLE o ALTER COLUMN {change};", "SELECT 1;")
    done = project.run("rehearse", "--rewrite", "--format", "json", "0003")
    findings = json.loads(done.out)["findings"]
    found = {f.get("help") for f in findings if f["code"] == "REWRITE"}
    assert found == {f"no column beside it can take its place: {why}"}
    assert f"there is no other form of what keeps others waiting; {why}\n" in done.err


def test_a_file_that_psql_runs_gets_loops_and_no_directives(project: Project) -> None:
    path = project.root / "fix.sql"
    path.write_text(
        "-- ringfence: backfill key=id batch=200ms\n"
        "-- what is due\nUPDATE things SET size = 1 WHERE label <> '$batches$';\n"
    )
    # Nobody reads that line when psql runs the file.
    assert codes(project, "--sql", str(path)) == ["BACKFILL"]
    assert "M052" in {f.code for f in lint(None, [path], select=["M"]).findings}
    done = project.run("rehearse", "--sql", str(path), "--rewrite")
    assert done.err.endswith(
        "fix.sql as it is written now leads to the same schema, with no hazard\n"
    )
    made = path.with_name("fix.1.sql")
    assert made.read_text() == lines(
        "-- fix.sql (1 of 1)",
        "-- noqa: disable=all",
        "",
        "-- what is due",
        "DO $batches_$",
        "#variable_conflict use_column",
        "<<batches>>",
        "DECLARE",
        '    first_1 things."Key"%TYPE;',
        '    upto_1 things."Key"%TYPE;',
        '    last_1 things."Key"%TYPE;',
        "BEGIN",
        '    SELECT things."Key" INTO batches.last_1 FROM things AS things',
        '    ORDER BY things."Key" DESC LIMIT 1;',
        '    SELECT things."Key" INTO batches.first_1 FROM things AS things',
        '    ORDER BY things."Key" LIMIT 1;',
        "    WHILE (batches.first_1) <= (batches.last_1) LOOP",
        '        SELECT "Key" INTO batches.upto_1 FROM (',
        '            SELECT things."Key" FROM things AS things',
        '            WHERE (things."Key") >= (batches.first_1) AND (things."Key") <= (batches.last_1)',
        '            ORDER BY things."Key" LIMIT 1000',
        '        ) AS batch ORDER BY "Key" DESC LIMIT 1;',
        "UPDATE things SET size = 1 WHERE"
        ' (things."Key") >= (batches.first_1) AND (things."Key") <= (batches.upto_1) AND (',
        "label <> '$batches$'",
        ");",
        "        COMMIT;",
        '        SELECT things."Key" INTO batches.first_1 FROM things AS things',
        '        WHERE (things."Key") > (batches.upto_1) ORDER BY things."Key" LIMIT 1;',
        "    END LOOP;",
        "END",
        "$batches_$;",
    )
    assert codes(project, "--sql", str(made)) == []
    assert "M052" not in {f.code for f in lint(None, [made], select=["M"]).findings}


@pytest.mark.parametrize(
    ("sql", "left"),
    [
        ('UPDATE "we""ird" AS w SET n = -n WHERE n > 5 OR first_1 = \'k1\'', "2500|2496|2500"),
        ('DELETE FROM "we""ird" WHERE n % 2 = 0 -- half', "1250|0|1250"),
        ('UPDATE "we""ird" SET n = -n', "2500|2500|2500"),
    ],
)
def test_a_loop_does_what_the_statement_does_once(project: Project, sql: str, left: str) -> None:
    project.query(
        'CREATE TABLE "we""ird" ("A-b" int, first_1 text, n bigint, PRIMARY KEY ("A-b", first_1))'
    )
    project.query(
        'INSERT INTO "we""ird" SELECT i % 7, \'k\' || i, i FROM generate_series(1, 2500) AS i'
    )
    with psycopg.connect(project.dsn, autocommit=True) as connection:
        connection.execute(loop(sql, "A-b,first_1"))
    assert project.query(
        "SELECT count(*) || '|' || count(*) FILTER (WHERE n < 0) || '|'"
        ' || count(DISTINCT abs(n)) FROM "we""ird"'
    ) == [(left,)]


VALIDATED = (
    "ALTER TABLE things ADD CONSTRAINT c CHECK (size > 0) NOT VALID;"
    " ALTER TABLE things VALIDATE CONSTRAINT c"
)


@pytest.mark.parametrize(
    ("text", "code", "said"),
    [
        (
            "DO $$ BEGIN ALTER TABLE parents ALTER id TYPE numeric; END $$",
            "REWRITE",
            "what a block does is not taken apart: as statements each has its own form",
        ),
        (
            VALIDATED,
            "SCAN_UNDER_LOCK",
            "nobody waits for it in a transaction of its own, once what stands above is committed",
        ),
        (
            "CLUSTER things USING things_pkey",
            "REWRITE",
            "PostgreSQL has no other form of it: let it run while nobody works",
        ),
        (
            "REFRESH MATERIALIZED VIEW few",
            "REWRITE",
            "CONCURRENTLY lets readers work: it takes a unique index of columns, and rows there",
        ),
        (
            'ALTER TABLE things ALTER label TYPE varchar(20) COLLATE "C"',
            "INDEX_BUILD",
            "no form is known that reaches the same and keeps fewer waiting: let it run while few work",
        ),
        (
            "ALTER TABLE things SET UNLOGGED",
            "REWRITE",
            "an extension such as pg_repack or pg_squeeze copies a table while it is in use",
        ),
        (
            "ALTER DOMAIN short ADD CHECK (VALUE <> '')",
            "SCAN_UNDER_LOCK",
            "add it as NOT VALID: it holds for new values at once",
        ),
        (
            "ALTER TABLE whole ATTACH PARTITION apart FOR VALUES FROM (1) TO (1000000)",
            "SCAN_UNDER_LOCK",
            "add a CHECK that says what the bounds say as NOT VALID, validate it, then attach",
        ),
        (
            "CREATE TABLE more PARTITION OF whole FOR VALUES FROM (2000000) TO (3000000)",
            "SCAN_UNDER_LOCK",
            "give the default partition a valid CHECK that keeps these rows out, first",
        ),
        ("DROP TABLE parents", "DATA_LOSS", effects.KEEP),
    ],
)
def test_what_has_no_other_form_says_what_to_do(
    project: Project, text: str, code: str, said: str
) -> None:
    project.revision(
        "0002",
        "CREATE MATERIALIZED VIEW few AS SELECT size FROM things; CREATE INDEX ON things (label);"
        " CREATE DOMAIN short AS text; CREATE TABLE named (id bigint PRIMARY KEY, s short);"
        " CREATE TABLE whole (id bigint NOT NULL) PARTITION BY RANGE (id);"
        " CREATE TABLE rest PARTITION OF whole DEFAULT; CREATE TABLE apart (id bigint NOT NULL);",
        "SELECT 1;",
    )
    assert project.run("migrate").status == 0
    path = project.root / "fix.sql"
    path.write_text(f"BEGIN; {text}; COMMIT;\n", encoding="utf-8")
    done = project.run("rehearse", "--sql", str(path), "--format", "json")
    found = [f for f in json.loads(done.out)["findings"] if f["severity"] != "info"]
    assert code in {f["code"] for f in found}, done.out
    assert {f["help"] for f in found if f["code"] == code} == {said}
    assert all(f["fix"] or f["help"] for f in found), found


def test_a_type_change_that_has_an_index_built_has_a_form(project: Project) -> None:
    project.revision("0002", "CREATE INDEX ON things (label);", "SELECT 1;")
    assert project.run("migrate").status == 0
    path = project.root / "fix.sql"
    path.write_text('ALTER TABLE things ALTER label TYPE text COLLATE "C";\n', encoding="utf-8")
    done = project.run("rehearse", "--sql", str(path), "--format", "json")
    (built,) = [f for f in json.loads(done.out)["findings"] if f["code"] == "INDEX_BUILD"]
    assert "RENAME COLUMN label_new TO label" in built["fix"]


def test_pieces_keep_data_and_comments_apart() -> None:
    text = Script(
        "x.sql",
        "-- ringfence: lock-timeout: 1s\nSET search_path = a;\nCREATE TABLE t (i int);  -- new\n"
        "-- its rows\nCOPY t FROM STDIN;\n1\n2\n\\.\nSELECT 1;\nSELECT 2",
    )
    first, second, third, last = rewrite.pieces(
        text, {4: (Move("CREATE INDEX CONCURRENTLY i ON t (i)", "no"), Move("SELECT 3"))}, {5}
    )
    assert first == rewrite.Piece(
        "one",
        (
            "SET search_path = a;",
            "CREATE TABLE t (i int);",
            "-- its rows\nCOPY t FROM STDIN;\n1\n2\n\\.",
        ),
    )
    assert second == rewrite.Piece(
        "none", ("SET search_path = a;", "CREATE INDEX CONCURRENTLY i ON t (i);")
    )
    assert third.statements == ("SET search_path = a;", "SELECT 3;")
    assert last.statements == ("SET search_path = a;", "SELECT 2;")
    assert list(rewrite.directives(text)) == ["-- ringfence: lock-timeout: 1s"]
    with pytest.raises(Refused, match="takes back what it has done: it cannot be divided"):
        rewrite.pieces(Script("x.sql", "BEGIN;\nSELECT 1;\nROLLBACK;", loose=True), {}, ())


def test_pieces_of_a_file_with_transactions_of_its_own() -> None:
    text = Script(
        "x.sql",
        "SET work_mem = '1MB';\nSELECT 1;\nBEGIN;\nSET LOCAL lock_timeout = '1s';\nSELECT 2;\n"
        "SELECT 3;\nCOMMIT;\nSELECT 4;\n",
        loose=True,
    )
    found = rewrite.pieces(text, {}, ())
    assert [(p.how, p.statements) for p in found] == [
        ("none", ("SET work_mem = '1MB';", "SELECT 1;")),
        (
            "one",
            ("SET work_mem = '1MB';", "SET LOCAL lock_timeout = '1s';", "SELECT 2;", "SELECT 3;"),
        ),
        ("none", ("SET work_mem = '1MB';", "SELECT 4;")),
    ]
    assert found[1].text("x", loose=True).startswith("-- x\n-- noqa: disable=all\n\nBEGIN;\n")
    assert found[1].text("x", loose=True).endswith("\nCOMMIT;\n")
    assert found[0].text("x").startswith("-- ringfence: transaction: none\n-- x\n")


def test_a_form_says_where_a_transaction_ends() -> None:
    moves = (Move("A", "commit"), Move("UPDATE t SET x = 1", key="a,b"), Move("B"), Move("C", "no"))
    assert written(moves) + "\n" == lines(
        "A;",
        "-- in a file of its own, in batches:",
        "-- ringfence: backfill key=a,b batch=200ms",
        "UPDATE t SET x = 1;",
        "-- then, in another transaction:",
        "B;",
        "-- in a file of its own, outside a transaction:",
        "C;",
    )


# Plans


def test_a_plan_is_rehearsed_where_it_begins(project: Project) -> None:
    (project.root / "ddl").mkdir()
    (project.root / "ddl" / "all.sql").write_text(
        BASE + "CREATE INDEX things_label ON things (label);", encoding="utf-8"
    )
    made = project.run("diff", "live", "ddl", "--format", "json", "--no-proof")
    path = project.root / "plan.json"
    path.write_text(made.out, encoding="utf-8")
    done = project.run("rehearse", str(path), "--format", "json")
    document = json.loads(done.out)
    assert [f["code"] for f in document["findings"]] == ["INDEX_BUILD"], done.err
    assert [p["name"] for p in document["parts"]] == [str(path)]
    with psycopg.connect(project.dsn, autocommit=True) as connection:
        connection.execute("ALTER TABLE things ADD later int")
    done = project.run("rehearse", str(path))
    assert done.status == 0 or "begins with another schema" in done.err


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "is not JSON: Expecting property name enclosed in double quotes"),
        ("{}", "is not a plan: it is not an object that says its format"),
        ('{"format": 1}', "is not a plan: there is no 'steps'"),
        ("[]", "is not a plan: it is not an object that says its format"),
        ('{"format": 7}', "is not a plan: it is of format 7, and this reads format 1"),
    ],
)
def test_a_plan_that_is_none(project: Project, text: str, said: str) -> None:
    path = project.root / "plan.json"
    path.write_text(text, encoding="utf-8")
    done = project.run("rehearse", str(path))
    assert (done.status, done.out) == (2, "")
    assert done.err.startswith(f"error: {path} {said}")
    assert done.err.endswith("hint: ringfence diff live ddl --format json > plan.json writes one\n")
