"""`ringfence check`: one report of everything, one exit status."""

from __future__ import annotations

import json
import re
import subprocess
from typing import TYPE_CHECKING

import pytest
import yaml  # type: ignore[import-untyped]

from projects import ROOT, Project

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import SomeServer

TABLE = """\
CREATE TABLE public.things (
    id BIGINT PRIMARY KEY,
    label TEXT NOT NULL
);

COMMENT ON TABLE public.things IS 'What there is';
"""


@pytest.fixture
def project(tmp_path: Path, database: str) -> Project:
    made = Project(tmp_path / "project", database)
    (made.root / "ddl").mkdir()
    (made.root / "ddl" / "things.sql").write_text(TABLE, encoding="utf-8")
    made.revision("0001", TABLE, "DROP TABLE public.things;\n", title="things")
    return made


def looked(project: Project, *argv: str) -> tuple[int, dict[str, list[str]], dict[str, str]]:
    """Exit status, code → messages, and subject → why it was not looked at."""
    done = project.run("check", "--format", "json", *argv)
    assert done.out, done.err
    document = json.loads(done.out)
    assert document["status"] == done.status
    found: dict[str, list[str]] = {}
    for finding in document["findings"]:
        if finding["severity"] != "info":
            found.setdefault(finding["code"], []).append(finding["message"])
    return done.status, found, {c["subject"]: c["skipped"] for c in document["coverage"]}


def test_a_project_that_is_well(project: Project, server: SomeServer) -> None:
    status, found, coverage = looked(project, "--fail-on", "error")
    # Before PostgreSQL 15 everybody may make objects in the schema public.
    assert status == 0
    assert set(found) <= {"T029"}
    assert ("T029" in found) == (server.major < 15)
    assert {"integrity", "style", "rehearsal/measured", "rehearsal/undone", "ddl", "head"} <= set(
        coverage
    )
    assert coverage["ddl"] == coverage["integrity"] == coverage["rehearsal/undone"] == ""
    assert project.tables() == []


def test_a_project_that_was_made_just_now(tmp_path: Path, database: str) -> None:
    made = Project(tmp_path / "elsewhere", database)
    fresh = tmp_path / "fresh"
    assert made.run("init", str(fresh), dsn="").status == 0
    for argv in (("check", "--format", "json"), ("lint", "--format", "json"), ("lint", "ddl")):
        done = made.run("-C", str(fresh), *argv, dsn="" if argv[0] == "lint" else None)
        assert (done.status, done.err) == (0, ""), (argv, done)
        assert "it holds no .sql file" in done.out


def test_what_no_file_of_the_schema_makes_stands_in_the_revision_that_made_it(
    project: Project,
) -> None:
    """Where it was made last, and not where its schema is made."""
    (project.root / "ddl" / "app.sql").write_text("CREATE SCHEMA app;\n", encoding="utf-8")
    project.revision(
        "0002",
        "CREATE SCHEMA app;\nCREATE VIEW app.seen AS SELECT 1 AS one;\n",
        "DROP VIEW app.seen;\nDROP SCHEMA app;\n",
    )
    project.revision(
        "0003",
        "SELECT 1;\nCREATE OR REPLACE VIEW app.seen AS SELECT 2 AS one;\n",
        "CREATE OR REPLACE VIEW app.seen AS SELECT 1 AS one;\n",
    )
    found = json.loads(project.run("check", "--format", "json").out)["findings"]
    (place,) = (f["place"] for f in found if f["code"] == "ddl" and f["ref"] == "view:app.seen")
    assert (place["path"], place["line"]) == ("migrations/versions/0003.up.sql", 2)


def test_each_part_has_its_say(project: Project) -> None:
    project.revision(
        "0002",
        "ALTER TABLE public.things ADD COLUMN size integer;\n",
        "SELECT 1;\n",
        title="size",
    )
    marks = project.root / "marks.txt"
    status, found, _ = looked(project, "--output", f"github={marks}")
    assert status == 1
    said = "column public.things.size is in the newest revision and not in ddl/"
    assert said in found["ddl"]
    mark = next(line for line in marks.read_text().splitlines() if said in line)
    assert mark.startswith("::error file=ddl/things.sql,line=1,"), mark
    assert "0002 undone, column:public.things.size is left" in found["NOT_REVERSIBLE"]
    assert any(code.startswith("style/") for code in found)


def test_partitions_have_their_key_s_say_and_rows_are_counted(project: Project) -> None:
    made = (
        "CREATE TABLE public.events (\n    id BIGINT NOT NULL,\n    at DATE NOT NULL,\n"
        "    PRIMARY KEY (id, at)\n) PARTITION BY RANGE (at);\n\n"
        "CREATE TABLE public.events_24 PARTITION OF public.events\n"
        "FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');\n"
    )
    (project.root / "ddl" / "events.sql").write_text(made, encoding="utf-8")
    project.revision("0002", made, "DROP TABLE public.events;\n", after="0001", title="events")
    done = project.run("check", "--fail-on", "error", "--format", "json")
    document = json.loads(done.out)
    assert done.status == 0, done.out
    assert "not seen at work" not in done.out
    # There is none where it begins; those of later revisions count.
    (rows,) = [c for c in document["coverage"] if c["subject"] == "rehearsal/rows"]
    assert rows["count"] > 0
    assert not rows["skipped"]


def test_revisions_that_do_not_add_up(project: Project) -> None:
    project.revision("0002", "SELECT 1;\n", after="0001")
    project.revision("0003", "SELECT 1;\n", after="0001")
    status, found, coverage = looked(project)
    assert status == 1
    assert "2 heads" in found["integrity"][0]
    assert "rehearsal/measured" not in coverage


def test_a_revision_that_does_not_run(project: Project) -> None:
    project.revision("0002", "CREATE TABLE public.more (id integr);\n", "SELECT 1;\n")
    status, found, _ = looked(project)
    assert status == 1
    assert found["FAILS"] == ['0002 fails: type "integr" does not exist']
    assert any('type "integr" does not exist' in m for m in found["verification"])


def test_only_what_changed_since(project: Project) -> None:
    def git(*argv: str) -> None:
        subprocess.run(
            ["git", "-c", "user.name=a", "-c", "user.email=a@b", *argv],
            cwd=project.root,
            check=True,
            capture_output=True,
        )

    git("init", "-q", "-b", "main")
    git("add", "-A")
    git("commit", "-qm", "one")
    _, _, coverage = looked(project, "--since", "main")
    assert coverage["rehearsal"] == "no revision has changed"
    project.revision("0002", "CREATE INDEX things_label ON public.things (label);\n", "")
    status, found, _ = looked(project, "--since", "main")
    assert status == 1
    assert "INDEX_BUILD" in found
    done = project.run("check", "--since", "nowhere")
    assert (done.status, done.out) == (2, "")
    assert done.err.startswith("error: git cannot say what changed since nowhere")


def test_what_was_measured_overrules_what_was_guessed(project: Project) -> None:
    # A rule has to guess that this rewrites the table; the type says that it does not.
    project.revision(
        "0002",
        "ALTER TABLE public.things ALTER COLUMN label TYPE VARCHAR;\n",
        "ALTER TABLE public.things ALTER COLUMN label TYPE TEXT;\n",
    )
    _, found, _ = looked(project)
    assert not {"M007", "REWRITE"} & set(found), found
    project.revision(
        "0003",
        "CREATE INDEX things_label ON public.things (label);\n",
        "DROP INDEX things_label;\n",
    )
    _, found, _ = looked(project)
    assert "INDEX_BUILD" in found
    assert not any(code.startswith("M") and "index" in found[code][0] for code in found), found


@pytest.mark.parametrize(
    ("where", "code"),
    [("label LIKE 'a long time ago%'", "M052"), ("label IS NOT NULL", "BACKFILL")],
)
def test_rows_that_none_was_made_up_for_stay_a_guess(
    where: str, code: str, project: Project
) -> None:
    update = f"UPDATE public.things SET label = 'old' WHERE {where};\n"
    project.revision("0002", update, "SELECT 1;\n")
    _, found, _ = looked(project)
    assert {"M052", "BACKFILL"} & set(found) == {code}, found


def test_several_formats_at_once(project: Project, tmp_path: Path) -> None:
    sarif, junit = tmp_path / "c.sarif", tmp_path / "c.xml"
    done = project.run(
        "check", "--fail-on", "error", "--output", f"sarif={sarif}", "--output", f"junit={junit}"
    )
    assert done.status == 0, done.out
    assert json.loads(sarif.read_text())["version"] == "2.1.0"
    assert junit.read_text().startswith("<?xml")


# What calls it


def said(document: object) -> list[str]:
    """Every line of shell in a workflow."""
    if isinstance(document, dict):
        lines = [v for k, v in document.items() if k == "run" and isinstance(v, str)]
        scripts = document.get("script", [])
        return [
            *lines,
            *(scripts if isinstance(scripts, list) else []),
            *(line for v in document.values() for line in said(v)),
        ]
    if isinstance(document, list):
        return [line for each in document for line in said(each)]
    return []


@pytest.mark.parametrize(
    "path",
    ["action.yml", "templates/gitlab-ci.yml", "src/ringfence/template/ci.yml.txt"],
)
def test_what_calls_it_says_what_it_understands(path: str, project: Project) -> None:
    shell = said(yaml.safe_load((ROOT / path).read_text(encoding="utf-8")))
    assert any("ringfence check" in line for line in shell)
    for line in shell:
        subprocess.run(["bash", "-n"], input=line, text=True, check=True)
    help_ = project.run("check", "--help", dsn="").out
    for line in shell:
        for option in re.findall(r"--(?:since|allow|format|output)\b", line):
            assert option in help_
        for name in re.findall(r"(?:--format |--output )(\w+)", line):
            assert name in help_


def test_the_hooks_name_commands_that_there_are(project: Project) -> None:
    hooks = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))
    for hook in hooks:
        _, command, *options = hook["entry"].split()
        help_ = project.run(command, "--help", dsn="").out
        assert all(option in help_ for option in options)


def test_a_comment_has_the_plan_its_locks_and_the_verdict_on_tenants(project: Project) -> None:
    project.revision(
        "0002",
        "CREATE INDEX things_label ON public.things (label);\n",
        "DROP INDEX public.things_label;\n",
    )
    done = project.run("check", "--format", "markdown")
    assert "<details><summary>The plan, and its locks as measured</summary>" in done.out
    assert "| file | statement | stops others at | work | WAL | about |" in done.out
    assert re.search(
        r"\| `0002` \| CREATE INDEX things\\_label ON public.things \(label\)"
        r" \| public.things: SHARE \| builds public.things\\_label; reads all of public.things \|",
        done.out,
    )
    assert "| `isolation` | not tried: " in done.out


def test_a_branch_to_opt_in_to_is_told_and_can_be_rehearsed(project: Project) -> None:
    project.revision(
        "s1", "ALTER TABLE public.things ADD size INT;",
        "ALTER TABLE public.things DROP COLUMN size;",
        after=None, labels=("side",), depends_on="0001", opt_in=True,
    )  # fmt: skip
    project.revision("s2", "CREATE TABLE public.aside ();", "DROP TABLE public.aside;", after="s1")
    done = project.run("check")
    line = "branch side, 2 revisions: it is to opt in to: ringfence rehearse s1 s2"
    assert line in " ".join(done.out.split())
    done = project.run("rehearse", "s1", "s2", "--format", "json")
    assert done.status == 0, done.err
    assert json.loads(done.out)["findings"] == []


def test_a_safe_form_that_was_written_has_no_guesses_against_it(
    tmp_path: Path, database: str
) -> None:
    made = Project(tmp_path / "project", database)
    table = "CREATE TABLE public.things (id BIGINT PRIMARY KEY, n {} NOT NULL, s TEXT);\n"
    index = "CREATE INDEX things_n ON public.things (n);\n"
    (made.root / "ddl").mkdir()
    (made.root / "ddl" / "things.sql").write_text(table.format("BIGINT") + index, encoding="utf-8")
    made.revision("0001", table.format("INTEGER") + index, "DROP TABLE public.things;\n")
    assert made.run("migrate").status == 0
    made.revision("0002", "ALTER TABLE public.things ALTER n TYPE bigint;\n", "SELECT 1;\n")
    assert "leads to the same schema, with 1 hazard\n" in made.run("rehearse", "--rewrite").err
    downs = [path.read_text() for path in made.versions.glob("0002*.down.sql")]
    assert not any("OWNER TO" in text for text in downs)
    assert any("\nDROP INDEX CONCURRENTLY" in text for text in downs)
    document = json.loads(made.run("check", "--format", "json").out)
    guesses = {
        (f["code"], f["place"]["path"].partition(".")[2])
        for f in document["findings"]
        if f["basis"] == "static" and f["severity"] != "info"
    }
    assert guesses == set()
    assert "OLD_READER" in {f["code"] for f in document["findings"]}


def test_who_knew_an_earlier_revision_is_there_at_each(tmp_path: Path, database: str) -> None:
    made = Project(tmp_path / "project", database)
    table, column = "CREATE TABLE t (id bigint PRIMARY KEY);\n", "ALTER TABLE t ADD COLUMN c int;\n"
    drop = "ALTER TABLE t DROP COLUMN c;\n"
    made.revision("0001", table, "DROP TABLE t;\n")
    made.revision("0002", column, drop)
    made.revision("0003", drop, column)
    found = json.loads(made.run("check", "--format", "json").out)["findings"]
    assert [f["place"]["path"] for f in found if f["code"] == "OLD_READER"] == [
        "migrations/versions/0003.up.sql"
    ]


def test_what_comes_of_one_cause_is_said_once(project: Project) -> None:
    project.revision(
        "0002",
        "ALTER TABLE public.things ADD CONSTRAINT named CHECK (label <> '') NOT VALID;\n"
        "ALTER TABLE public.things VALIDATE CONSTRAINT named;\n"
        "CREATE INDEX things_label ON public.things (label);\n",
        "SELECT 1;\n",
        title="checked",
    )
    done = project.run("check", "--format", "json")
    document = json.loads(done.out)
    told = [
        (f["code"], f["place"]["line"], f["evidence"].get("also", ""))
        for f in document["findings"]
        if f["basis"] == "measured" and f["severity"] == "error"
    ]
    assert sorted(told) == [
        ("INDEX_BUILD", 3, "LONG_LOCK:public.things"),
        ("NOT_REVERSIBLE", 1, "NOT_REVERSIBLE:public.things_label"),
        ("SCAN_UNDER_LOCK", 2, "LONG_LOCK:public.things"),
    ]
    titles = {c["subject"]: c["title"] for c in document["coverage"]}
    assert titles["rehearsal/undone"].startswith("does not hold: ")
    assert titles["ddl"].startswith("does not hold: ")
    assert not titles["rehearsal/kept"].startswith("does not hold: ")
    # Two revisions, whoever looked at them.
    assert re.search(r"· 2 revisions, ", project.run("check").out.splitlines()[-1])
