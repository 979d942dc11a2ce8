"""How reports read: whole outputs, in a wide terminal, a narrow one and a pipe."""

from __future__ import annotations

import io
import json
import re
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from goldens import golden
from ringfence import report as reports
from ringfence.errors import Misuse, Span
from ringfence.finding import Basis, Coverage, Finding, Report, Severity, counted
from ringfence.model import Ref
from ringfence.report import json as json_format

if TYPE_CHECKING:
    from collections.abc import Iterable

LONG = "    USING (tenant_id = current_setting('app.tenant_id')::UUID AND deleted_at IS NULL);"
DOCUMENT = Path(__file__).parent.parent / "docs" / "reference" / "json.md"


def a_report() -> Report:
    """One of everything a report may hold."""
    return Report(
        command="verify",
        target="postgresql://app_user@db.example/shop",
        unit="claim",
        findings=(
            Finding(
                "style/CP01",
                Severity.WARNING,
                "Keywords must be upper case.",
                span=Span("ddl/app/tables/accounts.sql", 3, 13, "    id uuid primary key,"),
                fix="    id uuid PRIMARY KEY,",
            ),
            Finding(
                "style/CP01",
                Severity.WARNING,
                "Keywords must be upper case.",
                span=Span("ddl/app/tables/accounts.sql", 12, 13, "    ciudad 名前名前 null"),
            ),
            Finding(
                "rls_not_forced",
                Severity.ERROR,
                "policy app.accounts.tenant_isolation does not bind the owner of the table,"
                " who reads the rows of every tenant",
                ref=Ref("policy", ("app", "accounts", "tenant_isolation")),
                span=Span("ddl/app/tables/accounts.sql", 31, 24, LONG),
                help="force row-level security, or give the table to a role nobody logs in as",
                fix="ALTER TABLE app.accounts\n    FORCE ROW LEVEL SECURITY;",
                evidence={"owner": "app_owner", "rows seen": 14},
            ),
            Finding("stale_statistics", Severity.INFO, "no statistics on app.accounts"),
        ),
        coverage=(
            Coverage("history", "applied revisions are the files", 2, "revision"),
            Coverage("isolation", "tenants are apart", skipped="no tenancy is configured"),
            Coverage("constraints", "every constraint is valid", 21, "constraint"),
        ),
    )


@pytest.mark.parametrize(
    ("name", "width", "colour"),
    [("pipe", 0, False), ("narrow", 60, False), ("terminal", 100, True)],
)
def test_text(name: str, width: int, colour: bool) -> None:
    golden(f"report/{name}.txt", reports.render(a_report(), "text", width=width, colour=colour))


def test_a_narrow_page_is_never_wider_than_the_terminal() -> None:
    copied = {"    ALTER TABLE app.accounts", "        FORCE ROW LEVEL SECURITY;"}
    lines = reports.render(a_report(), width=60).splitlines()
    assert [line for line in lines if len(line) > 60 and line not in copied] == []
    assert copied <= set(lines)


@pytest.mark.parametrize("column", [1, 30, 60, 88])
def test_of_a_long_line_the_part_at_the_caret_is_shown(column: int) -> None:
    text = "".join(chr(33 + n) for n in range(88))
    finding = Finding("x", Severity.ERROR, "m", span=Span("f.sql", 7, column, text))
    page = reports.render(Report("lint", (finding,)), width=40)
    source, caret = page.splitlines()[2:4]
    assert len(source) <= 40
    assert source[caret.index("^")] == text[column - 1]


def test_a_fix_of_one_place_is_printed_once() -> None:
    here, there = Span("a.sql", 1, 1, ""), Span("a.sql", 2, 1, "")
    findings = [
        Finding(code, Severity.ERROR, code, span=span, fix=fix)
        for code, span, fix in (
            ("A", here, "SELECT 1;"), ("B", here, "SELECT 1;"), ("C", here, "SELECT 2;"),
            ("D", there, "SELECT 1;"),
        )
    ]  # fmt: skip
    page = reports.render(Report("lint", tuple(findings)))
    assert page.count("    SELECT 1;\n") == 2
    assert page.count("  fix: the same as above\n") == page.count("    SELECT 2;\n") == 1


def test_a_pipe_gets_the_long_line_whole() -> None:
    assert LONG in reports.render(a_report())


def test_a_clean_report_is_its_coverage_and_a_verdict() -> None:
    report = Report("lint", target="ddl", coverage=(Coverage("style", "ddl", 3, "file"),))
    assert reports.render(report) == (
        "checked ddl\n  style  ddl · 3 files\n\n0 errors, 0 warnings · 3 files checked\n"
    )


def _findings(*severities: Severity) -> tuple[Finding, ...]:
    return tuple(Finding("x", severity, "m") for severity in severities)


def _rows(*counts: int, unit: str = "file", skipped: int = 0) -> tuple[Coverage, ...]:
    looked = tuple(Coverage("x", "t", count, unit) for count in counts)
    return looked + (Coverage("y", "t", skipped="why"),) * skipped


@pytest.mark.parametrize(
    ("report", "verdict"),
    [
        (Report("x"), "0 errors, 0 warnings"),
        (Report("x", _findings(Severity.ERROR)), "1 error, 0 warnings"),
        (Report("x", _findings(*Severity)), "1 error, 1 warning, 1 info"),
        (Report("x", coverage=_rows(2, 3)), "0 errors, 0 warnings · 5 files checked"),
        (
            Report("x", coverage=_rows(2, 3, skipped=2)),
            "0 errors, 0 warnings · 5 files checked, 2 not checked",
        ),
        (
            Report("x", coverage=_rows(1) + _rows(1, 1, unit="policy")),
            "0 errors, 0 warnings · 1 file, 2 policies checked",
        ),
        (
            Report("x", coverage=_rows(9, 9, skipped=1), unit="claim"),
            "0 errors, 0 warnings · 2 claims checked, 1 not checked",
        ),
        (Report("x", coverage=_rows(skipped=1)), "0 errors, 0 warnings · 1 not checked"),
    ],
)
def test_verdict(report: Report, verdict: str) -> None:
    assert report.verdict == verdict
    assert reports.render(report).endswith(f"{verdict}\n")


@pytest.mark.parametrize(
    ("count", "unit", "text"),
    [
        (0, "file", "0 files"),
        (1, "policy", "1 policy"),
        (2, "policy", "2 policies"),
        (2, "key", "2 keys"),
        (2, "index", "2 indexes"),
        (2, "class", "2 classes"),
    ],
)
def test_counted(count: int, unit: str, text: str) -> None:
    assert counted(count, unit) == text


@pytest.mark.parametrize("hostile", ["\x1b[2J", "\r", "\x07", "\x9b1m", "\u202e", "\x00"])
def test_what_a_file_holds_does_nothing_to_the_terminal(hostile: str) -> None:
    finding = Finding(
        f"x{hostile}",
        Severity.ERROR,
        f"a{hostile}b",
        span=Span(f"{hostile}.sql", 1, 1, f"c{hostile}d"),
        help=f"e{hostile}",
        fix=f"f{hostile}",
        evidence={"g": hostile},
    )
    coverage = (Coverage(hostile, hostile, skipped=hostile),)
    page = reports.render(Report("lint", (finding,), coverage, target=hostile))
    assert hostile not in page
    assert "a\ufffd" in page


def test_json(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_format, "__version__", "1.2.3")
    text = reports.render(a_report(), "json", width=60, colour=True)
    golden("report/report.json", text)
    assert text.isascii()


def test_json_leaves_out_nothing_that_a_finding_or_a_row_holds() -> None:
    document = json.loads(reports.render(a_report(), "json"))
    finding, row = document["findings"][0], document["coverage"][0]
    assert {f.name for f in fields(Finding)} - set(finding) == {"span", "key"}
    assert {f.name for f in fields(Span)} == set(finding["place"])
    assert {f.name for f in fields(Coverage)} <= set(row)


def _keys(value: object) -> Iterable[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield key
            if key != "evidence":
                yield from _keys(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _keys(inner)


def test_every_key_is_documented() -> None:
    documented = set(re.findall(r"`(\w+)`", DOCUMENT.read_text(encoding="utf-8")))
    assert set(_keys(json.loads(reports.render(a_report(), "json")))) <= documented


def test_the_documented_example_is_true(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_format, "__version__", "0.1.0")
    report = Report(
        command="lint",
        target="ddl/app/tables/accounts.sql",
        fail_on=Severity.WARNING,
        findings=(
            Finding(
                "style/CP01",
                Severity.WARNING,
                "Keywords must be upper case.",
                span=Span("ddl/app/tables/accounts.sql", 3, 13, "    id UUID primary key,"),
                fix="    id UUID PRIMARY KEY,",
                basis=Basis.STATIC,
            ),
        ),
        coverage=(Coverage("style", "ddl/app/tables/accounts.sql", 1, "file"),),
    )
    text = reports.render(report, "json")
    golden("report/example.json", text)
    assert f"```json\n{text}```" in DOCUMENT.read_text(encoding="utf-8")


def test_a_format_is_a_module() -> None:
    assert reports.formats() == (
        "text", "github", "gitlab", "json", "junit", "markdown", "sarif",
    )  # fmt: skip


def test_an_unknown_format() -> None:
    with pytest.raises(Misuse) as caught:
        reports.render(a_report(), "yaml")
    assert (str(caught.value), caught.value.hint) == (
        "no report format yaml",
        "one of: text, github, gitlab, json, junit, markdown, sarif",
    )


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def test_a_terminal_gets_colour_and_its_width(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    stream = Terminal()
    reports.write(a_report(), "text", stream)
    golden("report/terminal.txt", stream.getvalue())


@pytest.mark.parametrize(("name", "value"), [("NO_COLOR", "1"), ("TERM", "dumb")])
def test_a_terminal_without_colour(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv(name, value)
    stream = Terminal()
    reports.write(a_report(), "text", stream)
    golden("report/narrow.txt", stream.getvalue())


def test_a_pipe_gets_neither(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    stream = io.StringIO()
    reports.write(a_report(), "text", stream)
    golden("report/pipe.txt", stream.getvalue())


def test_a_stream_of_another_alphabet() -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii")
    reports.write(a_report(), "text", stream)
    stream.flush()
    assert rb"ciudad \u540d\u524d" in raw.getvalue()
