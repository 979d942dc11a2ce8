"""`ringfence verify`: for each claim a database of which it is true and one of which it is not."""

from __future__ import annotations

import json
import os
import shutil
from contextlib import ExitStack
from datetime import date
from typing import TYPE_CHECKING

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from messaging.support import read
from projects import Project, lines
from ringfence.claims import Case, claims, verify
from ringfence.pg.connect import Target
from ringfence.project import need
from waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def project(tmp_path: Path, database: str) -> Project:
    """A project without revisions, and an empty database."""
    return Project(tmp_path / "project", database)


def looked(project: Project, code: str, *, status: int) -> list[dict[str, object]]:
    """What the claim `code` finds, as JSON has it."""
    done = project.run("verify", "--claim", code, "--format", "json")
    assert done.status == status, done
    assert done.err == ""
    document = json.loads(done.out)
    assert {f["code"] for f in document["findings"]} <= {code}
    findings: list[dict[str, object]] = document["findings"]
    return findings


def coverage(project: Project, code: str) -> tuple[int, str]:
    """How much the claim `code` has looked at, and why at nothing."""
    done = project.run("verify", "--claim", code, "--format", "json")
    (row,) = [c for c in json.loads(done.out)["coverage"] if c["subject"] == code]
    return row["count"], row["skipped"]


def says(project: Project, code: str, *messages: str) -> list[dict[str, object]]:
    """Assert that the claim does not hold, for these reasons."""
    findings = looked(project, code, status=1)
    assert [f["message"] for f in findings] == list(messages)
    return findings


def holds(project: Project, code: str, count: int) -> None:
    """Assert that the claim holds, of this many things."""
    assert looked(project, code, status=0) == []
    assert coverage(project, code) == (count, "")


# head


def test_head(project: Project) -> None:
    project.revision("0001", "CREATE TABLE a ();", title="one")
    project.revision("0002", "CREATE TABLE b ();", title="two")
    project.run("migrate", "--to", "0001")
    (finding,) = says(project, "head", "revision 0002 (two) is not applied")
    assert (finding["ref"], finding["help"]) == ('revision:"0002"', "ringfence migrate")
    project.run("migrate")
    holds(project, "head", 2)
    project.revision("0003", "CREATE TABLE b ();", after="0001")
    project.revision("0004", "CREATE TABLE b ();", after="0001")
    says(
        project,
        "head",
        "there are 3 heads: 0002, 0003, 0004",
        "revision 0003 (revision 0003) is not applied",
        "revision 0004 (revision 0004) is not applied",
    )


# history


def test_history(project: Project) -> None:
    path = project.revision("0001", "CREATE TABLE a ();", title="one")
    assert coverage(project, "history") == (0, "there is no applied revision to look at")
    project.run("migrate")
    holds(project, "history", 1)
    path.write_text("CREATE TABLE b ();")
    (finding,) = says(
        project, "history", "revision 0001 (one) was applied and has been edited since"
    )
    assert finding["help"] == (
        "git checkout -- migrations/versions/0001.up.sql, and put the change in a new revision"
    )
    project.query("UPDATE ringfence.alembic_version SET version_num = '0009'")
    says(project, "history", "the database stands at revision 0009, which is not among the files")
    for code in ("head", "verify-files", "row-security"):
        assert coverage(project, code) == (0, "revision 0009 is not among the files")


def test_history_of_what_was_stamped(project: Project) -> None:
    project.revision("0001", "CREATE TABLE a ();", title="one")
    project.run("migrate")
    project.query("TRUNCATE ringfence.alembic_version")
    assert project.alembic("stamp", "head").status == 0
    (finding,) = looked(project, "history", status=0)
    assert finding["severity"] == "warning"
    assert finding["message"] == (
        "revision 0001 (one) was stamped and never run here: nothing to compare it with"
    )
    assert coverage(project, "history") == (0, "there is no applied revision to look at")


# constraints-valid, indexes-valid


def test_constraints_valid(project: Project) -> None:
    project.query(
        'CREATE TABLE "T" (a INT CONSTRAINT "c 1" CHECK (a > 0), b INT PRIMARY KEY);'
        "CREATE DOMAIN d AS INT CONSTRAINT dc CHECK (VALUE > 0);"
    )
    before = coverage(project, "constraints-valid")[0]
    assert looked(project, "constraints-valid", status=0) == []
    project.query(
        'ALTER TABLE "T" ADD CONSTRAINT "c 2" CHECK (a < 9) NOT VALID;'
        "ALTER DOMAIN d ADD CONSTRAINT dc2 CHECK (VALUE < 9) NOT VALID;"
    )
    table, domain = says(
        project,
        "constraints-valid",
        'constraint public."T"."c 2" is not valid: rows from before it may break it',
        "constraint public.d.dc2 is not valid: rows from before it may break it",
    )
    assert coverage(project, "constraints-valid")[0] == before + 2
    for finding in (table, domain):
        project.query(str(finding["fix"]))
    assert looked(project, "constraints-valid", status=0) == []


def test_indexes_valid(project: Project) -> None:
    project.query('CREATE TABLE "T" (a INT); INSERT INTO "T" VALUES (1), (1);')
    assert coverage(project, "indexes-valid") == (0, "there is no index to look at")
    with pytest.raises(psycopg.errors.UniqueViolation):
        project.query('CREATE UNIQUE INDEX CONCURRENTLY "I" ON "T" (a)')
    (finding,) = says(
        project, "indexes-valid", 'index public."I" is invalid: it costs writes and serves no query'
    )
    assert finding["help"] == "a CREATE INDEX CONCURRENTLY failed; drop it and build it again"
    project.query(str(finding["fix"]))
    project.query('CREATE INDEX CONCURRENTLY "I" ON "T" (a)')
    holds(project, "indexes-valid", 1)


def test_what_ddl_makes_has_its_place_there(project: Project) -> None:
    (project.root / "ddl").mkdir(exist_ok=True)
    (project.root / "ddl" / "t.sql").write_text(
        "CREATE TABLE t (a int);\nCREATE UNIQUE INDEX i ON t (a);\n", encoding="utf-8"
    )
    project.query("CREATE TABLE t (a INT); INSERT INTO t VALUES (1), (1);")
    with pytest.raises(psycopg.errors.UniqueViolation):
        project.query("CREATE UNIQUE INDEX CONCURRENTLY i ON t (a)")
    (finding,) = looked(project, "indexes-valid", status=1)
    assert finding["place"] == {
        "path": "ddl/t.sql", "line": 2, "column": 1, "text": "CREATE UNIQUE INDEX i ON t (a);",
    }  # fmt: skip


# verify-files


def test_verify_files(project: Project) -> None:
    project.revision(
        "0001", "CREATE TABLE a (id INT, name TEXT);", verify="SELECT id FROM a;", title="one"
    )
    project.revision(
        "0002",
        "SELECT;",
        verify="-- what\nSELECT 1 WHERE FALSE;\n\nSELECT id, name, NULL AS none FROM a ORDER BY id;\n",
        title="two",
    )
    assert coverage(project, "verify-files") == (0, "there is no statement to look at")
    project.run("migrate")
    holds(project, "verify-files", 3)
    project.query("INSERT INTO a VALUES (1, 'x')")
    (version,) = [
        f for f in looked(project, "verify-files", status=1) if f["ref"] == 'revision:"0002"'
    ]
    assert (
        version["message"] == "revision 0002 (two) does not verify: id = 1, name = x, none = None"
    )
    assert version["place"] == {
        "path": "migrations/versions/0002.verify.sql",
        "line": 4,
        "column": 1,
        "text": "SELECT id, name, NULL AS none FROM a ORDER BY id;",
    }
    project.query("INSERT INTO a VALUES (2), (3), (4), (5)")
    (project.versions / "0001.verify.sql").unlink()
    says(
        project,
        "verify-files",
        "revision 0002 (two) does not verify: and 2 more rows",
        "revision 0002 (two) does not verify: id = 1, name = x, none = None",
        "revision 0002 (two) does not verify: id = 2, name = None, none = None",
        "revision 0002 (two) does not verify: id = 3, name = None, none = None",
    )


def test_a_verify_file_that_fails(project: Project) -> None:
    project.revision(
        "0001",
        "SELECT;",
        verify="SELECT 1 WHERE FALSE; SELECT nope;\nDO $$ BEGIN\n ASSERT FALSE, 'wrong'; END $$;\n",
        title="one",
    )
    project.run("migrate")
    first, second = says(
        project,
        "verify-files",
        'revision 0001 (one) does not verify: column "nope" does not exist',
        "revision 0001 (one) does not verify: wrong",
    )
    assert (first["place"]["line"], first["place"]["column"]) == (1, 30)  # type: ignore[index]
    assert (second["place"]["line"], second["place"]["column"]) == (3, 2)  # type: ignore[index]


@pytest.fixture
def onlooker(database: str) -> Iterator[str]:
    """A role that may read the history and nothing else."""
    name = f"onlooker {os.getpid()}"
    with psycopg.connect(database, autocommit=True) as connection:
        role = sql.Identifier(name)
        connection.execute(sql.SQL("CREATE ROLE {} LOGIN").format(role))
        yield name
        connection.execute(sql.SQL("DROP OWNED BY {}").format(role))
        connection.execute(sql.SQL("DROP ROLE {}").format(role))


def test_who_may_not_look_has_not_seen_that_it_does_not_verify(
    project: Project, onlooker: str
) -> None:
    project.revision(
        "0001", "CREATE TABLE a (id INT);", verify="SELECT FROM a;\nSELECT FROM a;", title="one"
    )
    project.revision("0002", "SELECT;", verify="SELECT FROM a WHERE id = 2;")
    project.run("migrate")
    project.query("INSERT INTO a VALUES (1)")
    project.query(
        f'GRANT USAGE ON SCHEMA ringfence TO "{onlooker}";'
        f'GRANT SELECT ON ALL TABLES IN SCHEMA ringfence TO "{onlooker}"'
    )
    project.dsn = make_conninfo(project.dsn, user=onlooker)
    findings = looked(project, "verify-files", status=0)
    assert {(f["severity"], f["message"]) for f in findings} == {
        ("warning", "revision 0001 (one) was not looked at: permission denied for table a"),
        ("warning", "revision 0002 (revision 0002) was not looked at: permission denied for table a"),
    }  # fmt: skip
    assert findings[0]["help"] == (
        "verify as a role that may run it, or have its owner say:"
        f' GRANT SELECT ON public.a TO "{onlooker}";'
    )
    assert coverage(project, "verify-files") == (
        0,
        f'role "{onlooker}": permission denied for table a, and 2 more statements',
    )
    out = project.run("verify", "--claim", "verify-files").out
    assert "not checked\n" in out
    assert "checked on " not in out


def test_what_one_may_look_at_still_counts(project: Project, onlooker: str) -> None:
    project.revision(
        "0001",
        "CREATE TABLE a (); CREATE TABLE b (id INT); CREATE TABLE c ();",
        verify="SELECT FROM a;\nSELECT id FROM b;\nDO $$ BEGIN PERFORM FROM c; END $$;",
        title="one",
    )
    project.run("migrate")
    project.query(
        f'INSERT INTO b VALUES (1); GRANT SELECT ON b TO "{onlooker}";'
        f' GRANT USAGE ON SCHEMA ringfence TO "{onlooker}";'
        f' GRANT SELECT ON ALL TABLES IN SCHEMA ringfence TO "{onlooker}"'
    )
    project.dsn = make_conninfo(project.dsn, user=onlooker)
    assert [f["message"] for f in looked(project, "verify-files", status=1)] == [
        "revision 0001 (one) was not looked at: permission denied for table a",
        "revision 0001 (one) does not verify: id = 1",
        "revision 0001 (one) was not looked at: permission denied for table c",
    ]
    assert coverage(project, "verify-files") == (1, "")


@pytest.mark.parametrize(
    "verify",
    [
        'SET LOCAL ROLE "{role}";\nSELECT FROM a;',
        'DO $$ BEGIN SET LOCAL ROLE "{role}"; PERFORM FROM a; END $$;',
        "SELECT count_a();",
    ],
)
@pytest.mark.parametrize("mighty", [True, False])
def test_what_a_role_of_the_file_may_not_do_is_seen(
    project: Project, onlooker: str, verify: str, mighty: bool
) -> None:
    name = project.query("SELECT current_database()")[0][0]
    project.revision(
        "0001",
        "CREATE TABLE a (); CREATE FUNCTION count_a() RETURNS BIGINT LANGUAGE plpgsql SECURITY"
        f" DEFINER AS 'BEGIN RETURN (SELECT count(*) FROM a); END';"
        f' ALTER FUNCTION count_a() OWNER TO "{onlooker}"',
        verify=verify.format(role=onlooker),
        title="one",
    )
    project.run("migrate")
    admin, other = project.dsn, f"{name}_looks"
    if not mighty:
        project.query(
            f'CREATE ROLE {other} LOGIN; GRANT "{onlooker}" TO {other};'
            f" GRANT SELECT ON a TO {other}; GRANT USAGE ON SCHEMA ringfence TO {other};"
            f" GRANT SELECT ON ALL TABLES IN SCHEMA ringfence TO {other}"
        )
        project.dsn = make_conninfo(admin, user=other)
    try:
        says(
            project,
            "verify-files",
            "revision 0001 (one) does not verify: permission denied for table a",
        )
    finally:
        if not mighty:
            project.query(f"DROP OWNED BY {other}; DROP ROLE {other}", dsn=admin)


def test_a_later_revision_supersedes_what_an_earlier_one_verified(project: Project) -> None:
    project.revision(
        "0001", "CREATE TABLE a ();", verify="SELECT 1 WHERE to_regclass('a') IS NULL;"
    )
    project.revision("0002", "DROP TABLE a;")
    project.run("migrate")
    says(project, "verify-files", "revision 0001 (revision 0001) does not verify: ?column? = 1")
    (project.versions / "0002.verify.sql").write_text(
        "-- ringfence: supersedes: 0001\nSELECT 1 WHERE to_regclass('a') IS NOT NULL;"
    )
    holds(project, "verify-files", 1)


def test_what_a_verify_file_writes_is_undone(project: Project) -> None:
    project.revision(
        "0001",
        "CREATE TABLE a (id INT);",
        verify="INSERT INTO a VALUES (1);\nCREATE TABLE b ();\nSET search_path = nowhere;\n"
        "SELECT 'only one' WHERE (SELECT count(*) FROM public.a) <> 1;\n",
    )
    project.run("migrate")
    before = read(project.dsn)
    holds(project, "verify-files", 4)
    assert read(project.dsn) == before
    assert project.query("SELECT count(*) FROM a") == [(0,)]


def test_a_verify_file_may_not_commit(project: Project) -> None:
    project.revision("0001", "CREATE TABLE a ();", verify="CREATE TABLE b ();\nCOMMIT;")
    project.run("migrate")
    done = project.run("verify", "--claim", "verify-files")
    assert (done.status, done.out) == (2, "")
    assert done.err == lines(
        "error: COMMIT in a file that runs in a transaction",
        "  migrations/versions/0001.verify.sql:2:1",
        "  2 | COMMIT;",
        "    | ^",
        "hint: leave it out: what the file does is undone anyway",
    )
    assert "b" not in project.tables()


def test_verifying_does_not_wait_long_for_a_lock(tmp_path: Path, database: str) -> None:
    project = Project(tmp_path / "p", database, config='migrate.lock-timeout = "10ms"')
    project.revision("0001", "CREATE TABLE a ();", verify="SELECT 1 FROM a;")
    project.run("migrate")
    with psycopg.connect(database) as other:
        other.execute("LOCK TABLE a")
        done = project.run("verify", "--claim", "verify-files")
    assert (done.status, done.out) == (75, "")
    assert done.err.startswith("error: canceling statement due to lock timeout\n")


# row-security


def test_row_security(project: Project) -> None:
    project.revision(
        "0001",
        'CREATE SCHEMA s; CREATE TABLE s."T" (a INT); CREATE TABLE plain (a INT);\n'
        'ALTER TABLE s."T" ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;\n'
        'CREATE POLICY p ON s."T" USING (TRUE);\n',
    )
    project.run("migrate")
    holds(project, "row-security", 1)
    project.query('ALTER TABLE s."T" DISABLE ROW LEVEL SECURITY, NO FORCE ROW LEVEL SECURITY')
    on, forced = says(
        project,
        "row-security",
        'row-level security of s."T" is not forced on its owner; the revisions say FORCE',
        'row-level security of s."T" is off; the revisions turn it on',
    )
    assert forced["help"] == "whoever may read the table reads every tenant's rows"
    for finding in (on, forced):
        assert finding["ref"] == 'table:s."T"'
        project.query(str(finding["fix"]))
    holds(project, "row-security", 1)


def test_row_security_follows_a_table_through_the_revisions(project: Project) -> None:
    project.revision(
        "0001",
        "CREATE TABLE a (); ALTER TABLE a ENABLE ROW LEVEL SECURITY;\n"
        "CREATE TABLE b (); ALTER TABLE b ENABLE ROW LEVEL SECURITY;\n"
        "CREATE TABLE c (); ALTER TABLE c ENABLE ROW LEVEL SECURITY; CREATE SCHEMA s;\n",
    )
    project.revision(
        "0002",
        "ALTER TABLE a RENAME TO aa; ALTER TABLE aa SET SCHEMA s;\n"
        "DROP TABLE b; CREATE TABLE b (); ALTER TABLE c DISABLE ROW LEVEL SECURITY;\n",
    )
    project.run("migrate")
    holds(project, "row-security", 2)
    project.query("ALTER TABLE s.aa DISABLE ROW LEVEL SECURITY")
    says(project, "row-security", "row-level security of s.aa is off; the revisions turn it on")


def test_policies_that_bind_nobody(project: Project) -> None:
    project.query(
        "CREATE TABLE a (); CREATE POLICY p ON a USING (TRUE); CREATE POLICY q ON a USING (TRUE)"
    )
    (finding,) = says(
        project,
        "row-security",
        "public.a has 2 policies and row-level security is off: they bind nobody",
    )
    project.query(str(finding["fix"]))
    assert looked(project, "row-security", status=0) == []


# drift, ddl


def test_drift(project: Project) -> None:
    project.revision("0001", "CREATE TABLE a (id INT);")
    project.run("migrate")
    assert looked(project, "drift", status=0) == []
    project.query("ALTER TABLE a ADD COLUMN by_hand TEXT")
    (finding,) = looked(project, "drift", status=1)
    assert (
        finding["message"]
        == "column public.a.by_hand is in the live schema and not in revision 0001"
    )


def test_what_comes_with_its_table_says_nothing_new(project: Project) -> None:
    project.revision("0001", "CREATE TABLE a (id INT PRIMARY KEY, n TEXT NOT NULL DEFAULT 'x');")
    project.run("migrate")
    project.query(
        "CREATE TABLE b (id INT PRIMARY KEY, a_id INT REFERENCES a); COMMENT ON COLUMN b.id IS 'x';"
        " ALTER TABLE a RENAME TO c"
    )
    assert [f["message"] for f in looked(project, "drift", status=1)] == [
        "table public.a is in revision 0001 and not in the live schema",
        "table public.b is in the live schema and not in revision 0001",
        "table public.c is in the live schema and not in revision 0001",
    ]


def test_what_differs_everywhere_is_counted(project: Project) -> None:
    project.revision("0001", "".join(f"CREATE TABLE t{n:03} (id INT);" for n in range(120)))
    project.run("migrate")
    project.query("".join(f"ALTER TABLE t{n:03} ADD more INT;" for n in range(120)))
    findings = looked(project, "drift", status=1)
    assert len(findings) == 101
    said = {finding["message"] for finding in findings}
    assert "20 more differ between the live schema and revision 0001" in said


def test_ddl(project: Project) -> None:
    project.revision("0001", "CREATE TABLE a (id INT);")
    project.run("migrate")
    assert coverage(project, "ddl") == (0, "there is no ddl")
    (project.root / "ddl").mkdir()
    (project.root / "ddl" / "a.sql").write_text("CREATE TABLE a (id INT);")
    assert looked(project, "ddl", status=0) == []
    (project.root / "ddl" / "a.sql").write_text("CREATE TABLE a (id BIGINT);")
    (finding,) = looked(project, "ddl", status=1)
    assert str(finding["message"]).startswith("column public.a.id differs: ")


def test_what_could_not_be_compared_does_not_hold(project: Project) -> None:
    project.revision("0001", "CREATE TABLE a (id INT);", title="one")
    project.run("migrate")
    (project.root / "ddl").mkdir()
    (project.root / "ddl" / "a.sql").write_text(
        "CREATE TABLE a (id INT);\nCREATE VIEW v AS\nTABLE b;"
    )
    done = project.run("verify", "--claim", "ddl")
    assert (done.status, done.err) == (1, "")
    others = sorted(
        f"  {c.code:<17}  {c.title}: not asked for" for c in claims() if c.code != "ddl"
    )
    others += [
        '  ddl                the newest revision is what ddl/ says: relation "b" does not exist'
    ]
    why = 'the newest revision and ddl/ could not be compared: relation "b" does not exist'
    assert done.out == lines(
        f"error: {why} [ddl]",
        "  ddl/a.sql:3:7",
        "  3 | TABLE b;",
        "    |       ^",
        "",
        "not checked",
        *sorted(others),
        "",
        f"1 error, 0 warnings · 0 claims checked, {len(others)} not checked",
    )


# The report


def test_the_report_says_what_was_looked_at_and_what_was_not(project: Project) -> None:
    project.revision("0001", "CREATE TABLE a (id INT);", title="one")
    only = ["--claim", "head", "--claim", "indexes-valid"]
    done = project.run("verify", *only)
    assert (done.status, done.err) == (1, "")
    skipped = [
        f"  {c.code:<17}  {c.title}: not asked for"
        for c in claims()
        if c.code not in ("head", "indexes-valid")
    ]
    skipped.append("  indexes-valid      every index is valid: there is no index to look at")
    assert done.out == lines(
        "error: revision 0001 (one) is not applied [head]",
        '  revision:"0001"',
        "  help: ringfence migrate",
        "",
        f"checked {project.database}",
        "  head               the database stands at the head · 1 revision",
        "",
        "not checked",
        *sorted(skipped),
        "",
        f"1 error, 0 warnings · 1 claim checked, {len(skipped)} not checked",
    )


def test_json_of_verify(project: Project) -> None:
    project.revision("0001", "CREATE TABLE a (id INT);", title="one")
    document = json.loads(project.run("verify", "--claim", "head", "--format", "json").out)
    assert document.pop("ringfence")
    rows = document.pop("coverage")
    assert document == {
        "format": 1,
        "command": "verify",
        "target": project.database,
        "status": 1,
        "fail_on": "error",
        "findings": [
            {
                "code": "head",
                "severity": "error",
                "message": "revision 0001 (one) is not applied",
                "ref": 'revision:"0001"',
                "place": None,
                "help": "ringfence migrate",
                "fix": "",
                "basis": None,
                "evidence": {},
                "reproduction": "",
                "fingerprint": 'head:revision:"0001"',
            }
        ],
    }
    assert {
        "subject": "head",
        "title": "the database stands at the head",
        "checked": True,
        "count": 1,
        "unit": "revision",
        "skipped": "",
    } in rows
    assert {row["subject"] for row in rows} == {c.code for c in claims()}
    assert all(row["skipped"] == "not asked for" for row in rows if row["subject"] != "head")


def test_a_claim_that_there_is_not(project: Project) -> None:
    done = project.run("verify", "--claim", "haed")
    assert (done.status, done.out) == (2, "")
    assert done.err == lines(
        "error: no claim haed", f"hint: there are: {', '.join(c.code for c in claims())}"
    )


def test_verifying_changes_nothing(project: Project) -> None:
    project.revision("0001", "CREATE TABLE a (id INT);", verify="DROP TABLE a;")
    project.run("verify")
    assert project.tables() == []
    project.run("migrate")
    before, history = read(project.dsn), project.history()
    project.run("verify")
    assert read(project.dsn) == before
    assert project.history() == history


@pytest.mark.parametrize("each", claims(), ids=lambda c: c.code)
def test_every_claim_is_a_sentence_with_a_page(each: object) -> None:
    title, page = str(getattr(each, "title", "")), str(getattr(each, "page", ""))
    assert title[0].islower()
    assert not title.endswith(".")
    assert len(page) > 100


# What cannot be looked at does not keep the rest from it


def test_a_project_whose_ddl_is_empty(project: Project) -> None:
    (project.root / "ddl").mkdir()
    project.revision("0001", "CREATE TABLE a ();")
    assert project.run("migrate").status == 0
    done = project.run("verify")
    assert done.status == 1, done.err
    assert "error: table public.a is in the newest revision and not in ddl/ [ddl]" in done.out
    assert "1 error, 0 warnings" in done.out


def test_data_below_a_copy_in_a_verify_file(project: Project) -> None:
    project.revision(
        "0001",
        "CREATE TABLE a (x integer);",
        verify="COPY a FROM STDIN;\n1\n\\.\nSELECT x AS wrong FROM a;",
    )
    assert project.run("migrate").status == 0
    says(project, "verify-files", "revision 0001 (revision 0001) does not verify: wrong = 1")
    assert project.query("SELECT * FROM a") == []


def test_a_value_that_would_fill_a_page_is_cut(project: Project) -> None:
    project.revision("0001", "SELECT;", verify="SELECT repeat(E'x\\n', 5000) AS wrong;")
    project.run("migrate")
    (finding,) = looked(project, "verify-files", status=1)
    assert len(str(finding["message"])) < 300
    assert "\n" not in str(finding["message"])


@pytest.mark.parametrize("code", [c.code for c in claims()])
def test_every_claim_has_a_page(project: Project, code: str) -> None:
    done = project.run("explain", code, dsn="")
    assert done.status == 0
    assert len(done.out.splitlines()) > 2
    assert done.out == project.run("explain", f"{code}/of-this-cause", dsn="").out
    assert code in project.run("explain", dsn="").out


def test_a_query_of_a_million_rows_is_not_fetched(project: Project) -> None:
    many = "SELECT i FROM generate_series(1, 3000000) AS i;"
    project.revision("0001", "SELECT;", verify=f"{many}\nSELECT i FROM generate_series(1, 5) AS i;")
    project.run("migrate")
    said = [str(f["message"]) for f in looked(project, "verify-files", status=1)]
    assert [m.rpartition(": ")[2] for m in said if "more" in m] == [
        "and more than 1000 more rows", "and 2 more rows",
    ]  # fmt: skip
    assert len(said) == 8


def test_a_database_without_revisions_is_looked_at_all_the_same(project: Project) -> None:
    """What nobody applied by revisions can have tenants; a folder that is lost is another matter."""
    project.query("CREATE TABLE t (a INT PRIMARY KEY CHECK (a > 0))")
    (project.root / "migrations" / "versions").rmdir()
    done = project.run("verify", "--format", "json")
    assert (done.status, done.err) == (0, "")
    rows = {c["subject"]: c for c in json.loads(done.out)["coverage"]}
    assert rows["constraints"]["count"] > 0
    for code in ("head", "history", "drift", "row-security", "verify-files"):
        assert rows[code]["skipped"] == "no migrations here: migrations/versions does not exist"
    assert project.run("verify", "--claim", "head").status == 2
    (project.root / "migrations" / "versions").mkdir()
    project.revision("0001", "CREATE TABLE u ();")
    assert project.run("migrate").status == 0
    shutil.rmtree(project.root / "migrations" / "versions")
    lost = project.run("verify")
    assert lost.status == 2
    assert lost.err.startswith("error: no migrations here: migrations/versions does not exist\n")


def test_a_database_that_no_project_is_about(project: Project, tmp_path: Path) -> None:
    """One command tells whether its tenants are apart; what needs files says that there are none."""
    project.query("CREATE TABLE t (a INT PRIMARY KEY CHECK (a > 0))")
    project.root = tmp_path / "elsewhere"
    project.root.mkdir()
    done = project.run("verify", "--format", "json")
    assert (done.status, done.err) == (0, "")
    rows = {c["subject"]: c for c in json.loads(done.out)["coverage"]}
    assert rows["constraints"]["count"] > 0
    assert rows["isolation"]["skipped"].startswith("there are no tenants: ")
    for code in ("ddl", "head", "history", "drift", "row-security", "verify-files"):
        assert rows[code]["skipped"] == "no migrations here: migrations/versions does not exist"
    assert list(project.root.iterdir()) == []
    unnamed = project.run("verify", dsn="")
    assert unnamed.status == 2
    assert unnamed.err.startswith(f"error: no ringfence project here: {project.root}\n")


# Indexes that are used


def test_an_index_that_serves_nobody(project: Project) -> None:
    project.query(
        "CREATE TABLE t (id INT PRIMARY KEY, a INT, b INT, c INT UNIQUE);"
        ' CREATE INDEX used ON t (a); CREATE INDEX "Un used" ON t (b);'
        " CREATE TABLE p (id INT, d INT) PARTITION BY LIST (id);"
        " CREATE TABLE p1 PARTITION OF p FOR VALUES IN (1);"
        " CREATE TABLE p2 PARTITION OF p FOR VALUES IN (2);"
        " CREATE INDEX once ON p (d); CREATE INDEX never ON p (id);"
        " INSERT INTO t VALUES (1, 1, 1, 1); INSERT INTO p VALUES (1, 1), (2, 2)"
    )
    project.query("SET enable_seqscan = off; SELECT FROM t WHERE a = 1; SELECT FROM p1 WHERE d = 1")
    scans = "SELECT indexrelname FROM pg_stat_user_indexes WHERE idx_scan > 0"
    wait_until(lambda: len(project.query(scans)) == 2, lambda: str(project.query(scans)))
    count, skipped = coverage(project, "indexes-used")
    assert count == 0
    assert skipped.startswith("the server has counted for 0 days, since ")
    with psycopg.connect(project.dsn, autocommit=True) as connection:
        case = Case(connection, need(project.root), today=date(2999, 1, 1))
        report = verify(case, ["indexes-used"])
    assert [f.ref.path for f in report.findings if f.ref] == ['public."Un used"', "public.never"]
    assert report.findings[0].message.startswith('index public."Un used" has served no query since')
    assert [c.count for c in report.coverage if c.subject == "indexes-used"] == [4]


def test_no_index_no_finding(project: Project) -> None:
    assert looked(project, "indexes-used", status=0) == []


def test_what_is_tried_is_tried_on_no_foreign_server(project: Project) -> None:
    with psycopg.connect(project.dsn, autocommit=True) as connection:
        connection.execute(
            """
            CREATE EXTENSION postgres_fdw;
            CREATE SERVER afar FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '/nowhere');
            CREATE USER MAPPING FOR PUBLIC SERVER afar;
            CREATE TABLE pt (id integer) PARTITION BY RANGE (id);
            CREATE FOREIGN TABLE ft PARTITION OF pt FOR VALUES FROM (1) TO (5) SERVER afar;
            CREATE TABLE pn PARTITION OF pt FOR VALUES FROM (5) TO (9);
            """
        )
        case = Case(connection, need(project.root), target=Target(project.dsn, "it", "it"))
        with ExitStack() as stack:
            shadow = case.shadow(stack)
            with psycopg.connect(shadow.conninfo, autocommit=True) as there:
                for statement in (b"SELECT FROM pt", b"INSERT INTO pt VALUES (1)"):
                    with pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState) as said:
                        there.execute(statement)
                    assert "has no handler" in str(said.value)
        report = verify(case, ["constraints", "isolation"])
    assert report.status in (0, 1)
