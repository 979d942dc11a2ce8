"""What `ringfence rehearse` says that nobody knows of the real rows, for its own are made up."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from projects import Project

if TYPE_CHECKING:
    from pathlib import Path

SHOP = """
CREATE TYPE mood AS ENUM ('good', 'bad');
CREATE DOMAIN code AS text;
CREATE TABLE owner (id bigint PRIMARY KEY, name text);
CREATE TABLE item (
    id bigint PRIMARY KEY, owner_id bigint, code code, label text, size bigint, mood mood,
    CONSTRAINT has_label CHECK (label IS NOT NULL)
);
ALTER TABLE item ADD CONSTRAINT small CHECK (size < 1000000) NOT VALID;
CREATE TABLE whole (id bigint, at date) PARTITION BY RANGE (id);
CREATE TABLE part (id bigint, at date);
CREATE TABLE rest PARTITION OF whole DEFAULT;
CREATE TABLE pair (
    z bigint, a bigint, owner_id bigint CONSTRAINT owned REFERENCES owner (id), PRIMARY KEY (z, a)
);
"""


@pytest.fixture
def project(tmp_path: Path, database: str) -> Project:
    made = Project(tmp_path / "project", database)
    made.revision("0001", SHOP, "SELECT 1;")
    assert made.run("migrate").status == 0
    return made


def unknown(project: Project, text: str, subject: str = "constraints") -> str:
    """What rehearsing a file says it did not check of a subject."""
    path = project.root / "loose.sql"
    path.write_text(text, encoding="utf-8")
    done = project.run("rehearse", "--sql", str(path), "--format", "json")
    rows = {row["subject"]: row["skipped"] for row in json.loads(done.out)["coverage"]}
    return str(rows.get(subject, ""))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(
            "ALTER TABLE item ALTER size SET NOT NULL;",
            "public.item NOT NULL (size)",
            id="a column that takes no NULL",
        ),
        pytest.param("ALTER TABLE item ALTER label SET NOT NULL;", "", id="a check proved it"),
        pytest.param(
            "ALTER TABLE item ADD CHECK (size > 0);\nALTER TABLE owner ADD CHECK (id > 0);",
            "public.item CHECK ((size > 0)); public.owner CHECK ((id > 0))",
            id="checks",
        ),
        pytest.param("ALTER TABLE item ADD CHECK (size > 0) NOT VALID;", "", id="not valid"),
        pytest.param(
            "ALTER TABLE item VALIDATE CONSTRAINT small;",
            "public.item CHECK ((size < 1000000))",
            id="validated",
        ),
        pytest.param(
            "ALTER TABLE item DROP CONSTRAINT has_label;\n"
            "ALTER TABLE item ADD CONSTRAINT labelled CHECK (label IS NOT NULL);",
            "",
            id="made again by another name",
        ),
        pytest.param(
            "ALTER TABLE item RENAME label TO title;\nALTER TABLE item RENAME TO thing;",
            "",
            id="renamed",
        ),
        pytest.param(
            "ALTER TABLE item ADD FOREIGN KEY (owner_id) REFERENCES owner (id);",
            "public.item FOREIGN KEY (owner_id) REFERENCES owner(id)",
            id="a foreign key",
        ),
        pytest.param(
            "ALTER TABLE item ADD UNIQUE (label);", "public.item UNIQUE (label)", id="a key"
        ),
        pytest.param(
            "ALTER TABLE item ALTER size TYPE integer;",
            "public.item integer, before bigint (size)",
            id="a narrower type",
        ),
        pytest.param(
            "ALTER TABLE item ALTER size TYPE numeric, ALTER label TYPE varchar;",
            "",
            id="types that hold all of it",
        ),
        pytest.param(
            "ALTER DOMAIN code ADD CHECK (length(VALUE) < 9);",
            "public.item CHECK ((length(VALUE) < 9)) of the domain code (code)",
            id="a check of a domain",
        ),
        pytest.param(
            "ALTER DOMAIN code SET NOT NULL;", "public.item NOT NULL (code)", id="a domain's own"
        ),
        pytest.param(
            "ALTER TYPE mood RENAME TO old;\nCREATE TYPE mood AS ENUM ('good', 'fine');\n"
            "ALTER TABLE item ALTER mood TYPE mood USING 'good'::mood;\nDROP TYPE old;",
            "public.item public.mood without 'bad' (mood)",
            id="an enum without a label",
        ),
        pytest.param("ALTER TYPE mood RENAME VALUE 'bad' TO 'sad';", "", id="a label renamed"),
        pytest.param(
            "ALTER TYPE mood RENAME TO old;\nCREATE TYPE mood AS ENUM ('good', 'fine');\n"
            "ALTER TABLE item ALTER mood TYPE mood USING 'good'::mood;",
            "public.item public.mood without 'bad' (mood)",
            id="an enum without a label, the old one kept",
        ),
        pytest.param(
            "ALTER TABLE pair DROP CONSTRAINT owned;\nALTER TABLE pair ADD FOREIGN KEY (owner_id)"
            " REFERENCES owner (id) ON UPDATE CASCADE ON DELETE SET NULL (owner_id) DEFERRABLE;",
            "",
            id="a foreign key with other actions",
        ),
        pytest.param(
            "ALTER TABLE pair DROP CONSTRAINT owned;\n"
            "ALTER TABLE pair ADD FOREIGN KEY (a) REFERENCES owner (id) ON DELETE CASCADE;",
            "public.pair FOREIGN KEY (a) REFERENCES owner(id) ON DELETE CASCADE",
            id="a foreign key of another column",
        ),
        pytest.param(
            "ALTER TABLE item ADD up bigint, ADD FOREIGN KEY (size, up) REFERENCES pair (z, a);",
            "",
            id="a foreign key with a new column that nobody wrote",
        ),
        pytest.param(
            "ALTER TABLE item ADD up bigint;\nUPDATE item SET up = size;\nINSERT INTO pair (z, a)"
            " SELECT DISTINCT size, up FROM item WHERE size IS NOT NULL ON CONFLICT DO NOTHING;\n"
            "ALTER TABLE item ADD FOREIGN KEY (size, up) REFERENCES pair (z, a);",
            "public.item FOREIGN KEY (size, up) REFERENCES pair(z, a)",
            id="a foreign key with a new column that was filled",
        ),
        pytest.param(
            "ALTER TABLE item ADD UNIQUE (size, label);",
            "public.item UNIQUE (size, label)",
            id="a key in the order of its columns",
        ),
        pytest.param(
            "ALTER TABLE whole ATTACH PARTITION part FOR VALUES FROM (1) TO (1000000000);",
            "public.part the bound ((id IS NOT NULL) AND (id >= '1'::bigint) AND"
            " (id < '1000000000'::bigint));"
            " public.rest the bound (NOT ((id IS NOT NULL) AND ((id >= '1'::bigint) AND"
            " (id < '1000000000'::bigint))))",
            id="a partition",
        ),
        pytest.param(
            "ALTER TABLE item ADD kind text NOT NULL DEFAULT 'a' CHECK (kind IN ('a', 'b'));",
            "",
            id="a new column that nobody wrote",
        ),
        pytest.param(
            "ALTER TABLE item ADD kind text;\nUPDATE item SET kind = label;\n"
            "ALTER TABLE item ALTER kind SET NOT NULL, ADD UNIQUE (kind);",
            "public.item NOT NULL (kind), UNIQUE (kind)",
            id="a new column that was filled",
        ),
        pytest.param(
            "CREATE TABLE fresh (id bigint PRIMARY KEY, n integer NOT NULL CHECK (n > 0));",
            "",
            id="a new table",
        ),
    ],
)
def test_whether_the_real_rows_obey_is_not_known(
    project: Project, text: str, expected: str
) -> None:
    asked = unknown(project, text).removeprefix("made-up rows prove nothing of them: ")
    assert asked.split("; made-up rows of ")[0] == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(
            "DELETE FROM item WHERE label = 'no such';\nUPDATE ONLY item SET size = 1 WHERE size < -9;",
            "DELETE of item (loose.sql:1), UPDATE of item (loose.sql:2)",
            id="by a condition",
        ),
        pytest.param(
            "CREATE TABLE kept AS SELECT * FROM item;\n"
            "INSERT INTO public.kept SELECT * FROM item WHERE size < -9;",
            "INSERT of public.kept (loose.sql:2)",
            id="from a condition",
        ),
        pytest.param(
            "WITH old AS (SELECT id FROM item WHERE size < -9)\n"
            "DELETE FROM item USING old WHERE item.id = old.id;",
            "DELETE of item (loose.sql:1)",
            id="by way of a query",
        ),
        pytest.param(
            "-- ringfence: backfill key=id batch=200ms\nUPDATE item SET size = 1 WHERE size < -9;",
            "UPDATE of item (loose.sql:2)",
            id="a backfill",
        ),
        pytest.param("UPDATE item SET label = 'x' WHERE size > -9;", "", id="met"),
        pytest.param("SELECT FROM item WHERE size < -9;", "", id="read"),
    ],
)
def test_what_met_no_made_up_row_is_not_known(project: Project, text: str, expected: str) -> None:
    said = unknown(project, text, "unmet")
    assert said.removeprefix("no made-up row was met: ") == expected


def test_what_roles_cannot_be_tried_with_is_not_known(tmp_path: Path, database: str) -> None:
    project = Project(tmp_path / "project", database)
    project.revision(
        "0001",
        "DO $$ BEGIN CREATE ROLE ringfence_large; EXCEPTION WHEN duplicate_object OR unique_violation"
        " THEN NULL; END $$;\n"
        "CREATE TABLE large (id bigint, note text);\nCREATE TABLE small (id bigint);\n"
        "INSERT INTO large SELECT i, repeat('x', 1000) FROM generate_series(1, 1500) AS i;\n"
        "GRANT SELECT ON large, small TO ringfence_large;",
        "SELECT 1;",
    )
    assert project.run("migrate").status == 0
    said = unknown(project, "ALTER TABLE small ADD more integer;", "deeds")
    assert said == ("too many rows to try it with, or more than 1000 things to try: public.large")
