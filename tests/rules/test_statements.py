"""Statements one by one: what lint guesses from the text against what was measured to happen."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from ringfence import rules
from ringfence.rules._migration import parsed
from ringfence.script import Script

HERE = Path(__file__).parent
TABLES = (HERE / "tables.sql").read_text(encoding="utf-8")
STATEMENTS = tomllib.loads((HERE / "statements.toml").read_text(encoding="utf-8"))["statement"]
WORKS = {
    "M001", "M005", "M006", "M007", "M008", "M009", "M011", "M012", "M013", "M015", "M016", "M017",
    "M018", "M020", "M021", "M022", "M023", "M027", "M034", "M035", "M036", "M039", "M040", "M046",
}  # fmt: skip
"""The codes that say: this takes as long as the table is large, and others wait meanwhile."""


def found(case: dict[str, Any], folder: Path) -> list[str]:
    """The codes that lint finds in a statement, on the tables as they are before it."""
    folder.mkdir()
    (folder / "1_before.sql").write_text(TABLES + case.get("before", ""))
    (folder / "2_then.sql").write_text(f"{case['sql']};\n")
    report = rules.lint(None, [folder], select=["M"])
    return sorted({f.code for f in report.findings if f.span and "2_then" in f.span.path})


def test_every_statement_is_judged_as_it_was_measured(tmp_path: Path) -> None:
    assert len(STATEMENTS) > 150
    wrong = []
    for number, case in enumerate(STATEMENTS):
        codes = found(case, tmp_path / str(number))
        if codes != case["codes"] or bool(set(codes) & WORKS) != case["works"]:
            wrong.append((case["sql"], codes, case["codes"], case["works"]))
    assert wrong == []


def test_without_the_tables_before_no_statement_that_works_is_missed(tmp_path: Path) -> None:
    """What lint does not know it does not take for harmless."""
    missed = []
    for number, case in enumerate(STATEMENTS):
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / "1.sql").write_text(f"{case['sql']};\n")
        codes = {f.code for f in rules.lint(None, [folder], select=["M"]).findings}
        needs = {"M009", "M022", "M039"}  # a domain, a nullable column, a partitioned table
        if " on only " in case["sql"]:
            continue  # an index of a partitioned table begins so
        if case["works"] and not (codes & WORKS or set(case["codes"]) & needs):
            missed.append(case["sql"])
    assert missed == []


PAIRS = tomllib.loads((HERE / "migrations.toml").read_text(encoding="utf-8"))["pair"]


def test_migrations_side_by_side(tmp_path: Path) -> None:
    assert len(PAIRS) >= 130  # as many migrations twice
    wrong = []
    for number, pair in enumerate(PAIRS):
        for side, expected in (("unsafe", pair["codes"]), ("safe", [])):
            case = {"before": pair.get("before", ""), "sql": pair[side].rstrip(";")}
            codes = found(case, tmp_path / f"{number}{side}")
            if codes != expected:
                wrong.append((pair["name"], side, codes))
    assert wrong == []


@pytest.mark.parametrize("managed", [True, False])
@pytest.mark.parametrize(
    "text",
    [
        "SELECT 1; SELECT 2;",
        "BEGIN; SELECT 1; SELECT 2; COMMIT; SELECT 3;",
        "BEGIN; SELECT 1; ROLLBACK; START TRANSACTION; SELECT 2; COMMIT AND CHAIN; SELECT 3; END;",
        "BEGIN; SELECT 1; SAVEPOINT a; SELECT 2; ROLLBACK TO a; COMMIT;",
        "BEGIN; SELECT 1; PREPARE TRANSACTION 'x';",
        "BEGIN; COPY t FROM STDIN;\n1\n\\.\nSELECT 1; ABORT AND NO CHAIN; SELECT 2;",
        "-- ringfence: transaction: one\nSELECT 1; SELECT 2;",
        "-- ringfence: transaction: none\nSELECT 1; BEGIN; SELECT 2; SELECT 3; COMMIT;",
        "-- ringfence: backfill key=id\nUPDATE t SET a = 1;",
    ],
)
def test_lint_reads_the_transactions_that_a_rehearsal_runs(text: str, managed: bool) -> None:
    file = rules.SqlFile(Path("x.sql"), "x.sql", text, Path(), "x.sql")
    assert parsed(file, managed=managed).blocks == Script("x.sql", text, not managed).blocks
