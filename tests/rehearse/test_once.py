"""What comes of one thing is told once, and in words that fit together."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from projects import Project

if TYPE_CHECKING:
    from pathlib import Path

BASE = """
CREATE TYPE mood AS ENUM ('it''s ok', 'sad');
CREATE TABLE parents (id bigint PRIMARY KEY, m mood NOT NULL DEFAULT 'it''s ok', s mood[]);
CREATE TABLE things (id bigint PRIMARY KEY, parent_id bigint REFERENCES parents (id), size int);
CREATE INDEX things_size ON things (size);
CREATE VIEW sizes AS SELECT size FROM things;
CREATE FUNCTION total() RETURNS bigint LANGUAGE sql AS 'SELECT count(*) FROM things';
"""
UNDO = "DROP FUNCTION total(); DROP VIEW sizes; DROP TABLE things, parents; DROP TYPE mood;"


@pytest.fixture
def project(tmp_path: Path, database: str) -> Project:
    made = Project(tmp_path / "project", database)
    made.revision("0001", BASE, UNDO)
    assert made.run("migrate").status == 0
    return made


@pytest.mark.parametrize(
    ("up", "down", "expected"),
    [
        pytest.param(
            "ALTER TYPE mood RENAME VALUE 'it''s ok' TO 'fine';",
            "ALTER TYPE mood RENAME VALUE 'fine' TO 'it''s ok';",
            [("OLD_WRITER", "enum:public.mood")],
            id="a value of an enum by another name",
        ),
        pytest.param(
            "ALTER TYPE mood RENAME VALUE 'it''s ok' TO 'fine';"
            " ALTER TABLE parents ALTER m SET DEFAULT 'sad';",
            "ALTER TYPE mood RENAME VALUE 'fine' TO 'it''s ok';"
            " ALTER TABLE parents ALTER m SET DEFAULT 'it''s ok';",
            [("OLD_WRITER", "enum:public.mood"), ("OLD_WRITER", "column:public.parents.m")],
            id="and another default",
        ),
        pytest.param(
            "ALTER TABLE things RENAME TO stuff;",
            "ALTER TABLE stuff RENAME TO things;",
            [("OLD_READER", "routine:public.total()"), ("OLD_READER", "table:public.things")],
            id="a function that reads what is renamed",
        ),
        pytest.param(
            "CREATE TABLE more (id int PRIMARY KEY, n text NOT NULL DEFAULT 'a');",
            "SELECT 1;",
            [("NOT_REVERSIBLE", "table:public.more")],
            id="a table that is left",
        ),
        pytest.param(
            "-- ringfence: transaction: none\nREINDEX TABLE things;",
            "SELECT 1;",
            [("INDEX_BUILD", "table:public.things")],
            id="indexes that one statement builds",
        ),
    ],
)
def test_what_comes_of_one_thing_is_told_once(
    project: Project, up: str, down: str, expected: list[tuple[str, str]]
) -> None:
    project.revision("0002", up, down)
    findings = json.loads(project.run("rehearse", "--format", "json").out)["findings"]
    assert [(f["code"], f["ref"]) for f in findings] == expected


def test_why_a_statement_fails_is_one_sentence(project: Project) -> None:
    project.revision("0002", "ALTER TABLE things ALTER size TYPE text;")
    (finding,) = json.loads(project.run("rehearse", "--format", "json").out)["findings"]
    assert finding["help"].endswith('depends on column "size"; nothing of the file is left')


def test_only_roles_that_a_file_names_are_told_to_be_stand_ins(project: Project) -> None:
    project.revision("0002", 'GRANT SELECT ON things TO "a far", far;')
    project.revision("0003", "GRANT SELECT ON parents TO far;")
    project.revision("0004", "SELECT 1;")

    def told(*names: str) -> list[str]:
        coverage = json.loads(project.run("rehearse", *names, "--format", "json").out)["coverage"]
        return [row["title"] for row in coverage if row["subject"] == "roles"]

    assert told("0003") == ["what far may do"]
    assert told("0004") == []
