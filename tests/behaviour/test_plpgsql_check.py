"""What plpgsql_check says of functions is reported, where it is there."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from projects import Project

if TYPE_CHECKING:
    from pathlib import Path

# As the extension declares it, saying of two functions what it says of such.
STAND_IN = """
CREATE SCHEMA "Check It";
CREATE FUNCTION "Check It".plpgsql_check_function_tb(
    funcoid REGPROCEDURE, relid REGCLASS DEFAULT 0, fatal_errors BOOLEAN DEFAULT true
) RETURNS TABLE (
    functionid REGPROC, lineno INT, statement TEXT, sqlstate TEXT, message TEXT, detail TEXT,
    hint TEXT, level TEXT, "position" INT, query TEXT, context TEXT
) LANGUAGE sql AS $$
    SELECT funcoid::oid::regproc, 2, 'RETURN', '42703', 'column "nope" does not exist', NULL,
        NULL, 'error', 8, NULL, NULL WHERE funcoid::text LIKE 'bad(%'
    UNION ALL
    SELECT funcoid::oid::regproc, 1, 'assignment', '42703', 'record "new" has no field "moved"',
        NULL, 'add it', 'warning', 1, NULL, NULL WHERE relid::text = 'box'
$$;
"""
BODIES = """
CREATE TABLE box (id INT PRIMARY KEY);
CREATE FUNCTION bad(n INT) RETURNS INT LANGUAGE plpgsql AS $$ BEGIN RETURN n; END $$;
CREATE FUNCTION good(n INT) RETURNS INT LANGUAGE plpgsql AS $$ BEGIN RETURN n; END $$;
CREATE FUNCTION moves() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
CREATE TRIGGER moves BEFORE UPDATE ON box FOR EACH ROW EXECUTE FUNCTION moves();
"""


def functions(project: Project) -> dict[str, Any]:
    done = project.run("verify", "--claim", "functions", "--format", "json")
    document: dict[str, Any] = json.loads(done.out)
    return document


def test_it_is_asked_where_it_is_there(tmp_path: Path, database: str) -> None:
    project = Project(tmp_path / "project", database)
    project.query(STAND_IN)
    project.query(BODIES)
    found = [f for f in functions(project)["findings"] if f["code"] == "functions/plpgsql-check"]
    assert [(f["severity"], f["message"], f["help"]) for f in found] == [
        ("error", 'public.bad(integer), line 2: column "nope" does not exist', ""),
        (
            "warning",
            'public.moves(), line 1, as a trigger of box: record "new" has no field "moved"',
            "add it",
        ),
    ]


def test_it_is_said_where_it_is_not(tmp_path: Path, database: str) -> None:
    project = Project(tmp_path / "project", database)
    project.query(
        "CREATE TABLE box (id INT PRIMARY KEY);"
        "CREATE FUNCTION boxes() RETURNS BIGINT LANGUAGE sql STABLE AS 'SELECT count(*) FROM box'"
    )
    (row,) = [c for c in functions(project)["coverage"] if c["subject"] == "functions"]
    assert row["title"] == (
        "functions do what they say, twice and at once"
        " (plpgsql_check is not installed, and was not asked)"
    )
