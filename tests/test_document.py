"""`ringfence document`: pages about a schema, the same bytes for the same schema."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from typing import TYPE_CHECKING

import pytest

from projects import Project, lines
from ringfence import document
from ringfence.document.blocks import Block, Code, Heading, Table, Text, html, markdown

if TYPE_CHECKING:
    from pathlib import Path

DDL = """
CREATE SCHEMA app;
CREATE TABLE app.tenants (id uuid PRIMARY KEY, name text NOT NULL DEFAULT 'a|b');
COMMENT ON TABLE app.tenants IS 'Who pays | <b>and</b> `how`';
CREATE TYPE app.colour AS ENUM ('red', 'gr"een');
CREATE TABLE app.orders (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES app.tenants ON DELETE CASCADE,
    twin bigint UNIQUE REFERENCES app.orders,
    "od""d Näme" numeric(10, 2)[], colour app.colour
);
CREATE INDEX orders_tenant ON app.orders (tenant_id);
CREATE POLICY mine ON app.orders USING (tenant_id = current_setting('app.tenant', true)::uuid);
ALTER TABLE app.orders ENABLE ROW LEVEL SECURITY;
CREATE SCHEMA "index";
CREATE TABLE "index"."we""ird/.." (id int, tenant_id uuid REFERENCES app.tenants);
CREATE VIEW app.names AS SELECT name FROM app.tenants;
CREATE FUNCTION app.f(a int) RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT a';
CREATE ROLE reader;
GRANT SELECT ON app.orders TO reader;
"""


@pytest.fixture
def project(tmp_path: Path) -> Project:
    made = Project(tmp_path / "project", config='document = "docs/schema"\n')
    (made.root / "ddl").mkdir()
    (made.root / "ddl" / "all.sql").write_text(DDL, encoding="utf-8")
    return made


def test_the_pages(project: Project) -> None:
    done = project.run("document", dsn="")
    folder = project.root / "docs" / "schema"
    assert (done.status, done.out) == (
        0,
        lines(
            "docs/schema/app.md",
            "docs/schema/index.md",
            "docs/schema/index~.md",
            "docs/schema/schema.html",
        ),
    ), done.err
    overview = (folder / "index.md").read_text()
    assert "| `app.orders` | tenant\\_id → app.tenants | on | mine | `SELECT` |" in overview
    page = (folder / "app.md").read_text()
    assert "Who pays \\| &lt;b&gt;and&lt;/b&gt; \\`how\\`" in page
    assert "| `name` | `text` |  | `'a\\|b'::text` |  |" in page
    assert (
        '```mermaid\nerDiagram\n    t1["orders"] {\n        bigint id PK\n'
        "        uuid tenant_id FK\n        bigint twin FK, UK\n"
        "        numeric_10_2_array od_d_Näme\n        app_colour colour\n    }\n"
    ) in page
    assert '    t1 |o--o| t1 : "twin"\n' in page
    assert '    t2 ||--o{ t1 : "tenant_id"\n' in page
    assert "GENERATED ALWAYS AS IDENTITY" in page
    assert "| `app.f(integer)` | `integer` | owner |  |" in page
    assert '| `app.colour` | enum | `red, gr"een` |  |' in page
    assert "| `app.orders` | `tenant_id` | CASCADE |" in page
    odd = (folder / "index~.md").read_text()
    assert 't1["we\'ird/.."]' in odd
    assert 'o1["app.tenants"]' in odd


def test_they_are_the_same_again_and_stale_when_the_schema_is_another(project: Project) -> None:
    project.run("document", dsn="")
    again = project.run("document", dsn="")
    assert (again.status, again.out) == (0, "")
    assert project.run("document", "--check", dsn="").status == 0
    with (project.root / "ddl" / "all.sql").open("a", encoding="utf-8") as file:
        file.write("COMMENT ON VIEW app.names IS 'who';\n")
    stale = project.run("document", "--check", dsn="")
    assert (stale.status, stale.out) == (1, "docs/schema/app.md\ndocs/schema/schema.html\n")
    assert stale.err == "2 of 4 pages are stale\n"
    seen = project.run("check", "--format", "json", dsn="")
    found = [f["message"] for f in json.loads(seen.out)["findings"] if f["code"] == "documents"]
    assert found == ["docs/schema/app.md is stale", "docs/schema/schema.html is stale"]


def test_a_schema_that_is_gone_takes_its_page_along(project: Project) -> None:
    project.run("document", dsn="")
    folder = project.root / "docs" / "schema"
    (folder / "notes.md").write_text("mine")
    path = project.root / "ddl" / "all.sql"
    path.write_text(re.sub(r'CREATE (SCHEMA|TABLE) "index".*\n', "", path.read_text()))
    done = project.run("document", dsn="")
    assert "docs/schema/index~.md" in done.out
    assert sorted(p.name for p in folder.iterdir()) == [
        "app.md", "index.md", "notes.md", "schema.html",
    ]  # fmt: skip


def test_what_is_not_ours_is_not_written_over(project: Project) -> None:
    folder = project.root / "docs" / "schema"
    folder.mkdir(parents=True)
    (folder / "index.md").write_text("# Mine\n")
    done = project.run("document", dsn="")
    assert (done.status, done.out, done.err) == (
        2,
        "",
        lines(
            f"error: {folder}/index.md is not one of ringfence's pages: it is not written over",
            "hint: name another folder: ringfence document FOLDER",
        ),
    )
    assert [p.name for p in folder.iterdir()] == ["index.md"]
    done = project.run("document", "pyproject.toml", dsn="")
    assert done.err == "error: pyproject.toml is a file\nhint: name a folder\n"


def test_nobody_says_where(tmp_path: Path) -> None:
    project = Project(tmp_path / "project")
    done = project.run("document", dsn="")
    assert (done.status, done.err) == (
        2,
        lines(
            "error: nobody says where the pages are to lie",
            'hint: ringfence document docs/schema; or document = "docs/schema" in [tool.ringfence]',
        ),
    )


class Balanced(HTMLParser):
    """Fails on tags that do not close in their order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_odd_text_stays_text() -> None:
    blocks: list[Block] = [
        Heading(1, "a <b> & 'c'", 'x"y'),
        Text("# no heading\n| no table"),
        Table(("<h>",), (("`a`b|c",), ("<script>",))),
        Code("sql", "SELECT '```';"),
    ]
    assert markdown(blocks, document.MADE).split("\n\n")[1:] == [
        "# a &lt;b&gt; &amp; 'c'",
        "\\# no heading \\| no table",
        "| &lt;h&gt; |\n| --- |\n| `` a`b\\|c `` |\n| &lt;script&gt; |",
        "````sql\nSELECT '```';\n````\n",
    ]
    page = html(blocks, document.MADE)
    parser = Balanced()
    parser.feed(page)
    assert parser.open == []
    assert "<script>" not in page
