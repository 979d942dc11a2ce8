"""Version 1.0 is what the specification's own SQL makes, and ddl/ is what the revisions make."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from messaging.support import ROOT, catalog, differences, load, read, run, statements

if TYPE_CHECKING:
    from collections.abc import Callable

    from messaging.support import Connection, Facts, Migration

SPECIFIED = {
    "table": 8,
    "view": 2,
    "view definition": 2,
    "row level security": 8,
    "trigger": 5,
    "policy": 3,
    "routine": 2,
    "routine body": 2,
    "comment": 16,
}
"""How much of each the two catalogs have to agree on: comparing nothing with nothing proves nothing."""


@pytest.fixture(scope="session")
def by_specification(make_empty: Callable[[], str], core: Migration, specification: str) -> str:
    """A database with our revision 0001 and then the specification's SQL."""
    dsn = make_empty()
    run(dsn, core.up, "CREATE SCHEMA messaging", *statements(specification))
    return dsn


def specified(facts: Facts) -> Facts:
    """What the specification has a say in: not who owns the schema and who may use it."""
    return {
        (what, name): fact
        for (what, name), fact in facts.items()
        if what not in {"owner", "grants"}
    }


def in_messaging(facts: Facts) -> Facts:
    """The facts whose name says that they lie in schema messaging."""
    return {
        (what, name): fact
        for (what, name), fact in facts.items()
        if re.search(r"\bmessaging\.", name)
    }


def test_every_statement_of_the_specification_is_found(specification: str) -> None:
    found = statements(specification)
    kinds = Counter(" ".join(text.replace(" OR REPLACE", "").split()[:2]) for text in found)
    assert kinds == {
        "CREATE TABLE": 8,
        "CREATE INDEX": 31,
        "CREATE TRIGGER": 5,
        "CREATE POLICY": 3,
        "CREATE FUNCTION": 2,
        "CREATE VIEW": 2,
        "ALTER TABLE": 3,
        "COMMENT ON": 16,
    }
    prose = specification
    for text in found:
        prose = prose.replace(text, "")
    assert ";" not in re.sub(r"^--.*$", "", prose, flags=re.MULTILINE)


def test_version_1_0_is_what_the_specification_makes(by_specification: str, at_1_0: str) -> None:
    ours = specified(read(at_1_0))
    theirs = specified(read(by_specification))
    assert differences(ours, theirs) == []

    compared = Counter(what for what, _ in in_messaging(ours))
    assert {what: compared[what] for what in SPECIFIED} == SPECIFIED


def test_ddl_is_what_the_revisions_make(database: str, at_head: str) -> None:
    load(database, ROOT / "ddl")
    assert differences(read(database), read(at_head)) == []


def test_ddl_keeps_one_table_view_or_function_a_file(at_head: str) -> None:
    folders = {"table": "tables", "view": "views", "routine": "functions"}
    expected = set()
    for what, name in read(at_head):
        if what in folders:
            schema, _, rest = name.partition(".")
            expected.add(f"{schema}/{folders[what]}/{rest.partition('(')[0]}.sql")
    found = {path.relative_to(ROOT / "ddl").as_posix() for path in ROOT.glob("ddl/*/*/*.sql")}
    assert found == expected


A = "messaging.whatsapp_accounts"
EMPTY_FUNCTION = """
    CREATE OR REPLACE FUNCTION messaging.is_window_open(p_conversation_id UUID)
    RETURNS BOOLEAN LANGUAGE plpgsql AS 'BEGIN RETURN false; END'
"""
EMPTY_METRICS = f"""
    CREATE OR REPLACE VIEW messaging.vw_whatsapp_metrics AS
    SELECT
        tenant_id, id AS account_id, phone_number, display_name, quality_rating,
        0::BIGINT AS conversations_30d, 0::BIGINT AS messages_sent_30d,
        0::BIGINT AS messages_received_30d, 0::BIGINT AS open_conversations
    FROM {A}
"""


@pytest.mark.parametrize(
    ("what", "change"),
    [
        ("column", f"ALTER TABLE {A} ADD COLUMN extra INT"),
        ("column", f"ALTER TABLE {A} ALTER COLUMN waba_id TYPE VARCHAR(51)"),
        ("column", f"ALTER TABLE {A} ALTER COLUMN quality_rating DROP DEFAULT"),
        ("column", f"ALTER TABLE {A} ALTER COLUMN webhook_url SET NOT NULL"),
        ("row level security", f"ALTER TABLE {A} FORCE ROW LEVEL SECURITY"),
        ("row level security", f"ALTER TABLE {A} DISABLE ROW LEVEL SECURITY"),
        ("trigger", f"ALTER TABLE {A} DISABLE TRIGGER trg_whatsapp_accounts_updated_at"),
        ("table", f"ALTER TABLE {A} SET (fillfactor = 90)"),
        ("constraint", f"ALTER TABLE {A} DROP CONSTRAINT chk_whatsapp_accounts_phone"),
        ("constraint", f"ALTER TABLE {A} ADD CONSTRAINT c CHECK (waba_id <> '') NOT VALID"),
        ("index", f"CREATE INDEX extra ON {A} (waba_id)"),
        ("index", "DROP INDEX messaging.idx_whatsapp_accounts_phone"),
        ("index definition", "ALTER INDEX messaging.idx_whatsapp_accounts_phone RENAME TO other"),
        ("policy", f"ALTER POLICY whatsapp_accounts_tenant_isolation ON {A} USING (true)"),
        ("policy", f"ALTER POLICY whatsapp_accounts_tenant_isolation ON {A} TO app_user"),
        ("comment", f"COMMENT ON COLUMN {A}.waba_id IS 'otro'"),
        ("comment", f"COMMENT ON TABLE {A} IS NULL"),
        ("routine", "ALTER FUNCTION messaging.is_window_open STABLE"),
        ("routine", "ALTER FUNCTION messaging.is_window_open SECURITY DEFINER"),
        ("routine", "ALTER FUNCTION messaging.is_window_open SET search_path = ''"),
        ("routine body", EMPTY_FUNCTION),
        ("view", "ALTER VIEW messaging.vw_inbox SET (security_barrier = true)"),
        ("view definition", EMPTY_METRICS),
        ("owner", f"ALTER TABLE {A} OWNER TO CURRENT_USER"),
        ("owner", "ALTER SCHEMA messaging OWNER TO CURRENT_USER"),
        ("grants", f"REVOKE DELETE ON {A} FROM app_user"),
        ("grants", f"GRANT SELECT (waba_id) ON {A} TO PUBLIC"),
        ("grants", "REVOKE EXECUTE ON FUNCTION messaging.is_window_open FROM app_user"),
    ],
)
def test_the_comparison_sees(what: str, change: str, undoing: Connection) -> None:
    before = catalog(undoing)
    undoing.execute(change.encode())
    lines = differences(before, catalog(undoing))
    assert any(line[2:].startswith(f"{what} ") for line in lines), lines
