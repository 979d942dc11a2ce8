"""What `ringfence rehearse` says of rows and values that are gone, or are others than before."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from projects import Project

if TYPE_CHECKING:
    from pathlib import Path

ROWS = """
CREATE TABLE item (id integer, part integer, note text, n bigint, PRIMARY KEY (part, id));
INSERT INTO item SELECT i, i % 3, 'note ' || i, i FROM generate_series(1, 9) AS i;
CREATE TABLE loose (id integer, note text);
INSERT INTO loose SELECT i, 'note ' || i FROM generate_series(1, 9) AS i;
"""


@pytest.fixture
def project(tmp_path: Path, database: str) -> Project:
    made = Project(tmp_path / "project", database)
    made.revision("0001", ROWS, "DROP TABLE loose; DROP TABLE item;")
    assert made.run("migrate").status == 0
    return made


def found(project: Project, text: str, *argv: str) -> list[dict[str, object]]:
    """What rehearsing a file finds."""
    path = project.root / "loose.sql"
    path.write_text(text, encoding="utf-8")
    done = project.run("rehearse", "--sql", str(path), "--format", "json", *argv)
    findings: list[dict[str, object]] = json.loads(done.out)["findings"]
    return findings


GONE = "DATA_LOSS", "error"
CHANGED = "DATA_CHANGED", "info"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(
            "UPDATE item SET note = 'x' WHERE id % 2 = 0; DELETE FROM item WHERE id = 1;",
            {("table:public.item", *GONE), ("column:public.item.note", *CHANGED)},
            id="changed, and a row deleted",
        ),
        pytest.param(
            "UPDATE item SET note = 'x' WHERE id = 1; INSERT INTO item VALUES (99, 99);",
            {("column:public.item.note", *CHANGED)},
            id="changed, and a row inserted",
        ),
        pytest.param(
            "UPDATE loose SET note = 'x' WHERE id = 4; DELETE FROM loose WHERE id = 1;",
            {("table:public.loose", *GONE), ("column:public.loose.note", *CHANGED)},
            id="the same without a key",
        ),
        pytest.param(
            "ALTER TABLE item ALTER n TYPE numeric(20, 2); DELETE FROM item WHERE id = 1;",
            {("table:public.item", *GONE)},
            id="a row deleted, and others as they were",
        ),
        pytest.param(
            "ALTER TABLE item RENAME id TO name; ALTER TABLE item ALTER name TYPE bigint;"
            " DELETE FROM item WHERE name = 1; UPDATE item SET n = n + 1;",
            {("table:public.item", *GONE), ("column:public.item.n", *CHANGED)},
            id="the key has another name and type",
        ),
        pytest.param(
            "ALTER TABLE item DROP COLUMN note; DELETE FROM item WHERE id = 1;",
            {("table:public.item", *GONE), ("column:public.item.note", *GONE)},
            id="a column gone, and a row",
        ),
        pytest.param(
            "UPDATE item SET note = NULL;",
            {("column:public.item.note", *GONE)},
            id="every value",
        ),
        pytest.param(
            "UPDATE item SET note = NULL WHERE id > 1;",
            {("column:public.item.note", *CHANGED)},
            id="not every value",
        ),
    ],
)
def test_values_are_followed_beside_rows_that_come_and_go(
    project: Project, text: str, expected: set[tuple[str, str, str]]
) -> None:
    told = {
        (str(f["ref"]), str(f["code"]), str(f["severity"]))
        for f in found(project, f"BEGIN; {text} COMMIT;")
        if str(f["code"]).startswith("DATA")
    }
    assert told == expected


def test_what_a_crash_takes_is_told(project: Project) -> None:
    text = "ALTER TABLE item SET UNLOGGED; CREATE UNLOGGED TABLE fresh (id integer);"
    (told,) = (f for f in found(project, f"BEGIN;\n{text} COMMIT;") if f["code"] == "DATA_LOSS")
    place = told["place"]
    assert isinstance(place, dict)
    assert (told["ref"], told["severity"], place["line"]) == ("table:public.item", "error", 2)
    assert told["message"] == (
        "after loose.sql public.item is unlogged: a crash of the server empties it, and no replica has"
        " its rows"
    )
    back = found(project, "ALTER TABLE item SET UNLOGGED; ALTER TABLE item SET LOGGED;")
    assert {f["code"] for f in back} == {"REWRITE"}
