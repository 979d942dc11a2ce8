"""What the pages show is what happens.

Every ```console block of README.md and docs/ is run, page by page, each page in a copy of the project
of its own: lines that begin with `$ ` by bash, what follows them compared with what they print. `…`
stands for anything on its line, a line of nothing else for any lines. A block of SQL or Python whose
fence names a file (```sql migrations/versions/0003_x.up.sql) is written there first.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ringfence import config, errors, script
from ringfence.cli import main
from ringfence.pg import embedded, ledger

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(DOCS.rglob("*.md"))]
LEFT_BEHIND = (
    ".git",
    ".venv*",
    ".ringfence",
    ".postgres",
    ".*_cache",
    ".hypothesis",
    "__pycache__",
    "dist",
)
FENCE = re.compile(r"^```(\w+) ?(\S*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Step:
    """One thing a reader does: type a command, or (with no command) write the file `path`."""

    line: int
    command: str
    text: str
    path: str = ""


def steps(page: Path) -> Iterator[Step]:
    """What a page has its reader do, in order; `text` is a command's output or a file's content."""
    text = page.read_text(encoding="utf-8")
    for match in FENCE.finditer(text):
        language, path, body = match.groups()
        line = text.count("\n", 0, match.start()) + 2
        if path:
            yield Step(line, "", body, path)
        elif language == "console":
            commands = list(re.finditer(r"^\$ (.*(?:\\\n.*)*)\n", body, re.MULTILINE))
            assert body.startswith("$ "), (
                f"{page.name}:{line}: a console block begins with a command"
            )
            ends = [c.start() for c in commands[1:]] + [len(body)]
            for command, end in zip(commands, ends, strict=True):
                at = line + body.count("\n", 0, command.start())
                yield Step(at, command[1], body[command.end() : end])


def matches(shown: str, happened: str) -> bool:
    """Whether output is as a page shows it."""
    pattern = ""
    for line in shown.splitlines():
        if line.strip() in ("…", "..."):
            pattern += r"(?:[^\n]*\n)*"
        else:
            parts = re.split(r"…|\.\.\.", line.rstrip())
            pattern += r"[^\n]*".join(map(re.escape, parts)) + r"\n"
    tidy = "".join(line.rstrip() + "\n" for line in happened.splitlines())
    return re.fullmatch(pattern, tidy) is not None


@pytest.mark.parametrize(
    ("shown", "happened", "agrees"),
    [
        ("done\n", "done\n", True),
        ("done\n", "done  \n", True),
        ("done\n", "done\nand more\n", False),
        ("", "something\n", False),
        ("took … ms\n", "took 12 ms\n", True),
        ("took … ms\n", "took 12\n ms\n", False),
        ("first\n…\nlast\n", "first\n1\n2\nlast\n", True),
        ("first\n...\nlast\n", "first\nlast\n", True),
        ("a.c\n", "abc\n", False),
    ],
)
def test_a_page_agrees_with_what_happens_only_when_it_does(
    shown: str, happened: str, agrees: bool
) -> None:
    assert matches(shown, happened) is agrees


@pytest.fixture
def checkout(tmp_path: Path) -> Iterator[Path]:
    """A copy of the project as a fresh clone has it, with the environment that runs these tests."""
    copy = tmp_path / "ringfence"
    shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(*LEFT_BEHIND))
    environment = copy / ".venv"
    environment.mkdir()
    for part in ("bin", "lib", "pyvenv.cfg"):
        (environment / part).symlink_to(Path(sys.prefix, part))
    (environment / ".made").write_text(f"{environment.resolve()}\n")
    yield copy
    embedded.destroy(copy / ".ringfence")


def surroundings(copy: Path, command: str) -> dict[str, str]:
    """The environment of a reader who has no server, no colours and a wide terminal."""
    ours = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PG", "RINGFENCE_", "PYTEST_", "MAKE"))
        and name not in ("FORCE_COLOR", "CLICOLOR_FORCE", "VIRTUAL_ENV")
    }
    ours |= {
        "COLUMNS": "100",
        "PYTHONUNBUFFERED": "1",
        "RINGFENCE_CACHE": os.environ["RINGFENCE_CACHE"],
        "RINGFENCE_HOME": str(copy / ".ringfence"),
        "TESTS": "tests/unit/test_model.py",
    }
    # Who types make has not activated the environment yet.
    if not command.startswith("make "):
        ours["PATH"] = f"{copy}/.venv/bin:{ours['PATH']}"
    return ours


RUN = [page for page in PAGES if "```console" in page.read_text(encoding="utf-8")]


@pytest.mark.parametrize("page", RUN, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_what_a_page_shows_is_what_happens(page: Path, checkout: Path) -> None:
    for step in steps(page):
        if step.path:
            (checkout / step.path).write_text(step.text)
            continue
        done = subprocess.run(
            ["bash", "-c", step.command],
            cwd=checkout,
            env=surroundings(checkout, step.command),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        # What a page does not show cannot excuse a failure.
        silent = set(step.text.split()) <= {"…", "..."}
        if not matches(step.text, done.stdout) or (silent and done.returncode):
            pytest.fail(
                f"{page.relative_to(ROOT)}:{step.line}: $ {step.command}\n"
                f"--- shown ---\n{step.text}--- happened (status {done.returncode}) ---\n{done.stdout}",
                pytrace=False,
            )
        assert done.returncode not in (70, 126, 127), f"{step.command}: {done.stdout}"


def test_the_pages_made_from_the_code_are_fresh() -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "tools" / "docs.py", "--check"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(page: Path) -> None:
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if "://" in target:
            continue
        path, _, anchor = target.partition("#")
        linked = (page.parent / path).resolve() if path else page
        assert linked.exists(), f"{page.name} links to {target}"
        if anchor:
            assert anchor in anchors(linked), f"{page.name} links to {target}"


def anchors(page: Path) -> set[str]:
    """What a page's headings can be linked to as."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", h.lower()).strip().replace(" ", "-") for h in headings}


def test_every_page_is_in_the_index() -> None:
    index = (DOCS / "index.md").read_text(encoding="utf-8")
    missing = [
        name
        for page in sorted(DOCS.rglob("*.md"))
        if page.parent.name != "schema" or page.name == "index.md"  # it names the others itself
        if (name := page.relative_to(DOCS).as_posix()) != "index.md" and f"]({name})" not in index
    ]
    assert missing == []


def test_every_configuration_key_is_documented() -> None:
    text = (DOCS / "reference" / "configuration.md").read_text(encoding="utf-8")
    tables = {"tool.ringfence": config.Config, "tool.ringfence.migrate": config.Migrate}
    tables["tool.ringfence.tenancy"] = config.Tenancy
    tables["tool.ringfence.seed"] = config.Seed
    tables["tool.ringfence.lint"] = config.Lint
    tables["tool.ringfence.accepted"] = config.Accepted
    nested = {"migrate", "tenancy", "seed", "lint", "accepted"}
    for heading, table in tables.items():
        shown = f"[[{heading}]]" if table is config.Accepted else f"[{heading}]"
        section = text.partition(f"## `{shown}`\n")[2].partition("\n## ")[0]
        assert section, heading
        documented = re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)
        keys = [f.name for f in fields(table) if f.name not in nested]
        assert sorted(documented) == sorted(keys), heading


def test_every_environment_variable_is_documented() -> None:
    text = (DOCS / "reference" / "configuration.md").read_text(encoding="utf-8")
    used = {
        name
        for path in (ROOT / "src").rglob("*.py")
        for name in re.findall(r"\bRINGFENCE_[A-Z_]+\b", path.read_text(encoding="utf-8"))
        # What click makes of the program's name to ask for its completion.
        if name != "RINGFENCE_COMPLETE"
    }
    assert used == set(re.findall(r"^\| `(RINGFENCE_[A-Z_]+)` \|", text, re.MULTILINE))


def test_every_status_and_error_is_documented() -> None:
    text = (DOCS / "reference" / "exit-statuses.md").read_text(encoding="utf-8")
    statuses = re.findall(r"^\| \*\*(\d+)\*\* \|", text, re.MULTILINE)
    assert statuses == [status for status, _ in main._STATUSES]
    classes: list[type[errors.Error]] = [errors.Error, *errors.Error.__subclasses__()]
    for each in classes:
        assert re.search(rf"\b{each.__name__}\b", text), each


def test_every_directive_is_documented() -> None:
    text = (DOCS / "reference" / "migrations.md").read_text(encoding="utf-8")
    documented = re.findall(r"^\| `-- ringfence: ([\w-]+):? .*?` \|", text, re.MULTILINE)
    assert sorted(documented) == sorted(script.DIRECTIVES)


def test_every_key_of_an_answer_is_documented(
    database: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Of the commands that write no report; those have tables of their own on the page."""
    text = (DOCS / "reference" / "json.md").read_text(encoding="utf-8")
    rows = re.findall(
        r"^\| `(\w+)` \| (.*) \|$",
        text.partition("## Other commands\n")[2].partition("\n## ")[0],
        re.MULTILINE,
    )
    assert rows
    for name in [name for name in os.environ if name.startswith("PG")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("RINGFENCE_HOME", str(tmp_path / "home"))
    try:
        for command, keys in rows:
            where = [] if command == "demo" else ["--dsn", database]
            where += ["--force"] if command == "seed" else []
            assert main.main(["-C", str(ROOT), command, *where, "--format", "json"]) == 0
            said = json.loads(capsys.readouterr().out)
            assert list(said)[:4] == ["ringfence", "format", "command", "target"]
            # Keys of what lies deeper are named on the page too, and do no harm here.
            assert set(list(said)[4:]) <= set(re.findall(r"`(\w+)`", keys)), command
    finally:
        embedded.destroy(tmp_path / "home")


def test_every_column_of_the_history_is_documented() -> None:
    text = (DOCS / "reference" / "migrations.md").read_text(encoding="utf-8")
    section = text.partition("## The history\n")[2].partition("\n## ")[0]
    body = ledger.definition(1).partition("CREATE TABLE history (\n")[2].partition("\n);")[0]
    columns = re.findall(r"^    (\w+) [A-Z]", body, re.MULTILINE)
    for version in range(2, ledger.VERSION + 1):
        columns += re.findall(
            r"^ALTER TABLE history ADD COLUMN (\w+)", ledger.definition(version), re.MULTILINE
        )
    documented = ", ".join(re.findall(r"^\| (`.*?`) \|", section, re.MULTILINE))
    assert re.findall(r"\w+", documented) == columns
