"""Every rule's page: its parts are there, and the SQL in it is caught, or passed over, as it says."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from ringfence import rules
from ringfence.rules._page import examples

if TYPE_CHECKING:
    from pathlib import Path

    from ringfence.rules import Rule
    from ringfence.rules._page import Example

RULES = rules.rules()
CODED = [each for each in RULES if each.code != "style"]
ON_FILES = [each for each in CODED if each.looks_at in ("Action", "Migration")]
SILENT = {"M053": "what it says holds for files that ringfence runs"}


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
    report = rules.lint(None, ["."], base=tmp_path, select=["M"])
    found = {f.code for f in report.findings if f.span and f.span.path == "2_then.sql"}
    assert (rule.code in found) == example.caught, report.findings
