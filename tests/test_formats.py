"""Reports for machines: each format is what its readers take, whatever the report holds."""

from __future__ import annotations

import io
import json
import re
from typing import TYPE_CHECKING
from urllib.parse import unquote
from xml.etree import ElementTree as ET

import pytest

from goldens import golden
from ringfence import report as reports
from ringfence import rules
from ringfence.cli.main import main
from ringfence.errors import Misuse, Span
from ringfence.finding import Basis, Coverage, Finding, Report, Severity
from ringfence.model import Ref

if TYPE_CHECKING:
    from pathlib import Path

NASTY = 'we"ird |`<b>%0A::error::\x1b[31m\x00\x0b, ]]> & ñ名前'


def a_report(text: str = "row-level security is off") -> Report:
    """Findings with and without everything that one may have."""
    return Report(
        command="lint",
        target="ddl",
        fail_on=Severity.WARNING,
        findings=(
            Finding(
                "T001",
                Severity.ERROR,
                text,
                ref=Ref("table", ("app", text)),
                span=Span(f"ddl/{text}.sql", 3, 5, f"    {text}"),
                help=text,
                fix=f"ALTER TABLE {text};",
                basis=Basis.CATALOG,
                evidence={"rows seen": 14},
            ),
            Finding("M001", Severity.WARNING, text, span=Span("a.sql", 1), basis=Basis.STATIC),
            Finding("M001", Severity.WARNING, text, span=Span("a.sql", 9), basis=Basis.STATIC),
            Finding("P001", Severity.INFO, text),
        ),
        coverage=(Coverage("style", text, 3, "file"), Coverage("T", text, skipped=text)),
    )


@pytest.mark.parametrize("name", ["sarif", "junit", "github", "gitlab", "markdown"])
def test_a_whole_report(name: str) -> None:
    golden(f"report/formats/{name}.txt", reports.render(a_report(), name))


@pytest.mark.parametrize("name", ["sarif", "junit", "markdown", "json", "text"])
def test_sql_that_shows_it_is_in_the_report(name: str) -> None:
    found = Finding(
        "isolation/policy",
        Severity.ERROR,
        "a tenant reads other tenants' rows",
        Ref("table", ("app", "note")),
        fix="ALTER TABLE app.note FORCE ROW LEVEL SECURITY;",
        reproduction="BEGIN;\nSELECT said FROM app.note;\nROLLBACK;",
    )
    text = reports.render(Report("verify", (found,)), name)
    assert "SELECT said FROM app.note;" in text
    assert "FORCE ROW LEVEL SECURITY" in text


@pytest.mark.parametrize("text", ["plain", NASTY])
def test_sarif_is_what_the_schema_says(text: str) -> None:
    model = pytest.importorskip("pydantic_sarif.model")  # made from the standard's schema
    rendered = reports.render(a_report(text), "sarif")
    read = model.StaticAnalysisResultsFormatSarifVersion210JsonSchema.model_validate_json(rendered)
    assert [each.ruleId for each in read.runs[0].results] == ["M001", "M001", "T001", "P001"]
    with pytest.raises(ValueError, match=r"extra_forbidden|Extra inputs"):
        model.StaticAnalysisResultsFormatSarifVersion210JsonSchema.model_validate(
            {**json.loads(rendered), "color": "red"}
        )


def test_places_in_sarif_are_relative_to_the_project() -> None:
    document = json.loads(reports.render(a_report(NASTY), "sarif"))
    results = document["runs"][0]["results"]
    places = [
        location["physicalLocation"]["artifactLocation"]
        for result in results
        for location in result.get("locations", ())
        if "physicalLocation" in location
    ]
    assert {place["uriBaseId"] for place in places} == {"%SRCROOT%"}
    assert [unquote(place["uri"]) for place in places] == [
        "a.sql", "a.sql", f"ddl/{NASTY}.sql", "pyproject.toml",
    ]  # fmt: skip
    assert not re.search(r"[\s\"<>%]", re.sub("%[0-9A-F]{2}", "", places[-1]["uri"]))


def test_a_fingerprint_stays_when_a_file_is_laid_out_anew(tmp_path: Path) -> None:
    def prints(text: str) -> list[str]:
        (tmp_path / "a.sql").write_text(text)
        report = rules.lint(None, ["a.sql"], base=tmp_path, select=["M"])
        document = json.loads(reports.render(report, "sarif"))
        prints = [r["partialFingerprints"] for r in document["runs"][0]["results"]]
        assert len({p["primaryLocationLineHash"] for p in prints}) == len(prints)
        return [p["ringfence/v1"] + p["primaryLocationLineHash"] for p in prints]

    first = prints("CREATE INDEX i ON app.t (a);\nCREATE INDEX j ON app.t (b);\n")
    assert len(set(first)) == 2
    assert first == prints(
        "\n\n-- why\ncreate index i\n  on app.t (a) ;\n\n\ncreate index j on app.t(b)"
    )


@pytest.mark.parametrize("text", ["plain", NASTY])
def test_junit_counts_and_is_xml(text: str) -> None:
    root = ET.fromstring(reports.render(a_report(text), "junit"))
    (suite,) = root
    cases = list(suite)
    assert (suite.get("tests"), suite.get("failures"), suite.get("skipped")) == ("6", "3", "1")
    assert len(cases) == 6
    assert sum(case.find("failure") is not None for case in cases) == 3
    assert sum(case.find("skipped") is not None for case in cases) == 1


def test_github_takes_each_finding_for_one_command() -> None:
    *lines, verdict = reports.render(a_report(NASTY), "github").split("\n")[:-1]
    assert [line.split(" ")[0] for line in lines] == [
        "::warning",
        "::warning",
        "::error",
        "::notice",
    ]
    assert all(line.count("::error::") == line.count("::error::", 40) for line in lines[:2])
    assert 'file=ddl/we"ird |`<b>%250A%3A%3Aerror%3A%3A' in lines[2]
    assert verdict.startswith("ringfence lint: 1 error")


def test_gitlab_tells_findings_apart_that_are_alike() -> None:
    issues = json.loads(reports.render(a_report(NASTY), "gitlab"))
    assert len({issue["fingerprint"] for issue in issues}) == len(issues) == 4
    assert [issue["severity"] for issue in issues] == ["major", "major", "critical", "info"]
    assert all(issue["location"]["path"] for issue in issues)


def test_markdown_takes_nothing_for_markup() -> None:
    page = reports.render(a_report(NASTY), "markdown")
    (row,) = [line for line in page.split("\n") if line.startswith("| ❌")]
    cells = re.split(r"(?<!\\)\|", row)
    assert len(cells) == 6
    assert "<b>" not in cells[3]
    assert "&lt;b&gt;" in cells[3]


def test_formats_say_the_status_that_was_asked_for() -> None:
    calm = Report("lint", (Finding("P001", Severity.INFO, "m"),), fail_on=Severity.WARNING)
    assert 'failures="0"' in reports.render(calm, "junit")
    assert '"exitCode": 0' in reports.render(calm, "sarif")
    assert reports.render(calm, "markdown").startswith("### ✅")


def test_several_formats_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.sql").write_text("CREATE INDEX i ON app.t (a);\n")
    out = [f"--output={name}=out/{name}.txt" for name in reports.formats()]
    assert main(["lint", "a.sql", "--select", "M", "--format", "github", *out]) == 1
    assert capsys.readouterr().out == (tmp_path / "out" / "github.txt").read_text()
    for name in reports.formats():
        assert "M001" in (tmp_path / "out" / f"{name}.txt").read_text()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("sarif", "--output sarif names no file"),
        ("sarif=", "--output sarif= names no file"),
        ("yaml=x", "no report format yaml"),
        ("sarif=.", "--output sarif=.: . is a folder"),
        (
            "sarif=/no/where/r.sarif",
            "--output sarif=/no/where/r.sarif: there is no folder /no/where",
        ),
    ],
)
def test_an_output_that_cannot_be(given: str, message: str) -> None:
    with pytest.raises(Misuse) as caught:
        reports.outputs([given])
    assert caught.value.message == message


def test_a_format_given_twice() -> None:
    with pytest.raises(Misuse, match="gives sarif twice"):
        reports.outputs(["sarif=a", "sarif=b"])


def test_an_output_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Misuse, match="cannot write"):
        reports.emit(a_report(), "text", {"sarif": tmp_path / "file" / "x"}, (out := io.StringIO()))
    assert out.getvalue() == ""
