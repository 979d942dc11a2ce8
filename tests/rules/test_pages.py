"""Every rule's page: its parts are there, and the SQL in it is caught, or passed over, as it says."""

from __future__ import annotations

import os
import re
import warnings
from contextlib import suppress
from typing import TYPE_CHECKING

import psycopg
import pytest
from psycopg import sql

from ringfence import rules
from ringfence.finding import Severity
from ringfence.pg.extract import extract
from ringfence.rules._mend import THEN
from ringfence.rules._page import examples
from ringfence.rules._schema import Schema
from ringfence.script import Script

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from conftest import SomeServer
    from ringfence.rules import Rule
    from ringfence.rules._page import Example

RULES = rules.rules()
CODED = [each for each in RULES if each.code != "style"]
ON_SCHEMA = [each for each in CODED if each.looks_at == "Schema"]
ON_FILES = [each for each in CODED if each.looks_at in ("Action", "Migration")]
SILENT = {
    "L004": "it is about a baseline",
    "L006": "it is about bytes",
    "C000": "there is nothing to see",
    "M056": "it is about several revisions",
}


@pytest.mark.parametrize("rule", CODED, ids=[each.code for each in CODED])
def test_a_page_has_its_parts(rule: Rule) -> None:
    assert re.fullmatch(r"[MTCPL]\d{3}", rule.code)
    assert len(rule.page.split("\n")[0]) <= 100
    assert rule.page.split("\n")[0].endswith(".")
    for part in ("Why it matters:", "Passes", "When to ignore:"):
        assert f"\n{part}" in rule.page, part


def cases(of: list[Rule]) -> list[object]:
    return [
        pytest.param(rule, each, id=f"{rule.code}-{number}-{'caught' if each.caught else 'passes'}")
        for rule in of
        for number, each in enumerate(examples(rule.page), 1)
    ]


@pytest.mark.parametrize("rule", CODED, ids=[each.code for each in CODED])
def test_a_page_shows_what_is_caught_and_what_is_not(rule: Rule) -> None:
    shown = {each.caught for each in examples(rule.page)}
    assert shown == ({False} if rule.code in SILENT else {True, False})


@pytest.mark.parametrize(("rule", "example"), cases(ON_FILES))
def test_a_migration_on_a_page(rule: Rule, example: Example, tmp_path: Path) -> None:
    (tmp_path / "1_before.sql").write_text(example.before)
    (tmp_path / "2_then.sql").write_text(example.sql)
    report = rules.lint(None, ["."], base=tmp_path, select=["M", "L"])
    found = {f.code for f in report.findings if f.span and f.span.path == "2_then.sql"}
    assert (rule.code in found) == example.caught, report.findings


@pytest.fixture(scope="module")
def playground(server: SomeServer) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    """A database of the module's own, with the roles that pages name."""
    name = f"pages_{os.getpid()}"
    with psycopg.connect(server.dsn(), autocommit=True) as admin:
        admin.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(name)))
        try:
            with psycopg.connect(server.dsn(name), autocommit=True) as connection:
                for role in ("app_user", "app_bypass BYPASSRLS", "app_member"):
                    with suppress(psycopg.errors.DuplicateObject, psycopg.errors.UniqueViolation):
                        connection.execute(f"CREATE ROLE {role}")
                yield connection
        finally:
            admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.mark.parametrize(("rule", "example"), cases(ON_SCHEMA))
def test_a_schema_on_a_page(
    rule: Rule,
    example: Example,
    playground: psycopg.Connection[tuple[object, ...]],
    tmp_path: Path,
) -> None:
    playground.execute("DROP SCHEMA IF EXISTS app CASCADE; CREATE SCHEMA app")
    for (name,) in playground.execute("SELECT pubname FROM pg_publication").fetchall():
        playground.execute(sql.SQL("DROP PUBLICATION {}").format(sql.Identifier(str(name))))
    with warnings.catch_warnings():
        playground.execute(example.sql)
    catalog = extract(playground, nobody="postgres", roles=True)
    found = list(rule.check(Schema(catalog)))
    assert bool(found) == example.caught, found
    assert all(problem.ref is not None for problem in found)
    for problem in found:
        refused = _refused(problem.fix, example.sql, tmp_path)
        assert not refused, (problem.fix, refused)
    for fix in dict.fromkeys(problem.fix for problem in found if problem.fix):
        for statement in Script("", fix, loose=True).statements:
            playground.execute(statement.text)
    if found and all(problem.fix for problem in found):
        left = list(rule.check(Schema(extract(playground, nobody="postgres", roles=True))))
        assert not left, left


def _refused(fix: str, before: str, folder: Path) -> list[str]:
    """What lint has against a fix, each of its transactions a migration of its own."""
    (folder / "0.sql").write_text(before)
    parts = [part for part in fix.split(THEN) if part.strip()]
    for number, part in enumerate(parts, 1):
        (folder / f"{number}.sql").write_text(part)
    report = rules.lint(None, ["."], base=folder, select=["M"])
    return [
        f"{f.code}: {f.message}"
        for f in report.findings
        if f.severity is not Severity.INFO and f.span is not None and f.span.path != "0.sql"
    ]


# What people do on purpose: information, not an alarm.

TENANTS = """
CREATE TABLE app.tenants (id uuid PRIMARY KEY);
CREATE TABLE app.orders (id uuid PRIMARY KEY, tenant_id uuid NOT NULL REFERENCES app.tenants);
CREATE FUNCTION app.tenant() RETURNS uuid LANGUAGE sql STABLE AS $$
    SELECT nullif(current_setting('app.tenant_id', true), '')::uuid $$;
CREATE FUNCTION app.tenants_of() RETURNS SETOF uuid LANGUAGE sql STABLE AS $$
    SELECT app.tenant() $$;
CREATE POLICY mine ON app.orders USING (tenant_id = app.tenant());
ALTER TABLE app.orders ENABLE ROW LEVEL SECURITY;
"""


@pytest.mark.parametrize(
    ("code", "ddl", "severity"),
    [
        ("T005", "CREATE POLICY seen ON app.orders FOR SELECT USING (true)", Severity.ERROR),
        (
            "T005",
            ("CREATE TABLE app.people (id int); ALTER TABLE app.people ENABLE ROW LEVEL SECURITY;"
            "CREATE POLICY seen ON app.people FOR SELECT USING (true)"),
            Severity.INFO,
        ),
        (
            "T005",
            ("CREATE TABLE app.people (id int); ALTER TABLE app.people ENABLE ROW LEVEL SECURITY;"
            "CREATE POLICY seen ON app.people USING (true)"),
            Severity.ERROR,
        ),
        (
            "T007",
            "CREATE POLICY theirs ON app.orders USING (id IN (SELECT app.tenants_of()))",
            Severity.INFO,
        ),
        ("T007", "CREATE POLICY odd ON app.orders USING (id <> tenant_id)", Severity.WARNING),
        (
            "T019",
            ("CREATE FUNCTION app.n() RETURNS bigint LANGUAGE sql SECURITY DEFINER SET search_path"
            " = '' AS $$ SELECT count(*) FROM app.orders WHERE tenant_id IN"
            " (SELECT app.tenants_of()) $$"),
            Severity.INFO,
        ),
        (
            "T019",
            ("CREATE FUNCTION app.n() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET"
            " search_path = '' AS $$ BEGIN DELETE FROM app.orders; RETURN NULL; END $$;"
            "REVOKE EXECUTE ON FUNCTION app.n() FROM PUBLIC"),
            Severity.WARNING,
        ),
        ("P007", "CREATE TABLE app.t (id serial PRIMARY KEY)", Severity.INFO),
        ("P007", "CREATE TABLE app.t (id smallserial PRIMARY KEY)", Severity.WARNING),
        ("T030", ("ALTER TABLE app.orders ADD token text; REVOKE TRUNCATE ON app.orders FROM"
            " CURRENT_USER"), None),
    ],
)  # fmt: skip
def test_how_grave_it_is(
    code: str,
    ddl: str,
    severity: Severity | None,
    playground: psycopg.Connection[tuple[object, ...]],
) -> None:
    playground.execute("DROP SCHEMA IF EXISTS app CASCADE; CREATE SCHEMA app")
    playground.execute(TENANTS)
    playground.execute(ddl)
    schema = Schema(extract(playground, nobody="postgres", roles=True))
    rule = next(each for each in RULES if each.code == code)
    said = {problem.severity or rule.severity for problem in rule.check(schema)}
    assert said == ({severity} if severity else set())


ISOLATED = """
CREATE TABLE app.tenants (id uuid PRIMARY KEY, name text NOT NULL);
CREATE TABLE app.orders (
    id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES app.tenants ON DELETE CASCADE,
    number text NOT NULL,
    amount_count int NOT NULL CHECK (amount_count >= 0),
    UNIQUE (tenant_id, id), UNIQUE (tenant_id, number)
);
CREATE TABLE app.lines (
    id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES app.tenants ON DELETE CASCADE,
    order_id uuid NOT NULL,
    replaces uuid,
    UNIQUE (tenant_id, id),
    FOREIGN KEY (tenant_id, order_id) REFERENCES app.orders (tenant_id, id) ON DELETE CASCADE,
    FOREIGN KEY (tenant_id, replaces) REFERENCES app.lines (tenant_id, id)
);
CREATE INDEX lines_order ON app.lines (tenant_id, order_id);
CREATE INDEX lines_replaces ON app.lines (tenant_id, replaces);
CREATE TABLE app.currencies (code text PRIMARY KEY);
CREATE POLICY mine ON app.orders TO app_user
    USING (tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid));
CREATE POLICY mine ON app.lines TO app_user
    USING (tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid));
ALTER TABLE app.orders ENABLE ROW LEVEL SECURITY;
ALTER TABLE app.orders FORCE ROW LEVEL SECURITY;
ALTER TABLE app.lines ENABLE ROW LEVEL SECURITY;
ALTER TABLE app.lines FORCE ROW LEVEL SECURITY;
CREATE VIEW app.amounts WITH (security_invoker) AS SELECT id, amount_count FROM app.orders;
CREATE FUNCTION app.add(n text) RETURNS void LANGUAGE sql SET search_path = '' AS $$
    INSERT INTO app.currencies (code) VALUES (n) ON CONFLICT DO NOTHING
$$;
REVOKE EXECUTE ON FUNCTION app.add(text) FROM PUBLIC;
GRANT SELECT, INSERT, UPDATE, DELETE ON app.orders, app.lines, app.amounts TO app_user;
"""


def test_nothing_is_said_against_a_schema_that_keeps_tenants_apart(
    playground: psycopg.Connection[tuple[object, ...]],
) -> None:
    playground.execute("DROP SCHEMA IF EXISTS app CASCADE; CREATE SCHEMA app")
    playground.execute(ISOLATED)
    schema = Schema(extract(playground, nobody="postgres", roles=True))
    assert schema.root is not None
    assert len(schema.scoped) == 3
    said = [
        (rule.code, problem.message)
        for rule in ON_SCHEMA
        for problem in rule.check(schema)
        if rule.code not in ("P010", "T025")  # it has no comments; ids can be guessed by nobody
    ]
    assert said == []
