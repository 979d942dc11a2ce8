"""What becomes of lint's findings: ignored, accepted, chosen, of changed files only; bad input."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from projects import Project
from ringfence import rules
from ringfence.cli.main import main
from ringfence.errors import Misuse, Span
from ringfence.finding import AGREED, Basis, Finding, Severity
from ringfence.project import find
from ringfence.report import formats
from ringfence.rules._fix import same
from ringfence.rules._page import examples

if TYPE_CHECKING:
    from ringfence.finding import Report

DROP = "DROP INDEX app.t_a;\n"


def lint(folder: Path, text: str, *select: str) -> list[tuple[str, int]]:
    """The codes and lines that lint finds in one file."""
    (folder / "a.sql").write_text(text)
    report = rules.lint(None, ["a.sql"], base=folder, select=select or ("M", "L"))
    return [(f.code, f.span.line) for f in report.findings if f.span]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with a table that has a hole in it, and a revision that keeps writers waiting."""
    (tmp_path / "pyproject.toml").write_text("[tool.ringfence]\n")
    (tmp_path / "ddl").mkdir()
    (tmp_path / "ddl" / "app.sql").write_text(
        "CREATE SCHEMA app;\n\n"
        "CREATE TABLE app.notes (\n    id INT PRIMARY KEY,\n    owner TEXT\n);\n\n"
        "CREATE POLICY mine ON app.notes USING (owner = current_user);\n"
    )
    versions = tmp_path / "migrations" / "versions"
    versions.mkdir(parents=True)
    (versions / "0001_x.py").write_text(
        '"""X."""\nfrom ringfence.history import sqlfile\n\nrevision = "0001"\ndown_revision = None\n'
        "upgrade, downgrade = sqlfile(__file__)\n"
    )
    (versions / "0001_x.up.sql").write_text("CREATE TABLE app.notes (id INT PRIMARY KEY);\n")
    (versions / "0002_y.py").write_text(
        '"""Y."""\nfrom ringfence.history import sqlfile\n\nrevision = "0002"\ndown_revision = "0001"\n'
        "upgrade, downgrade = sqlfile(__file__)\n"
    )
    (versions / "0002_y.up.sql").write_text("ALTER TABLE app.notes ALTER COLUMN id TYPE BIGINT;\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


# Ignores ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"-- ringfence: ignore M002 because it is empty\n{DROP}{DROP}", [("M002", 3)]),
        (f"{DROP[:-1]} -- ringfence: ignore M002 because it is empty\n{DROP}", [("M002", 2)]),
        (f"-- why\n-- ringfence: ignore M because it is empty\n\n-- more\n{DROP}", []),
        (f"-- ringfence: ignore M001, M002 because of this\n{DROP}", [("L002", 1)]),
        (f"-- ringfence: ignore M002\n{DROP}", [("M002", 2), ("L001", 1)]),
        (f"-- ringfence: ignore because why not\n{DROP}", [("M002", 2), ("L001", 1)]),
        (f"-- ringfence: ignore M002 because\n{DROP}", [("M002", 2), ("L001", 1)]),
        (
            f"-- ringfence: ignore M0002 because of a typing error\n{DROP}",
            [("M002", 2), ("L003", 1)],
        ),
        ("-- ringfence: ignore M001 because there is none\nSELECT 1;\n", [("L002", 1)]),
        ("SELECT '-- ringfence: ignore M001';\n", []),
        ("-- ringfence: ignore T001 because nobody looked\nSELECT 1;\n", []),
        (
            (
                "ALTER TABLE app.t\n"
                "    -- ringfence: ignore M006 because it is empty\n"
                "    ADD COLUMN a INT DEFAULT random(),\n"
                "    ADD COLUMN b INT DEFAULT random(), -- ringfence: ignore M006 because it is empty\n"
                "    ADD COLUMN c INT DEFAULT random();\n"
            ),
            [("M006", 5)],
        ),
    ],
)
def test_an_ignore_beside_the_statement(
    tmp_path: Path, text: str, expected: list[tuple[str, int]]
) -> None:
    assert lint(tmp_path, text) == expected


@pytest.mark.parametrize(
    "rule", [r for r in rules.rules() if r.looks_at == "Ignore"], ids=lambda r: r.code
)
def test_the_pages_of_remarks(tmp_path: Path, rule: rules.Rule) -> None:
    for example in examples(rule.page):
        found = {code for code, _ in lint(tmp_path, example.sql)}
        assert (rule.code in found) == example.caught


def test_an_ignore_beside_an_object_of_ddl(project: Path) -> None:
    ddl = project / "ddl" / "app.sql"
    before = {f.code for f in rules.lint(find(), catalog=True, select=["T", "L"]).findings}
    assert "T003" in before
    text = ddl.read_text()
    reason = "-- ringfence: ignore T003 because it is switched on by hand\n"
    ddl.write_text(text.replace("CREATE TABLE", f"{reason}CREATE TABLE"))
    report = rules.lint(find(), catalog=True, select=["T", "L"])
    assert {f.code for f in report.findings} == before - {"T003"}


# The catalog --------------------------------------------------------------------------------------


def test_findings_on_the_schema_point_to_its_files(project: Path) -> None:
    report = rules.lint(find(), catalog=True, select=["T003", "T009", "M"])
    found = {f.code: (str(f.span), f.basis) for f in report.findings}
    assert found == {
        "T003": ("ddl/app.sql:3:1", Basis.CATALOG),
        "T009": ("ddl/app.sql:5:5", Basis.CATALOG),
        "M015": ("migrations/versions/0002_y.up.sql:1:36", Basis.STATIC),
    }


def test_a_schema_that_does_not_load_is_a_finding(project: Path) -> None:
    (project / "ddl" / "b.sql").write_text("CREATE VIEW app.v AS\nSELECT nothing FROM app.notes;\n")
    report = rules.lint(find(), catalog=True, select=["C", "M"])
    (finding,) = [f for f in report.findings if f.code == "C000"]
    assert str(finding.span) == "ddl/b.sql:2:8"
    assert "M015" in {f.code for f in report.findings}
    assert any(row.skipped == "it does not load" for row in report.coverage)


def test_what_is_wrong_with_a_partitioned_table_is_said_once(project: Path) -> None:
    (project / "ddl" / "parts.sql").write_text(
        "CREATE TABLE app.days (\n    id BIGINT,\n    at DATE NOT NULL,\n    unread_count INTEGER,\n"
        "    status TEXT\n) PARTITION BY RANGE (at);\n"
        "CREATE INDEX ON app.days (id);\nCREATE INDEX ON app.days (id, at);\n"
        "CREATE TABLE app.y1 PARTITION OF app.days FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');\n"
        "CREATE TABLE app.y2 PARTITION OF app.days FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');\n"
        "CREATE INDEX y2_id ON app.y2 (id);\n"
    )
    report = rules.lint(find(), catalog=True, select=["C004", "C005", "P002", "P003"])
    assert sorted(f.code for f in report.findings if "app.y" not in f.message) == [
        "C004", "C005", "P002", "P003",
    ]  # fmt: skip
    rest = [f.message for f in report.findings if "app.y" in f.message]
    assert rest == ["index y2_id of app.y2 repeats y2_id_at_idx (id, at)"]


def test_a_second_look_needs_no_server(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = rules.lint(find(), catalog=True, select=["T"])
    monkeypatch.setattr("ringfence.sources.shop", None)
    assert rules.lint(find(), catalog=True, select=["T"]) == first


def test_the_holes_of_messaging_1_0_are_found(tmp_path: Path) -> None:
    root = Path(__file__).parents[1]
    shutil.copy(root / "pyproject.toml", tmp_path)
    (tmp_path / "ddl").mkdir()
    for name in ("0001_core", "0002_messaging_1_0"):
        shutil.copy(root / "migrations" / "versions" / f"{name}.up.sql", tmp_path / "ddl")
    report = rules.lint(
        find(tmp_path), ["ddl"], catalog=True, select=["T", "C", "P"], base=tmp_path
    )
    found = {(f.code, f.ref.name[-1]) for f in report.findings if f.ref}
    assert found >= HOLES


def test_what_lint_finds_at_the_head_is_accepted_with_a_reason() -> None:
    root = Path(__file__).parents[1]
    baseline = root / "migrations" / "lint-baseline.json"
    kept = rules.lint(find(root), catalog=True, base=root, baseline=baseline, skip=["style"])
    assert [f.code for f in kept.findings] == []
    reasons = [e["reason"] for e in json.loads(baseline.read_text())["accepted"]]
    assert min(map(len, reasons)) > 20


HOLES = {
    *(("T001", table) for table in (
        "whatsapp_templates", "whatsapp_conversations", "whatsapp_messages", "chatbot_nodes",
        "chatbot_sessions",
    )),
    *(("T002", table) for table in ("whatsapp_accounts", "whatsapp_campaigns", "chatbot_flows")),
    *(("T015", view) for view in ("vw_inbox", "vw_whatsapp_metrics")),
    ("T016", "vw_whatsapp_metrics"),
    ("T010", "whatsapp_accounts_tenant_isolation"),
    ("T021", "whatsapp_campaigns_account_id_fkey"),
    ("T021", "whatsapp_campaigns_template_id_fkey"),
    ("T021", "whatsapp_conversations_contact_id_fkey"),
    ("T021", "whatsapp_conversations_assigned_user_id_fkey"),
    ("T021", "chatbot_sessions_current_node_id_fkey"),
    ("T022", "whatsapp_campaigns_template_id_fkey"),
    ("T023", "account_ids"),
    ("T023", "chatbot_session_id"),
    ("T026", "whatsapp_conversations_contact_id_fkey"),
    ("T030", "access_token_encrypted"),
    ("C001", "updated_at"),
    ("C003", "quality_rating"),
    ("C004", "messaging_limit"),
    ("C005", "unread_count"),
    ("C006", "is_draft"),
    ("C007", "is_start"),
    ("C009", "(uuid)"),
    ("C010", "(uuid, character varying, character varying, character varying, jsonb)"),
    ("P001", "chatbot_sessions_current_node_id_fkey"),
    ("P001", "whatsapp_campaigns_template_id_fkey"),
    *(("P002", f"idx_{index}") for index in (
        "whatsapp_accounts_tenant", "whatsapp_templates_account", "whatsapp_conversations_account",
        "whatsapp_messages_conversation", "chatbot_flows_tenant", "chatbot_nodes_flow",
    )),
}  # fmt: skip


# A baseline ---------------------------------------------------------------------------------------


def accepted(project: Path, baseline: Path, reason: str | None = None) -> Report:
    return rules.lint(find(), baseline=baseline, accept=reason, skip=["style"])


def test_a_baseline_accepts_what_there_is_and_nothing_new(project: Path) -> None:
    baseline = project / "known.json"
    assert accepted(project, baseline, "it is in production").findings == ()
    assert accepted(project, baseline).status == 0
    up = project / "migrations" / "versions" / "0002_y.up.sql"
    up.write_text(f"\n\n{up.read_text().lower()}")
    assert accepted(project, baseline).status == 0
    up.write_text(up.read_text() + "alter table app.notes alter column id type numeric;\n")
    assert [f.code for f in accepted(project, baseline).findings if f.code == "M015"] == ["M015"]


def test_what_is_accepted_and_gone_is_a_finding_when_everything_was_looked_at(
    project: Path,
) -> None:
    baseline = project / "known.json"
    accepted(project, baseline, "it is in production")
    (project / "migrations" / "versions" / "0002_y.up.sql").write_text("SELECT 1;\n")
    everything = rules.lint(find(), baseline=baseline)
    assert "L004" in {f.code for f in everything.findings}
    some = rules.lint(find(), ["ddl"], baseline=baseline)
    assert "L004" not in {f.code for f in some.findings}


def test_what_is_accepted_and_gone_is_told_where_something_else_is_skipped(project: Path) -> None:
    baseline = project / "known.json"
    accepted(project, baseline, "it is so")
    entries = json.loads(baseline.read_text())
    entries["accepted"].append({"fingerprint": "M001:nothing", "reason": "gone"})
    baseline.write_text(json.dumps(entries))
    report = rules.lint(find(), baseline=baseline, skip=["style", "P010"])
    assert [f.code for f in report.findings] == ["L004"]


def test_nothing_is_gone_that_nobody_looked_for(project: Path) -> None:
    baseline = project / "known.json"
    rules.lint(find(), catalog=True, baseline=baseline, accept="it is in production")
    assert rules.lint(find(), catalog=True, baseline=baseline).findings == ()
    assert rules.lint(find(), baseline=baseline).findings == ()
    (project / "ddl" / "b.sql").write_text("CREATE VIEW app.v AS\nSELECT nothing FROM app.notes;\n")
    broken = rules.lint(find(), catalog=True, baseline=baseline)
    assert {f.code for f in broken.findings} == {"C000"}


def test_accepting_again_keeps_the_reasons(project: Path) -> None:
    baseline = project / "known.json"
    accepted(project, baseline, "first")
    (project / "migrations" / "versions" / "0003.sql").write_text(DROP)
    accepted(project, baseline, "second")
    reasons = [e["reason"] for e in json.loads(baseline.read_text())["accepted"]]
    assert sorted(reasons) == ["first", "second"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "it is not JSON"),
        ("[]", "is no baseline of format 1"),
        ('{"format": 2, "accepted": []}', "is no baseline of format 1"),
        ('{"format": 1}', "it has no list"),
        ('{"format": 1, "accepted": [{"reason": "x"}]}', "entry 1 has no fingerprint"),
        ('{"format": 1, "accepted": [7]}', "entry 1 has no fingerprint"),
        ('{"format": 1, "accepted": [{"fingerprint": "M001:x", "reason": " "}]}', "has no reason"),
    ],
)
def test_a_baseline_that_is_none(project: Path, content: str, message: str) -> None:
    (project / "known.json").write_text(content)
    with pytest.raises(Misuse, match=message):
        accepted(project, project / "known.json")


def test_the_whole_of_what_is_said_of_a_baseline_that_is_none(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "known.json").write_text("[]")
    assert main(["lint", "migrations", "--select", "M", "--baseline", "known.json"]) == 2
    told = capsys.readouterr()
    assert (told.out, told.err.replace(f"{project}/", "")) == (
        "",
        (
            "error: known.json is no baseline of format 1\n"
            "hint: ringfence lint --baseline FILE --accept REASON writes one\n"
        ),
    )


def test_a_baseline_that_is_not_there(project: Path) -> None:
    with pytest.raises(Misuse, match="there is no baseline"):
        accepted(project, project / "known.json")
    with pytest.raises(Misuse, match="no baseline to write to"):
        rules.lint(find(), accept="why")
    with pytest.raises(Misuse, match="gives no reason"):
        accepted(project, project / "known.json", " ")


def test_the_projects_own_baseline(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    accepted(project, project / "known.json", "it is in production")
    (project / "pyproject.toml").write_text('[tool.ringfence.lint]\nbaseline = "known.json"\n')
    assert main(["lint", "migrations", "--select", "M"]) == 0
    assert "1 finding by known.json" in capsys.readouterr().out


# What was measured --------------------------------------------------------------------------------


def test_what_was_measured_settles_what_was_guessed(tmp_path: Path) -> None:
    (tmp_path / "a.sql").write_text(
        "CREATE INDEX i ON app.t (a);\nCREATE INDEX j ON app.t (b);\nUPDATE app.t SET a = 1;\n"
        "ALTER TABLE app.t DROP COLUMN c;\n"
    )
    report = rules.lint(None, ["a.sql"], base=tmp_path, select=["M"])
    drop = (Span("a.sql", 4, 1), "ALTER TABLE app.t DROP COLUMN c")
    ran = [
        (Span("a.sql", 1, 1), "create index i on app.t (a)"),
        (Span("a.sql", 3, 1), "UPDATE app.t SET a = 1"),
        drop,
        (Span("b.sql", 2, 1), "CREATE INDEX j ON app.t (b)"),
    ]
    left = rules.settled(report.findings, ran)
    assert [(f.code, f.span.line) for f in left if f.span] == [
        ("M001", 2),
        ("M052", 3),
        ("M025", 4),
    ]
    assert rules.settled(report.findings, [(Span("a.sql", 1, 1), "not sql")]) == report.findings
    # Who read the column was seen to fail: that says it. To be told of something else does not.
    missed = Finding("OLD_READER", Severity.WARNING, "app.t.c is gone", span=drop[0])
    for seen, there in (
        (missed, False),
        (replace(missed, severity=Severity.INFO, help=AGREED), False),
        (replace(missed, severity=Severity.INFO), True),
        (replace(missed, code="DATA_LOSS"), True),
        (replace(missed, span=Span("a.sql", 2, 1)), True),
    ):
        left = rules.settled(report.findings, ran, [seen])
        assert ("M025" in {f.code for f in left}) == there, seen
    # How many real rows are written is known where it was seen of those that were made up.
    written = Finding("BACKFILL", Severity.WARNING, "writes 9 rows of the 9", span=ran[1][0])
    left = rules.settled(report.findings, ran, [written])
    assert [f.code for f in left] == ["M001", "M025"]


@pytest.mark.parametrize(
    ("sql", "told"),
    [
        ("ALTER FUNCTION app.f(int) RENAME TO g;", "function app.f is now g"),
        ("ALTER PROCEDURE app.f RENAME TO g;", "procedure app.f is now g"),
        ("ALTER ROUTINE app.f RENAME TO g;", "routine app.f is now g"),
        ("ALTER TYPE app.ty RENAME TO g;", "type app.ty is now g"),
        ("ALTER DOMAIN app.d RENAME TO g;", "domain app.d is now g"),
        ("CREATE DOMAIN app.e AS int;\nALTER DOMAIN app.e RENAME TO g;", ""),
        ("CREATE TYPE app.e AS ENUM ('a');\nALTER TYPE app.e RENAME TO g;", ""),
        ("ALTER DOMAIN app.d RENAME CONSTRAINT a TO b;", ""),
    ],
)
def test_what_is_renamed_is_named(sql: str, told: str, tmp_path: Path) -> None:
    (tmp_path / "a.sql").write_text(f"{sql}\n")
    found = rules.lint(None, ["a.sql"], base=tmp_path, select=["M028"]).findings
    assert [f.message.partition(":")[0] for f in found] == [told] * bool(told)


@pytest.mark.parametrize(
    ("value", "off"),
    [("off", True), ("no", True), ("0", True), ("'f'", True), ("on", False), ("yes", False)],
)
def test_an_option_is_off_in_any_word_the_server_takes(
    value: str, off: bool, tmp_path: Path
) -> None:
    (tmp_path / "a.sql").write_text(f"ALTER VIEW app.v SET (security_invoker = {value});\n")
    found = rules.lint(None, ["a.sql"], base=tmp_path, select=["M043"]).findings
    assert [f.code for f in found] == ["M043"] * off


@pytest.mark.parametrize("name", ["0002.down.sql", "0002.up.sql"])
def test_on_the_way_back_a_wait_is_information(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text("CREATE INDEX i ON app.t (a);\nDROP INDEX app.j;\n")
    found = {f.code: f.severity for f in rules.lint(None, [name], base=tmp_path).findings}
    back = ".down." in name
    assert found["M001"] is (Severity.INFO if back else Severity.WARNING)
    assert found["M002"] is Severity.WARNING


def test_a_column_takes_the_place_of_one_that_was_there_longer(tmp_path: Path) -> None:
    (tmp_path / "1.sql").write_text("CREATE TABLE app.t (id bigint PRIMARY KEY, a int, b int);")
    (tmp_path / "2.sql").write_text("ALTER TABLE app.t ADD COLUMN c bigint;")

    def found(sql: str) -> list[str]:
        (tmp_path / "3.sql").write_text(f"BEGIN;\n{sql}\nCOMMIT;\n")
        return [f.code for f in rules.lint(None, ["3.sql"], base=tmp_path, select=["M"]).findings]

    drop, keep = "ALTER TABLE app.t DROP COLUMN a;", "ALTER TABLE app.t RENAME COLUMN a TO z;"
    assert found(f"{drop} ALTER TABLE app.t RENAME COLUMN c TO a;") == []
    assert found(f"{keep} ALTER TABLE app.t RENAME COLUMN c TO a;") == []
    # One that others know by its own name, another name, another transaction.
    assert found(f"{drop} ALTER TABLE app.t RENAME COLUMN b TO a;") == ["M025", "M028"]
    assert found(f"{drop} ALTER TABLE app.t RENAME COLUMN c TO d;") == ["M025", "M028"]
    assert found(f"{drop} COMMIT; BEGIN; ALTER TABLE app.t RENAME COLUMN c TO a;") == [
        "M025",
        "M028",
    ]


@pytest.mark.parametrize(
    ("sql", "codes"),
    [
        ("ALTER ATTRIBUTE x TYPE bigint", []),
        ("ALTER ATTRIBUTE x TYPE bigint CASCADE", ["M015"]),  # typed tables are written anew
        ("ADD ATTRIBUTE z json", []),
        ("DROP ATTRIBUTE x", ["M025"]),
    ],
)
def test_an_attribute_of_a_type_is_no_column(sql: str, codes: list[str], tmp_path: Path) -> None:
    (tmp_path / "a.sql").write_text(f"ALTER TYPE app.ct {sql};\n")
    report = rules.lint(None, ["a.sql"], base=tmp_path, select=["M"], skip=["M049"])
    assert [f.code for f in report.findings] == codes


def test_codes_may_be_written_in_any_letters(tmp_path: Path) -> None:
    (tmp_path / "a.sql").write_text(
        "-- ringfence: ignore m001 because it is empty\nCREATE INDEX i ON app.t (a);\n"
        "-- ringfence: ignore M999, Style/cp01 because it is empty\nSELECT 2;\n"
    )

    def found(**what: list[str]) -> list[tuple[str, str]]:
        report = rules.lint(None, ["a.sql"], base=tmp_path, **what)  # type: ignore[arg-type]
        return [(f.code, f.message) for f in report.findings]

    unknown = ("L003", "there is no rule M999 to ignore")
    nothing = ("L002", "there is no style/CP01 here to ignore")
    assert found() == [nothing, unknown]
    # What is said to lint itself is said whatever is selected, of what was looked for.
    assert found(select=["m001"]) == [unknown]
    assert found(select=["M002"]) == [unknown]
    assert found(select=["STYLE/cp01"]) == [nothing, unknown]
    assert found(select=["style/CP05"], skip=["l003"]) == []


def test_a_new_table_refers_to_one_that_no_file_has_made(tmp_path: Path) -> None:
    (tmp_path / "a.sql").write_text("CREATE TABLE app.t (p_id bigint REFERENCES app.p (id));\n")
    (finding,) = rules.lint(None, ["a.sql"], base=tmp_path, select=["M"]).findings
    assert (finding.code, "locks app.p" in finding.message) == ("M048", True)


def test_two_constraints_are_two_findings(tmp_path: Path) -> None:
    (tmp_path / "a.sql").write_text(
        "ALTER TABLE app.t ADD CONSTRAINT c CHECK (a > 0), ADD CHECK (b > a), ADD UNIQUE (a, b),\n"
        "ADD FOREIGN KEY (a) REFERENCES app.p (id), ADD CONSTRAINT n NOT NULL a;\n"
    )
    report = rules.lint(None, ["a.sql"], base=tmp_path, select=["M017", "M018", "M020"])
    assert [re.split(r" (?:reads|builds|keeps) ", f.message)[0] for f in report.findings] == [
        "the check c",
        "the check on a, b",
        "the unique constraint on a, b",
        "the foreign key on a",
        "NOT NULL n",
    ]


# Choosing -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("select", "skip", "expected"),
    [
        (["M"], [], {"M015"}),
        (["M015"], [], {"M015"}),
        ([], ["M", "style"], set()),
        (["M"], ["M015"], set()),
        (["style/LT01"], [], set()),
    ],
)
def test_codes_and_families(
    project: Path, select: list[str], skip: list[str], expected: set[str]
) -> None:
    report = rules.lint(find(), ["migrations"], select=select, skip=skip)
    assert {f.code for f in report.findings} == expected


@pytest.mark.parametrize("option", ["--select", "--skip"])
def test_a_code_that_does_not_exist(
    project: Path, option: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["lint", option, "M01"]) == 2
    said = capsys.readouterr().err
    assert said.startswith("error: no rule M01\nhint: did you mean M")
    assert main(["lint", option, "style/LT99"]) == 2
    assert capsys.readouterr().err == "error: no rule style/LT99\nhint: did you mean style/LT09?\n"


def test_a_rule_of_squawk_is_asked_for_with_squawk(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["lint", "--select", "squawk/ban-drop-column"]) == 2
    assert capsys.readouterr().err == (
        "error: squawk/ban-drop-column is selected, and squawk is not asked\nhint: add --squawk\n"
    )
    if not Path(sys.executable).with_name("squawk").exists() and shutil.which("squawk") is None:
        pytest.skip("squawk is not installed")
    assert main(["lint", "--squawk", "--select", "squawk/nope"]) == 2
    assert capsys.readouterr().err.startswith("error: no rule squawk/nope\n")


def test_a_projects_skip(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (project / "pyproject.toml").write_text('[tool.ringfence.lint]\nskip = ["M015", "style"]\n')
    assert main(["lint", "migrations"]) == 0
    (project / "pyproject.toml").write_text('[tool.ringfence.lint]\nskip = ["M999"]\n')
    assert main(["lint", "migrations"]) == 2
    assert "no rule M999" in capsys.readouterr().err


# Since --------------------------------------------------------------------------------------------


def git(folder: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=x", "-c", "user.email=x@example.org"]
    subprocess.run(["git", "-C", folder, *identity, *arguments], check=True, capture_output=True)


def test_since_a_branch_began(project: Path) -> None:
    git(project, "init", "-q", "-b", "main")
    git(project, "add", ".")
    git(project, "commit", "-qm", "one")
    assert rules.lint(find(), since="main", select=["M"]).findings == ()
    git(project, "switch", "-qc", "branch")
    new = project / "migrations" / "versions" / "with ñ space.sql"
    new.write_text(DROP)
    report = rules.lint(find(), since="main", select=["M"])
    assert [f.span.path for f in report.findings if f.span] == [
        "migrations/versions/with ñ space.sql"
    ]
    git(project, "add", ".")
    git(project, "commit", "-qm", "two")
    assert len(rules.lint(find(), since="main", select=["M"]).findings) == 1


@pytest.mark.parametrize("ref", ["no-such-branch", "--output=x"])
def test_since_what_is_not_there(project: Path, ref: str) -> None:
    git(project, "init", "-q", "-b", "main")
    with pytest.raises(Misuse):
        rules.lint(find(), since=ref)


def test_since_where_there_is_no_repository(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(project.parent))
    with pytest.raises(Misuse, match="git cannot say what changed"):
        rules.lint(find(), since="main")


# Fixing -------------------------------------------------------------------------------------------


def test_fix_lays_out_what_is_not_frozen(project: Path) -> None:
    ddl = project / "ddl" / "app.sql"
    before = "create table app.t (\r\n  id int primary key -- the key\r\n)\r\n"
    ddl.write_bytes(b"\xef\xbb\xbf" + before.encode())
    frozen = project / "migrations" / "versions" / "0001_x.up.sql"
    frozen.write_text("create table app.notes (id int);\n")
    report = rules.lint(find(), select=["style"], fix=True)
    assert ddl.read_bytes() == (
        b"\xef\xbb\xbfCREATE TABLE app.t (\r\n    id INT PRIMARY KEY -- the key\r\n);\r\n"
    )
    assert frozen.read_text() == "create table app.notes (id int);\n"
    rows = {row.subject: row for row in report.coverage}
    assert rows["fixed"].title == "ddl/app.sql"
    assert rows["fix"].skipped == "a revision is frozen"
    assert {f.span.path for f in report.findings if f.span} == {"migrations/versions/0001_x.up.sql"}


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        ("select 1 ;", "SELECT 1;", True),
        ("select 1 ;", "SELECT 2;", False),
        ("select a from t -- why", "SELECT a\nFROM t  -- why\n", True),
        ("select a from t -- why", "SELECT a FROM t", False),
        ("select 'a  b'", "select 'a b'", False),
        ("create function f() returns int language sql as 'select  1'",
         "CREATE FUNCTION f() RETURNS INT LANGUAGE sql AS 'select 1'", False),
        ('select "A"', "select A", False),
        ("select 1", "select (", False),
    ],
)  # fmt: skip
def test_what_says_the_same(one: str, other: str, alike: bool) -> None:
    assert same(one, other) is alike


def test_a_file_that_would_say_something_else_is_left_alone(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ddl = project / "ddl" / "app.sql"
    ddl.write_text("create table app.t (id int);\n")
    monkeypatch.setattr("ringfence.rules._fix._laid_out", lambda _: "DROP TABLE app.t;\n")
    report = rules.lint(find(), ["ddl"], select=["style"], fix=True)
    assert ddl.read_text() == "create table app.t (id int);\n"
    assert "would not say the same" in {row.subject: row.skipped for row in report.coverage}["fix"]


# squawk -------------------------------------------------------------------------------------------


def test_squawks_findings_are_merged(tmp_path: Path) -> None:
    if not Path(sys.executable).with_name("squawk").is_file():
        pytest.skip("squawk is not installed")
    (tmp_path / "a.sql").write_text("SELECT 'ñ';\nCREATE INDEX i ON app.t (a);\n")
    report = rules.lint(None, ["a.sql"], base=tmp_path, skip=["style"], squawk=True)
    found = {f.code: str(f.span) for f in report.findings}
    assert found["M001"] == "a.sql:2:1"
    assert found["squawk/require-concurrent-index-creation"] == "a.sql:2:1"
    calm = rules.lint(None, ["a.sql"], base=tmp_path, skip=["style", "squawk"], squawk=True)
    assert {f.code for f in calm.findings} == {"M001"}


def test_squawk_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.sql").write_text("SELECT 1;\n")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("sys.executable", str(tmp_path / "python"))
    with pytest.raises(Misuse, match="squawk is not installed"):
        rules.lint(None, ["a.sql"], base=tmp_path, skip=["style"], squawk=True)


# Bad input ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("CREATE TABEL app.t (a INT);\n", "a.sql:1:8"),
        ("SELECT 'ñ';\nCREATE TABLE app.t (", "a.sql:2:21"),
        ("SELECT $$ abc\n", "a.sql:1:8"),
        ("SELECT 1;\n\\i other.sql\n", "a.sql:2:1"),
        ("hola, esto no es SQL\n", "a.sql:1:1"),
    ],
)
def test_a_file_that_is_not_sql(tmp_path: Path, text: str, place: str) -> None:
    (tmp_path / "a.sql").write_text(text)
    report = rules.lint(None, ["a.sql"], base=tmp_path, select=["M"])
    assert [(f.code, str(f.span)) for f in report.findings] == [("M000", place)]


def test_a_psql_command_is_told_where_style_has_no_word_of_it(tmp_path: Path) -> None:
    (tmp_path / "a.sql").write_text("\\set x 1\nDROP TABLE app.orders;\n")
    (tmp_path / "b.sql").write_text("DROP TABL app.orders;\n")
    report = rules.lint(None, ["."], base=tmp_path)
    said = {(f.span.path, f.code) for f in report.findings if f.span and f.severity == "error"}
    assert said == {("a.sql", "M000"), ("b.sql", "style/PRS")}
    report = rules.lint(None, ["."], base=tmp_path, skip=["style/PRS"])
    said = {(f.span.path, f.code) for f in report.findings if f.span and f.severity == "error"}
    assert said == {("a.sql", "M000"), ("b.sql", "M000")}


def test_what_follows_a_broken_statement_is_looked_at(tmp_path: Path) -> None:
    assert lint(tmp_path, f"CREATE TABEL app.t (a INT);\n{DROP}") == [("M002", 2), ("M000", 1)]


def test_data_below_a_copy_is_not_sql(tmp_path: Path) -> None:
    text = f"COPY app.t (a) FROM STDIN;\nDROP INDEX x;\n\\.\n{DROP}"
    assert lint(tmp_path, text) == [("M002", 4)]


def test_rules_of_other_packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = tmp_path / "house_rules.py"
    module.write_text(
        '"""Nobody says SELECT.\n\nWhy it matters: it does not.\n"""\n'
        "from ringfence.rules import Action, Problem, Schema, rule\n\n\n"
        '@rule("X001", on=["select"])\n'
        'def house(action: Action):\n    yield Problem("no SELECT here")\n'
    )
    info = tmp_path / "house_rules-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: house-rules\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[ringfence.rules]\nhouse = house_rules\n")
    (tmp_path / "a.sql").write_text("SELECT 1;\n")
    code = (
        "from ringfence import rules; import sys\n"
        "r = rules.lint(None, ['a.sql'], select=['X001'])\n"
        "print([f.code for f in r.findings], rules.explain('X001').splitlines()[0])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env={"PYTHONPATH": str(tmp_path)},  capture_output=True, text=True,
    )  # fmt: skip
    assert done.stdout == "['X001'] Nobody says SELECT.\n", done.stderr
    module.write_text("1 / 0\n")
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env={"PYTHONPATH": str(tmp_path)},  capture_output=True, text=True,
    )  # fmt: skip
    assert "the rules of house_rules cannot be loaded: ZeroDivisionError" in done.stderr


def test_revisions_that_follow_the_same_one(tmp_path: Path) -> None:
    project = Project(tmp_path / "project")
    project.revision("0001", "CREATE TABLE public.t (id INT PRIMARY KEY);")
    project.revision("0002", "SELECT 1;", after="0001")
    project.revision("0003", "SELECT 1;", after="0001")

    def found() -> list[tuple[str, str, str]]:
        done = project.run("lint", "--select", "M056", "--format", "json", dsn="")
        return [
            (f["place"]["path"], f["severity"], f["message"])
            for f in json.loads(done.out)["findings"]
        ]

    said = "this revision and {} follow the same one"
    assert found() == [
        ("migrations/versions/0002.up.sql", "warning", said.format("0003")),
        ("migrations/versions/0003.up.sql", "warning", said.format("0002")),
    ]
    project.revision("0004", "SELECT 1;", after=("0002", "0003"))
    assert {severity for _, severity, _ in found()} == {"info"}
    (project.versions / "0004.py").unlink()
    (project.versions / "0004.up.sql").unlink()
    (project.versions / "0004.down.sql").unlink()
    for path in project.versions.glob("0003*"):
        path.unlink()
    assert found() == []


def test_a_table_that_a_way_back_makes_has_no_users(tmp_path: Path) -> None:
    project = Project(tmp_path / "project")
    project.revision(
        "0001", "CREATE TABLE public.o (id int PRIMARY KEY); CREATE TABLE public.k (id int);"
    )
    project.revision(
        "0002",
        "DROP TABLE public.k;",
        "CREATE TABLE public.k (id int); CREATE INDEX k_id ON public.k (id);"
        " ALTER TABLE public.k ADD CHECK (id > 0); CREATE INDEX o_id ON public.o (id);",
    )
    project.revision("0003", "CREATE INDEX k_too ON public.k (id);")
    done = project.run("lint", "migrations", "--select", "M001,M017", "--format", "json", dsn="")
    assert [
        (f["code"], f["ref"], f["place"]["path"]) for f in json.loads(done.out)["findings"]
    ] == [
        ("M001", "table:public.o", "migrations/versions/0002.down.sql"),
        # What is made on the way back is not there on the way forth.
        ("M001", "table:public.k", "migrations/versions/0003.up.sql"),
    ]


@pytest.mark.parametrize(
    "sql",
    [
        "alter  role bob PASSWORD $$hunter2bb$$ ;\n",
        "ALTER USER u WITH PASSWORD\n'hunter2bb' 'dd';\n",
        "ALTER ROLE bob PASSWORD 'hunter2bb' ADD COLUMN;\nselect 'hunter2bb';\n",
        "CREATE SUBSCRIPTION s CONNECTION 'host=a password=hunter2bb' PUBLICATION p;\n",
    ],
)
@pytest.mark.parametrize("format_", [*formats()])
def test_a_password_is_in_no_report(
    sql: str, format_: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "a.sql"
    path.write_text(sql)
    main(["lint", str(path), "--fail-on", "info", "--format", format_])
    done = capsys.readouterr()
    assert done.out
    assert "hunter2bb" not in done.out + done.err
    assert path.read_text() == sql
