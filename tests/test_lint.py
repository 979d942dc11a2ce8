"""`ringfence lint` and `explain`: what is found, where, and what is said of bad input."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

from goldens import golden
from projects import Project as Made
from ringfence import rules
from ringfence.cli.main import main
from ringfence.errors import Bug
from ringfence.finding import Severity
from ringfence.project import find
from ringfence.rules import _sqlfluff, _workers, style

if TYPE_CHECKING:
    from collections.abc import Callable

    from ringfence.finding import Finding

REPOSITORY = Path(__file__).parent.parent
PROJECT = "[tool.ringfence]\n"
CLEAN = "CREATE TABLE app.accounts (id UUID PRIMARY KEY);\n"
LOWER = "CREATE table app.accounts (id UUID PRIMARY KEY);\n"
BODY = """\
CREATE FUNCTION app.answer() RETURNS INTEGER LANGUAGE plpgsql AS $body$
declare
\tv_answer   int;
begin
    select  42 into v_answer from a_table_with_a_long_name where a_column_with_a_long_name is not null;
    return v_answer;
end;
$body$;
"""


class Ran(NamedTuple):
    """What a command line did."""

    status: int
    out: str
    err: str


Run = "Callable[..., Ran]"


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RINGFENCE_CACHE", str(tmp_path_factory.mktemp("cache")))


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Ran]:
    """Runs a command line in this process, as the console script would."""

    def ringfence(*argv: str) -> Ran:
        out, err = io.StringIO(), io.StringIO()
        monkeypatch.setattr(sys, "stdout", out)
        monkeypatch.setattr(sys, "stderr", err)
        status = main(argv)
        return Ran(status, out.getvalue(), err.getvalue())

    return ringfence


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with two clean files, and the working directory in it."""
    root = tmp_path / "shop"
    write(root / "pyproject.toml", PROJECT)
    write(root / "ddl" / "app" / "accounts.sql", CLEAN)
    write(root / "migrations" / "versions" / "0001_app.up.sql", CLEAN)
    monkeypatch.chdir(root)
    return root


def write(path: Path, content: str | bytes) -> Path:
    """A file with this content, and the folders it needs."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def places(findings: tuple[Finding, ...]) -> list[tuple[str, str]]:
    """Where what was found."""
    return [(str(finding.span), finding.code) for finding in findings]


# What is found ----------------------------------------------------------------------------------


def test_a_clean_project(project: Path, run: Callable[..., Ran]) -> None:
    assert run("lint", "--no-catalog") == Ran(
        0,
        "checked ddl, migrations\n"
        "  style       ddl · 1 file\n"
        "  style       migrations · 1 file\n"
        "  migrations  migrations · 1 statement\n"
        "\n"
        "0 errors, 0 warnings · 2 files, 1 statement checked\n",
        "",
    )


def test_findings(project: Path, run: Callable[..., Ran]) -> None:
    write(
        project / "ddl" / "app" / "orders.sql",
        "create table app.orders (\n"
        "    id uuid primary key,\n"
        "  total numeric(10, 2) not null,\n"
        "    note text -- a remark that goes on for so long that the line it stands on is much too long for us\n"
        ")",
    )
    write(project / "migrations" / "versions" / "0002_x.up.sql", "SELECT '¡señor!' FORM x;\n")
    ran = run("lint", "--no-catalog")
    assert (ran.status, ran.err) == (1, "")
    golden("lint/findings.txt", ran.out)


def test_findings_as_json(project: Path, run: Callable[..., Ran]) -> None:
    write(project / "ddl" / "app" / "accounts.sql", LOWER)
    ran = run("lint", "--no-catalog", "--format", "json")
    document = json.loads(ran.out)
    assert (ran.status, ran.err, document["status"]) == (1, "", 1)
    assert document["findings"] == [
        {
            "code": "style/CP01",
            "severity": "warning",
            "message": "Keywords must be upper case.",
            "ref": None,
            "place": {
                "path": "ddl/app/accounts.sql",
                "line": 1,
                "column": 8,
                "text": LOWER.rstrip(),
            },
            "help": "",
            "fix": CLEAN.rstrip(),
            "basis": "static",
            "evidence": {},
            "reproduction": "",
            "fingerprint": "style/CP01:ddl/app/accounts.sql",
        }
    ]


def test_what_is_said_twice_of_a_line_is_said_once_with_one_fix(project: Path) -> None:
    write(project / "ddl" / "a.sql", "select 1 as one from app.t;\n")
    (finding,) = rules.lint(find(), ["ddl/a.sql"]).findings
    assert (str(finding.span), finding.fix) == ("ddl/a.sql:1:1", "SELECT 1 AS one FROM app.t;")


def test_function_bodies_are_left_alone(project: Path) -> None:
    write(project / "ddl" / "f.sql", BODY)
    write(project / "ddl" / "do.sql", BODY.replace(BODY.split("\n")[0], "DO $body$"))
    assert rules.lint(find()).findings == ()


def test_names_of_ones_own_keep_their_case(project: Path) -> None:
    write(
        project / "ddl" / "own.sql",
        "SELECT\n"
        "    app.count_orders() AS orders,\n"
        "    NOW() AS at,\n"
        "    gen_random_uuid() AS id,\n"
        "    'good'::app.mood AS mood,\n"
        "    x = ANY (ARRAY[true, NULL]) AS y\n"
        "FROM app.t;\n",
    )
    assert rules.lint(find()).findings == ()


@pytest.mark.parametrize(
    ("sql", "code"),
    [
        ("SELECT now() AS at;\n", "CP03"),
        ("SELECT '1'::int AS n;\n", "CP05"),
        ("SELECT 1 AS Total;\n", "CP02"),
        ("SELECT null AS n;\n", "CP04"),
        ("SELECT 1 AS n\n", "CV06"),
        ("CREATE TABLE t (\n  id INT NOT NULL\n);\n", "LT02"),
        (f"SELECT '{'x' * 100}' AS n;\n", "LT05"),
    ],
)
def test_what_our_configuration_holds_to(project: Path, sql: str, code: str) -> None:
    write(project / "ddl" / "a.sql", sql)
    assert [f.code for f in rules.lint(find(), ["ddl/a.sql"]).findings] == [f"style/{code}"]


def test_a_large_file_is_looked_at_to_its_end(project: Path) -> None:
    values = "".join(f"({n}, 'row {n}'),\n" for n in range(1200))
    text = f"INSERT INTO app.t (id, name) VALUES\n{values}(0, NULL);\nselect 1;\n"
    assert len(text) > 20_000
    write(project / "ddl" / "large.sql", text)
    assert places(rules.lint(find(), ["ddl/large.sql"]).findings) == [
        ("ddl/large.sql:1203:1", "style/CP01")
    ]


def test_no_limit_of_sqlfluffs_holds(project: Path) -> None:
    limits = "large_file_skip_byte_limit = 10\nmax_parse_nodes = 10\n"
    write(project / ".sqlfluff", f"[sqlfluff]\ndialect = postgres\n{limits}")
    write(project / "ddl" / "large.sql", CLEAN * 9)
    report = rules.lint(find(), ["ddl/large.sql"])
    assert (report.findings, [c.skipped for c in report.coverage]) == ((), [""])


def test_files_with_windows_line_ends_and_a_byte_order_mark(project: Path) -> None:
    text = "\ufeffSELECT 1 AS a;\r\nselect 2 AS b;\r\n"
    write(project / "ddl" / "a.sql", text)
    (finding,) = rules.lint(find(), ["ddl/a.sql"]).findings
    assert (str(finding.span), finding.fix) == ("ddl/a.sql:2:1", "SELECT 2 AS b;")


@pytest.mark.parametrize("text", ["", "\n", "-- nothing yet\n"])
def test_a_file_without_statements(project: Path, text: str) -> None:
    write(project / "ddl" / "empty.sql", text)
    findings = rules.lint(find(), ["ddl/empty.sql"]).findings
    assert [f for f in findings if f.severity is Severity.ERROR] == []


# What cannot be parsed --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "place", "message"),
    [
        ("CREATE TABEL t (a INT);\n", "1:8", 'syntax error at or near "TABEL"'),
        ("SELECT 1 AS a;\n\nSELECT 'ñandú 🦤' FORM t;\n", "3:23", 'syntax error at or near "t"'),
        ("SELECT 1 AS a;\nCREATE TABLE t (", "2:17", "syntax error at end of input"),
        ("hola, esto no es SQL\n", "1:1", 'syntax error at or near "hola"'),
        ("SELECT $$ abc\n", "1:8", 'unterminated dollar-quoted string at or near "$$ abc "'),
    ],
)
def test_not_sql(project: Path, text: str, place: str, message: str) -> None:
    write(project / "ddl" / "bad.sql", text)
    report = rules.lint(find(), ["ddl"])
    (finding,) = report.findings
    assert (finding.code, finding.severity) == ("style/PRS", Severity.ERROR)
    assert (str(finding.span), finding.message) == (f"ddl/bad.sql:{place}", message)
    assert [(c.title, c.count, c.skipped) for c in report.coverage] == [
        ("ddl", 1, ""),
        ("ddl/bad.sql", 0, f"PostgreSQL cannot parse it from line {place.split(':')[0]} on"),
    ]


def test_legal_sql_that_sqlfluff_cannot_parse(project: Path, run: Callable[..., Ran]) -> None:
    write(project / "ddl" / "a.sql", "select 1;\nSELECT a AS column FROM t;\nselect 3;\n")
    ran = run("lint", "ddl", "--fail-on", "error")
    assert ran.status == 0
    golden("lint/stumbled.txt", ran.out)


# How grave --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "statuses"),
    [
        (CLEAN, {"error": 0, "warning": 0, "info": 0}),
        (f"-- sqlfluff:warnings:CP01\n{LOWER}", {"error": 0, "warning": 0, "info": 1}),
        (LOWER, {"error": 0, "warning": 1, "info": 1}),
        ("CREATE TABEL t;\n", {"error": 1, "warning": 1, "info": 1}),
    ],
    ids=["nothing", "info", "warning", "error"],
)
def test_fail_on(
    project: Path, run: Callable[..., Ran], text: str, statuses: dict[str, int]
) -> None:
    write(project / "ddl" / "a.sql", text)
    assert {
        grave: run("lint", "--no-catalog", "--fail-on", grave).status for grave in statuses
    } == statuses
    assert run("lint", "--no-catalog").status == statuses["warning"]


def test_noqa(project: Path) -> None:
    write(project / "ddl" / "a.sql", LOWER.replace(";", ";  -- noqa: CP01"))
    assert rules.lint(find()).findings == ()


# Bad input: the whole message -------------------------------------------------------------------


def test_outside_of_a_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: Callable[..., Ran]
) -> None:
    monkeypatch.chdir(tmp_path)
    ran = run("lint", "--no-catalog")
    assert (ran.status, ran.out) == (2, "")
    assert ran.err.startswith(f"error: no ringfence project here: {tmp_path}\n")


def test_no_such_path(project: Path, run: Callable[..., Ran]) -> None:
    assert run("lint", "dll") == Ran(
        2, "", f"error: no such file or folder: dll\nhint: looked in {project}\n"
    )


def test_no_sql_there(project: Path, run: Callable[..., Ran]) -> None:
    (project / "empty").mkdir()
    assert run("lint", "ddl", "empty") == Ran(
        2,
        "",
        "error: no .sql file in empty\nhint: name a folder that holds SQL, or the file itself\n",
    )


@pytest.mark.parametrize(
    ("text", "told", "lines", "end"),
    [
        (
            "hola, esto no es SQL\n",
            'syntax error at or near "hola"',
            "  bad.sql:1:1\n  1 | hola, esto no es SQL\n    | ^\n",
            "0 statements checked",
        ),
        (
            "SELECT 1;\n\\i other.sql\n",
            "psql's own commands cannot be used here",
            "  bad.sql:2:1\n  2 | \\i other.sql\n    | ^\n",
            "0 statements checked",
        ),
        (
            "CREATE TABLE app.t (\n",
            "syntax error at end of input",
            "  bad.sql:1:21\n  1 | CREATE TABLE app.t (\n    |                     ^\n",
            "0 statements checked",
        ),
    ],
)
def test_a_migration_that_is_not_sql(
    project: Path, run: Callable[..., Ran], text: str, told: str, lines: str, end: str
) -> None:
    write(project / "bad.sql", text)
    assert run("lint", "--select", "M", "bad.sql") == Ran(
        1,
        f"error: PostgreSQL's parser refuses this: {told} [M000, static]\n"
        f"{lines}\n"
        "checked bad.sql\n"
        "  migrations  bad.sql · 0 statements\n"
        "\n"
        f"1 error, 0 warnings · {end}\n",
        "",
    )


def test_a_file_that_is_not_sql_for_style_and_migrations(
    project: Path, run: Callable[..., Ran]
) -> None:
    write(project / "bad.sql", "hola, esto no es SQL\n")
    assert run("lint", "bad.sql") == Ran(
        1,
        'error: syntax error at or near "hola" [style/PRS, static]\n'
        "  bad.sql:1:1\n"
        "  1 | hola, esto no es SQL\n"
        "    | ^\n"
        "  help: style is checked once PostgreSQL can parse the file\n"
        "\n"
        "checked bad.sql\n"
        "  style       bad.sql · 0 files\n"
        "  migrations  bad.sql · 0 statements\n"
        "\n"
        "not checked\n"
        "  style       bad.sql: PostgreSQL cannot parse it from line 1 on\n"
        "\n"
        "1 error, 0 warnings · 0 files, 0 statements checked, 1 not checked\n",
        "",
    )


def test_a_file_that_is_no_text_is_not_passed_over(project: Path, run: Callable[..., Ran]) -> None:
    """Also where the rule that finds it was not asked for; where it is skipped, it is named."""
    (project / "bad.sql").write_bytes(b"SELECT 1;\n\xff\xfe\n")
    done = run("lint", "--select", "M", "bad.sql")
    assert done.status == 1
    assert done.out.startswith("error: bad.sql is not UTF-8: byte 0xff [L006]\n  bad.sql:2:1\n")
    assert run("lint", "--select", "M", "--skip", "L006", "bad.sql") == Ran(
        0,
        "not checked\n"
        "  rules  L006: skip says so\n"
        "  files  bad.sql: bad.sql is not UTF-8: byte 0xff\n"
        "\n"
        "0 errors, 0 warnings · 2 not checked\n",
        "",
    )


WRITES = "hint: ringfence lint --baseline FILE --accept REASON writes one"


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (
            ["dir.sql"],
            "no .sql file in dir.sql\nhint: name a folder that holds SQL, or the file itself",
        ),
        (["--baseline", "dir.sql"], "cannot read dir.sql: Is a directory"),
        (
            ["--baseline", "none.json"],
            f"there is no baseline none.json\n{WRITES}",
        ),
        (
            ["--baseline", "bad.json"],
            f"bad.json is no baseline of format 1\n{WRITES}",
        ),
        (["--select", "M999"], "no rule M999\nhint: did you mean M049?"),
        (["../outside.sql"], "no such file or folder: ../outside.sql\nhint: looked in {root}/.."),
    ],
)
def test_what_is_none(
    project: Path, run: Callable[..., Ran], argv: list[str], message: str
) -> None:
    (project / "dir.sql").mkdir()
    (project / "bad.json").write_text('{"accepted": 1}')
    assert run("lint", "--no-catalog", *argv) == Ran(
        2, "", f"error: {message.format(root=project)}\n"
    )


def test_a_project_without_sql(project: Path, run: Callable[..., Ran]) -> None:
    (project / "ddl" / "app" / "accounts.sql").unlink()
    (project / "migrations" / "versions" / "0001_app.up.sql").unlink()
    assert run("lint", "--no-catalog") == Ran(
        0,
        "not checked\n"
        "  files  ddl: it holds no .sql file\n"
        "  files  migrations: it holds no .sql file\n"
        "\n"
        "0 errors, 0 warnings · 2 not checked\n",
        "",
    )


def test_a_folder_that_the_configuration_names_and_nobody_made(
    project: Path, run: Callable[..., Ran]
) -> None:
    pyproject = project / "pyproject.toml"
    pyproject.write_text(
        pyproject.read_text().replace(
            "[tool.ringfence]", '[tool.ringfence]\nmigrations = "nope"', 1
        )
    )
    assert run("lint") == Ran(
        2,
        "",
        "error: [tool.ringfence] migrations names nope, and there is no such folder\n"
        "hint: correct it in pyproject.toml, or make the folder\n",
    )


def test_a_project_without_a_folder(project: Path, run: Callable[..., Ran]) -> None:
    (project / "ddl" / "app" / "accounts.sql").unlink()
    (project / "ddl" / "app").rmdir()
    (project / "ddl").rmdir()
    assert run("lint", "--no-catalog").out == (
        "checked migrations\n"
        "  style       migrations · 1 file\n"
        "  migrations  migrations · 1 statement\n"
        "\n"
        "not checked\n"
        "  files       ddl: there is no such folder\n"
        "\n"
        "0 errors, 0 warnings · 1 file, 1 statement checked, 1 not checked\n"
    )


@pytest.mark.parametrize(
    ("content", "message", "at", "hint"),
    [
        (
            "SELECT 1;\n-- señor\n".encode("latin-1"),
            "is not UTF-8: byte 0xf1", "2:6", "iconv -f ISO-8859-1 -t UTF-8 ddl/a.sql > new.sql",
        ),
        (
            "SELECT 1;\n".encode("utf-16"),
            "is not UTF-8: byte 0xff", "1:1", "iconv -f UTF-16 -t UTF-8 ddl/a.sql > new.sql",
        ),
        (
            "SELECT 1;\n".encode("utf-16-le"),
            "is not text: it holds a zero byte", "1:2",
            "iconv -f UTF-16LE -t UTF-8 ddl/a.sql > new.sql",
        ),
        (
            "SELECT 1;\n".encode("utf-16-be"),
            "is not text: it holds a zero byte", "1:1",
            "iconv -f UTF-16BE -t UTF-8 ddl/a.sql > new.sql",
        ),
        (
            b"SELECT 1;\nSELECT '\0';\n",
            "is not text: it holds a zero byte", "2:9", "PostgreSQL takes none in SQL",
        ),
    ],
    ids=["latin-1", "utf-16", "utf-16-le", "utf-16-be", "zero byte"],
)  # fmt: skip
def test_not_text(
    project: Path, run: Callable[..., Ran], content: bytes, message: str, at: str, hint: str
) -> None:
    write(project / "ddl" / "a.sql", content)
    write(project / "ddl" / "b.sql", b"select 1;\n")
    done = run("lint", "--no-catalog")
    # The others are looked at all the same.
    assert done == Ran(
        1,
        f"error: ddl/a.sql {message} [L006]\n  ddl/a.sql:{at}\n  help: {hint}\n\n"
        "warning: Keywords must be upper case. [style/CP01, static]\n"
        "  ddl/b.sql:1:1\n  1 | select 1;\n    | ^\n  fix:\n    SELECT 1;\n\n"
        "checked ddl, migrations\n  style       ddl · 2 files\n  style       migrations · 1 file\n"
        "  migrations  migrations · 1 statement\n\n1 error, 1 warning · 3 files, 1 statement checked\n",
        "",
    )


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="there is no /proc/self/mem")
def test_an_unreadable_file(project: Path, run: Callable[..., Ran]) -> None:
    (project / "ddl" / "a.sql").symlink_to("/proc/self/mem")
    done = run("lint", "--no-catalog")
    assert done.out.startswith(
        "error: ddl/a.sql cannot be read: Input/output error [L006]\n  ddl/a.sql:1\n\n"
    )
    assert (done.status, done.err) == (1, "")


DIRECTED = {
    "ddl/e.sql": (
        "-- ringfence: transaction: none\n-- ringfence: filed-with 1\nCREATE TABLE t (\n"
        "    a INT, -- ringfence: fillled-with 3\n    b INT -- ringfence: Filled-With 3\n"
        "    /* ringfence: renamed-from c */\n);\n"
    ),
    "migrations/versions/1.up.sql": (
        "-- ringfence: transacton: none\n-- ringfence: phase: contrct\n-- ringfence: hazard:\n"
        "-- ringfence: hazard: DATALOSS:x\n/* ringfence: phase: contract */\nDROP INDEX i;\n"
        "-- ringfence: transaction: none\n"
    ),
    "loose.sql": "-- ringfence: backfill key=id\nUPDATE t SET a = 1 WHERE id = 1;\n",
}


def test_what_is_said_to_nobody_is_found_with_its_place(
    project: Path, run: Callable[..., Ran]
) -> None:
    for name, text in DIRECTED.items():
        write(project / name, text.encode())
    done = run("lint", *DIRECTED, "--select", "L", "--format", "json")
    assert done.status == 1
    # Whoever selects others said it all the same, and nobody heeds it.
    other = run("lint", *DIRECTED, "--select", "M015", "--format", "json")
    assert json.loads(other.out)["findings"] == json.loads(done.out)["findings"]
    skipped = run("lint", *DIRECTED, "--select", "M015", "--skip", "L005", "--format", "json")
    assert json.loads(skipped.out)["findings"] == []
    found = [
        (f["place"]["path"], f["place"]["line"], f["place"]["column"], f["message"], f["help"])
        for f in json.loads(done.out)["findings"]
    ]
    up = "migrations/versions/1.up.sql"
    assert found == [
        ("ddl/e.sql", 1, 1, "transaction is said in a file that is never run as a migration",
         "leave it out: what a migration says stands at the top of its own file"),
        ("ddl/e.sql", 2, 1, "unknown word filed-with", "did you mean filled-with?"),
        ("ddl/e.sql", 4, 12, "unknown word fillled-with", "did you mean filled-with?"),
        ("ddl/e.sql", 6, 8, "renamed-from is said in a block comment, where nothing heeds it",
         "say it behind two dashes: -- ringfence: renamed-from c"),
        ("loose.sql", 1, 1,
         "backfill is said in a file that is no revision: the statement runs over the whole table",
         "make it a revision; or have a loop written: ringfence rehearse --sql FILE --rewrite"),
        (up, 1, 1, "unknown directive transacton", "did you mean transaction?"),
        (up, 2, 1, "phase is 'contrct'", "it may be expand or contract"),
        (up, 3, 1, "hazard names nothing", "write: -- ringfence: hazard: DATA_LOSS:app.orders"),
        (up, 4, 1, "hazard names DATALOSS, and there is no such hazard", "did you mean DATA_LOSS?"),
        (up, 5, 4, "phase is said in a block comment, where nothing heeds it",
         "say it behind two dashes: -- ringfence: phase: contract"),
        (up, 7, 1, "transaction is said below the first statement, where nothing heeds it",
         "move the line to the top of the file"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ('core = { dialect = "postgers" }', "unknown dialect 'postgers'"),
        ('indentation = { implicit_indents = "maybe" }', "'maybe'"),
        ("rules = 7", "invalid `rules` value: 7"),
        ('core = { rules = "XX99" }', "XX99"),
        ("core = { exclude_rules = 7 }", "a value is of the wrong type"),
        ("core = 7", "a value is of the wrong type: Expected `core` to be a section"),
    ],
)
def test_a_configuration_that_sqlfluff_refuses(
    project: Path, run: Callable[..., Ran], table: str, said: str
) -> None:
    write(project / "pyproject.toml", f"{PROJECT}[tool.sqlfluff]\n{table}\n")
    ran = run("lint", "ddl/app/accounts.sql")
    head, *rest = ran.err.splitlines()
    assert (ran.status, ran.out) == (2, "")
    assert head.startswith("error: sqlfluff refuses its configuration for ddl/app/accounts.sql: ")
    assert said in head
    assert rest == [
        f"detail: read from {project}/pyproject.toml, and `-- sqlfluff:` lines of the file"
    ]


def test_a_configuration_that_a_rule_stumbles_over(project: Path) -> None:
    write(project / "pyproject.toml", f'{PROJECT}[tool.sqlfluff.core]\nmax_line_length = "abc"\n')
    (finding,) = rules.lint(find(), ["ddl"]).findings
    assert (finding.code, finding.message, finding.help) == (
        "style/LT05",
        (
            "sqlfluff's rule failed, and looked at no more of the file:"
            " '<=' not supported between instances of 'str' and 'int'"
        ),
        "look for a value of the wrong type in sqlfluff's configuration",
    )


def test_an_unknown_format(project: Path, run: Callable[..., Ran]) -> None:
    assert run("lint", "--format", "yaml") == Ran(
        2,
        "",
        "error: Invalid value for '--format': 'yaml' is not one of"
        " 'text', 'github', 'gitlab', 'json', 'junit', 'markdown', 'sarif'\n"
        "hint: ringfence lint --help\n",
    )


# Which files ------------------------------------------------------------------------------------


def test_paths_outside_of_a_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: Callable[..., Ran]
) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "some" / "a.sql", LOWER)
    write(tmp_path / "some" / "b.txt", LOWER)
    ran = run("lint", "some", "--format", "json")
    document = json.loads(ran.out)
    assert ran.status == 1
    assert [f["place"]["path"] for f in document["findings"]] == ["some/a.sql"]


def test_a_file_named_outright_may_have_any_name(project: Path) -> None:
    write(project / "notes.txt", LOWER)
    assert places(rules.lint(find(), ["notes.txt"]).findings) == [("notes.txt:1:8", "style/CP01")]


def test_a_file_alone_is_seen_behind_those_before_it(project: Path) -> None:
    loose = project / "loose"
    loose.mkdir()
    (loose / "1.sql").write_text("CREATE TABLE app.t (id bigint PRIMARY KEY, s varchar(9));\n")
    (loose / "1.down.sql").write_text("DROP TABLE app.t;\n")
    (loose / "2.sql").write_text("ALTER TABLE app.t ALTER COLUMN s TYPE text;\n")
    (loose / "3.sql").write_text("ALTER TABLE app.t ENABLE ROW LEVEL SECURITY;\n")
    (loose / "4.sql").write_text("CREATE POLICY p ON app.t USING (TRUE);\n")

    def found(*paths: str) -> set[str]:
        report = rules.lint(find(project), [project / p for p in paths], select=["M"])
        return {f"{f.span.path}: {f.code}" for f in report.findings if f.span is not None}

    whole = found("loose")
    assert {each.rpartition(" ")[2] for each in whole} >= {"M043"}
    assert "M015" not in str(whole)
    alone = set().union(*(found(f"loose/{n}.sql") for n in (1, 2, 3, 4)))
    assert alone == {each for each in whole if ".down." not in each}


def test_what_never_was_is_not_missed(tmp_path: Path) -> None:
    made = Made(tmp_path / "project")
    made.revision("0001", "CREATE TABLE app.t (id bigint PRIMARY KEY);\n")
    last = made.revision(
        "0002", "DROP TABLE IF EXISTS app.t;\nDROP TABLE IF EXISTS app.u;\nDROP TYPE app.v;\n"
    )

    def found(project: Path | None = made.root) -> set[int]:
        report = rules.lint(find(project) if project else None, [last], select=["M026"])
        return {f.span.line for f in report.findings if f.span is not None}

    assert found() == {1, 3}
    assert found(None) == {1, 2, 3}  # what was there before, nobody knows
    made.python("0003", "def upgrade(): op.create_table('u')\n\ndef downgrade(): pass\n")
    assert found() == {1, 2, 3}


@pytest.mark.parametrize(("where", "known"), [("fix.sql", True), ("../fix.sql", False)])
def test_a_file_of_the_projects_is_seen_behind_its_revisions(
    where: str, known: bool, tmp_path: Path
) -> None:
    made = Made(tmp_path / "project")
    made.revision("0001", "CREATE TABLE app.t (id bigint PRIMARY KEY, s varchar(9), n int);\n")
    path = made.root / where
    path.write_text(
        "ALTER TABLE app.t ALTER COLUMN s TYPE text;\nALTER TABLE app.t ALTER n TYPE bigint;\n"
    )
    report = rules.lint(find(made.root), [path], select=["M015"])
    said = {f.span.line: f.message for f in report.findings if f.span is not None}
    assert set(said) == ({2} if known else {1, 2})
    assert ("from integer" in said[2]) == known


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("SELECT 1;\nSELECT (\n", (2, 9)),
        ("SELECT 1;\nSELECT (\n\n", (3, 1)),
        ("SELECT (", (1, 9)),
    ],
)
def test_a_place_lies_within_its_file(text: str, place: tuple[int, int], tmp_path: Path) -> None:
    (tmp_path / "a.sql").write_text(text)
    (finding,) = rules.lint(None, ["a.sql"], base=tmp_path).findings
    assert finding.span is not None
    assert (finding.code, finding.span.line, finding.span.column) == ("style/PRS", *place)


@pytest.mark.parametrize(("name", "told"), [("a.sql", True), ("a.down.sql", False)])
def test_a_file_that_holds_no_statement_is_named(project: Path, name: str, told: bool) -> None:
    (project / "loose").mkdir()
    (project / "loose" / name).write_text("-- later\n")
    report = rules.lint(find(project), [project / "loose"], select=["M"])
    said = [row.skipped for row in report.coverage if row.subject == "files"]
    assert said == (["it holds no statement"] if told else [])


def test_a_file_is_looked_at_once_however_often_it_is_named(project: Path) -> None:
    write(project / "ddl" / "app" / "accounts.sql", LOWER)
    paths: list[Path | str] = ["ddl/app/accounts.sql", "ddl", "./ddl/../ddl/app", project / "ddl"]
    assert len(rules.lint(find(), paths).findings) == 1


def test_hidden_folders_are_left_out(project: Path) -> None:
    write(project / ".venv" / "a.sql", LOWER)
    write(project / "ddl" / ".old" / "a.sql", LOWER)
    assert rules.lint(find(), ["."]).findings == ()


def test_paths_are_those_of_the_folder_that_c_names(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: Callable[..., Ran]
) -> None:
    write(project / "ddl" / "app" / "accounts.sql", LOWER)
    monkeypatch.chdir(tmp_path)
    for argv in (("-C", "shop", "lint"), ("-C", "shop/ddl", "lint", "app")):
        ran = run(*argv, "--no-catalog", "--format", "json")
        (finding,) = json.loads(ran.out)["findings"]
        assert finding["place"]["path"] == "ddl/app/accounts.sql"


# Whose configuration ----------------------------------------------------------------------------


def test_a_projects_own_configuration_replaces_ours(project: Path) -> None:
    write(project / "ddl" / "a.sql", "select 1 as one\n")
    write(project / "ddl" / "b.sql", "select 1 as one, 2 as two from app.t;\n")
    write(
        project / "pyproject.toml",
        PROJECT + '[tool.sqlfluff.core]\ndialect = "postgres"\nrules = "LT09"\n',
    )
    assert places(rules.lint(find(), ["ddl"]).findings) == [("ddl/b.sql:1:1", "style/LT09")]


def test_a_folders_configuration_adds_to_ours(project: Path) -> None:
    long = f"SELECT '{'x' * 60}' AS a;\n"
    for folder in ("narrow", "wide"):
        write(project / "ddl" / folder / "a.sql", long)
        write(project / "ddl" / folder / "b.sql", LOWER)
    write(project / "ddl" / "narrow" / ".sqlfluff", "[sqlfluff]\nmax_line_length = 40\n")
    assert places(rules.lint(find(), ["ddl"]).findings) == [
        ("ddl/narrow/a.sql:1:1", "style/LT05"),
        ("ddl/narrow/b.sql:1:1", "style/LT05"),
        ("ddl/narrow/b.sql:1:8", "style/CP01"),
        ("ddl/wide/b.sql:1:8", "style/CP01"),
    ]


def test_a_files_own_lines_of_configuration(project: Path) -> None:
    write(project / "ddl" / "a.sql", f"-- sqlfluff:exclude_rules:CP01\n{LOWER}")
    assert rules.lint(find()).findings == ()


@pytest.mark.parametrize("table", ["", '[tool.sqlfluff.core]\nexclude_rules = "CP01"\n'])
def test_braces_are_not_a_template(project: Path, table: str) -> None:
    write(project / "pyproject.toml", PROJECT + table)
    write(project / "ddl" / "a.sql", "SELECT '{{ x }} {% if %}'::JSONB AS j;\n")
    assert rules.lint(find()).findings == ()


def test_a_home_configuration_does_not_count(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    write(tmp_path / ".sqlfluff", "[sqlfluff]\nmax_line_length = 10\n")
    assert rules.lint(find()).findings == ()


def test_this_repository_says_in_its_pyproject_what_ours_says() -> None:
    said = [
        _sqlfluff._linter(_sqlfluff.Settings((str(path),), "")).config
        for path in (_sqlfluff.OURS, REPOSITORY / "pyproject.toml")
    ]
    assert [c.get("dialect") for c in said] == ["postgres", "postgres"]
    for keys in (["core", "rule_denylist"], ["rules"], ["layout"]):
        ours, here = (c.get_section(keys) for c in said)
        assert ours == here
    ours, here = (dict(c.get_section("indentation")) for c in said)
    skipped = {tuple(re.findall(r"\w+", str(c.pop("skip_indentation_in")))) for c in (ours, here)}
    assert ours == here
    assert len(skipped) == 1
    for key in ("templater", "max_line_length", "large_file_skip_byte_limit", "encoding"):
        assert said[0].get(key) == said[1].get(key)


@pytest.mark.slow  # `make check` sees to it
def test_the_sql_of_this_repository_is_clean() -> None:
    accepted = REPOSITORY / "migrations" / "lint-baseline.json"
    report = rules.lint(
        find(REPOSITORY), ["ddl", "migrations", "src"], base=REPOSITORY, baseline=accepted
    )
    assert places(report.findings) == []
    assert [c for c in report.coverage if c.skipped] == []


# Fast the second time ---------------------------------------------------------------------------


def refuse(*_: object) -> list[_sqlfluff.Note]:
    raise AssertionError("sqlfluff was asked")


def test_what_was_asked_once_is_not_asked_again(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(project / "ddl" / "app" / "accounts.sql", LOWER)
    first = rules.lint(find())
    monkeypatch.setattr(_sqlfluff, "check", refuse)
    assert rules.lint(find()) == first
    assert len(first.findings) == 1


def test_the_answer_goes_with_the_text_not_with_the_place(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(project / "ddl" / "a.sql", LOWER)
    rules.lint(find())
    monkeypatch.setattr(_sqlfluff, "check", refuse)
    (project / "ddl" / "a.sql").rename(project / "ddl" / "b.sql")
    assert places(rules.lint(find()).findings) == [("ddl/b.sql:1:8", "style/CP01")]


@pytest.mark.parametrize("change", ["text", "pyproject", "folder", "version"])
def test_what_changed_is_asked_again(
    project: Path, change: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rules.lint(find())
    if change == "text":
        write(project / "ddl" / "app" / "accounts.sql", LOWER)
    elif change == "pyproject":
        write(project / "pyproject.toml", PROJECT + "[tool.sqlfluff.core]\nmax_line_length = 9\n")
    elif change == "folder":
        write(project / "ddl" / ".sqlfluff", "[sqlfluff]\nmax_line_length = 9\n")
    else:
        monkeypatch.setattr(style, "_made_by", lambda: "sqlfluff-99")
    monkeypatch.setattr(_sqlfluff, "check", refuse)
    with pytest.raises(AssertionError, match="sqlfluff was asked"):
        rules.lint(find())


def test_a_change_elsewhere_in_pyproject_is_no_reason(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    core = '[tool.sqlfluff.core]\ndialect = "postgres"\n'
    write(project / "pyproject.toml", PROJECT + core)
    rules.lint(find())
    write(project / "pyproject.toml", f"# a remark\n{PROJECT}ddl = 'ddl'\n{core}")
    monkeypatch.setattr(_sqlfluff, "check", refuse)
    rules.lint(find())


def test_a_warm_run_does_not_import_sqlfluff(project: Path) -> None:
    code = (
        "import sys; from ringfence.cli.main import main; status = main(['lint', '--no-catalog']);"
        "sys.exit(status or 9 * ('sqlfluff' in sys.modules))"
    )
    runs = [
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
        for _ in range(2)
    ]
    assert [(ran.returncode, ran.stderr) for ran in runs] == [(9, ""), (0, "")]
    assert runs[0].stdout == runs[1].stdout


@pytest.mark.parametrize("damage", ["", "{", "[1]", '[{"line": 1}]'])
def test_a_damaged_cache_is_only_a_cache(project: Path, damage: str) -> None:
    write(project / "ddl" / "app" / "accounts.sql", LOWER)
    first = rules.lint(find())
    kept = list((Path(os.environ["RINGFENCE_CACHE"]) / "lint").iterdir())
    assert len(kept) == 2
    for path in kept:
        path.write_text(damage)
    assert rules.lint(find()) == first


def test_without_a_place_for_a_cache(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "file", "")
    monkeypatch.setenv("RINGFENCE_CACHE", str(tmp_path / "file"))
    assert rules.lint(find()).findings == ()


def test_the_cache_does_not_grow_for_ever(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(style, "_KEPT", 4)
    for n in range(8):
        write(project / "ddl" / "app" / "accounts.sql", f"SELECT {n} AS n;\n")
        rules.lint(find())
        assert len(list((Path(os.environ["RINGFENCE_CACHE"]) / "lint").iterdir())) <= 4


# In several processes ---------------------------------------------------------------------------


def many(project: Path) -> None:
    """Enough files for several processes, each with a finding of its own."""
    for n in range(8):
        write(project / "ddl" / f"{n}.sql", "SELECT 1 AS a;\n" * n + "select 2 AS ñ;\n")


def test_several_processes_say_what_one_says(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    many(project)
    monkeypatch.setattr(style, "_PARALLEL", 1000)
    one = rules.lint(find())
    monkeypatch.setenv("RINGFENCE_CACHE", str(project / "elsewhere"))
    monkeypatch.setattr(style, "_PARALLEL", 2)
    monkeypatch.setattr(_sqlfluff, "check", refuse)
    told: list[tuple[int, int]] = []
    several = rules.lint(find(), progress=lambda done, total: told.append((done, total)))
    assert several == one
    assert len(one.findings) == 8
    assert told == [(n, 10) for n in range(11)]


def test_an_error_in_a_process_is_told_whole(project: Path, run: Callable[..., Ran]) -> None:
    many(project)
    write(project / "ddl" / ".sqlfluff", "[sqlfluff]\ndialect = postgers\n")
    ran = run("lint", "ddl")
    assert ran.status == 2
    assert re.fullmatch(
        r"error: sqlfluff refuses its configuration for ddl/\S+\.sql: unknown dialect 'postgers'\n"
        r"detail: read from .*sqlfluff\.cfg, .*/ddl/\.sqlfluff, and `-- sqlfluff:` .*\n",
        ran.err,
    )


def test_a_process_that_ends_early(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    many(project)
    monkeypatch.setattr(_workers, "_COMMAND", [sys.executable, "-c", "pass"])
    with pytest.raises(Bug, match=r"the process that linted ddl/\d\.sql ended early"):
        rules.lint(find(), ["ddl"])


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("term", "said"),
    [
        ("xterm", "\r\x1b[Klint: 0 of 1 files\r\x1b[Klint: 1 of 1 files\r\x1b[K"),
        ("dumb", ""),
    ],
)
def test_progress_on_a_terminal(
    project: Path, monkeypatch: pytest.MonkeyPatch, term: str, said: str
) -> None:
    monkeypatch.setenv("TERM", term)
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    for expected in (said, ""):  # nothing is slow the second time
        stream = Terminal()
        monkeypatch.setattr(sys, "stderr", stream)
        assert main(["lint", "ddl"]) == 0
        assert stream.getvalue() == expected


# Rules and their pages --------------------------------------------------------------------------


def test_every_module_is_a_rule() -> None:
    folder = Path(rules.__file__).parent
    modules = {
        ".".join(("ringfence.rules", *path.relative_to(folder).with_suffix("").parts))
        for path in folder.rglob("[!_]*.py")
    }
    assert {rule.check.__module__ for rule in rules.rules()} == modules


def test_explain_a_rule(run: Callable[..., Ran]) -> None:
    ran = run("explain", "style")
    assert (ran.status, ran.err) == (0, "")
    assert ran.out == f"{style.__doc__}\n".replace("\n\n\n", "\n\n").rstrip() + "\n"


def test_explain_a_rule_of_sqlfluffs(run: Callable[..., Ran]) -> None:
    ran = run("explain", "style/LT12")
    assert (ran.status, ran.err) == (0, "")
    assert ran.out.startswith("LT12 (layout.end_of_file)\n\nFiles must end with a single trailing")


@pytest.mark.parametrize(
    ("code", "hint"),
    [
        ("style/LT99", "did you mean style/LT09?"),
        ("stile", "did you mean style?"),
        ("zzz", "ringfence explain lists them"),
    ],
)
def test_explain_what_is_not_there(run: Callable[..., Ran], code: str, hint: str) -> None:
    assert run("explain", code) == Ran(2, "", f"error: no rule {code}\nhint: {hint}\n")


def test_what_is_skipped_is_told(project: Path, run: Callable[..., Ran]) -> None:
    pyproject = project / "pyproject.toml"
    pyproject.write_text(pyproject.read_text() + '\n[tool.ringfence.lint]\nskip = ["M", "style"]\n')
    done = run("lint", "--no-catalog")
    assert done.status == 0
    assert "not checked\n" in done.out
    assert "  rules       M, style: skip says so\n" in done.out


def test_revisions_in_python_are_told(project: Path, run: Callable[..., Ran]) -> None:
    versions = project / "migrations" / "versions"
    (versions / "0001_app.py").write_text(
        'revision = "0001"\ndown_revision = None\nupgrade, downgrade = sqlfile(__file__)\n'
    )
    (versions / "0002_more.py").write_text(
        'revision = "0002"\ndown_revision = "0001"\n\n\ndef upgrade():\n    pass\n'
    )
    why = "they are Python, and this looks at SQL: ringfence rehearse measures what they do\n"
    assert f"  migrations  0002_more: {why}" in run("lint", "--no-catalog").out
    assert why not in run("lint", "ddl").out
    assert run("lint", "migrations/versions/0002_more.py") == Ran(
        2,
        "",
        "error: migrations/versions/0002_more.py is Python, and lint looks at SQL\n"
        "hint: ringfence rehearse measures what a revision in Python does\n",
    )
